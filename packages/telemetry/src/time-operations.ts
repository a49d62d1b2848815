/** A Redis client, as far as its scripts are concerned. */
interface ScriptClient { defineCommand(name: string, definition: { readonly lua: string; readonly numberOfKeys?: number }): void }

/** BullMQ's scripts have their version in their names, behind a colon; ours are operations. */
const isOurs = (name: string): boolean => !name.includes(':')

/** Measures the scripts that are defined on this client from now on: each is one operation, of the ledger for the most part. */
export function timeOperations(client: ScriptClient, observe: (operation: string, seconds: number) => void): void {
  const define = client.defineCommand.bind(client)
  client.defineCommand = (name, definition) => {
    define(name, definition)
    if (!isOurs(name)) return
    const methods = client as unknown as Record<string, (...args: unknown[]) => unknown>
    const run = methods[name]
    if (!run) return
    methods[name] = (...args) => {
      const startedMs = performance.now()
      const answer = run.apply(client, args)
      if (answer instanceof Promise) answer.then(() => observe(name, (performance.now() - startedMs) / 1000), () => { /* whoever asked is told */ })
      return answer
    }
  }
}
