import { keyPrefix, MigrationLostError } from '@longshore/ledger'
import type { RedisClient } from '@longshore/redis'
import { MigrationNotFoundError } from './errors.ts'
import { readEvents, type StreamedEvent } from './event-stream.ts'
import { endStates, type MigrationState } from './migration-record.ts'

const pollMs = 200
const readEntries = 100

/**
 * What watchers see, from `after` on (from the oldest that is kept, when absent), until the migration has ended.
 * @param ended settles when it has, where this process knows: that is looked at at once
 * @throws MigrationNotFoundError, MigrationLostError, the signal's reason
 */
export async function* followEvents(redis: RedisClient, id: string, after: string | undefined, signal: AbortSignal, ended?: Promise<unknown>): AsyncGenerator<StreamedEvent, void, void> {
  const prefix = keyPrefix(id)
  let cursor = after ?? '0-0'
  let isKnown = false
  let isTold = false
  let wake = (): void => {}
  const onEnd = (): void => {
    isTold = true
    wake()
  }
  ended?.then(onEnd, onEnd)
  for (let hasEnded = false; ;) {
    signal.throwIfAborted()
    const events = await readEvents(redis, prefix, cursor, readEntries)
    yield* events
    const last = events.at(-1)
    if (last) { cursor = last.cursor; isKnown = true; continue }
    if (hasEnded) return
    const state = await redis.hget(`${prefix}meta`, 'state')
    if (state === null) throw isKnown ? new MigrationLostError(id) : new MigrationNotFoundError(id)
    isKnown = true
    hasEnded = endStates.has(state as MigrationState)
    if (hasEnded) continue
    if (isTold) isTold = false
    else await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, pollMs)
      wake = () => { clearTimeout(timer); resolve() }
    })
  }
}
