import { describeRecord, toRecord } from '@longshore/oci'
import { BullQueues } from '@longshore/queue'
import { connectRedis, type RedisClient, type RedisConnection, type RedisSettings } from '@longshore/redis'
import { setTimeout as delay } from 'node:timers/promises'
import { RedisCutoverStore } from './cutover-store.ts'
import { Ears } from './ears.ts'
import { goodbyeMs } from './keys.ts'
import { PoolStore } from './pool-store.ts'

/** What every process of a pool has in common. */
export interface Pool extends AsyncDisposable {
  readonly connection: RedisConnection
  readonly redis: RedisClient
  readonly ears: Ears
  readonly store: PoolStore
  readonly cutovers: RedisCutoverStore
  readonly queues: BullQueues
}

export interface OpenPoolOptions {
  /** How long the record of a migration is kept after its end. */
  readonly recordMs: number
  /** What this process is called in `CLIENT LIST`. */
  readonly name: string
  /** Redis is away, or back; a warning about its settings. */
  readonly onSay: (line: string) => void
  /** Ends the opening: Redis may never answer. */
  readonly signal?: AbortSignal
}

/** @throws what `connectRedis` throws, the signal's reason */
export async function openPool(settings: RedisSettings, { recordMs, name, onSay, signal }: OpenPoolOptions): Promise<Pool> {
  const connection = await connectRedis({ ...settings, name, onTrouble: onSay, onRecovered: () => onSay('Redis is back'), ...(signal === undefined ? {} : { signal }) })
  // What waits for an answer is told that none will come.
  const leave = (): void => { void connection[Symbol.asyncDispose]() }
  try {
    signal?.throwIfAborted()
    signal?.addEventListener('abort', leave, { once: true })
    for (const warning of connection.warnings) onSay(warning)
    const queues = new BullQueues(connection, {
      onProblem: (message, error) => onSay(error === undefined ? message : `${message}: ${describeRecord(toRecord(error))}`),
    })
    const ears = await Ears.open(connection.duplicate('ears'))
    return {
      connection, redis: connection.client, queues, ears, store: new PoolStore(connection.client, { recordMs }), cutovers: new RedisCutoverStore(connection.client, ears, { recordMs }),
      async [Symbol.asyncDispose]() {
        // Handlers wait for a Redis that is away until there is no connection any more.
        const closed = queues[Symbol.asyncDispose]().catch(() => {})
        await Promise.race([closed, delay(goodbyeMs, undefined, { ref: false })])
        await connection[Symbol.asyncDispose]()
      },
    }
  } catch (error) {
    await connection[Symbol.asyncDispose]()
    throw error
  } finally {
    signal?.removeEventListener('abort', leave)
  }
}
