// Leases that the ledger says are this worker's, and that it knows nothing of: the answer that brought them was lost. They are given back.
import type { BullQueues } from '@longshore/queue'
import type { RedisClient } from '@longshore/redis'
import { enqueue } from './enqueue.ts'
import type { MigrationWork } from './migration-work.ts'

/** At how many beats the books are compared. */
const everyBeats = 10
/** Where connections were cut, answers were lost: it is done at so many beats from then on. Two must agree. */
const beatsAfterCut = 3
/** A cluster that has lost one of its nodes says so; it is `ready` only when all were gone. */
const reconnects = ['ready', '-node'] as const

export class LeaseAudit implements Disposable {
  readonly #redis: RedisClient
  readonly #queues: BullQueues
  readonly #self: string
  readonly #suspects = new Map<string, ReadonlySet<string>>()
  #beats = 0
  /** Beats at which it is done, whatever their number. */
  #due = 0
  readonly #onReconnect = (): void => { this.#due = beatsAfterCut }

  constructor(redis: RedisClient, queues: BullQueues, self: string) {
    this.#redis = redis
    this.#queues = queues
    this.#self = self
    for (const event of reconnects) redis.on(event, this.#onReconnect)
  }

  /** To be called at each beat; answers whether the books are to be compared at this one. */
  isDue(): boolean {
    const isDue = ++this.#beats % everyBeats === 0 || this.#due > 0
    if (this.#due > 0) this.#due--
    return isDue
  }

  /** Gives back what was unknown twice in a row; answers how much that was. */
  async compare({ ledger, held, record: { id } }: MigrationWork): Promise<number> {
    const unknown = new Set((await ledger.held(this.#self)).filter((key) => !held.has(key)))
    const before = this.#suspects.get(id)
    this.#suspects.set(id, unknown)
    const lost = [...unknown].filter((key) => before?.has(key) === true)
    if (lost.length === 0) return 0
    const { nodes, batches } = await ledger.reclaim(this.#self, lost)
    await enqueue(this.#queues, id, nodes, batches)
    return lost.length
  }

  /** The migration is put away. */
  forget(migration: string): void { this.#suspects.delete(migration) }

  [Symbol.dispose](): void { for (const event of reconnects) this.#redis.off(event, this.#onReconnect) }
}
