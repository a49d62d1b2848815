export type { HookOptions, RunHook } from './hook.ts'
