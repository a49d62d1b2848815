import type { Hook } from '@longshore/spec'

export interface HookOptions {
  /** What the hook is told: environment variables `LONGSHORE_…` of a command, a JSON body of an HTTP request. */
  readonly facts: Readonly<Record<string, string>>
  /** Where `${NAME}` is looked up, and what a command inherits. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly signal: AbortSignal
}

export type RunHook = (hook: Hook, options: HookOptions) => Promise<void>
