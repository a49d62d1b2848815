// What a source may do to us: cut connections, stand still, lie.
import { assertIntact, type Corpus, type EmbeddedRegistry, image, Random, seed, startEmbeddedRegistry, startProber } from '@longshore/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { listOf, type Stand, startStand, until } from './pool.fixture.ts'

const [kib, mib] = [1024, 1024 * 1024]
const stallSeconds = 2
let stand: Stand
beforeAll(async () => { stand = await startStand({ workers: 2, env: { LONGSHORE_STALL_SECONDS: String(stallSeconds) } }) })
afterAll(async () => { await stand[Symbol.asyncDispose]() })

const make = (name: string, count: number, ...sizes: readonly number[]): Corpus => Array.from({ length: count }, (_, i) => ({ repository: `${name}/app${i}`, tag: 'v1', content: image({ seed: `${name} ${i}`, layers: sizes }) }))
const repositoriesOf = (corpus: Corpus): readonly string[] => corpus.map(({ repository }) => repository)
const blobsOf = (corpus: Corpus) => corpus.flatMap(({ content }) => [...content.blobs.values()])
const bytesOf = (corpus: Corpus): number => blobsOf(corpus).reduce((sum, { size }) => sum + size, 0)
const bytesRead = ({ requests }: EmbeddedRegistry): number => requests.filter(({ kind }) => kind === 'blob-get').reduce((sum, { bytesOut }) => sum + bytesOut, 0)
const bytesTaken = ({ requests }: EmbeddedRegistry): number => requests.filter(({ kind }) => kind.startsWith('upload-')).reduce((sum, { bytesIn }) => sum + bytesIn, 0)
async function assertAll(destination: EmbeddedRegistry, corpus: Corpus): Promise<void> {
  for (const { repository, content } of corpus) await assertIntact(destination.url, repository, 'v1', { expectDigest: content.root.digest, deep: true })
}

test('cut at random offsets: each blob goes on where it was, at both sides', async () => {
  const corpus = make('cut', 8, 3 * mib)
  await using source = await startEmbeddedRegistry()
  await using destination = await startEmbeddedRegistry({ requireManifestReferences: false })
  await seed(source.url, corpus)
  source.clearRequests()
  await using prober = startProber(destination.url, repositoriesOf(corpus), { pauseMs: 20 })
  const random = new Random('cuts of the source')
  // The first answers all go wrong, and some of those that go on.
  const cuts = 20
  for (let i = 0; i < cuts; i++) source.fail({ match: { kind: 'blob-get', path: new RegExp(largest(corpus, i % 8)) }, how: { kind: 'drop-after', bytes: 50 * kib + random.below(700 * kib) } })
  const id = await stand.submit(listOf(corpus), source.host, destination.host)
  expect((await stand.ended(id)).counts).toMatchObject({ copied: 8, failed: 0 })
  expect(source.count({ kind: 'blob-get', status: 206 })).toBe(cuts)
  // What had left the source when it cut, and had not come here.
  expect(bytesRead(source) - bytesOf(corpus)).toBeLessThan(cuts * 300 * kib)
  expect(bytesTaken(destination)).toBe(bytesOf(corpus))
  expect((await prober.stop()).violations).toEqual([])
  await assertAll(destination, corpus)
}, 180_000)

test('standing still: given up when nothing moves, however long all of it takes', async () => {
  const corpus = make('still', 3, 2 * mib)
  await using source = await startEmbeddedRegistry()
  await using destination = await startEmbeddedRegistry({ requireManifestReferences: false })
  await seed(source.url, corpus)
  source.clearRequests()
  await using prober = startProber(destination.url, repositoriesOf(corpus), { pauseMs: 50 })
  const [slow, still] = [largest(corpus, 0), largest(corpus, 1)]
  // Six seconds, of which none is without bytes; and an answer that never goes on behind its head.
  source.fail({ match: { kind: 'blob-get', path: new RegExp(slow) }, how: { kind: 'slow-drip', bytesPerSecond: 2 * mib / (3 * stallSeconds) } })
  source.fail({ match: { kind: 'blob-get', path: new RegExp(still) }, how: { kind: 'stall' } })
  const began = performance.now()
  const id = await stand.submit(listOf(corpus), source.host, destination.host)
  expect((await stand.ended(id)).counts).toMatchObject({ copied: 3, failed: 0 })
  expect(performance.now() - began).toBeGreaterThan(3 * stallSeconds * 1000 * 0.9)
  const asked = (digest: string): number => source.requests.filter(({ kind, path }) => kind === 'blob-get' && path.includes(digest)).length
  expect({ slow: asked(slow), still: asked(still), third: asked(largest(corpus, 2)) }).toEqual({ slow: 1, still: 2, third: 1 })
  expect((await stand.store.uses(id)).find(({ side }) => side === 'source')?.retries).toBe(1)
  expect((await prober.stop()).violations).toEqual([])
  await assertAll(destination, corpus)
}, 180_000)

test('a byte that is wrong: read once more, then named as corrupt, never committed; mended and tried again, it arrives', async () => {
  const corpus = make('lie', 10, 400 * kib, 30 * kib)
  await using source = await startEmbeddedRegistry()
  await using destination = await startEmbeddedRegistry({ requireManifestReferences: false })
  await seed(source.url, corpus)
  await using prober = startProber(destination.url, repositoriesOf(corpus), { pauseMs: 20 })
  // On the way, once; and at rest.
  const [onTheWay, atRest] = [largest(corpus, 2), largest(corpus, 6)]
  source.fail({ match: { kind: 'blob-get', path: new RegExp(onTheWay) }, how: { kind: 'wrong-digest' } })
  source.corruptBlob(atRest)
  const id = await stand.submit(listOf(corpus), source.host, destination.host)
  const { state, counts } = await stand.ended(id)
  expect({ state, counts }).toMatchObject({ state: 'complete', counts: { copied: 9, failed: 1 } })
  const failures = (await (await stand.ask(`/migrations/${id}/images?state=failed`)).json() as { images: ReadonlyArray<{ id: string; code: string; hint: string }> }).images
  expect(failures.map(({ id, code }) => `${id.slice(id.indexOf('/') + 1)} ${code}`)).toEqual(['lie/app6:v1 DIGEST_MISMATCH'])
  expect(failures[0]?.hint).toMatch(/corrupt/)
  // Once may be chance; twice is not, and is not asked for again.
  for (const digest of [onTheWay, atRest]) {
    expect(source.requests.filter(({ kind, path }) => kind === 'blob-get' && path.includes(digest))).toHaveLength(2)
    expect(repositoriesOf(corpus).some((repository) => destination.hasBlob(repository, digest))).toBe(digest === onTheWay)
  }
  expect(destination.tag('lie/app6', 'v1')).toBeUndefined()
  const sentBefore = bytesTaken(destination)

  const whole = blobsOf(corpus).find(({ digest }) => digest === atRest)
  source.putBlob('lie/app6', whole?.chunks() ?? [])
  await stand.ask(`/migrations/${id}/retry`, { method: 'POST' })
  await until('the second try', async () => (await stand.store.status(id))?.counts.copied === 10)
  expect((await stand.ended(id)).counts).toMatchObject({ copied: 10, failed: 0 })
  // What had not come before: what is there is not sent again.
  expect(bytesTaken(destination) - sentBefore).toBe(400 * kib)
  expect((await prober.stop()).violations).toEqual([])
  await assertAll(destination, corpus)
}, 180_000)

function largest(corpus: Corpus, at: number): Corpus[number]['content']['root']['digest'] {
  const [blob] = [...corpus[at]?.content.blobs.values() ?? []].toSorted((a, b) => b.size - a.size)
  if (!blob) throw new Error(`no blob in image ${at}`)
  return blob.digest
}
