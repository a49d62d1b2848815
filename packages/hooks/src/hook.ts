import type { Hook } from '@longshore/spec'

export interface HookOptions {
  /**
   * What the hook is told, by names in camel case: `frozenAt` is the environment variable `LONGSHORE_FROZEN_AT` of a command, and the
   * field `frozenAt` of an HTTP request's JSON body. No secrets.
   */
  readonly facts: Readonly<Record<string, string>>
  /** Where `${NAME}` is looked up, and what a command inherits. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly signal: AbortSignal
}

/**
 * Calls a hook until it has succeeded: a command ends with status 0, an HTTP server answers 2xx. It may be called once more after a
 * crash, so it has to bear being called twice.
 * @throws HookFailedError, HookVariableError, or the signal's reason
 */
export type RunHook = (hook: Hook, options: HookOptions) => Promise<void>
