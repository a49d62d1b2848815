// What a ledger does beyond the graph, where many processes share it: images from the moment they are found to their end, leases of
// workers, states of the migration, its end.
import type { ImageId, Lease, NodeKey, PlanNode, Registered } from '@longshore/transfer'
import { beforeEach, describe, expect, test } from 'vitest'
import { blob, boom, desc, fits, manifest, tag, wanted } from './graph.fixture.ts'
import type { BatchKey, BatchLease } from './pool-ledger.ts'
import { keyPrefix, RedisLedger } from './redis-ledger.ts'
import { useRedis } from './redis.fixture.ts'

const redis = useRedis()
let ledger: RedisLedger
beforeEach(async () => { ledger = await redis.begin() })

const facts = { digest: desc('source').digest, referrers: 2 }
const noBlobs = { pushed: 0, pushedBytes: 0, mounted: 0, mountedBytes: 0, existed: 0, existedBytes: 0 }
const idOf = (repository: string, name: string): ImageId => `dst.test/${repository}:${name}` as ImageId

async function opened(...names: string[]): Promise<BatchLease> {
  const { batch } = await ledger.open(names.map((name) => wanted('r', name))) ?? {}
  const lease = await ledger.claimBatch(batch!, 'w1')
  expect(lease).toBeDefined()
  return lease!
}
function graph(name: string, layers: readonly string[], repository = 'r'): { readonly nodes: readonly PlanNode[]; readonly root: NodeKey } {
  const blobs = layers.map((layer) => blob(repository, layer))
  const top = tag(repository, name, blobs)
  return { nodes: [...blobs, top], root: top.key }
}
async function registerIn(lease: BatchLease, name: string, layers: readonly string[], more: Partial<typeof facts & { rewritten: typeof facts.digest }> = {}): Promise<Registered> {
  const { nodes, root } = graph(name, layers)
  return fits(await ledger.registerIn(lease, idOf('r', name), { ...facts, ...more }, [root], nodes))
}
async function claim(key: NodeKey, worker = 'w1'): Promise<Lease> {
  const lease = await ledger.claim(key, worker)
  expect(lease, `${key} should be ready`).toBeDefined()
  return lease!
}
async function all<T>(items: AsyncIterable<T>): Promise<T[]> { return await Array.fromAsync(items) }

test('of many nodes, those that are ready are leased, each once', async () => {
  const [a, b] = [blob('r', 'a'), blob('r', 'b')]
  const top = tag('r', 'v1', [a, b])
  await ledger.register(idOf('r', 'v1'), [top.key], [a, b, top])
  const held = await claim(a.key, 'w2')
  const leases = await ledger.claimAll([a.key, b.key, top.key, 'blob dst.test/r@sha256:0+1' as NodeKey, b.key], 'w1')
  expect(leases).toMatchObject([{ key: b.key, worker: 'w1', node: { kind: 'blob', desc: b.desc } }])
  expect(await ledger.held('w1')).toEqual([b.key])
  expect(await ledger.overdue(-1, 10)).toEqual({ nodes: [], batches: [] })
  await ledger.complete(held, 'pushed')
  expect(await ledger.complete(leases[0] ?? expect.fail(), 'pushed')).toMatchObject({ ready: [top.key] })
  expect(await ledger.claimAll([], 'w1')).toEqual([])
})

describe('images', () => {
  test('are opened in a batch, resolved in it, and told at their end', async () => {
    expect(await ledger.open([wanted('r', 'v1'), wanted('r', 'v2')])).toEqual({ batch: 'batch 1', added: 2 })
    expect((await all(ledger.openImages())).map(({ id, state }) => `${id} ${state}`).sort()).toEqual([`${idOf('r', 'v1')} ready`, `${idOf('r', 'v2')} ready`])
    const lease = await ledger.claimBatch('batch 1' as BatchKey, 'w1')
    expect(lease).toEqual({ key: 'batch 1', worker: 'w1', fence: 1, images: [{ id: idOf('r', 'v1'), wanted: wanted('r', 'v1') }, { id: idOf('r', 'v2'), wanted: wanted('r', 'v2') }] })
    expect(await registerIn(lease!, 'v1', ['a'], { rewritten: desc('stripped').digest })).toMatchObject({ ready: [blob('r', 'a').key], fresh: { blobs: 1, bytes: 10 } })
    expect((await all(ledger.openImages())).map(({ id, state }) => `${id} ${state}`).sort()).toEqual([`${idOf('r', 'v1')} moving`, `${idOf('r', 'v2')} resolving`])
    await ledger.complete(await claim(blob('r', 'a').key), 'pushed')
    const { settled } = await ledger.complete(await claim(tag('r', 'v1').key), 'pushed')
    const result = {
      wanted: wanted('r', 'v1'), outcome: 'copied', digest: facts.digest, rewritten: desc('stripped').digest, referrers: 2,
      blobs: { ...noBlobs, pushed: 1, pushedBytes: 10 }, ms: expect.any(Number),
    }
    expect(settled).toEqual([{ image: idOf('r', 'v1'), errors: [], blobs: { ...noBlobs, pushed: 1, pushedBytes: 10 }, result }])
    expect(fits(await ledger.registerIn(lease!, idOf('r', 'v2'), facts, [], [])).settled).toMatchObject([{ result: { outcome: 'present' } }])
    expect((await all(ledger.results())).map(({ id, outcome }) => `${id} ${outcome}`).sort()).toEqual([`${idOf('r', 'v1')} copied`, `${idOf('r', 'v2')} present`])
    expect(await ledger.tally()).toEqual({
      found: 2, resolved: 2, expectedBytes: 10, copied: 1, present: 1, failed: 0, rewritten: 1, referrers: 2, manifests: 1, blobs: { ...noBlobs, pushed: 1, pushedBytes: 10 },
    })
    expect(await ledger.held('w1')).toEqual([])
    expect(await all(ledger.openImages())).toEqual([])
  })

  test('that are known, open or at their end, are passed over', async () => {
    const lease = await opened('v1')
    await ledger.registerIn(lease, idOf('r', 'v1'), facts, [], [])
    expect(await ledger.open([wanted('r', 'v1'), wanted('r', 'v2'), wanted('r', 'v2')])).toMatchObject({ added: 1 })
    expect(await ledger.open([wanted('r', 'v1')])).toBeUndefined()
    expect((await ledger.tally()).found).toBe(2)
  })

  test('opening again, as the answer may have been lost, answers the batch until somebody takes it', async () => {
    const images = [wanted('r', 'v1'), wanted('r', 'v2')]
    const once = await ledger.open(images)
    expect(await ledger.open(images)).toEqual({ batch: once?.batch, added: 0 })
    // Of others that are all known none is.
    await ledger.open([wanted('r', 'v3')])
    expect(await ledger.open([wanted('r', 'v1'), wanted('r', 'v3')])).toBeUndefined()
    await ledger.claimBatch(once!.batch, 'w1')
    expect(await ledger.open(images)).toBeUndefined()
  })

  test('are no more than sixteen in a batch', async () => {
    await expect(ledger.open(Array.from({ length: 17 }, (_, i) => wanted('r', `v${i}`)))).rejects.toThrow(RangeError)
  })

  test('are told, however many they are', async () => {
    const names = Array.from({ length: 640 }, (_, i) => `v${i}`)
    const leases: BatchLease[] = []
    for (let at = 0; at < names.length; at += 16) leases.push(await opened(...names.slice(at, at + 16)))
    const ids = names.map((name) => idOf('r', name)).toSorted()
    // An image may be told twice while the hash grows or shrinks.
    expect([...new Set((await all(ledger.openImages())).map(({ id }) => id))].toSorted()).toEqual(ids)
    await Promise.all(leases.flatMap((lease) => lease.images.map(({ id }) => ledger.failImage(lease, id, boom))))
    expect([...new Set((await all(ledger.results())).map(({ id }) => id))].toSorted()).toEqual(ids)
    expect(await all(ledger.openImages())).toEqual([])
  })

  test('that cannot be resolved are at their end', async () => {
    const lease = await opened('v1', 'v2')
    const { settled } = await ledger.failImage(lease, idOf('r', 'v1'), boom)
    expect(settled).toMatchObject([{ image: idOf('r', 'v1'), errors: [boom], result: { outcome: 'failed', error: boom, wanted: wanted('r', 'v1') } }])
    expect(await ledger.failImage(lease, idOf('r', 'v1'), boom)).toEqual({ ready: [], taken: [], settled: [] })
    await ledger.registerIn(lease, idOf('r', 'v2'), facts, [], [])
    expect(await all(ledger.results({ failedOnly: true }))).toMatchObject([{ id: idOf('r', 'v1'), error: boom }])
    expect(await ledger.tally()).toMatchObject({ found: 2, failed: 1, present: 1 })
  })

  test('of a batch that was taken away are resolved by the next worker, and the late one changes nothing', async () => {
    const late = await opened('v1', 'v2')
    await registerIn(late, 'v1', ['a'])
    expect(await ledger.reclaim('w1')).toEqual({ nodes: [], batches: [late.key] })
    const mine = await ledger.claimBatch(late.key, 'w2')
    expect(mine).toMatchObject({ fence: 2, images: [{ id: idOf('r', 'v2') }] })
    expect(await registerIn(late, 'v2', ['b'])).toEqual({ ready: [], taken: [], settled: [], fresh: { blobs: 0, bytes: 0 } })
    expect(await ledger.failImage(late, idOf('r', 'v2'), boom)).toEqual({ ready: [], taken: [], settled: [] })
    await ledger.releaseBatch(late)
    expect(await ledger.held('w2')).toEqual([late.key])
    expect((await registerIn(mine!, 'v2', ['b'])).ready).toEqual([blob('r', 'b').key])
  })

  test('a batch that is given back is ready for another', async () => {
    const lease = await opened('v1')
    expect(await ledger.claimBatch(lease.key, 'w2')).toBeUndefined()
    expect(await ledger.overdue(0, 10)).toEqual({ nodes: [], batches: [] })
    await ledger.releaseBatch(lease)
    expect(await ledger.held('w1')).toEqual([])
    expect(await ledger.overdue(0, 10)).toEqual({ nodes: [], batches: [lease.key] })
    expect(await ledger.claimBatch(lease.key, 'w2')).toMatchObject({ worker: 'w2' })
  })

  test('what was told of blobs that turned out to be there still is not told again', async () => {
    const lease = await opened('v1')
    await registerIn(lease, 'v1', ['a'])
    await ledger.complete(await claim(blob('r', 'a').key), 'existed')
    await ledger.replan(await claim(tag('r', 'v1').key), [blob('r', 'a')])
    await ledger.complete(await claim(blob('r', 'a').key), 'existed')
    await ledger.complete(await claim(tag('r', 'v1').key), 'existed')
    expect(await ledger.tally()).toMatchObject({ manifests: 0, blobs: { existed: 1, existedBytes: 10 } })
  })
})

describe('images that failed are opened again', () => {
  test('with what failed of their nodes, while their graph is there', async () => {
    const lease = await opened('v1', 'v2')
    await registerIn(lease, 'v1', ['a', 'b'])
    await registerIn(lease, 'v2', ['c'])
    await ledger.complete(await claim(blob('r', 'a').key), 'pushed')
    await ledger.fail(await claim(blob('r', 'b').key), boom)
    await ledger.fail(await claim(blob('r', 'c').key), boom)
    expect(await ledger.tally()).toMatchObject({ failed: 2, resolved: 2 })
    expect(await ledger.reopen([idOf('r', 'v1'), idOf('r', 'unknown')])).toEqual({ ready: [blob('r', 'b').key], taken: [], settled: [], batches: [] })
    expect(await ledger.tally()).toMatchObject({ failed: 1, resolved: 2 })
    expect((await all(ledger.results())).map(({ id }) => id)).toEqual([idOf('r', 'v2')])
    await ledger.complete(await claim(blob('r', 'b').key), 'pushed')
    expect((await ledger.complete(await claim(tag('r', 'v1').key), 'pushed')).settled).toMatchObject([{ errors: [], result: { outcome: 'copied', digest: facts.digest } }])
    expect(await ledger.tally()).toMatchObject({ failed: 1, copied: 1, found: 2 })
  })

  test('to be resolved again, where it never was there or is there no more', async () => {
    const lease = await opened('v1', 'v2', 'v3')
    await ledger.failImage(lease, idOf('r', 'v1'), boom)
    await registerIn(lease, 'v2', ['a'])
    await ledger.registerIn(lease, idOf('r', 'v3'), facts, [], [])
    await ledger.fail(await claim(blob('r', 'a').key), boom)
    await ledger.setState(['running'], 'complete')
    await ledger.close(60_000)
    expect(await ledger.askRetry('running')).toBe(false)
    expect(await ledger.askRetry('complete')).toBe(true)
    expect(await ledger.state()).toBe('running')
    const { ready, batches } = await ledger.reopen()
    expect([ready, batches.length]).toEqual([[], 1])
    const again = await ledger.claimBatch(batches[0]!, 'w1')
    expect(again?.images.map(({ id }) => id).sort()).toEqual([idOf('r', 'v1'), idOf('r', 'v2')])
    expect(await ledger.tally()).toMatchObject({ found: 3, failed: 0, present: 1, resolved: 2 })
    await registerIn(again!, 'v1', ['a'])
    await registerIn(again!, 'v2', ['a'])
    expect((await ledger.tally()).resolved).toBe(3)
  })

  test('without what another image has made true meanwhile', async () => {
    const signature = manifest('r', 'signature', [blob('r', 's')])
    const lease = await opened('v1', 'v2')
    for (const name of ['v1', 'v2']) {
      const { nodes, root } = graph(name, [])
      await ledger.registerIn(lease, idOf('r', name), facts, [root, signature.key], [...nodes, blob('r', 's'), signature])
      await ledger.complete(await claim(root), 'pushed')
    }
    await ledger.fail(await claim(blob('r', 's').key), boom)
    expect((await ledger.reopen([idOf('r', 'v1')])).ready).toEqual([blob('r', 's').key])
    await ledger.complete(await claim(blob('r', 's').key), 'pushed')
    expect((await ledger.complete(await claim(signature.key), 'pushed')).settled).toMatchObject([{ image: idOf('r', 'v1'), errors: [] }])
    expect(await ledger.reopen([idOf('r', 'v2')])).toMatchObject({ ready: [], batches: [], settled: [{ image: idOf('r', 'v2'), errors: [], result: { outcome: 'copied' } }] })
    expect(await ledger.tally()).toMatchObject({ copied: 2, failed: 0 })
  })

  test('and are no more of their first batch, whose worker may say again what it said', async () => {
    const first = await opened('v1', 'v2')
    await ledger.failImage(first, idOf('r', 'v1'), boom)
    const { batches } = await ledger.reopen([idOf('r', 'v1')])
    expect(await ledger.failImage(first, idOf('r', 'v1'), boom)).toEqual({ ready: [], taken: [], settled: [] })
    expect(await registerIn(first, 'v1', ['a'])).toMatchObject({ ready: [], settled: [] })
    const again = await ledger.claimBatch(batches[0]!, 'w2')
    expect(again?.images.map(({ id }) => id)).toEqual([idOf('r', 'v1')])
    expect((await registerIn(again!, 'v1', ['a'])).ready).toEqual([blob('r', 'a').key])
  })

  test('and take as long as they take from when they were found', async () => {
    const lease = await opened('v1')
    await new Promise((resolve) => setTimeout(resolve, 60))
    await ledger.failImage(lease, idOf('r', 'v1'), boom)
    const { batches } = await ledger.reopen()
    const { settled } = fits(await ledger.registerIn(await ledger.claimBatch(batches[0]!, 'w1') ?? expect.fail(), idOf('r', 'v1'), facts, [], []))
    expect(settled[0]?.result?.ms).toBeGreaterThanOrEqual(59)
  })

  test('sixteen at a time', async () => {
    for (let at = 0; at < 40; at += 10) {
      const lease = await opened(...Array.from({ length: 10 }, (_, i) => `v${at + i}`))
      for (const { id } of lease.images) await ledger.failImage(lease, id, boom)
    }
    const { batches } = await ledger.reopen()
    expect(batches.length).toBe(3)
    expect((await Promise.all(batches.map(async (batch) => (await ledger.claimBatch(batch, 'w1'))?.images.length ?? 0))).sort((a, b) => b - a)).toEqual([16, 16, 8])
  })
})

describe('leases', () => {
  test('a worker holds what it was given, until that is at its end', async () => {
    const { nodes, root } = graph('v1', ['a', 'b'])
    const { taken } = await ledger.register('i' as ImageId, [root], nodes, { worker: 'w1', nodes: 1, bytes: 100 })
    const lease = await claim(blob('r', 'b').key)
    expect((await ledger.held('w1')).toSorted()).toEqual([blob('r', 'a').key, blob('r', 'b').key].sort())
    // What is in hand waits for nobody.
    expect(await ledger.overdue(0, 10)).toEqual({ nodes: [], batches: [] })
    await ledger.complete(taken[0]!, 'pushed')
    expect(await ledger.held('w1')).toEqual([blob('r', 'b').key])
    await ledger.fail(lease, boom)
    expect(await ledger.held('w1')).toEqual([])
  })

  test('what a worker holds is taken from it, and what it says of that later changes nothing', async () => {
    const { nodes, root } = graph('v1', ['a', 'b'])
    await ledger.register('i' as ImageId, [root], nodes)
    const [a, b] = [await claim(blob('r', 'a').key), await claim(blob('r', 'b').key)]
    expect(await ledger.reclaim('w2')).toEqual({ nodes: [], batches: [] })
    const batch = await opened('v9')
    expect(await ledger.reclaim('w2', [a.key, batch.key])).toEqual({ nodes: [], batches: [] })
    await ledger.releaseBatch(batch)
    expect(await ledger.reclaim('w1', [a.key])).toEqual({ nodes: [a.key], batches: [] })
    expect(await ledger.reclaim('w1')).toEqual({ nodes: [b.key], batches: [] })
    expect(await ledger.held('w1')).toEqual([])
    const none = { ready: [], taken: [], settled: [] }
    const before = await ledger.counts()
    expect([await ledger.complete(a, 'pushed'), await ledger.fail(a, boom), await ledger.release(a)]).toEqual([none, none, none])
    const mine = await claim(a.key, 'w2')
    expect([await ledger.complete(a, 'pushed'), await ledger.fail(a, boom), await ledger.release(a), await ledger.replan(a, [])]).toEqual([none, none, none, none])
    expect(await ledger.counts()).toEqual({ ...before, ready: before.ready - 1, leased: 1 })
    expect((await ledger.tally()).blobs).toEqual(noBlobs)
    expect(mine.fence).toBe(a.fence + 1)
    expect(await ledger.held('w2')).toEqual([a.key])
  })

  test('ready work that waits for too long is told once, and then not for a while', async () => {
    const { batch } = await ledger.open([wanted('r', 'v9')]) ?? {}
    const { nodes, root } = graph('v1', ['a', 'b'])
    await ledger.register('i' as ImageId, [root], nodes)
    expect(await ledger.overdue(60_000, 10)).toEqual({ nodes: [], batches: [] })
    await claim(blob('r', 'a').key)
    const { client } = redis.connection
    const ready = `${keyPrefix(ledger.migration)}ready`
    for (const [i, key] of (await client.zrange(ready, '0', '-1')).entries()) await client.zincrby(ready, i - 50_000, key)
    await ledger.setState(['running'], 'paused')
    expect(await ledger.overdue(40_000, 10)).toEqual({ nodes: [], batches: [] })
    await ledger.setState(['paused'], 'running')
    expect(await ledger.overdue(40_000, 1)).toEqual({ nodes: [], batches: [batch] })
    expect(await ledger.overdue(40_000, 10)).toEqual({ nodes: [blob('r', 'b').key], batches: [] })
    expect(await ledger.overdue(40_000, 10)).toEqual({ nodes: [], batches: [] })
  })

  test('of many who want the same nodes each gets some, and no two the same', async () => {
    const nodes = Array.from({ length: 200 }, (_, i) => blob('r', `layer ${i}`))
    await ledger.register('i' as ImageId, nodes.map(({ key }) => key), nodes)
    const clients = await Promise.all(Array.from({ length: 8 }, async () => (await redis.connect()).client))
    const workers = await Promise.all(clients.map(async (client, i) => {
      const mine = new RedisLedger(client, ledger.migration)
      const leases: Lease[] = []
      // From places of their own on: who is a step ahead of the others would have all of them.
      for (const { key } of [...nodes.slice(i * 25), ...nodes.slice(0, i * 25)]) {
        const lease = await mine.claim(key, `w${i}`)
        if (lease) leases.push(lease)
      }
      return { mine, leases }
    }))
    expect(workers.flatMap(({ leases }) => leases.map(({ key }) => key)).toSorted()).toEqual(nodes.map(({ key }) => key).sort())
    expect(workers.filter(({ leases }) => leases.length > 0).length).toBeGreaterThan(1)
    const settled = await Promise.all(workers.flatMap(({ mine, leases }) => leases.map(async (lease) => (await mine.complete(lease, 'pushed')).settled)))
    expect(settled.flat()).toHaveLength(1)
    expect(await ledger.counts()).toEqual({ waiting: 0, ready: 0, leased: 0, done: 200, failed: 0, openImages: 0 })
  })
})

describe('a migration', () => {
  test('begins once', async () => {
    const created = await ledger.begin({ spec: 'another' })
    expect(created).toBeGreaterThan(Date.now() - 60_000)
    expect(await ledger.begin({})).toBe(created)
    expect(await redis.connection.client.hgetall(`${keyPrefix(ledger.migration)}meta`)).toEqual({ state: 'running', created: String(created) })
  })

  test('changes its state only from where it may', async () => {
    expect(await ledger.setState(['paused'], 'running')).toBe(false)
    expect(await ledger.setState(['paused', 'running'], 'stopping')).toBe(true)
    expect(await ledger.state()).toBe('stopping')
    expect(await redis.connection.client.hget(`${keyPrefix(ledger.migration)}meta`, 'ended')).toBeNull()
  })

  test.each(['complete', 'failed', 'stopped', 'cancelled'])('that is %s has ended', async (end) => {
    expect(await ledger.setState(['running'], end)).toBe(true)
    expect(Number(await redis.connection.client.hget(`${keyPrefix(ledger.migration)}meta`, 'ended'))).toBeGreaterThan(Date.now() - 60_000)
  })

  test('gives nothing out while it does not run, and what is in hand may end', async () => {
    const { batch } = await ledger.open([wanted('r', 'v9')]) ?? {}
    const { nodes, root } = graph('v1', ['a', 'b'])
    await ledger.register('i' as ImageId, [root], nodes)
    const [a, b] = [await claim(blob('r', 'a').key), await claim(blob('r', 'b').key)]
    await ledger.setState(['running'], 'paused')
    await ledger.complete(a, 'pushed')
    const take = { worker: 'w1', nodes: 5, bytes: 1000 }
    expect(await ledger.complete(b, 'pushed', take)).toMatchObject({ ready: [root], taken: [] })
    expect(await ledger.claim(root, 'w1')).toBeUndefined()
    expect(await ledger.claimBatch(batch!, 'w1')).toBeUndefined()
    expect(await ledger.register('j' as ImageId, [blob('r', 'c').key], [blob('r', 'c')], take)).toMatchObject({ ready: [blob('r', 'c').key], taken: [] })
    await ledger.setState(['paused'], 'running')
    await claim(root)
    expect(await ledger.claimBatch(batch!, 'w1')).toBeDefined()
  })

  test('that has ended takes nothing new, though its graph may be there still', async () => {
    const { nodes, root } = graph('v1', [])
    await ledger.register('i' as ImageId, [root], nodes)
    const lease = await claim(root)
    await ledger.setState(['running'], 'stopped')
    expect(await ledger.replan(lease, [blob('r', 'z')])).toEqual({ ready: [], taken: [], settled: [] })
    expect(await ledger.counts()).toMatchObject({ ready: 0, waiting: 0, leased: 1 })
  })

  test('leaves nothing but its record, and that for a while', async () => {
    const { client } = redis.connection
    const lease = await opened('v1', 'v2', 'v3', 'v4')
    await ledger.open([wanted('r', 'v5')])
    await registerIn(lease, 'v1', ['a', 'b'])
    await registerIn(lease, 'v2', ['c'])
    for (let i = 0; i < 300; i++) await ledger.register(`far ${i}` as ImageId, [blob(`far${i}`, 'a').key], [blob(`far${i}`, 'a')])
    await ledger.fail(await claim(blob('r', 'c').key), boom)
    const late = await claim(blob('r', 'b').key, 'w2')
    await ledger.setField('expanded', '1')
    await ledger.setField('secondPass', '1')
    await client.hset(`${keyPrefix(ledger.migration)}uses`, 'a', 1)
    await ledger.setState(['running'], 'complete')
    await ledger.close(60_000)
    const record = ['counts', 'meta', 'results', 'uses'].map((name) => keyPrefix(ledger.migration) + name)
    const keys = async (): Promise<string[]> => (await client.keys(`${keyPrefix(ledger.migration)}*`)).toSorted()
    expect(await keys()).toEqual(record)
    for (const key of record) expect(await client.pttl(key)).toBeGreaterThan(50_000)
    // Whoever comes late changes nothing.
    await ledger.complete(late, 'pushed')
    await ledger.replan(late, [blob('r', 'z')])
    await ledger.releaseBatch(lease)
    expect(await registerIn(lease, 'v3', ['z'])).toMatchObject({ ready: [] })
    expect(await ledger.open([wanted('r', 'v7')])).toBeUndefined()
    await ledger.register('k' as ImageId, [blob('r', 'z').key], [blob('r', 'z')])
    expect(await keys()).toEqual(record)
    await ledger.close(60_000)
    expect(await ledger.tally()).toMatchObject({ found: 5, failed: 1 })
    expect((await all(ledger.results())).map(({ id }) => id)).toEqual([idOf('r', 'v2')])
    await ledger.askRetry('complete')
    for (const key of record) expect(await client.pttl(key)).toBe(-1)
    // What is to come may have its second pass as well.
    expect(await client.hmget(record[1]!, 'ended', 'secondPass', 'expanded')).toEqual([null, null, '1'])
  })

  test('keeps of what is finished a few bytes', async () => {
    const { client } = redis.connection
    const lease = await opened('v1', 'v2')
    const index = (name: string): readonly PlanNode[] => {
      const child = manifest('r', `child ${name}`, [blob('r', 'a'), blob('r', name)])
      return [blob('r', 'a'), blob('r', name), child, tag('r', name, [child])]
    }
    for (const name of ['v1', 'v2']) await ledger.registerIn(lease, idOf('r', name), facts, [tag('r', name).key], index(name))
    for (const { key } of [...index('v1'), ...index('v2').slice(1)]) await ledger.complete(await claim(key), 'pushed')
    const prefix = keyPrefix(ledger.migration)
    expect((await client.keys(`${prefix}*`)).toSorted()).toEqual(['blobs', 'counts', 'done', 'meta', 'results', 'states'].map((name) => prefix + name))
    expect(await client.scard(`${prefix}done`)).toBe(7)
  })

  test('shows the nodes of an open image, needs first', async () => {
    const lease = await opened('v1')
    await registerIn(lease, 'v1', ['a', 'b', 'c'])
    await ledger.complete(await claim(blob('r', 'b').key), 'pushed')
    await claim(blob('r', 'a').key, 'w7')
    expect(await ledger.nodesOf(idOf('r', 'v1'))).toEqual([
      { key: blob('r', 'a').key, state: 'leased', worker: 'w7' }, { key: blob('r', 'b').key, state: 'done' }, { key: blob('r', 'c').key, state: 'ready' },
      { key: tag('r', 'v1').key, state: 'waiting' },
    ])
    expect(await ledger.nodesOf(idOf('r', 'other'))).toEqual([])
  })
})

describe('bytes of manifests', () => {
  const kept = async (): Promise<number> => Number(await redis.connection.client.hget(`${keyPrefix(ledger.migration)}states`, 'b') ?? 0)
  /** Room for one image alone. */
  const narrow = (): RedisLedger => new RedisLedger(redis.connection.client, ledger.migration, { manifestBytes: 1 })

  test('an image waits while those before it take up the room, and one alone has room whatever it brings', async () => {
    const lease = await opened('v1', 'v2')
    const small = narrow()
    const [one, two] = [graph('v1', ['a']), graph('v2', ['b'])]
    expect(fits(await small.registerIn(lease, idOf('r', 'v1'), facts, [one.root], one.nodes)).ready).toEqual([blob('r', 'a').key])
    expect(await kept()).toBeGreaterThan(1)
    expect([await small.hasRoomFor(1), await ledger.hasRoomFor(1)]).toEqual([false, true])
    for (const _ of [1, 2]) expect(await small.registerIn(lease, idOf('r', 'v2'), facts, [two.root], two.nodes)).toBe('full')
    // Nothing of it was begun, and it is in its batch still.
    expect(await ledger.counts()).toMatchObject({ waiting: 1, ready: 1, openImages: 2 })
    expect(await ledger.held('w1')).toEqual(['batch 1'])
    await ledger.complete(await claim(blob('r', 'a').key), 'pushed')
    expect(await kept()).toBeGreaterThan(1)
    await ledger.complete(await claim(one.root), 'pushed')
    expect(await kept()).toBe(0)
    expect(await small.hasRoomFor(1000)).toBe(true)
    expect(fits(await small.registerIn(lease, idOf('r', 'v2'), facts, [two.root], two.nodes)).ready).toEqual([blob('r', 'b').key])
  })

  test('nodes of a former version, which did not count them, come to their end', async () => {
    const lease = await opened('v1')
    const one = graph('v1', ['a'])
    fits(await ledger.registerIn(lease, idOf('r', 'v1'), facts, [one.root], one.nodes))
    await redis.connection.client.eval(`for _, key in ipairs(redis.call('HKEYS', KEYS[1])) do
      local node = cmsgpack.unpack(redis.call('HGET', KEYS[1], key))
      node[13] = nil
      redis.call('HSET', KEYS[1], key, cmsgpack.pack(node))
    end`, 1, `${keyPrefix(ledger.migration)}nodes`)
    await ledger.complete(await claim(blob('r', 'a').key), 'pushed')
    await ledger.complete(await claim(one.root), 'pushed')
    expect(await ledger.counts()).toMatchObject({ waiting: 0, ready: 0, openImages: 0 })
  })

  test('what has failed takes up no room, until it is tried again', async () => {
    const lease = await opened('v1', 'v2')
    const [one, two] = [graph('v1', ['a']), graph('v2', ['b'])]
    fits(await ledger.registerIn(lease, idOf('r', 'v1'), facts, [one.root], one.nodes))
    const bytes = await kept()
    await ledger.fail(await claim(blob('r', 'a').key), boom)
    expect(await kept()).toBe(0)
    expect(fits(await narrow().registerIn(lease, idOf('r', 'v2'), facts, [two.root], two.nodes)).ready).toEqual([blob('r', 'b').key])
    await ledger.retry()
    expect(await kept()).toBe(2 * bytes)
  })
})
