// What a destination may do to us: restart in mid-upload, forget an upload, lose a blob that it had.
import type { Digest } from '@longshore/oci'
import { assertIntact, type Corpus, type EmbeddedRegistry, image, seed, startDockerRegistry, startEmbeddedRegistry, startProber } from '@longshore/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { listOf, readingsOf, type Stand, startStand, until } from './pool.fixture.ts'

const mib = 1024 * 1024
let stand: Stand
beforeAll(async () => { stand = await startStand({ workers: 2 }) })
afterAll(async () => { await stand[Symbol.asyncDispose]() })

const bytesOf = (corpus: Corpus): number => corpus.reduce((sum, { content }) => sum + [...content.blobs.values()].reduce((bytes, { size }) => bytes + size, 0), 0)
const uploadKinds = ['upload-monolithic', 'upload-patch', 'upload-put'] as const
const bytesInto = ({ requests }: EmbeddedRegistry): number => requests.filter(({ kind }) => uploadKinds.some((one) => one === kind)).reduce((sum, { bytesIn }) => sum + bytesIn, 0)

test('restarted in mid-upload: what was on its way is sent anew, and nothing else', async () => {
  const small: Corpus = Array.from({ length: 20 }, (_, i) => ({ repository: `restart/small${i}`, tag: 'v1', content: image({ seed: `restart ${i}`, layers: [100_000] }) }))
  const large: Corpus = [0, 1].map((i) => ({ repository: `restart/large${i}`, tag: 'v1', content: image({ seed: `restart large ${i}`, layers: [8 * mib, 3 * mib] }) }))
  const slow = large.flatMap(({ content }) => [...content.blobs.values()].flatMap(({ digest, size }) => (size === 8 * mib ? [digest] : [])))
  await using source = await startEmbeddedRegistry()
  await using destination = await startDockerRegistry()
  await seed(source.url, [...small, ...large])
  source.clearRequests()
  const repositories = [...small, ...large].map(({ repository }) => repository)
  await using before = startProber(destination.url, repositories, { pauseMs: 50 })
  // A layer of each of the large ones is still on its way when all others are there.
  for (const digest of slow) source.fail({ match: { kind: 'blob-get', path: new RegExp(digest) }, how: { kind: 'slow-drip', bytesPerSecond: 2 * mib } })
  const id = await stand.submit(listOf([...small, ...large]), source.host, destination.host)
  await until('all but the slow ones to be there', async () => {
    const { copied, blobs } = (await stand.store.status(id))?.counts ?? {}
    return copied === small.length && blobs?.pushed === 2 * small.length + 2 * 2
  })
  // A reader sees nothing of a registry that is not there.
  expect((await before.stop()).violations).toEqual([])
  await destination.restart()
  await using after = startProber(destination.url, repositories, { pauseMs: 50 })
  expect((await stand.ended(id)).counts).toMatchObject({ copied: 22, failed: 0 })
  const readings = readingsOf(source)
  expect(readings.size).toBe(2 * small.length + 2 * 3)
  expect([...readings].flatMap(([digest, list]) => (list.length > 1 ? [digest] : [])).toSorted()).toEqual(slow.toSorted())
  const uses = await stand.store.uses(id)
  const sent = uses.find(({ side }) => side === 'destination')?.bytesOut ?? 0
  const all = bytesOf([...small, ...large])
  expect(sent).toBeGreaterThanOrEqual(all)
  expect(sent - all).toBeLessThan(2 * 8 * mib)
  expect((await after.stop()).violations).toEqual([])
  for (const { repository, content } of [...small, ...large]) await assertIntact(destination.url, repository, 'v1', { expectDigest: content.root.digest, deep: true })
}, 180_000)

test('an upload that it has forgotten is begun anew; the others know nothing of it', async () => {
  const corpus: Corpus = Array.from({ length: 12 }, (_, i) => ({ repository: `forget/app${i}`, tag: 'v1', content: image({ seed: `forget ${i}`, layers: [2 * mib + i] }) }))
  await using source = await startEmbeddedRegistry()
  await using destination = await startEmbeddedRegistry({ requireManifestReferences: false })
  await seed(source.url, corpus)
  await using prober = startProber(destination.url, corpus.map(({ repository }) => repository), { pauseMs: 20 })
  const [lost] = [...corpus[3]?.content.blobs.values() ?? []].filter(({ size }) => size > mib)
  destination.fail({ match: { kind: 'upload-put', path: new RegExp(lost?.digest ?? '') }, times: 2, how: { kind: 'forget-upload' } })
  const id = await stand.submit(listOf(corpus), source.host, destination.host)
  expect((await stand.ended(id)).counts).toMatchObject({ copied: 12, failed: 0 })
  for (const { repository, content } of corpus) {
    const [layer] = [...content.blobs.values()].filter(({ size }) => size > mib)
    const puts = destination.requests.filter((request) => request.repository === repository && request.kind === 'upload-put' && request.path.includes(layer?.digest ?? '')).length
    expect({ repository, puts }).toEqual({ repository, puts: repository === 'forget/app3' ? 3 : 1 })
  }
  expect((await prober.stop()).violations).toEqual([])
  for (const { repository, content } of corpus) await assertIntact(destination.url, repository, 'v1', { expectDigest: content.root.digest, deep: true })
}, 180_000)

test('a blob that is gone before the manifest comes is sent again, and then the manifest is committed', async () => {
  const shared = image({ seed: 'shared', layers: [300_000] })
  const [layer] = [...shared.blobs.values()].filter(({ size }) => size === 300_000)
  if (!layer) throw new Error('no layer')
  // Nine repositories with a common layer, and each with one of its own.
  const corpus: Corpus = Array.from({ length: 9 }, (_, i) => ({ repository: `gone/app${i}`, tag: 'v1', content: image({ seed: `gone ${i}`, layers: [layer, 50_000 + i] }) }))
  await using source = await startEmbeddedRegistry()
  await using destination = await startEmbeddedRegistry()
  await seed(source.url, corpus)
  await using prober = startProber(destination.url, corpus.map(({ repository }) => repository), { pauseMs: 20 })
  // As a garbage collection that runs at the wrong moment: in one repository its own layer, in three others the common one.
  const victims = new Map<string, Digest>([['gone/app2', [...corpus[2]?.content.blobs.values() ?? []].find(({ size }) => size === 50_002)?.digest ?? layer.digest], ...['gone/app4', 'gone/app5', 'gone/app6'].map((repository) => [repository, layer.digest] as const)])
  const deleted: string[] = []
  destination.onRequest(({ kind, repository = '' }) => {
    const digest = victims.get(repository)
    if (kind !== 'manifest-put' || digest === undefined) return
    victims.delete(repository)
    if (destination.deleteBlob(repository, digest)) deleted.push(repository)
  })
  const id = await stand.submit(listOf(corpus), source.host, destination.host)
  const { counts, state } = await stand.ended(id)
  expect(deleted.toSorted()).toEqual(['gone/app2', 'gone/app4', 'gone/app5', 'gone/app6'])
  expect({ state, counts }).toMatchObject({ state: 'complete', counts: { copied: 9, failed: 0 } })
  // Each of the four was refused once.
  expect(destination.count({ kind: 'manifest-put', status: 400 }) + destination.count({ kind: 'manifest-put', status: 404 })).toBe(4)
  expect(destination.count({ kind: 'manifest-put', status: 201 })).toBe(9)
  // Of content there was sent: everything once, and what was lost and is nowhere else.
  expect(bytesInto(destination)).toBe(bytesOf(corpus) - 8 * layer.size + 50_002)
  expect((await prober.stop()).violations).toEqual([])
  for (const { repository, content } of corpus) await assertIntact(destination.url, repository, 'v1', { expectDigest: content.root.digest, deep: true })
}, 180_000)
