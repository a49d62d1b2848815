import { MigrationError, printable } from '@longshore/oci'

/** A container engine or its store is not there, may not be used, or refuses. The message names it and says what to do. */
export class EngineError extends MigrationError {
  override readonly name = 'EngineError'
  override readonly code: 'ENGINE_MISSING' | 'ENGINE_DENIED' | 'ENGINE_REFUSED'
  constructor(code: EngineError['code'], message: string, cause?: unknown) {
    super(printable(message), { cause })
    this.code = code
  }
}
