// Two migrations at once that write to the same repositories: each ends right, and no content is sent for both.
import { assertIntact, type Corpus, type EmbeddedRegistry, image, layer, seed, startEmbeddedRegistry, startProber } from '@longshore/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { listOf, type Stand, startStand } from './pool.fixture.ts'

const mib = 1024 * 1024
let stand: Stand
beforeAll(async () => { stand = await startStand({ workers: 3 }) })
afterAll(async () => { await stand[Symbol.asyncDispose]() })

const blobsOf = (corpus: Corpus) => new Map(corpus.flatMap(({ content }) => [...content.blobs.values()].map(({ digest, size }) => [digest, size] as const)))
const bytesOf = (corpus: Corpus): number => [...blobsOf(corpus).values()].reduce((sum, size) => sum + size, 0)
/** By blob: how often it was sent to its end. */
function commits({ requests }: EmbeddedRegistry): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const { kind, status, path } of requests) {
    if (status !== 201 || (kind !== 'upload-put' && kind !== 'upload-monolithic')) continue
    const digest = decodeURIComponent(/digest=([^&]+)/.exec(path)?.[1] ?? '')
    counts.set(digest, (counts.get(digest) ?? 0) + 1)
  }
  return counts
}

test.each([
  ['from one source', false],
  ['from two', true],
])('%s: both right, and each blob is sent once', async (_, hasTwo) => {
  // Layers that all share, layers of a repository, and each image's own: small ones that go in one request, and large ones.
  const base = [layer({ seed: 'base 0', size: 3 * mib }), layer({ seed: 'base 1', size: 40_000 })]
  const make = (name: string, tag: string): Corpus => Array.from({ length: 40 }, (_, i) => ({
    repository: `team/app${i % 8}`, tag: `${tag}${i}`, content: image({ seed: `${name} ${i}`, layers: [...base, layer({ seed: `middle ${i % 8}`, size: 400_000 + i % 8 }), 10_000 + i] }),
  }))
  const [first, second] = [make('first', 'a'), make('second', 'b')]
  await using source = await startEmbeddedRegistry()
  await using other = await startEmbeddedRegistry()
  await using destination = await startEmbeddedRegistry({ requireManifestReferences: false })
  const from = hasTwo ? other : source
  await Promise.all([seed(source.url, first), seed(from.url, second)])
  source.clearRequests()
  other.clearRequests()
  await using prober = startProber(destination.url, [...new Set(first.map(({ repository }) => repository))], { pauseMs: 50 })
  const ids = await Promise.all([stand.submit(listOf(first), source.host, destination.host), stand.submit(listOf(second), from.host, destination.host)])
  const ended = await Promise.all(ids.map((id) => stand.ended(id)))
  for (const { state, counts } of ended) expect({ state, counts }).toMatchObject({ state: 'complete', counts: { found: 40, copied: 40, failed: 0 } })
  const all = [...first, ...second]
  const sent = commits(destination)
  expect([...sent].filter(([, times]) => times !== 1)).toEqual([])
  expect(sent.size).toBe(blobsOf(all).size)
  expect(destination.requests.filter(({ kind }) => kind.startsWith('upload-')).reduce((sum, { bytesIn }) => sum + bytesIn, 0)).toBe(bytesOf(all))
  // Nor is anything read twice.
  expect([source, other].flatMap(({ requests }) => requests).filter(({ kind }) => kind === 'blob-get').reduce((sum, { bytesOut }) => sum + bytesOut, 0)).toBe(bytesOf(all))
  expect(ended.reduce((sum, { counts: { blobs } }) => sum + blobs.pushedBytes, 0)).toBe(bytesOf(all))
  expect((await prober.stop()).violations).toEqual([])
  for (const { repository, tag = '', content } of all) await assertIntact(destination.url, repository, tag, { expectDigest: content.root.digest, deep: true })
}, 180_000)
