import { type ErrorRecord, MigrationError, printable } from '@longshore/oci'
import { ExitCode } from './exit-code.ts'

/** A migration that another process led came to a bad end. */
export class RunFailedError extends MigrationError {
  override readonly name = 'RunFailedError'
  override readonly code = 'RUN_FAILED'
  constructor(id: string, { code, message }: Pick<ErrorRecord, 'code' | 'message'>) { super(printable(`migration ${id} ended before its images: ${message} (${code})`)) }
}

/** A plan or a verification over Redis that somebody ended before every image was looked at. */
export class LookCutOffError extends MigrationError {
  override readonly name = 'LookCutOffError'
  override readonly code = 'LOOK_CUT_OFF'
  readonly exitCode = ExitCode.failed
  constructor(id: string) { super(printable(`migration ${id} was ended by somebody else before every image was looked at; run the same command again`)) }
}
