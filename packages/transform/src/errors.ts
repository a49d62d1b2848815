import { MigrationError, printable } from '@longshore/oci'

/** An image cannot become what was asked for, or its bytes could not be changed. The message names the image or the layer. */
export class ChangeError extends MigrationError {
  override readonly name = 'ChangeError'
  override readonly code: 'CHANGE_REFUSED' | 'CHANGE_FAILED'
  constructor(code: ChangeError['code'], message: string, cause?: unknown) {
    super(printable(message), { cause })
    this.code = code
  }
}

/** @returns never: what the image is, and what it cannot become */
export function refuse(what: string, why: string): never {
  throw new ChangeError('CHANGE_REFUSED', `${what}: ${why}`)
}
