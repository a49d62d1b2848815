import { MigrationError, printable } from '@longshore/oci'

/** The command line asks for something that cannot be done; nothing was moved. */
export class UsageError extends MigrationError {
  override readonly name = 'UsageError'
  override readonly code = 'USAGE'
  constructor(message: string) { super(printable(message)) }
}
