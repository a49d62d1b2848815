import { type ErrorRecord, MigrationError, printable } from '@longshore/oci'

/** A migration that another process led came to a bad end. */
export class RunFailedError extends MigrationError {
  override readonly name = 'RunFailedError'
  override readonly code = 'RUN_FAILED'
  constructor(id: string, { code, message }: Pick<ErrorRecord, 'code' | 'message'>) { super(printable(`migration ${id} ended before its images: ${message} (${code})`)) }
}
