import { setTimeout as delay } from 'node:timers/promises'
import { digestOf, type RepositoryName, type Tag } from '@longshore/oci'
import { keyPrefix } from '@longshore/ledger'
import { BullQueues } from '@longshore/queue'
import { defaultContent, type Migration } from '@longshore/spec'
import { MemoryRegistry } from '@longshore/testing/contracts'
import { blobKey, type BlobNode, type Image, type Wanted } from '@longshore/transfer'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { EventPublisher, readEvents } from './event-stream.ts'
import { startBeating, type WorkerInfo } from './heartbeat.ts'
import { keys } from './keys.ts'
import { lead } from './lead.ts'
import { takeLead } from './leadership.ts'
import type { PoolOptions } from './migration-record.ts'
import { PoolStore } from './pool-store.ts'
import { openRedis } from './redis.fixture.ts'

const spec: Migration = { entries: [] }
const options: PoolOptions = { task: { kind: 'migrate' }, srcTlsVerify: false, destTlsVerify: false, keepGoing: true, distrust: false, window: 10 }
const image = (tag: string): Image => ({
  source: { registry: 'src', repository: 'app' as RepositoryName, reference: tag as Tag }, destination: { registry: 'dst', repository: 'app' as RepositoryName, reference: tag as Tag },
})
const wanted = (tag: string): Wanted => ({ image: image(tag), options: defaultContent })
const boom = { name: 'Error', code: 'BOOM', message: 'boom' }

describe('the store of migrations', () => {
  let world: Awaited<ReturnType<typeof openRedis>>
  let store: PoolStore
  beforeAll(async () => { world = await openRedis() })
  afterAll(() => world[Symbol.asyncDispose]())
  beforeEach(async () => {
    await world.redis.flushall()
    store = new PoolStore(world.redis, { recordMs: 60_000 })
  })

  test('submitting what runs already answers the one that runs; what has ended begins anew', async () => {
    const first = await store.submit(spec, options)
    expect(first.resumed).toBe(false)
    expect(await store.submit(spec, options)).toMatchObject({ resumed: true, record: { id: first.record.id } })
    expect((await store.submit(spec, { ...options, distrust: true })).record.id).not.toBe(first.record.id)
    await store.end(first.record.id, ['running'], 'complete')
    const again = await store.submit(spec, options)
    expect(again.resumed).toBe(false)
    expect(again.record.id).not.toBe(first.record.id)
    expect((await store.list()).map(({ id }) => id)).toContain(first.record.id)
  })

  test('lists, states and steering read nothing of the specs, which may be megabytes', async () => {
    const large: Migration = { entries: [], note: 'x'.repeat(1024 * 1024) } as unknown as Migration
    const ids = await Promise.all([1, 2, 3].map(async (window) => (await store.submit(large, { ...options, window })).record.id))
    const sent = async (): Promise<number> => Number(/total_net_output_bytes:(\d+)/.exec(await world.redis.info('stats'))?.[1])
    const before = await sent()
    expect((await store.list()).map(({ id, state }) => ({ id, state }))).toEqual(expect.arrayContaining(ids.map((id) => ({ id, state: 'running' }))))
    for (const id of ids) expect(await store.status(id)).toMatchObject({ id, state: 'running', options: { keepGoing: true } })
    await store.pause(ids[0]!)
    expect(await sent() - before).toBeLessThan(100_000)
    expect((await store.get(ids[0]!))?.spec).toEqual(large)
  })

  test('of the processes that are alive a status counts the workers', async () => {
    const { record: { id } } = await store.submit(spec, options)
    const info = (role: WorkerInfo['role'], process: string) => (): WorkerInfo => ({
      id: process, role, host: 'h', pid: 1, version: '0', started: '', inFlight: { images: 0, blobs: 0, manifests: 0 }, transfers: [],
    })
    const alive = [await startBeating(world.redis, 'c', info('coordinator', 'c'), async () => {}), await startBeating(world.redis, 'w', info('worker', 'w'), async () => {})]
    expect((await store.status(id))?.workers).toBe(1)
    for (const one of alive) await one.end()
    expect((await store.status(id))?.workers).toBe(0)
  })

  test('what is left is told by the time in which it was worked on, and by what is on its way', async () => {
    const { record: { id } } = await store.submit(spec, options)
    const ledger = store.ledger(id)
    const lease = (await ledger.claimBatch((await ledger.open([wanted('1'), wanted('2')]))!.batch, 'w'))!
    const at = { registry: 'dst', repository: 'app' as RepositoryName }
    const [there, coming] = [200, 800].map((size): BlobNode => {
      const desc = { mediaType: 'x', digest: digestOf(Buffer.from(`${size}`)), size }
      return { kind: 'blob', key: blobKey(at, desc), ...at, desc, from: [{ ...at, registry: 'src' }], mayExist: false }
    })
    for (const [i, node] of [there!, coming!].entries()) {
      await ledger.registerIn(lease, lease.images[i]!.id, { digest: `sha256:${'a'.repeat(64)}`, referrers: 0 } as never, [node.key], [node])
    }
    await ledger.complete((await ledger.claim(there!.key, 'w'))!, 'pushed')
    await store.setExpanded(id)
    const ago = async (field: string, seconds: number): Promise<void> => { await world.redis.hset(`${keyPrefix(id)}meta`, field, Date.now() - seconds * 1_000) }
    const leftSeconds = async (): Promise<number | undefined> => {
      const { etaMs } = await store.status(id) ?? {}
      return etaMs === undefined ? undefined : Math.round(etaMs / 10_000) * 10
    }
    await ago('created', 1_000)
    expect(await leftSeconds()).toBe(4_000)
    await store.pause(id)
    expect(await leftSeconds()).toBeUndefined()
    await ago('paused', 800)
    await store.resume(id)
    expect(await leftSeconds()).toBe(800)
    const transfers = [{ migration: id, registry: 'dst', repository: 'app', digest: coming!.desc.digest, size: 800, sent: 300 }]
    const worker = await startBeating(world.redis, 'w', () => ({ id: 'w', role: 'worker', host: 'h', pid: 1, version: '0', started: '', inFlight: { images: 0, blobs: 1, manifests: 0 }, transfers }), async () => {})
    expect(await leftSeconds()).toBe(200)
    await worker.end()
  })

  test('many who submit the same at once get one migration', async () => {
    const all = await Promise.all(Array.from({ length: 8 }, () => store.submit(spec, options)))
    expect(new Set(all.map(({ record }) => record.id)).size).toBe(1)
    expect(all.filter(({ resumed }) => !resumed)).toHaveLength(1)
  })

  test('what a process is still sending is waited for; what it died over is led when the same is submitted again', async () => {
    const { record } = await store.submit(spec, options)
    const meta = await world.redis.hgetall(`${keyPrefix(record.id)}meta`)
    await world.redis.flushall()
    // The name is taken, and the record is on its way.
    await world.redis.set(keys.spec(meta['hash']!), 'slow')
    const [submitting] = [store.submit(spec, options), await delay(100)]
    await world.redis.hset(`${keyPrefix('slow')}meta`, meta)
    expect(await submitting).toMatchObject({ resumed: true, record: { id: 'slow' } })
    expect([await store.active(), (await store.list()).map(({ id }) => id)]).toEqual([['slow'], ['slow']])
    // Long over, it is not led any more, and nobody is made to lead it.
    await store.end('slow', ['running'], 'complete')
    expect((await store.submit(spec, options)).resumed).toBe(false)
    expect(await store.active()).not.toContain('slow')
  })

  test('states change along their chart, and what cannot be is refused with the reason', async () => {
    const { record: { id } } = await store.submit(spec, options)
    expect((await store.pause(id)).state).toBe('paused')
    expect((await store.pause(id)).state).toBe('paused')
    expect((await store.resume(id)).state).toBe('running')
    expect((await store.cancel(id)).state).toBe('cancelled')
    await expect(store.resume(id)).rejects.toMatchObject({ code: 'WRONG_STATE', message: `migration ${id} is cancelled: only a paused migration can be resumed` })
    await expect(store.pause('nosuchone')).rejects.toMatchObject({ code: 'MIGRATION_NOT_FOUND' })
  })

  test('the tally is made again from the record: what failed, what was left out, what is open', async () => {
    const { record: { id } } = await store.submit(spec, options)
    const ledger = store.ledger(id)
    const opened = await ledger.open([wanted('1'), wanted('2'), wanted('3')])
    const lease = (await ledger.claimBatch(opened!.batch, 'w'))!
    const [one, two] = lease.images
    await ledger.registerIn(lease, one!.id, { digest: `sha256:${'a'.repeat(64)}`, referrers: 2 } as never, [], [])
    await ledger.failImage(lease, two!.id, boom)
    const dropped = { type: 'dropped', registry: 'src', repository: 'app' as RepositoryName, tag: 'old' as Tag, rule: 'latest', reason: 'not among the latest 3' } as const
    expect(await store.note(id, dropped)).toBe(true)
    expect(await store.note(id, dropped)).toBe(false)
    const untagged = { type: 'untagged', registry: 'src', count: 2, repositories: ['a', 'b'] as RepositoryName[] } as const
    expect(await store.note(id, untagged)).toBe(true)
    expect(await store.note(id, untagged)).toBe(false)
    const tally = await store.tally(id)
    expect(tally).toMatchObject({ found: 3, present: 1, droppedTags: 1, openCount: 1, untagged: [untagged] })
    expect(tally.failures).toMatchObject([{ error: boom, image: image('2') }])
  })

  test('retry of a migration that has ended opens what failed, and nothing else', async () => {
    const { record: { id } } = await store.submit(spec, options)
    const ledger = store.ledger(id)
    const lease = (await ledger.claimBatch((await ledger.open([wanted('1'), wanted('2')]))!.batch, 'w'))!
    await ledger.registerIn(lease, lease.images[0]!.id, { digest: `sha256:${'a'.repeat(64)}`, referrers: 0 } as never, [], [])
    await ledger.failImage(lease, lease.images[1]!.id, boom)
    await store.end(id, ['running'], 'complete')
    expect((await store.retry(id)).state).toBe('running')
    expect(await store.active()).toContain(id)
    expect(await world.redis.pttl(`${keyPrefix(id)}meta`)).toBe(-1)
    const { batches } = await store.ledger(id).reopen()
    expect((await store.ledger(id).claimBatch(batches[0]!, 'w'))?.images.map((one) => one.wanted)).toEqual([wanted('2')])
  })

  test('retry of one that its leader is about to end keeps it from its end', async () => {
    const { record: { id } } = await store.submit(spec, options)
    const ledger = store.ledger(id)
    const lease = (await ledger.claimBatch((await ledger.open([wanted('1')]))!.batch, 'w'))!
    await ledger.failImage(lease, lease.images[0]!.id, boom)
    expect((await store.retry(id)).state).toBe('running')
    expect(await store.end(id, ['running'], 'complete')).toBe(false)
    const asked = (await ledger.retryAsked())!
    // Asked for again while the leader is at it: that is another one.
    await store.retry(id)
    await ledger.retryDone(asked)
    expect(await store.end(id, ['running'], 'complete')).toBe(false)
    await ledger.retryDone((await ledger.retryAsked())!)
    expect(await ledger.retryAsked()).toBeUndefined()
    expect(await store.end(id, ['running'], 'complete')).toBe(true)
  })

  test('retry of one whose leader is ending it waits for that, and is refused where it takes too long', async () => {
    const { record: { id } } = await store.submit(spec, options)
    // The leader's first step, and no more.
    await store.ledger(id).setState(['running'], 'complete')
    await expect(store.retry(id)).rejects.toMatchObject({ code: 'WRONG_STATE', message: expect.stringContaining('ask again in some seconds') })
    const asking = store.retry(id)
    await new Promise((resolve) => { setTimeout(resolve, 100) })
    await store.close(id)
    expect((await asking).state).toBe('running')
    expect(await store.ledger(id).retryAsked()).toBeDefined()
    expect(await store.active()).toContain(id)
    expect(await world.redis.pttl(`${keyPrefix(id)}meta`)).toBe(-1)
    // A leader that comes late with its end clears away nothing of it.
    await store.close(id)
    expect(await world.redis.pttl(`${keyPrefix(id)}meta`)).toBe(-1)
    expect(await store.active()).toContain(id)
  })

  test('an end that a leader died over is brought to its end by the next', async () => {
    const { record } = await store.submit(spec, options)
    const ledger = store.ledger(record.id)
    await ledger.open([wanted('1')])
    await store.setExpanded(record.id)
    await ledger.setState(['running'], 'complete')
    const stop = AbortSignal.timeout(5_000)
    expect(await lead((await store.get(record.id))!, { store, queues: undefined as never, access: undefined as never, publisher: undefined as never, onNews: () => {}, self: 'c1' }, stop)).toBe('complete')
    expect(await store.active()).toEqual([])
    expect(await world.redis.exists(`${keyPrefix(record.id)}images`)).toBe(0)
    expect((await store.retry(record.id)).state).toBe('running')
  })

  test.each([['2021-06-01T12:00:00.000Z', 1], [undefined, 0]])('ages in rules are reckoned from %s: %d images', async (agesAt, found) => {
    const source = new MemoryRegistry('src')
    source.addImage('app', 'old', ['layer'], { annotations: { 'org.opencontainers.image.created': '2021-06-01T00:00:00Z' } })
    const aged: Migration = {
      entries: [{
        source: { kind: 'repository', registry: 'src', repository: 'app' as RepositoryName, path: 'app' }, destinations: [{ kind: 'under', registry: 'dst', prefix: '', rename: [] }],
        selection: { kind: 'rule', references: [], rule: { newerThan: { kind: 'ago', ms: 86_400_000 } } }, content: defaultContent, origin: { file: 'f', line: 1 },
      }],
    }
    const { record } = await store.submit(aged, { ...options, ...(agesAt === undefined ? {} : { agesAt }) })
    await using queues = new BullQueues(await world.connect(), { prefix: `{${record.id}}`, onProblem: () => {} })
    await using publisher = new EventPublisher(world.redis, keyPrefix(record.id), () => [])
    const stop = new AbortController()
    const leading = lead(record, { store, queues, access: { transports: { source: () => source } } as never, publisher, onNews: () => {}, self: 'c1' }, stop.signal)
    await expect.poll(async () => (await store.head(record.id))?.expanded, { timeout: 10_000 }).toBe(true)
    expect((await store.ledger(record.id).tally()).found).toBe(found)
    stop.abort(new Error('looked at'))
    await leading.catch(() => {})
  })

  test('watchers read events in order, from where they left off, to the end', async () => {
    const { record: { id } } = await store.submit(spec, options)
    await using publisher = new EventPublisher(world.redis, keyPrefix(id), () => [{ side: 'source', registry: 'src', requests: 3, bytesIn: 1, bytesOut: 0, retries: 0, pauses: 0 }])
    publisher.publish({ type: 'found', image: image('1') })
    await publisher.flush()
    publisher.publish({ type: 'expanded', images: 1 })
    await publisher.flush()
    await store.end(id, ['running'], 'complete')
    const seen = await Array.fromAsync(store.events(id, undefined, AbortSignal.timeout(5_000)))
    expect(seen.map(({ event }) => event.type)).toEqual(['found', 'expanded'])
    expect((await Array.fromAsync(store.events(id, seen[0]!.cursor, AbortSignal.timeout(5_000)))).map(({ event }) => event.type)).toEqual(['expanded'])
    expect(await store.uses(id)).toMatchObject([{ side: 'source', registry: 'src', requests: 3 }])
  })

  test('watchers hold about a megabyte at a time, however much there is, and miss nothing', async () => {
    const { record: { id } } = await store.submit(spec, options)
    await using publisher = new EventPublisher(world.redis, keyPrefix(id), () => [])
    const message = 'x'.repeat(1_000)
    for (let i = 0; i < 20_000; i++) publisher.publish({ type: 'warning', message: `${i} ${message}` })
    await publisher.flush()
    const first = await readEvents(world.redis, keyPrefix(id), '0-0', 100)
    expect(JSON.stringify(first).length).toBeLessThan(2.5 * 1024 * 1024)
    await store.end(id, ['running'], 'complete')
    const seen = await Array.fromAsync(store.events(id, undefined, AbortSignal.timeout(20_000)))
    expect(seen.map(({ event }) => event.type === 'warning' && event.message.split(' ')[0])).toEqual(Array.from({ length: 20_000 }, (_, i) => `${i}`))
  })

  test('what is published after the end does not outlive the record, and after that leaves nothing', async () => {
    const { record: { id } } = await store.submit(spec, options)
    await store.end(id, ['running'], 'complete')
    const publisher = new EventPublisher(world.redis, keyPrefix(id), () => [])
    publisher.publish({ type: 'expanded', images: 1 })
    await publisher.flush()
    expect(await world.redis.pttl(`${keyPrefix(id)}events`)).toBeGreaterThan(0)
    await store.erase(id)
    publisher.publish({ type: 'expanded', images: 1 })
    await publisher.flush()
    expect(await world.redis.keys('*')).toEqual([])
  })

  test('one leads; another may when it has left', async () => {
    const { record: { id } } = await store.submit(spec, options)
    const first = (await takeLead(world.redis, keyPrefix(id), `${keyPrefix(id)}meta`, 'a', id))!
    expect(await takeLead(world.redis, keyPrefix(id), `${keyPrefix(id)}meta`, 'b', id)).toBeUndefined()
    expect((await store.status(id))?.led).toBe(true)
    await first[Symbol.asyncDispose]()
    await using second = await takeLead(world.redis, keyPrefix(id), `${keyPrefix(id)}meta`, 'b', id)
    expect(second?.signal.aborted).toBe(false)
  })
})
