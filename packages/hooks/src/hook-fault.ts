// Whether a hook could be called from here, as far as that can be told without calling it: the night in which it is needed is a bad time to find out.
import type { Hook } from '@longshore/spec'
import { HookVariableError } from './errors.ts'
import type { HookOptions } from './hook.ts'
import { programFault } from './program-fault.ts'

/** What is wrong with it, with the cure; `undefined`: nothing that can be told. */
export async function hookFault(hook: Hook, env: HookOptions['env']): Promise<string | undefined> {
  if (hook.kind === 'command') return await programFault(hook.command[0], env)
  try {
    await (await import('./call-http.ts')).checkHttp(hook, env)
    return undefined
  } catch (error) {
    if (error instanceof HookVariableError) return error.why
    throw error
  }
}
