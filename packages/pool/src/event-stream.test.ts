import { setTimeout as delay } from 'node:timers/promises'
import { keyPrefix } from '@longshore/ledger'
import type { RunEvent } from '@longshore/report'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { EventPublisher, readEvents } from './event-stream.ts'
import { PoolStore } from './pool-store.ts'
import { openRedis } from './redis.fixture.ts'

let world: Awaited<ReturnType<typeof openRedis>>
beforeAll(async () => { world = await openRedis() })
afterAll(() => world[Symbol.asyncDispose]())

const kibi = 1024

test('what watchers see is bounded by bytes: large entries drive out the oldest, and the latest stays', async () => {
  const store = new PoolStore(world.redis, { recordMs: 60_000 })
  const { record: { id } } = await store.submit({ entries: [] }, { task: { kind: 'migrate' }, srcTlsVerify: false, destTlsVerify: false, keepGoing: true, distrust: false, window: 10 })
  await using publisher = new EventPublisher(world.redis, keyPrefix(id), () => [], { entries: 4_000, bytes: 32 * kibi })
  const tell = async (n: number, bytes: number): Promise<void> => {
    publisher.publish({ type: 'unlisted', repository: `${n}`, text: 'x'.repeat(bytes) } as unknown as RunEvent)
    await publisher.flush()
  }
  const kept = async (): Promise<readonly number[]> => {
    const found: number[] = []
    for (let after = '0-0'; ;) {
      const events = await readEvents(world.redis, keyPrefix(id), after, 100)
      found.push(...events.map(({ event }) => Number((event as unknown as { repository: string }).repository)))
      const last = events.at(-1)
      if (!last) return found
      after = last.cursor
    }
  }
  for (let n = 0; n < 3; n++) await tell(n, 10)
  expect(await kept()).toEqual([0, 1, 2])
  for (let n = 3; n < 43; n++) await tell(n, kibi)
  expect(await kept()).toEqual(Array.from({ length: 30 }, (_, i) => 13 + i))
  expect(await world.redis.memory('USAGE', `${keyPrefix(id)}events`, 'SAMPLES', 0)).toBeLessThan(48 * kibi)
  // One that is larger than all that is kept is kept alone; small ones gather behind it.
  await tell(43, 33 * kibi)
  expect(await kept()).toEqual([43])
  for (let n = 44; n < 48; n++) await tell(n, 10)
  expect(await kept()).toEqual([44, 45, 46, 47])
})

test('whoever watches and knows of the end does not wait for the next look', async () => {
  const store = new PoolStore(world.redis, { recordMs: 60_000 })
  const { record: { id } } = await store.submit({ entries: [] }, { task: { kind: 'migrate' }, srcTlsVerify: false, destTlsVerify: false, keepGoing: true, distrust: false, window: 10, name: 'watched' })
  await using publisher = new EventPublisher(world.redis, keyPrefix(id), () => [])
  // No next look comes by itself.
  vi.useFakeTimers({ toFake: ['setTimeout'] })
  onTestFinished(() => { vi.useRealTimers() })
  const ended = Promise.withResolvers<void>()
  const watching = Array.fromAsync(store.events(id, undefined, new AbortController().signal, ended.promise))
  // It has looked once, and waits.
  await delay(300)
  publisher.publish({ type: 'expanded', images: 0 })
  await publisher.flush()
  expect(await store.end(id, ['running'], 'complete')).toBe(true)
  ended.resolve()
  expect((await watching).map(({ event }) => event.type)).toEqual(['expanded'])
})
