// P7 over many workers: one image that cannot be moved fails alone. And what an operator does takes hold at once: pause, resume, cancel, retry.
import { setTimeout as delay } from 'node:timers/promises'
import type { Digest } from '@longshore/oci'
import { assertIntact, type Corpus, type EmbeddedRegistry, image, type RequestKind, startEmbeddedRegistry, startProber } from '@longshore/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { listOf, type Stand, startStand, until } from './pool.fixture.ts'

let stand: Stand
beforeAll(async () => { stand = await startStand({ workers: 2 }) })
afterAll(async () => { await stand[Symbol.asyncDispose]() })

const make = (name: string, count: number, perRepository: number, ...sizes: readonly number[]): Corpus =>
  Array.from({ length: count }, (_, i) => ({ repository: `${name}/app${Math.floor(i / perRepository)}`, tag: `v${i}`, content: image({ seed: `${name} ${i}`, layers: sizes }) }))
const repositoriesOf = (corpus: Corpus): readonly string[] => [...new Set(corpus.map(({ repository }) => repository))]
const steer = async (id: string, action: string): Promise<unknown> => {
  const answer = await stand.ask(`/migrations/${id}/${action}`, { method: 'POST' })
  const body = await answer.json() as { readonly state?: unknown }
  return answer.status === 200 ? body.state : answer.status
}

/** Puts content in without HTTP: a thousand images in a moment. */
function plant(registry: EmbeddedRegistry, corpus: Corpus): void {
  for (const { repository, tag, content } of corpus) {
    for (const blob of content.blobs.values()) registry.putBlob(repository, blob.chunks())
    for (const manifest of content.manifests) registry.putManifest(repository, manifest.bytes, manifest.mediaType, manifest === content.root ? tag : undefined)
  }
}

test('of a thousand images the poisoned fail alone: at once for good, or after so many attempts; the report and the list of failures say so', async () => {
  const corpus = make('many', 1_000, 50, 300)
  await using source = await startEmbeddedRegistry()
  await using destination = await startEmbeddedRegistry({ requireManifestReferences: false })
  plant(source, corpus)
  await using prober = startProber(destination.url, repositoriesOf(corpus), { pauseMs: 300 })
  const layerOf = (i: number): Digest => {
    const [digest] = [...corpus[i]?.content.blobs.values() ?? []].flatMap(({ size, digest }) => (size === 300 ? digest : []))
    if (!digest) throw new Error(`image ${i} has no layer`)
    return digest
  }
  // A tag and a blob that are gone for good, and a trouble that does not pass.
  source.deleteTag('many/app8', 'v400')
  const [gone, troubled] = [layerOf(123), layerOf(777)]
  source.deleteBlob('many/app2', gone)
  source.fail({ match: { kind: 'blob-get', path: new RegExp(troubled) }, times: 1_000, how: { kind: 'status', status: 500 } })
  const id = await stand.submit(listOf(corpus), source.host, destination.host)
  const { state, counts } = await stand.ended(id)
  expect({ state, counts }).toMatchObject({ state: 'complete', counts: { found: 1_000, copied: 997, present: 0, failed: 3 } })
  const report = await (await stand.ask(`/migrations/${id}/report`)).json() as { readonly images: ReadonlyArray<{ readonly outcome: string; readonly source: string; readonly error?: { readonly code: string } }> }
  expect(report.images).toHaveLength(1_000)
  const failed = report.images.filter(({ outcome }) => outcome === 'failed')
  expect(failed.map(({ source: from }) => from.slice(from.indexOf('/') + 1)).toSorted()).toEqual(['many/app15:v777', 'many/app2:v123', 'many/app8:v400'])
  const list = await (await stand.ask(`/migrations/${id}/failed`)).text()
  expect(list.split('\n').filter((line) => line !== '' && !line.startsWith('#')).map((line) => line.replace(source.host, 'S').replace(destination.host, 'D')).toSorted()).toEqual([
    expect.stringContaining('many/app15:v777'), expect.stringContaining('many/app2:v123'), expect.stringContaining('many/app8:v400'),
  ])
  // The tag was asked for once; the blob once more at the end, as another repository might have had it by then; the last so often as the client tries, in each of two passes.
  expect(source.count({ kind: ['manifest-get', 'manifest-head'], path: /app8\/manifests\/v400$/ })).toBe(1)
  expect(source.requests.filter(({ path }) => path.includes(gone))).toHaveLength(2)
  expect(source.requests.filter(({ path }) => path.includes(troubled))).toHaveLength(10)
  expect(destination.tag('many/app2', 'v123')).toBeUndefined()
  expect(destination.tag('many/app15', 'v777')).toBeUndefined()
  expect((await prober.stop()).violations).toEqual([])
  for (const [i, { repository, tag = '', content }] of corpus.entries()) if (![123, 400, 777].includes(i)) expect(destination.tag(repository, tag)).toBe(content.root.digest)
  for (const { repository, tag = '', content } of corpus.filter((_, i) => i % 97 === 0)) await assertIntact(destination.url, repository, tag, { expectDigest: content.root.digest, deep: true })

  // What troubled it has passed: retry moves that one, and asks for nothing else.
  source.clearFaults()
  destination.clearRequests()
  expect(await steer(id, 'retry')).toBe('running')
  await until('the second try', async () => (await stand.store.status(id))?.state === 'complete')
  expect((await stand.ended(id)).counts).toMatchObject({ copied: 998, failed: 2 })
  expect(destination.count({ kind: 'manifest-put' })).toBe(1)
  expect(destination.tag('many/app15', 'v777')).toBe(corpus[777]?.content.root.digest)
}, 180_000)

const writes: readonly RequestKind[] = ['upload-start', 'upload-monolithic', 'upload-put', 'upload-patch', 'mount', 'manifest-put']

test('paused, nothing moves; resumed, it goes on at once', async () => {
  const corpus = make('paused', 150, 10, 20_000, 30_000)
  await using source = await startEmbeddedRegistry()
  await using destination = await startEmbeddedRegistry({ requireManifestReferences: false })
  plant(source, corpus)
  await using prober = startProber(destination.url, repositoriesOf(corpus), { pauseMs: 100 })
  // Slow enough to be in the midst of it.
  source.onRequest(async ({ kind }) => { if (kind === 'blob-get') await delay(200) })
  const id = await stand.submit(listOf(corpus), source.host, destination.host)
  await until('some images', async () => ((await stand.store.status(id))?.counts.copied ?? 0) > 5)
  expect(await steer(id, 'pause')).toBe('paused')
  // What was in hand may arrive.
  await until('the end of what was in hand', async () => (await stand.store.status(id))?.nodes?.leased === 0, 20_000)
  await delay(100)
  const at = destination.count({ kind: writes })
  const { copied } = (await stand.store.status(id))?.counts ?? { copied: 0 }
  expect(copied).toBeLessThan(corpus.length)
  await delay(3_000)
  expect(destination.count({ kind: writes })).toBe(at)
  expect(await steer(id, 'pause')).toBe('paused')
  expect(await steer(id, 'retry')).toBe('paused')
  expect(await steer(id, 'resume')).toBe('running')
  const resumed = performance.now()
  await until('work after the resume', () => destination.count({ kind: writes }) > at)
  // Not when a sweep finds by chance what no queue knows of.
  expect(performance.now() - resumed).toBeLessThan(5_000)
  expect((await stand.ended(id, 25_000)).counts).toMatchObject({ copied: 150, failed: 0 })
  expect((await prober.stop()).violations).toEqual([])
  for (const { repository, tag = '', content } of corpus) expect(destination.tag(repository, tag)).toBe(content.root.digest)
  for (const { repository, tag = '', content } of corpus.slice(0, 20)) await assertIntact(destination.url, repository, tag, { expectDigest: content.root.digest, deep: true })
}, 180_000)

test('cancelled, it ends at once, what was on its way is dropped, and no reader sees anything of it; submitted again, it goes on', async () => {
  const corpus = make('cancelled', 60, 10, 200_000, 3_000)
  await using source = await startEmbeddedRegistry()
  await using destination = await startEmbeddedRegistry({ requireManifestReferences: false })
  plant(source, corpus)
  await using prober = startProber(destination.url, repositoriesOf(corpus), { pauseMs: 50 })
  source.fail({ match: { kind: 'blob-get' }, times: 1_000, how: { kind: 'slow-drip', bytesPerSecond: 100_000 } })
  const id = await stand.submit(listOf(corpus), source.host, destination.host)
  await until('uploads under way', () => destination.count({ kind: writes }) > 20)
  expect(await steer(id, 'cancel')).toBe('cancelled')
  const cancelled = performance.now()
  await until('nothing of it to be in hand', async () => (await stand.store.workers()).every(({ transfers }) => transfers.every(({ migration }) => migration !== id)), 20_000)
  expect(performance.now() - cancelled).toBeLessThan(10_000)
  await delay(200)
  const at = destination.count({ kind: writes })
  await delay(2_000)
  expect(destination.count({ kind: writes })).toBe(at)
  const { state, counts } = await stand.ended(id)
  expect(state).toBe('cancelled')
  expect(counts.copied).toBeLessThan(corpus.length)
  for (const action of ['pause', 'resume', 'retry']) expect(await steer(id, action)).toBe(409)
  expect(await steer(id, 'cancel')).toBe('cancelled')
  // Only its record stays.
  await until('the graph to be gone', async () => (await stand.client.keys(`longshore:{${id}}:*`)).every((key) => /:(?:meta|counts|results|unlisted|dropped|uses|events)$/.test(key)), 20_000)

  source.clearFaults()
  const again = await stand.submit(listOf(corpus), source.host, destination.host)
  expect(again).not.toBe(id)
  expect((await stand.ended(again)).counts).toMatchObject({ copied: 60 - counts.copied, present: counts.copied, failed: 0 })
  expect((await prober.stop()).violations).toEqual([])
  for (const { repository, tag = '', content } of corpus) await assertIntact(destination.url, repository, tag, { expectDigest: content.root.digest, deep: true })
}, 180_000)
