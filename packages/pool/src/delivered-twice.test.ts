// A job may be delivered twice, to two processes that both live. What the report says is what the migration did.
import { openAccess } from '@longshore/access'
import type { RepositoryName } from '@longshore/oci'
import { startEmbeddedRegistry } from '@longshore/testing'
import { blobKey, type BlobNode, type ImageId, type Lease, NodeRunner, Resolver } from '@longshore/transfer'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { PoolStore } from './pool-store.ts'
import { openRedis } from './redis.fixture.ts'
import { UploadTurns } from './upload-turns.ts'

let world: Awaited<ReturnType<typeof openRedis>>
beforeAll(async () => { world = await openRedis() })
afterAll(() => world[Symbol.asyncDispose]())

const io = { signal: AbortSignal.timeout(20_000) }

test.each([3_000, 3_000_000])('a blob of %i bytes that a worker sent, and another finds there, was pushed', async (bytes) => {
  await using source = await startEmbeddedRegistry()
  await using destination = await startEmbeddedRegistry()
  const desc = { mediaType: 'application/octet-stream', digest: source.putBlob('app', Buffer.alloc(bytes, `delivered ${bytes}`)), size: bytes }
  const repository = 'app' as RepositoryName
  const to = { registry: destination.host, repository }
  const node: BlobNode = { kind: 'blob', key: blobKey(to, desc), ...to, desc, from: [{ registry: source.host, repository }], mayExist: false }
  const store = new PoolStore(world.redis, { recordMs: 60_000 })
  const { record: { id } } = await store.submit({ entries: [] }, { task: { kind: 'migrate' }, srcTlsVerify: false, destTlsVerify: false, keepGoing: true, distrust: false, window: bytes })
  const ledger = store.ledger(id)
  await using access = await openAccess({ source: new Set([source.host]), destination: new Set([destination.host]) }, { srcTlsVerify: false, destTlsVerify: false }, { env: {}, home: '/nonexistent', uid: 0, platform: 'linux' }, () => {})
  const run = async (worker: string, lease: Lease): Promise<void> => {
    await new NodeRunner({
      ledger, transports: access.transports, inFlight: new Set(), resolver: new Resolver(access.transports), onEvent: () => {}, uploads: new UploadTurns(world.redis, worker).of(id),
    }).run(lease, io.signal)
  }
  await ledger.register('image' as ImageId, [node.key], [node])
  const first = (await ledger.claim(node.key, 'a'))!
  // It was not heard of for a while.
  await ledger.reclaim('a')
  const second = (await ledger.claim(node.key, 'b'))!
  await run('a', first)
  await run('b', second)
  expect(destination.hasBlob('app', desc.digest)).toBe(true)
  expect((await ledger.tally()).blobs).toMatchObject({ pushed: 1, pushedBytes: bytes, existed: 0, existedBytes: 0 })
  // Another migration finds it there.
  const { record: { id: other } } = await store.submit({ entries: [] }, { task: { kind: 'migrate' }, srcTlsVerify: false, destTlsVerify: false, keepGoing: true, distrust: true, window: bytes })
  expect((await new UploadTurns(world.redis, 'b').of(other).enter(destination.host, repository, desc, io)).before).toBeUndefined()
})

