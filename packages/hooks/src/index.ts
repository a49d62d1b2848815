export { HookFailedError, HookVariableError } from './errors.ts'
export type { HookOptions, RunHook } from './hook.ts'
export { runHook } from './run-hook.ts'
