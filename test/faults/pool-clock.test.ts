// Clocks that are minutes apart: who holds what, and who is dead, is told by Redis' clock alone. A worker's own is patched before anything of it runs.
import { setTimeout as delay } from 'node:timers/promises'
import { assertIntact, type Corpus, image, seed, startEmbeddedRegistry, startProber } from '@longshore/testing'
import { expect, test } from 'vitest'
import { listOf, startStand, until } from './pool.fixture.ts'

/** `Date` is off by so much, for all that the process does with it. */
function skewed(minutes: number): Readonly<Record<string, string>> {
  const code = `const Real = Date; globalThis.Date = class Date extends Real {
    constructor(...args) { if (args.length === 0) super(Real.now() + ${minutes * 60_000}); else super(...args) }
    static now() { return Real.now() + ${minutes * 60_000} }
  }`
  return { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(code)}` }
}

test('workers whose clocks are ten minutes apart: no lease is lost for it, and one that dies is found out as soon as ever', async () => {
  const minutes = [-10, 0, 10]
  await using stand = await startStand({ workers: 3, envOf: (i) => skewed(minutes[i] ?? 0) })
  // They do think so.
  for (const [i, worker] of stand.workers.entries()) {
    const { time } = await worker.logged('worker ready')
    expect(Math.abs((Date.parse(String(time)) - Date.now()) / 60_000 - (minutes[i] ?? 0))).toBeLessThan(4)
  }
  const corpus: Corpus = Array.from({ length: 30 }, (_, i) => ({ repository: `team/app${i}`, tag: 'v1', content: image({ seed: `clock ${i}`, layers: [60_000 + i, 9_000 + i] }) }))
  await using source = await startEmbeddedRegistry()
  await using destination = await startEmbeddedRegistry({ requireManifestReferences: false })
  await seed(source.url, corpus)
  source.clearRequests()
  await using prober = startProber(destination.url, corpus.map(({ repository }) => repository), { pauseMs: 50 })
  // Each layer takes longer than a worker is believed to live without a word (six seconds).
  source.onRequest(async ({ kind, repository }) => { if (kind === 'blob-get' && held.has(repository ?? '')) await delay(7_500) })
  const held = new Set(['team/app0', 'team/app11', 'team/app22'])
  // Of what one migration has on its way the other's workers may not think that its time is over.
  const ids = await Promise.all(['', '/again'].map((prefix) => stand.submit(listOf(corpus), source.host, `${destination.host}${prefix}`)))
  await until('all others to be there', async () => (await Promise.all(ids.map((id) => stand.store.status(id)))).every((status) => status?.counts.copied === 27))
  const reclaims = (): number => [...stand.workers, stand.coordinator].flatMap(({ log }) => log.filter(({ msg }) => msg === 'leases taken from a worker that died')).length
  for (const id of ids) expect((await stand.ended(id)).counts).toMatchObject({ copied: 30, failed: 0 })
  expect(reclaims()).toBe(0)
  // Nobody else took a blob that was in hand.
  for (const { repository, content } of corpus) for (const { digest } of content.blobs.values()) expect({ repository, reads: source.requests.filter(({ kind, path }) => kind === 'blob-get' && path.includes(digest)).length }).toEqual({ repository, reads: 1 })
  expect((await prober.stop()).violations).toEqual([])
  for (const { repository, content } of corpus) await assertIntact(destination.url, repository, 'v1', { expectDigest: content.root.digest, deep: true })
  // Whoever's clock is behind is not thought alive for longer, nor is one ahead thought dead, by the others.
  expect(await stand.client.zcard('longshore:workers')).toBe(4)
  const [behind] = stand.workers
  behind?.kill('SIGKILL')
  await until('the dead one to be found out', async () => await stand.client.zcard('longshore:workers') === 3, 20_000)
}, 180_000)
