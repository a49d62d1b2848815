// Registries that want to be left alone, and tokens that die young: what is told to one worker holds for all, and costs no blob.
import type { Digest } from '@longshore/oci'
import { assertIntact, type Corpus, type EmbeddedRegistry, image, type Prober, type Probing, seed, startEmbeddedRegistry, startProber } from '@longshore/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
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
  await using destination = await startEmbeddedRegistry({ requireManifestReferences: false })
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
  expect(between(4_900, Infinity)).toBeGreaterThan(100)
  // Those of the other host were all there before anything came from this one again.
  expect(calmEndedAt - at).toBeLessThan(4_900)
  expect((await prober.stop()).violations).toEqual([])
  await assertAll(destination, all)
}, 180_000)

describe('tokens that die after three seconds', () => {
  const mib = 1024 * kib
  const bytesPerSecond = mib / 2
  const [honest, lying] = [3_000, 300_000]
  const large = ({ content }: Corpus[number]) => [...content.blobs.values()].find(({ size }) => size > mib)?.digest ?? ''
  const auth = (toldTtlMs: number) => ({ kind: 'bearer', tokenTtlMs: 3_000, toldTtlMs } as const)
  const uploads = ['upload-monolithic', 'upload-patch', 'upload-put'] as const
  /** Its tokens die as the others' do: it fetches one every second. */
  async function probe(destination: EmbeddedRegistry, corpus: Corpus): Promise<Prober> {
    const scopes = repositoriesOf(corpus).map((repository) => `scope=repository:${repository}:pull`).join('&')
    let token = ''
    const renew = async (): Promise<void> => { token = ((await (await fetch(`${destination.url}/token?${scopes}`)).json()) as { readonly token: string }).token }
    await renew()
    const timer = setInterval(() => { renew().catch(() => { /* it is over */ }) }, 1_000)
    const prober = startProber(destination.url, repositoriesOf(corpus), { pauseMs: 50, authorization: () => `Bearer ${token}` })
    const stop = async (): Promise<Probing> => {
      clearInterval(timer)
      return await prober.stop()
    }
    return { stop, async [Symbol.asyncDispose]() { await stop() } }
  }

  /** Each has a layer that is on its way for six seconds. */
  async function begin(name: string, toldTtlMs: number) {
    const corpus: Corpus = [0, 1, 2, 3, 4, 5].map((i) => ({ repository: `${name}/app${i}`, tag: 'v1', content: image({ seed: `${name} ${i}`, layers: [3 * mib + i, 20 * kib] }) }))
    const source = await startEmbeddedRegistry({ auth: auth(toldTtlMs) })
    for (const { repository, tag, content } of corpus) {
      for (const blob of content.blobs.values()) source.putBlob(repository, blob.chunks())
      source.putManifest(repository, content.root.bytes, content.root.mediaType, tag)
    }
    return { corpus, source }
  }

  /** Nothing that had arrived, at either side, was asked for again. Cut in mid-blob, or refused, a request loses what was in the pipes. */
  function expectNoRestart(corpus: Corpus, source: EmbeddedRegistry, destination: EmbeddedRegistry): void {
    const pipes = 512 * kib
    for (const entry of corpus) {
      const { repository, content } = entry
      const sizeOf = content.blobs.get(large(entry) as Digest)?.size ?? 0
      const read = source.requests.filter(({ kind, path }) => kind === 'blob-get' && path.includes(large(entry))).reduce((sum, { bytesOut }) => sum + bytesOut, 0)
      const sent = destination.requests.filter((request) => request.repository === repository && uploads.some((kind) => kind === request.kind)).reduce((sum, { bytesIn }) => sum + bytesIn, 0)
      const others = [...content.blobs.values()].reduce((sum, { size }) => sum + size, -sizeOf)
      expect({ repository, read, again: read - sizeOf < pipes }).toMatchObject({ again: true })
      expect({ repository, sent }).toEqual({ repository, sent: sizeOf + others })
      expect(destination.tag(repository, 'v1')).toBe(content.root.digest)
    }
  }
  /** Requests about this image's large layer that came with a token that had died. */
  const refused = ({ requests }: EmbeddedRegistry, { repository }: Corpus[number], ...kinds: readonly string[]): number =>
    requests.filter((request) => request.repository === repository && request.status === 401 && kinds.includes(request.kind)).length

  test.each([['and say so', honest], ['and say something else', lying]])('%s: a blob that is cut when they are dead goes on where it was, at both sides', async (_, toldTtlMs) => {
    const { corpus, source } = await begin(toldTtlMs === honest ? 'honest' : 'lying', toldTtlMs)
    await using _source = source
    await using destination = await startEmbeddedRegistry({ auth: auth(toldTtlMs), requireManifestReferences: false })
    await using prober = await probe(destination, corpus)
    const cutAt = 3.5 * bytesPerSecond
    for (const [i, entry] of corpus.entries()) {
      const match = { kind: 'blob-get', repository: entry.repository, path: new RegExp(large(entry)) } as const
      // Half of them are cut at the source, half at the destination.
      if (i % 2 === 0) source.fail({ match, how: { kind: 'slow-drip', bytesPerSecond, dropAfter: cutAt } })
      else destination.fail({ match: { kind: 'upload-put', path: match.path }, how: { kind: 'drop-after', bytes: cutAt } })
      source.fail({ match, times: Infinity, how: { kind: 'slow-drip', bytesPerSecond } })
    }
    const id = await stand.submit(listOf(corpus), source.host, destination.host)
    expect((await stand.ended(id)).counts).toMatchObject({ copied: 6, failed: 0 })
    const { violations, walks } = await prober.stop()
    expect([violations, walks >= corpus.length]).toEqual([[], true])
    expectNoRestart(corpus, source, destination)
    for (const [i, entry] of corpus.entries()) {
      const gets = source.requests.filter(({ kind, path, status }) => kind === 'blob-get' && path.includes(large(entry)) && status !== 401).map(({ status }) => status)
      expect({ i, gets }).toEqual({ i, gets: [200, 206] })
      if (toldTtlMs === honest) continue
      // They did die, in mid-blob.
      expect({ i, at: 'source', refused: refused(source, entry, 'blob-get') }).toEqual({ i, at: 'source', refused: 1 })
      if (i % 2 === 1) expect({ i, at: 'destination', refused: refused(destination, entry, 'blob-head', 'upload-status') }).toEqual({ i, at: 'destination', refused: 1 })
    }
  }, 180_000)

  test('and say something else: of a blob in parts only the part that came too late is sent again', async () => {
    const { corpus, source } = await begin('parts', lying)
    await using _source = source
    await using destination = await startEmbeddedRegistry({ auth: auth(lying), maxBody: 1.25 * mib, requireManifestReferences: false })
    await using prober = await probe(destination, corpus)
    for (const entry of corpus) source.fail({ match: { kind: 'blob-get', repository: entry.repository, path: new RegExp(large(entry)) }, times: Infinity, how: { kind: 'slow-drip', bytesPerSecond } })
    const id = await stand.submit(listOf(corpus), source.host, destination.host)
    expect((await stand.ended(id)).counts).toMatchObject({ copied: 6, failed: 0 })
    const { violations, walks } = await prober.stop()
    expect([violations, walks >= corpus.length]).toEqual([[], true])
    expectNoRestart(corpus, source, destination)
    for (const entry of corpus) expect(refused(destination, entry, 'upload-patch', 'upload-put')).toBeGreaterThanOrEqual(1)
  }, 180_000)
})
