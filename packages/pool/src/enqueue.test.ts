import { setImmediate } from 'node:timers/promises'
import { digestOf, type RepositoryName } from '@longshore/oci'
import { BullQueues, type Work } from '@longshore/queue'
import { blobKey, manifestKey, type NodeKey } from '@longshore/transfer'
import { expect, test, vi } from 'vitest'
import { enqueue } from './enqueue.ts'
import { Outbox } from './outbox.ts'
import { openRedis } from './redis.fixture.ts'

const at = { registry: 'dst.test', repository: 'app' as RepositoryName }
const blob = (name: string, size: number): NodeKey => blobKey(at, { mediaType: 'x', digest: digestOf(Buffer.from(name)), size })

const all = (prefix: string, count: number, size: number): readonly NodeKey[] => Array.from({ length: count }, (_, i) => blob(`${prefix} ${i}`, size))

test('small work shares jobs, where it may', async () => {
  await using world = await openRedis()
  await using queues = new BullQueues(await world.connect(), { onProblem: (message) => { throw new Error(message) } })
  const [tiny, medium, large] = [all('tiny', 20, 10), all('medium', 3, 3 * 1024 * 1024), all('large', 2, 40 * 1024 * 1024)]
  const seen: number[] = []
  await enqueue(queues, 'm', [...tiny, ...medium, ...large], [], { together: true })
  await enqueue(queues, 'n', tiny.slice(0, 3), [])
  queues.process('blobs', async ({ nodes }) => { seen.push(nodes.length) }, { concurrency: 1 })
  // The last four of the tiny ones and two of the others are within the bytes.
  await vi.waitFor(() => { expect(seen).toEqual([1, 1, 16, 6, 1, 1, 1, 1]) }, { timeout: 15_000 })
})

test('what comes while some is being sent goes together, and an error is told to those whose work it was', async () => {
  const sent: Array<readonly NodeKey[]> = []
  const ends: Array<PromiseWithResolvers<void>> = []
  const add = async (work: readonly Work[]): Promise<void> => {
    sent.push(work.flatMap((one) => ('node' in one ? [one.node] : one.nodes)))
    const end = Promise.withResolvers<void>()
    ends.push(end)
    await end.promise
  }
  const outbox = new Outbox({ of: () => ({ images: { add }, blobs: { add }, manifests: { add } }) }, 'm')
  const [a = '', b = '', c = '', d = ''] = all('x', 4, 10) as readonly string[]
  const key = (...names: readonly string[]): readonly NodeKey[] => names as readonly NodeKey[]
  const failing = outbox.add(key(a), false)
  await vi.waitFor(() => { expect(sent).toEqual([[a]]) })
  const together = Promise.all([outbox.add(key(b), false), outbox.add(key(c), false), outbox.add([], false)])
  await setImmediate()
  expect(sent).toEqual([[a]])
  ends[0]?.reject(new Error('boom'))
  await expect(failing).rejects.toThrow('boom')
  await vi.waitFor(() => { expect(sent).toEqual([[a], [b, c]]) })
  ends[1]?.resolve()
  await together
  const last = outbox.add(key(d), true)
  await vi.waitFor(() => { expect(ends).toHaveLength(3) })
  ends[2]?.resolve()
  await last
})

test('large blobs begin before all that waits, each kind in its own queue', async () => {
  await using world = await openRedis()
  await using queues = new BullQueues(await world.connect(), { onProblem: (message) => { throw new Error(message) } })
  const [small, late, large] = [blob('small', 10), blob('late', -1), blob('large', 40 * 1024 * 1024)]
  const manifest = manifestKey(at, digestOf(Buffer.from('manifest')))
  await enqueue(queues, 'm', [small, manifest], [])
  await enqueue(queues, 'm', [late, large], [])
  const seen = { blobs: [] as string[], manifests: [] as string[] }
  for (const kind of ['blobs', 'manifests'] as const) queues.process(kind, async ({ nodes }) => { seen[kind].push(...nodes) }, { concurrency: 1 })
  await vi.waitFor(() => { expect(seen).toEqual({ blobs: [large, small, late], manifests: [manifest] }) }, { timeout: 15_000 })
})
