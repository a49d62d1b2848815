// What dead workers leave behind, by the clock of Redis: nobody is waited for.
import { keyPrefix } from '@longshore/ledger'
import { digestOf, type RepositoryName } from '@longshore/oci'
import { BullQueues } from '@longshore/queue'
import { blobKey, type BlobNode, type ImageId, type NodeKey } from '@longshore/transfer'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { enqueue } from './enqueue.ts'
import { keys, lifeMs } from './keys.ts'
import { PoolStore } from './pool-store.ts'
import { openRedis } from './redis.fixture.ts'
import { sweep } from './sweep.ts'

let world: Awaited<ReturnType<typeof openRedis>>
let stack: AsyncDisposableStack
let store: PoolStore
let queues: BullQueues
let migration: string
const reclaimed: string[] = []
beforeAll(async () => { world = await openRedis() })
afterAll(() => world[Symbol.asyncDispose]())
beforeEach(async () => {
  await world.redis.flushall()
  stack = new AsyncDisposableStack()
  store = new PoolStore(world.redis, { recordMs: 60_000 })
  queues = await openQueues()
  migration = (await store.submit({ entries: [] }, { task: { kind: 'migrate' }, srcTlsVerify: false, destTlsVerify: false, keepGoing: true, distrust: false, window: 10 })).record.id
  reclaimed.length = 0
})
afterEach(() => stack.disposeAsync())

const at = { registry: 'dst.test', repository: 'app' as RepositoryName }
function blob(name: string): BlobNode {
  const desc = { mediaType: 'x', digest: digestOf(Buffer.from(name)), size: 10 }
  return { kind: 'blob', key: blobKey(at, desc), ...at, desc, from: [{ ...at, registry: 'src.test' }], mayExist: false }
}
const [a, b] = [blob('a'), blob('b')]

async function openQueues(): Promise<BullQueues> { return stack.use(new BullQueues(await world.connect(), { onProblem: (message) => { throw new Error(message) } })) }
async function add(...nodes: readonly BlobNode[]): Promise<void> { await store.ledger(migration).register('i' as ImageId, nodes.map(({ key }) => key), nodes) }

/** Somebody takes the jobs of these, and does nothing with them, as one does who is dead. */
async function takeJobs(nodes: readonly BlobNode[]): Promise<void> {
  await enqueue(queues, migration, nodes.map(({ key }) => key), [])
  const taken: NodeKey[] = []
  const over = Promise.withResolvers<void>()
  const holder = await openQueues()
  holder.process('blobs', async ({ nodes: given }) => {
    taken.push(...given)
    await over.promise
  }, { concurrency: nodes.length })
  await vi.waitFor(() => { expect(taken).toHaveLength(nodes.length) }, { timeout: 10_000 })
  stack.defer(() => { over.resolve() })
}
async function readySince(agoMs: number, ...nodes: readonly BlobNode[]): Promise<void> {
  for (const { key } of nodes) await world.redis.zadd(`${keyPrefix(migration)}ready`, Date.now() - agoMs, key)
}
async function die(worker: string): Promise<void> { await world.redis.zadd(keys.workers, Date.now() - 1, worker) }
async function sweepNow(steadyMs = lifeMs): Promise<void> {
  await world.redis.del(keys.sweep)
  await sweep({ redis: world.redis, store, queues, self: 'me', steadyMs: () => steadyMs, onReclaim: (worker, of, count) => { reclaimed.push(`${worker} ${of} ${count}`) } })
}
async function waiting(): Promise<readonly string[]> {
  const ids = await world.redis.lrange('{longshore}:blobs:wait', 0, -1)
  const data = await Promise.all(ids.map((id) => world.redis.hget(`{longshore}:blobs:${id}`, 'data')))
  return data.map((text) => (JSON.parse(text ?? '{}') as { readonly node: string }).node).toSorted()
}

test('what a worker held when it died is handed out anew, though BullMQ takes its job for one that somebody has', async () => {
  await add(a, b)
  await takeJobs([a, b])
  const ledger = store.ledger(migration)
  const [late] = [await ledger.claim(a.key, 'dead'), await ledger.claim(b.key, 'living')]
  await die('dead')
  await sweepNow()
  expect(reclaimed).toEqual([`dead ${migration} 1`])
  expect(await waiting()).toEqual([a.key])
  expect(await world.redis.zrange(keys.workers, '0', '-1')).toEqual([])
  expect(await ledger.claim(a.key, 'living')).toMatchObject({ fence: (late?.fence ?? 0) + 1 })
})

test('so is what it had taken from the queue and not come to claim, although it was ready for less than a life', async () => {
  await add(a, b)
  await takeJobs([a])
  // In the moment before its next beat was due.
  await readySince(lifeMs - 1_800, a)
  await enqueue(queues, migration, [a.key], [])
  expect(await waiting()).toEqual([])
  await die('dead')
  await sweepNow()
  expect(reclaimed).toEqual([])
  expect(await waiting()).toEqual([a.key])
  // Once, and not by every sweep from now on.
  await die('another')
  await sweepNow()
  expect(await waiting()).toEqual([a.key])
})

test('nobody is declared dead by one that was out of touch itself', async () => {
  await add(a)
  await takeJobs([a])
  await store.ledger(migration).claim(a.key, 'dead')
  await die('dead')
  await sweepNow(lifeMs - 1)
  expect([reclaimed, await waiting(), await store.ledger(migration).held('dead')]).toEqual([[], [], [a.key]])
  await sweepNow()
  expect([await waiting(), await store.ledger(migration).held('dead')]).toEqual([[a.key], []])
})

test('ready work that no queue knows of is handed out after half a minute, though nobody died', async () => {
  await add(a, b)
  await readySince(29_000, a)
  await readySince(31_000, b)
  await sweepNow()
  expect(await waiting()).toEqual([b.key])
})
