// What processes that died have left behind is given to others: leases of the dead, and ready work that no queue knows of.
import type { BullQueues } from '@longshore/queue'
import type { RedisClient } from '@longshore/redis'
import { isLost } from './errors.ts'
import { deadWorkers } from './heartbeat.ts'
import { beatMs, keys, lifeMs } from './keys.ts'
import type { PoolStore } from './pool-store.ts'
import { enqueue } from './enqueue.ts'

/** Ready work that waits for longer is looked after; that it waits in a queue all along is the ordinary case, and adding it again harmless: at most a job in vain, where it shares one. */
const overdueMs = 30_000
/** Where somebody died: he may have taken a job until his next beat was due, or a little longer on a busy machine, of work that had become ready just then. */
const takenMs = lifeMs - 2 * beatMs
const overdueMost = 200
const everyMs = 2_000

export interface SweepOptions {
  readonly redis: RedisClient
  readonly store: PoolStore
  readonly queues: BullQueues
  readonly self: string
  /** How long this process has been in touch with Redis: only then can it say that others are not. */
  readonly steadyMs: () => number
  readonly onReclaim: (worker: string, migration: string, count: number) => void
}

/** Any process may call it as often as it likes: one at a time does it, every two seconds. */
export async function sweep(options: SweepOptions): Promise<void> {
  const { redis, store, queues, self, steadyMs, onReclaim } = options
  if (await redis.set(keys.sweep, self, 'PX', everyMs, 'NX') === null) return
  const active = await store.active()
  // When Redis was away nobody could say that he lives. After that everybody has his chance to do so first.
  const dead = steadyMs() >= lifeMs ? await deadWorkers(redis) : []
  for (const migration of active) {
    const ledger = store.ledger(migration)
    try {
      for (const worker of dead) {
        const lost = await ledger.reclaim(worker)
        const count = lost.nodes.length + lost.batches.length
        if (count > 0) onReclaim(worker, migration, count)
        await enqueue(queues, migration, lost.nodes, lost.batches, { anew: true })
      }
      // One that died may have taken jobs and not come to claim their nodes: those are ready, and nobody else is given them.
      const hasDied = dead.length > 0
      const { nodes, batches } = await ledger.overdue(hasDied ? takenMs : overdueMs, overdueMost)
      await enqueue(queues, migration, nodes, batches, { anew: hasDied })
    } catch (error) {
      if (!isLost(error)) throw error
      await store.drop(migration)
    }
  }
  if (dead.length > 0) await redis.zrem(keys.workers, ...dead)
}
