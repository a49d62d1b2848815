import type { RunHook } from './hook.ts'
import { runCommand } from './run-command.ts'

export const runHook: RunHook = async (hook, options) => {
  options.signal.throwIfAborted()
  switch (hook.kind) {
    case 'command': return await runCommand(hook, options)
    // Loaded where it is called: most runs have no use for an HTTP client beside the registry's.
    case 'http': return await (await import('./call-http.ts')).callHttp(hook, options)
  }
}
