// A registry that wants to be left alone must not keep a worker from the others. Work that would only wait for it is put aside, and goes
// back to the queues when the pause is over; work that was under way when the pause came gives its place in the queue free, and waits beside.
import type { BatchKey, BatchLease } from '@longshore/ledger'
import type { BullQueues } from '@longshore/queue'
import type { Lease, NodeKey } from '@longshore/transfer'
import { enqueue } from './enqueue.ts'
import type { SharedPauses } from './pauses.ts'

/** Shorter pauses are waited for in place. */
const patienceMs = 500

interface Aside { readonly nodes: Set<NodeKey>; readonly batches: Set<BatchKey>; readonly timer: NodeJS.Timeout }

export class WaitingRoom {
  readonly #queues: BullQueues
  readonly #pauses: SharedPauses
  /** By migration. A process that dies takes this with it: the sweep finds ready work that no queue knows of. */
  readonly #aside = new Map<string, Aside>()

  constructor(queues: BullQueues, pauses: SharedPauses) {
    this.#queues = queues
    this.#pauses = pauses
  }

  /** For how long all there is to do about this would be waiting; 0 where that is not worth the trouble. */
  waitMs(lease: Lease | BatchLease): number {
    const ms = 'images' in lease
      ? least(lease.images.map(({ wanted: { image: { source, destination } } }) => Math.max(this.#pauses.leftMs(source.registry), this.#pauses.leftMs(destination.registry))))
      : Math.max(this.#pauses.leftMs(lease.node.registry), this.#readMs(lease))
    return ms < patienceMs ? 0 : ms
  }

  /** Given back by now: into the queues again when so much time is over. */
  putAside(migration: string, { nodes = [], batches = [] }: { readonly nodes?: readonly NodeKey[]; readonly batches?: readonly BatchKey[] }, ms: number): void {
    let aside = this.#aside.get(migration)
    if (!aside) this.#aside.set(migration, aside = { nodes: new Set(), batches: new Set(), timer: setTimeout(() => { void this.#bringBack(migration) }, ms) })
    for (const node of nodes) aside.nodes.add(node)
    for (const batch of batches) aside.batches.add(batch)
  }

  /** Returns when the work is done, or when it can only wait from now on. */
  async untilWaiting(work: Promise<void>, lease: Lease | BatchLease): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    using _pauses = this.#pauses.onPause(() => { if (this.waitMs(lease) > 0) resolve() })
    await Promise.race([work, promise])
  }

  /** This process ends: others may take what was put aside. */
  async empty(): Promise<void> { await Promise.all([...this.#aside.keys()].map((migration) => this.#bringBack(migration))) }

  async #bringBack(migration: string): Promise<void> {
    const aside = this.#aside.get(migration)
    if (!aside) return
    this.#aside.delete(migration)
    clearTimeout(aside.timer)
    await enqueue(this.#queues, migration, [...aside.nodes], [...aside.batches]).catch(() => { /* the sweep finds it */ })
  }

  /** A repository that has the blob already gives it without a source. */
  #readMs({ node, holders }: Lease): number {
    return node.kind === 'blob' && holders.length === 0 ? least(node.from.map(({ registry }) => this.#pauses.leftMs(registry))) : 0
  }
}

function least(list: readonly number[]): number { return list.length === 0 ? 0 : Math.min(...list) }
