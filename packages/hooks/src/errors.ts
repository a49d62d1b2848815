import { MigrationError, printable } from '@longshore/oci'

/** A hook was called and did not do its work. The message has the end of what it said, without secrets. */
export class HookFailedError extends MigrationError {
  override readonly name = 'HookFailedError'
  override readonly code = 'HOOK_FAILED'
  /** @param said the end of its output or answer; may be empty */
  constructor(hook: string, why: string, said: string, remedy: string, cause?: unknown) {
    super(printable(`the hook ${hook} ${why}${said === '' ? '' : `: ${said}`}; ${remedy}`), cause === undefined ? {} : { cause })
  }
}

/** A hook's URL or header names a variable of the environment that is not there, or that cannot stand in it. */
export class HookVariableError extends MigrationError {
  override readonly name = 'HookVariableError'
  override readonly code = 'HOOK_VARIABLE_MISSING'
  /** The message, without the hook. */
  readonly why: string
  constructor(hook: string, why: string) {
    super(printable(`the hook ${hook} was not called: ${why}`))
    this.why = why
  }
}
