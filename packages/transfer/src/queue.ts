import type { NodeKey } from './node.ts'

/** "Make this node true." Carries a key, never content, never credentials. */
export interface Job { readonly id: string; readonly node: NodeKey }

/** Ready work. A hint: the ledger decides whether there is anything to do. Delivery is at least once. */
export interface Queue {
  /** Adding what is already waiting is harmless. `first`: before all that waits. */
  add(jobs: readonly Job[], options?: { readonly first?: boolean }): Promise<void>
  /** Hands out jobs, `concurrency` at once, until closed; returns when the last handler has. Handlers do not throw. */
  process(handler: (job: Job) => Promise<void>, options: { readonly concurrency: number }): Promise<void>
  /** Resolves when nothing waits and nothing runs, at once if so. */
  drain(): Promise<void>
  /** Hands out nothing more here. What waits is dropped by a queue of this process alone; in one that is shared it stays, for the others. */
  close(): void
}
