// A plan or a verification over Redis is led by the command that asked for it, which forgets it in the end. Where that was killed and no coordinator is there, it would
// stay for ever, and nobody asks for what comes of it.
import { randomUUID } from 'node:crypto'
import { keyPrefix } from '@longshore/ledger'
import { type RedisClient, redisTimeMs } from '@longshore/redis'
import { isLost } from './errors.ts'
import { isLed } from './leadership.ts'
import { endStates } from './migration-record.ts'
import type { PoolStore } from './pool-store.ts'

const prefix = 'look/'
/** One that was submitted just now is led in a moment. */
const youngMs = 60_000

/** For `PoolOptions.pass`: no two looks at the same spec are one. */
export function newLook(): string { return `${prefix}${randomUUID()}` }

/** Erases looks that nobody leads. */
export async function eraseLeftLooks(redis: RedisClient, store: PoolStore): Promise<void> {
  const nowMs = await redisTimeMs(redis)
  for (const id of await store.active()) {
    const head = await store.head(id)
    if (head?.options.pass?.startsWith(prefix) !== true || endStates.has(head.state)) continue
    if (nowMs - Date.parse(head.created) < youngMs || await isLed(redis, keyPrefix(id))) continue
    // Another command may be at it as well.
    await store.erase(id).catch((error: unknown) => { if (!isLost(error)) throw error })
  }
}
