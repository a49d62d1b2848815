import { digestOf, type RepositoryName } from '@longshore/oci'
import { BullQueues } from '@longshore/queue'
import { blobKey, manifestKey, type NodeKey } from '@longshore/transfer'
import { expect, test, vi } from 'vitest'
import { enqueue } from './enqueue.ts'
import { openRedis } from './redis.fixture.ts'

const at = { registry: 'dst.test', repository: 'app' as RepositoryName }
const blob = (name: string, size: number): NodeKey => blobKey(at, { mediaType: 'x', digest: digestOf(Buffer.from(name)), size })

test('large blobs begin before all that waits, each kind in its own queue', async () => {
  await using world = await openRedis()
  await using queues = new BullQueues(await world.connect(), { onProblem: (message) => { throw new Error(message) } })
  const [small, late, large] = [blob('small', 10), blob('late', -1), blob('large', 40 * 1024 * 1024)]
  const manifest = manifestKey(at, digestOf(Buffer.from('manifest')))
  await enqueue(queues, 'm', [small, manifest], [])
  await enqueue(queues, 'm', [late, large], [])
  const seen = { blobs: [] as string[], manifests: [] as string[] }
  for (const kind of ['blobs', 'manifests'] as const) queues.process(kind, async ({ node }) => { seen[kind].push(node) }, { concurrency: 1 })
  await vi.waitFor(() => { expect(seen).toEqual({ blobs: [large, small, late], manifests: [manifest] }) }, { timeout: 15_000 })
})
