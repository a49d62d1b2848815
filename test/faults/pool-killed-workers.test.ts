// Workers die like flies, and others take their place: nothing is lost, nothing is moved twice but what was on its way.
import { assertIntact, type Corpus, image, layer, measure, Random, seed, startDockerRegistry, startEmbeddedRegistry, startProber } from '@longshore/testing'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { listOf, readingsOf, repositoriesOf, type Service, startStand, until } from './pool.fixture.ts'

const kib = 1024
/** Requests to one registry that a worker has at once. */
const concurrency = 12
const args = ['--concurrency', String(concurrency)]
const killEveryMs = 2_000

const bases = Array.from({ length: 10 }, (_, i) => layer({ seed: `base ${i}`, size: 150 * kib }))
const largest = 150 * kib
const corpus: Corpus = Array.from({ length: 300 }, (_, i) => ({
  repository: `team${i % 6}/app${i % 40}`, tag: `v${i}`, content: image({ seed: `killed ${i}`, layers: [bases[i % bases.length]!, 30 * kib] }),
}))

test('kill -9 of a random worker every 2 s through 300 images, new ones starting', { timeout: 300_000 }, async () => {
  await using stand = await startStand({ workers: 4, workerArgs: args })
  await using source = await startEmbeddedRegistry()
  await using destination = await startDockerRegistry()
  await seed(source.url, corpus)
  source.clearRequests()
  // As slow as a link is: at a kill, blobs have been read in part.
  source.fail({ match: { kind: 'blob-get' }, times: Infinity, how: { kind: 'slow-drip', bytesPerSecond: 150 * kib } })
  await using prober = startProber(destination.url, repositoriesOf(corpus), { pauseMs: 300 })
  const id = await stand.submit(listOf(corpus), source.host, destination.host)
  const random = new Random('victims')
  const living: Service[] = [...stand.workers]
  const killedAt: number[] = []
  const over = new AbortController()
  const arrived = async (): Promise<number> => (await stand.store.ledger(id).tally()).copied
  let before = 0
  const killing = (async () => {
    while (!over.signal.aborted) {
      await delay(killEveryMs, undefined, { signal: over.signal })
      // On a machine that is busy nobody would live for long enough to do anything at all.
      await until('some more of it, and somebody to go on', async () => over.signal.aborted || (living.length > 2 && await arrived() >= before + 10))
      if (over.signal.aborted) return
      before = await arrived()
      const [victim] = living.splice(random.below(living.length), 1)
      victim?.kill('SIGKILL')
      killedAt.push(Date.now())
      const fresh = stand.services.start('worker', { args })
      void fresh.logged('worker ready').then(() => living.push(fresh), () => { /* the test is over */ })
    }
  })().catch(() => { /* it is over */ })
  const { counts, state } = await stand.ended(id, 250_000)
  over.abort()
  await killing
  expect(state).toBe('complete')
  expect(counts).toMatchObject({ found: 300, copied: 300, present: 0, failed: 0 })
  expect(killedAt.length).toBeGreaterThanOrEqual(4)

  const readings = readingsOf(source)
  const { blobs, bytes } = measure(corpus)
  expect(readings.size).toBe(blobs)
  // Whatever was read again was on its way when somebody was killed, and was read again after that.
  const again = [...readings.values()].flatMap((list) => list.slice(0, -1).map((reading, i) => ({ from: reading.atMs, to: list[i + 1]?.atMs ?? 0 })))
  const unexplained = again.filter(({ from, to }) => !killedAt.some((at) => from <= at && at <= to && at - from < 15_000))
  expect(unexplained).toEqual([])
  // A worker reads so many at once, and others may wait to be committed.
  expect(again.length).toBeLessThanOrEqual(killedAt.length * 2 * concurrency)
  const read = [...readings.values()].flat().reduce((sum, { bytesOut }) => sum + bytesOut, 0)
  expect(read - bytes).toBeLessThanOrEqual(again.length * largest)

  const { violations, walks } = await prober.stop()
  expect(violations).toEqual([])
  expect(walks).toBeGreaterThan(corpus.length)
  // docker-registry has hashed what it took; read again is a part of it.
  for (const [i, { repository, tag = '', content }] of corpus.entries()) await assertIntact(destination.url, repository, tag, { expectDigest: content.root.digest, deep: i % 10 === 0 })
})
