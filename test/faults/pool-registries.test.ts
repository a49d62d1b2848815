// Registries that want to be left alone, and tokens that die young: what is told to one worker holds for all, and costs no blob.
import { assertIntact, type Corpus, type EmbeddedRegistry, image, seed, startEmbeddedRegistry, startProber } from '@longshore/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { listOf, type Stand, startStand, until } from './pool.fixture.ts'

const kib = 1024
let stand: Stand
beforeAll(async () => { stand = await startStand({ workers: 3, env: { LONGSHORE_BLOBS: '4' } }) })
afterAll(async () => { await stand[Symbol.asyncDispose]() })

const repositoriesOf = (corpus: Corpus): readonly string[] => [...new Set(corpus.map(({ repository }) => repository))]
async function assertAll(destination: EmbeddedRegistry, corpus: Corpus): Promise<void> {
  for (const { repository, tag, content } of corpus) if (tag !== undefined) await assertIntact(destination.url, repository, tag, { expectDigest: content.root.digest, deep: true })
}

test('429 with Retry-After: every worker leaves that host alone for so long, in all its migrations, and images of other hosts go on', async () => {
  const make = (name: string, count: number): Corpus => Array.from({ length: count }, (_, i) => ({ repository: `${name}/app${i % 4}`, tag: `v${i}`, content: image({ seed: `${name} ${i}`, layers: [20 * kib, 3 * kib] }) }))
  // Far more of the one host than three workers may have in hand (a hundred blobs): what waits for it fills the queues.
  const [angryImages, otherImages, calmImages] = [make('angry', 80), make('other', 80), make('calm', 40)]
  const all = [...angryImages, ...otherImages, ...calmImages]
  await using angry = await startEmbeddedRegistry()
  await using calm = await startEmbeddedRegistry()
  await using destination = await startEmbeddedRegistry()
  await Promise.all([seed(angry.url, [...angryImages, ...otherImages]), seed(calm.url, calmImages)])
  for (const registry of [angry, calm, destination]) registry.clearRequests()
  await using prober = startProber(destination.url, repositoriesOf(all), { pauseMs: 100 })
  // Nothing is read from it until all that is to be told of is known; then one answer, to one client of one worker.
  const isFull = Promise.withResolvers<void>()
  let refused = false
  angry.onRequest(async ({ kind }) => {
    if (kind !== 'blob-get') return
    await isFull.promise
    if (!refused) angry.fail({ match: { kind: 'blob-get' }, how: { kind: 'status', status: 429, headers: { 'retry-after': '5' } } })
    refused = true
  })
  const ids = await Promise.all([angryImages, otherImages].map((images) => stand.submit(listOf(images), angry.host, destination.host)))
  const resolved = async (id: string): Promise<number> => (await stand.store.status(id))?.counts.resolved ?? 0
  await until('all of them to be resolved', async () => await resolved(ids[0] ?? '') === 80 && await resolved(ids[1] ?? '') === 80)
  const calmId = await stand.submit(listOf(calmImages), calm.host, destination.host)
  await until('all of the other host, too', async () => await resolved(calmId) === 40)
  isFull.resolve()
  await until('a refusal', () => angry.count({ status: 429 }) > 0)
  const at = Date.now()
  await stand.ended(calmId)
  const calmEndedAt = Date.now()
  for (const id of [...ids, calmId]) expect((await stand.ended(id)).counts).toMatchObject({ failed: 0 })
  expect(angry.count({ status: 429 })).toBe(1)
  const between = (fromMs: number, toMs: number): number => angry.requests.filter(({ atMs }) => atMs > at + fromMs && atMs <= at + toMs).length
  // What was on its way when the word went round may still arrive.
  expect(between(1_000, 4_900)).toBe(0)
  expect(between(4_900, Infinity)).toBeGreaterThan(200)
  // Those of the other host were all there before anything came from this one again.
  expect(calmEndedAt - at).toBeLessThan(4_900)
  expect((await prober.stop()).violations).toEqual([])
  await assertAll(destination, all)
}, 180_000)

test('tokens that die after three seconds: no blob is begun twice, at either side', async () => {
  const mib = 1024 * kib
  // With one worker's share of the bandwidth each of these takes longer than a token lives.
  const corpus: Corpus = [0, 1, 2, 3, 4, 5].map((i) => ({ repository: `team/app${i}`, tag: 'v1', content: image({ seed: `token ${i}`, layers: [3 * mib + i, 20 * kib] }) }))
  const auth = { kind: 'bearer', tokenTtlMs: 3_000 } as const
  await using source = await startEmbeddedRegistry({ auth })
  await using destination = await startEmbeddedRegistry({ auth })
  for (const { repository, tag, content } of corpus) {
    for (const blob of content.blobs.values()) source.putBlob(repository, blob.chunks())
    source.putManifest(repository, content.root.bytes, content.root.mediaType, tag)
  }
  for (let i = 0; i < corpus.length; i++) source.fail({ match: { kind: 'blob-get', repository: `team/app${i}`, path: new RegExp([...corpus[i]?.content.blobs.values() ?? []].find(({ size }) => size > mib)?.digest ?? '') }, how: { kind: 'slow-drip', bytesPerSecond: mib / 2 } })
  const id = await stand.submit(listOf(corpus), source.host, destination.host)
  expect((await stand.ended(id)).counts).toMatchObject({ copied: 6, failed: 0 })
  const blobs = corpus.flatMap(({ content }) => [...content.blobs.values()])
  const bytes = blobs.reduce((sum, { size }) => sum + size, 0)
  const sum = (registry: EmbeddedRegistry, what: 'bytesIn' | 'bytesOut', kinds: readonly string[]): number => registry.requests.filter(({ kind }) => kinds.includes(kind)).reduce((total, request) => total + request[what], 0)
  for (const { digest } of blobs) expect(source.requests.filter(({ kind, path, status }) => kind === 'blob-get' && path.includes(digest) && status === 200)).toHaveLength(1)
  expect(sum(source, 'bytesOut', ['blob-get'])).toBeLessThan(bytes + 2 * kib)
  expect(sum(destination, 'bytesIn', ['upload-monolithic', 'upload-patch', 'upload-put'])).toBe(bytes)
  // What came with a token that had just died was refused before its body.
  const uses = await stand.store.uses(id)
  expect(uses.reduce((total, { retries }) => total + retries, 0)).toBeLessThan(corpus.length)
  expect((uses.find(({ side }) => side === 'destination')?.bytesOut ?? 0) - bytes).toBeLessThan(mib)
  // They did die: each worker had to ask again and again.
  expect(source.count({ kind: 'token' }) + destination.count({ kind: 'token' })).toBeGreaterThan(2 * corpus.length)
  for (const { repository, content } of corpus) expect(destination.tag(repository, 'v1')).toBe(content.root.digest)
}, 180_000)
