import { openAccess, readAccessConfig } from '@longshore/access'
import { parseRepositoryName } from '@longshore/oci'
import type { RedisConnection } from '@longshore/redis'
import { type EmbeddedRegistry, startEmbeddedRegistry } from '@longshore/testing'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { Ears } from './ears.ts'
import { keys } from './keys.ts'
import { SharedPauses } from './pauses.ts'
import { openRedis } from './redis.fixture.ts'

const whole = new AsyncDisposableStack()
let connection: RedisConnection
let registry: EmbeddedRegistry
beforeAll(async () => {
  connection = await whole.use(await openRedis()).connect()
})
beforeEach(async () => { registry = whole.use(await startEmbeddedRegistry()) })
afterAll(async () => { await whole.disposeAsync() })

/** A migration's clients; answers how long a request of theirs waits. */
async function open(pauses: SharedPauses): Promise<() => Promise<number>> {
  const access = whole.use(await openAccess({ source: new Set([registry.host]), destination: new Set() }, { srcTlsVerify: false, srcNoCreds: true }, readAccessConfig({ HOME: '/nonexistent' }), () => {}))
  const source = access.transports.source(registry.host)
  const { signal } = new AbortController()
  await source.tags(parseRepositoryName('team/app'), { signal })
  await pauses.join(access, [registry.host])
  return async () => {
    const began = performance.now()
    await source.tags(parseRepositoryName('team/app'), { signal })
    return performance.now() - began
  }
}

test('a pause holds for all clients of the process that was told, and for the other processes', async () => {
  const [mine, others] = [new SharedPauses(connection.client, 'a'), new SharedPauses(connection.client, 'b')]
  const ears = await Ears.open(connection.duplicate('ears'))
  using _heard = ears.onPause((message) => others.heard(message))
  const clients = [await open(mine), await open(mine), await open(others)]
  mine.tell({ registry: registry.host, ms: 1_000, status: 429 })
  await expect.poll(() => others.leftMs(registry.host)).toBeGreaterThan(0)
  for (const ms of await Promise.all(clients.map((ask) => ask()))) expect(ms).toBeGreaterThan(500)
  expect(mine.leftMs(registry.host)).toBe(0)
})

test('whoever comes later hears of it', async () => {
  const [mine, others] = [new SharedPauses(connection.client, 'a'), new SharedPauses(connection.client, 'b')]
  mine.tell({ registry: registry.host, ms: 1_000, status: 429 })
  const ask = await open(others)
  expect(await ask()).toBeGreaterThan(500)
})

test('a short pause does not end a long one', async () => {
  const pauses = new SharedPauses(connection.client, 'a')
  pauses.tell({ registry: registry.host, ms: 30_000, status: 429 })
  pauses.tell({ registry: registry.host, ms: 50, status: 429 })
  await expect.poll(() => connection.client.pttl(keys.pause(registry.host))).toBeGreaterThan(25_000)
  await connection.client.ping()
  expect(await connection.client.pttl(keys.pause(registry.host))).toBeGreaterThan(25_000)
  expect(pauses.leftMs(registry.host)).toBeGreaterThan(25_000)
})
