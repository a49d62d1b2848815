export { HookFailedError, HookVariableError } from './errors.ts'
export type { HookOptions, RunHook } from './hook.ts'
export { hookFault } from './hook-fault.ts'
export { runHook } from './run-hook.ts'
