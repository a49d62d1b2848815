// What one worker takes, and what open images take up in Redis, has bounds: the rest is for others, or waits its turn.
import { artifact, type Corpus, image, layer, seed, startEmbeddedRegistry } from '@longshore/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { assertAll, listOf, type Stand, startStand, until } from './pool.fixture.ts'

const mib = 1024 * 1024
let stand: Stand
beforeAll(async () => { stand = await startStand({ workers: 1 }) })
afterAll(async () => { await stand[Symbol.asyncDispose]() })

test('a worker whose link is full leaves the rest of the queue to others', { timeout: 180_000 }, async () => {
  const corpus: Corpus = Array.from({ length: 48 }, (_, i) => ({ repository: `team/app${i}`, tag: 'v1', content: image({ seed: `link ${i}`, layers: [layer({ seed: `link ${i}`, size: 5 * mib })] }) }))
  await using source = await startEmbeddedRegistry()
  await using destination = await startEmbeddedRegistry()
  await seed(source.url, corpus)
  // A source that lets one large blob go after the other, as a link of some 17 MB/s would.
  const waiting: Array<() => void> = []
  const large = new Set(corpus.flatMap(({ content }) => [...content.blobs.values()].filter(({ size }) => size === 5 * mib).map(({ digest }) => digest as string)))
  let most = 0
  let through = 0
  source.onRequest(async ({ kind, reference = '' }) => {
    if (kind !== 'blob-get' || !large.has(reference)) return
    await new Promise<void>((resolve) => { waiting.push(resolve) })
  })
  const pass = setInterval(() => {
    // The first sixteen were taken before anything could be known.
    if (through > 20) most = Math.max(most, waiting.length)
    const next = waiting.shift()
    if (!next) return
    through++
    next()
  }, 300)
  try {
    const { state, counts } = await stand.ended(await stand.submit(listOf(corpus), source.host, destination.host))
    expect({ state, counts }).toMatchObject({ state: 'complete', counts: { copied: 48, failed: 0 } })
  } finally {
    clearInterval(pass)
  }
  expect(through).toBe(48)
  expect(most).toBeGreaterThan(0)
  // Eighteen where it takes what it can; on a slow machine some more than the eleven that fill this link.
  expect(most).toBeLessThanOrEqual(15)
})

test('manifests that together are more than Redis is to hold go through it a part at a time', { timeout: 180_000 }, async () => {
  // 3.5 MiB each: 256 MiB have room for 70 or so of these.
  const corpus: Corpus = Array.from({ length: 120 }, (_, i) => ({
    repository: `team/large${i % 10}`, tag: `v${i}`,
    content: artifact({ seed: `large ${i}`, artifactType: 'application/vnd.example.large', mediaType: 'application/vnd.example.layer', size: 100, annotations: { filler: 'x'.repeat(3.5 * mib), number: String(i) } }),
  }))
  await using source = await startEmbeddedRegistry()
  await using destination = await startEmbeddedRegistry()
  await seed(source.url, corpus)
  // Redis knows the scripts by then: what is sent with one that it does not know is sent twice.
  const first: Corpus = [{ repository: 'team/first', tag: 'v1', content: image({ seed: 'first', layers: [100] }) }]
  await seed(source.url, first)
  await stand.ended(await stand.submit(listOf(first), source.host, destination.host))
  // Nothing is put for a while, so that all that may be is on its way.
  let open = (): void => {}
  const gate = new Promise<void>((resolve) => { open = resolve })
  destination.onRequest(async ({ kind }) => { if (kind === 'manifest-put') await gate })
  const received = async (): Promise<number> => Number(/total_net_input_bytes:(\d+)/.exec(await stand.client.info('stats'))?.[1])
  const before = await received()
  const id = await stand.submit(listOf(corpus), source.host, destination.host)
  const kept = async (): Promise<number> => Number(await stand.client.hget(`longshore:{${id}}:states`, 'b') ?? 0)
  await until('the room is used', async () => await kept() > 240 * mib)
  let most = 0
  const end = performance.now() + 3_000
  while (performance.now() < end) most = Math.max(most, await kept())
  // Whoever has found no room does not send what it brings again and again: so far each was sent once at the most.
  expect(await received() - before).toBeLessThan(corpus.length * 3.6 * mib)
  open()
  expect(most).toBeLessThanOrEqual(256 * mib)
  const { state, counts } = await stand.ended(id)
  expect({ state, counts }).toMatchObject({ state: 'complete', counts: { copied: 120, failed: 0 } })
  expect(await kept()).toBe(0)
  await assertAll(destination.url, corpus)
})
