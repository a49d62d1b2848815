// Redis is away for a while: everybody waits, says so once, and goes on. What is in hand stays in hand: nothing is moved twice.
import { type Corpus, image, measure, seed, startEmbeddedRegistry, startProber, startTcpProxy, type TcpProxy } from '@longshore/testing'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { assertAll, listOf, readingsOf, repositoriesOf, type Stand, startStand, until } from './pool.fixture.ts'

/** Beyond the 6 s for which a process that is not heard of counts as alive. Longer by hand: LONGSHORE_OUTAGE_SECONDS=30. */
const outageMs = Number(process.env['LONGSHORE_OUTAGE_SECONDS'] ?? 8) * 1000

const graceSeconds = 2
let stand: Stand
let proxy: TcpProxy
beforeAll(async () => {
  stand = await startStand({
    workers: 2, workerArgs: ['--concurrency', '4', '--grace', String(graceSeconds)], redis: { aof: true }, through: async ({ port }) => proxy = await startTcpProxy(port),
  })
})
afterAll(async () => { await stand[Symbol.asyncDispose]() })

/** Does something to Redis when a part of the images has arrived, and sees to it that all ends as if it had not. Answers what each process said of Redis. */
async function through(name: string, harm: () => Promise<void>): Promise<ReadonlyArray<readonly string[]>> {
  const corpus: Corpus = Array.from({ length: 48 }, (_, i) => ({ repository: `${name}/app-${i % 10}`, tag: `v${i}`, content: image({ seed: `${name} ${i}`, layers: [60_000] }) }))
  await using source = await startEmbeddedRegistry()
  await using destination = await startEmbeddedRegistry({ requireManifestReferences: false })
  await seed(source.url, corpus)
  source.clearRequests()
  source.fail({ match: { kind: 'blob-get' }, times: Infinity, how: { kind: 'slow-drip', bytesPerSecond: 60_000 } })
  await using prober = startProber(destination.url, repositoriesOf(corpus), { pauseMs: 50 })
  const services = [stand.coordinator, ...stand.workers]
  const before = services.map(({ log }) => log.length)
  const id = await stand.submit(listOf(corpus), source.host, destination.host)
  await until('some images', async () => ((await stand.store.status(id))?.counts.copied ?? 0) >= 8)
  await harm()
  expect((await stand.store.get(id))?.state).toBe('running')
  const { counts, state } = await stand.ended(id)
  expect(state).toBe('complete')
  const { blobs, bytes } = measure(corpus)
  expect(counts).toMatchObject({ found: 48, copied: 48, present: 0, failed: 0, manifests: 48, blobs: { pushed: blobs, pushedBytes: bytes } })
  expect([...readingsOf(source).values()].filter(({ length }) => length > 1).length).toBe(0)
  const { violations } = await prober.stop()
  expect(violations).toEqual([])
  await assertAll(destination.url, corpus)
  const aboutRedis = (i: number): readonly string[] => (services[i]?.log.slice(before[i]) ?? []).flatMap(({ redis }) => (typeof redis === 'string' ? [redis] : []))
  // A connection that nothing is asked of may come back after the last image.
  await until('everybody to know that Redis is back', () => services.every((_, i) => [undefined, 'Redis is back'].includes(aboutRedis(i).at(-1))))
  const said = services.map(({ log }, i) => log.slice(before[i]))
  // One leader all along. Nobody was taken for dead, nobody died, nobody complained of anything else.
  expect(said.flat().filter(({ msg }) => msg === 'leading a migration').length).toBe(1)
  expect(said.flat().filter(({ msg, level }) => level === 'error' || msg === 'leases taken from a worker that died')).toEqual([])
  return services.map((_, i) => aboutRedis(i))
}

/** Each said so once, and once that it is back. */
function assertToldOnce(said: ReadonlyArray<readonly string[]>): void {
  for (const lines of said) expect(lines).toEqual([expect.stringMatching(/work waits until it is back$/), 'Redis is back'])
}

test('killed and started again, with an append-only file', { timeout: 240_000 }, async () => {
  assertToldOnce(await through('restarted', async () => {
    await stand.redis.stop('SIGKILL')
    await delay(2_500)
    await stand.redis.start()
  }))
})

test('hangs for longer than a process counts as alive without a word', { timeout: 240_000 + outageMs }, async () => {
  assertToldOnce(await through('frozen', async () => {
    stand.redis.freeze()
    await delay(outageMs)
    stand.redis.thaw()
  }))
})

test('cannot be reached for as long: nothing listens', { timeout: 240_000 + outageMs }, async () => {
  // The server lives on, and with it what it knows; the way to it is gone.
  assertToldOnce(await through('unreachable', async () => {
    await proxy.refuse()
    await delay(outageMs)
    await proxy.accept()
  }))
})

test('connections are cut again and again', { timeout: 240_000 }, async () => {
  const before = proxy.connections
  const said = await through('cut', async () => {
    for (let i = 0; i < 12; i++) {
      proxy.cut()
      await delay(250)
    }
  })
  expect(proxy.connections - before).toBeGreaterThan(12 * 3)
  // Each came back at once: that is no outage to speak of.
  expect(said.flat()).toEqual([])
})

test('is away when everybody is told to go: they go, within the grace and a little', { timeout: 240_000 }, async () => {
  const id = await stand.submit('away/one:1\naway/two:2\n', '127.0.0.1:9', '127.0.0.1:9')
  await until('somebody to lead it', async () => (await stand.store.status(id))?.led === true)
  await proxy.refuse()
  const services = [stand.coordinator, ...stand.workers]
  const before = services.map(({ log }) => log.length)
  const at = performance.now()
  for (const service of services) service.kill('SIGTERM')
  expect(await Promise.all(services.map(({ exited }) => exited))).toEqual([0, 0, 0])
  // No more than the grace and three seconds for each of the two things that wait for Redis; and what a busy machine takes.
  expect(performance.now() - at).toBeLessThan(graceSeconds * 1000 + 15_000)
  for (const [i, { log, output }] of services.entries()) expect(log.slice(before[i]).filter(({ level }) => level === 'error'), output()).toEqual([])
  await proxy.accept()
})
