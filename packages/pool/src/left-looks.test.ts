import { keyPrefix } from '@longshore/ledger'
import type { Migration } from '@longshore/spec'
import { expect, test } from 'vitest'
import { takeLead } from './leadership.ts'
import { eraseLeftLooks, newLook } from './left-looks.ts'
import type { PoolOptions } from './migration-record.ts'
import { PoolStore } from './pool-store.ts'
import { openRedis } from './redis.fixture.ts'

test('looks whose process was killed are forgotten; those that are led, or were submitted just now, and migrations are not', async () => {
  await using world = await openRedis()
  const store = new PoolStore(world.redis, { recordMs: 60_000 })
  const spec: Migration = { entries: [] }
  const options: PoolOptions = { task: { kind: 'verify', deep: false }, srcTlsVerify: true, destTlsVerify: true, keepGoing: true, distrust: false, window: 8 }
  const submit = async (more: Partial<PoolOptions>, ageMs: number): Promise<string> => {
    const { record: { id, created } } = await store.submit(spec, { ...options, ...more })
    await world.redis.hset(`${keyPrefix(id)}meta`, 'created', Date.parse(created) - ageMs)
    return id
  }
  const left = await submit({ pass: newLook() }, 120_000)
  const led = await submit({ pass: newLook() }, 120_000)
  const young = await submit({ pass: newLook() }, 0)
  const migration = await submit({ task: { kind: 'migrate' } }, 120_000)
  await using _lead = await takeLead(world.redis, keyPrefix(led), `${keyPrefix(led)}meta`, 'somebody', `migration ${led}`)
  await Promise.all([eraseLeftLooks(world.redis, store), eraseLeftLooks(world.redis, store)])
  expect((await store.active()).toSorted()).toEqual([led, young, migration].toSorted())
  expect(await world.redis.keys(`${keyPrefix(left)}*`)).toEqual([])
})
