import { connectRedis } from '@longshore/redis'
import { startRedisCluster } from '@longshore/testing'
import { describeLedger } from '@longshore/testing/contracts'
import type { ImageId, Ledger, NodeKey, PlanNode } from '@longshore/transfer'
import { expect, test } from 'vitest'
import { blob, boom, desc, fits, manifest, tag, wanted } from './graph.fixture.ts'
import { RedisLedger } from './redis-ledger.ts'
import { useRedis } from './redis.fixture.ts'

const redis = useRedis()

describeLedger('in Redis', async () => await redis.begin())

const lost = { code: 'MIGRATION_LOST' }
const quiet = { onTrouble(): void {}, onRecovered(): void {} }

/** Each operation once, the shared ones of the graph too. */
async function exercise(ledger: RedisLedger): Promise<void> {
  const { batch } = await ledger.open([wanted('r', 'v1'), wanted('r', 'v2')]) ?? {}
  const lease = batch && await ledger.claimBatch(batch, 'w1')
  if (!lease) throw new Error('no batch')
  const a = blob('r', 'a'), b = blob('s', 'a'), m = manifest('r', 'm', [a]), t = tag('r', 'v1', [m])
  const facts = { digest: desc('x').digest, referrers: 0 }
  const { taken } = fits(await ledger.registerIn(lease, 'dst.test/r:v1' as ImageId, facts, [t.key, b.key], [a, b, m, t], { worker: 'w1', nodes: 1, bytes: 100 }))
  await ledger.failImage(lease, 'dst.test/r:v2' as ImageId, boom)
  await ledger.releaseBatch(lease)
  await ledger.nodesOf('dst.test/r:v1' as ImageId)
  for await (const _ of ledger.openImages());
  await ledger.overdue(0, 10)
  await ledger.reclaim('w1')
  const again = await ledger.claim(a.key, 'w1')
  expect(taken.map(({ key }) => key)).toEqual([a.key])
  await ledger.fail(again ?? taken[0] ?? expect.fail(), boom)
  await ledger.retry()
  await finish(ledger, [b.key, a.key])
  const put = await ledger.claim(m.key, 'w1') ?? expect.fail()
  await ledger.replan(put, [a])
  await finish(ledger, [a.key, m.key])
  const last = await ledger.claim(t.key, 'w1') ?? expect.fail()
  await ledger.release(last)
  await finish(ledger, [t.key])
  await ledger.forget([t.key])
  await ledger.reopen()
  expect(await ledger.counts()).toMatchObject({ waiting: 0, ready: 0, leased: 0, done: 4, openImages: 1 })
  expect(await ledger.tally()).toMatchObject({ found: 2, copied: 1, failed: 0 })
}

async function finish(ledger: Ledger, keys: readonly NodeKey[]): Promise<void> {
  for (const key of keys) await ledger.complete(await ledger.claim(key, 'w1') ?? expect.fail(`${key} is not ready`), 'pushed')
}

test('a cluster takes all scripts: they touch one slot only', async () => {
  await using cluster = await startRedisCluster()
  await using connection = await connectRedis({ url: cluster.url, name: 'ledger test', ...quiet })
  const ledger = new RedisLedger(connection.client, 'm1')
  await ledger.begin({})
  await exercise(ledger)
  expect(await ledger.setState(['running'], 'complete')).toBe(true)
  await ledger.close(60_000)
  expect(await ledger.askRetry('complete')).toBe(true)
  await ledger.setField('a', 'b')
  const keys = await Promise.all(cluster.nodes.map(async (node) => await node.ask('--raw', 'KEYS', '*')))
  expect(keys.filter((list) => list !== '').flatMap((list) => list.split('\n').toSorted())).toEqual(['counts', 'meta', 'results'].map((name) => `longshore:{m1}:${name}`))
})

test('whatever an operation is, it may be run twice', async () => {
  // As ioredis does when a connection broke before the answer came.
  const { client } = await redis.connect()
  const ledger = new RedisLedger(client, 'twice')
  const calls = client as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>
  for (const name of [
    'Register', 'RegisterIn', 'Complete', 'Fail', 'FailImage', 'Release', 'ReleaseBatch', 'Replan', 'Retry', 'Forget', 'Open', 'Reclaim', 'SetField', 'Begin',
  ].map((word) => `ledger${word}`)) {
    const call = calls[name]?.bind(client) ?? expect.fail(name)
    calls[name] = async (...args) => {
      const first = await call(...args)
      await call(...args)
      return first
    }
  }
  await ledger.begin({})
  await exercise(ledger)
})

test('a Redis that was emptied says so, whatever is asked of it', async () => {
  const ledger = await redis.begin()
  const nodes: readonly PlanNode[] = [blob('r', 'a')]
  await ledger.register('i' as ImageId, nodes.map(({ key }) => key), nodes)
  const lease = await ledger.claim(nodes[0]?.key ?? expect.fail(), 'w1') ?? expect.fail()
  const { batch } = await ledger.open([wanted('r', 'v1')]) ?? expect.fail()
  await redis.connection.client.flushall()
  const operations: ReadonlyArray<() => Promise<unknown>> = [
    () => ledger.claim(lease.key, 'w1'), () => ledger.complete(lease, 'pushed'), () => ledger.fail(lease, boom), () => ledger.release(lease), () => ledger.replan(lease, []),
    () => ledger.claimBatch(batch, 'w1'), () => ledger.register('j' as ImageId, [], []), () => ledger.open([wanted('r', 'v2')]), () => ledger.state(),
    () => ledger.setState(['running'], 'paused'), () => ledger.setField('a', 'b'), () => ledger.counts(), () => ledger.reclaim('w1'), () => ledger.overdue(0, 1), () => ledger.close(1),
  ]
  for (const operation of operations) await expect(operation(), String(operation)).rejects.toMatchObject(lost)
  expect(await redis.connection.client.dbsize()).toBe(0)
})

test('a Redis that forgot the scripts is given them again', async () => {
  const ledger = await redis.begin()
  await exercise(ledger)
  await redis.connection.client.script('FLUSH')
  const another = new RedisLedger(redis.connection.client, `${ledger.migration}b`)
  await another.begin({})
  await exercise(another)
})
