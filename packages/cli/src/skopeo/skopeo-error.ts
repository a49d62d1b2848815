import { MigrationError, printable } from '@longshore/oci'

/** What ends one of skopeo's commands, in skopeo's words: scripts grep for them. */
export class SkopeoError extends MigrationError {
  override readonly name: string = 'SkopeoError'
  override readonly code: 'SKOPEO_FAILED' | 'IMAGE_UNKNOWN' | 'COMMAND_TIMEOUT'
  /** 2 where the image that was to be read is not there, as skopeo ends since 1.12. */
  readonly exitCode: 1 | 2
  constructor(message: string, code: SkopeoError['code'] = 'SKOPEO_FAILED', options: { readonly exitCode?: 1 | 2; readonly cause?: unknown } = {}) {
    super(message.split('\n').map(printable).join('\n'), { cause: options.cause })
    this.code = code
    this.exitCode = options.exitCode ?? 1
  }
}

/** The input image is not there. Exit code 2 for the commands that read images, 1 for the others (FIELD.md §1.15). */
export function imageUnknown(message: string, cause?: unknown): SkopeoError {
  return new SkopeoError(message, 'IMAGE_UNKNOWN', { exitCode: 2, cause })
}

/** `--command-timeout` has passed. */
export class CommandTimeoutError extends SkopeoError {
  override readonly name = 'CommandTimeoutError'
  constructor() { super('context deadline exceeded', 'COMMAND_TIMEOUT') }
}
