// Redis loses everything in the midst of a migration. That is said clearly, the processes live on, and the same spec submitted again
// goes on from what is at the destination.
import { type Corpus, type EmbeddedRegistry, image, measure, seed, startEmbeddedRegistry, startProber } from '@longshore/testing'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { launch, longshore } from '../e2e/cli-process.ts'
import { assertAll, listOf, readingsOf, repositoriesOf, type Service, type Stand, startStand, until } from './pool.fixture.ts'

const corpus: Corpus = Array.from({ length: 64 }, (_, i) => ({ repository: `lost/app-${i % 10}`, tag: `v${i}`, content: image({ seed: `lost ${i}`, layers: [40_000] }) }))
const { blobs } = measure(corpus)
const concurrency = 4
const workers = 2

let folder: string
let list: string
let stand: Stand
beforeAll(async () => {
  stand = await startStand({ workers, workerArgs: ['--concurrency', String(concurrency)] })
  folder = await mkdtemp(join(tmpdir(), 'longshore-lost-'))
  list = join(folder, 'images.txt')
  await writeFile(list, listOf(corpus))
})
afterAll(async () => {
  await stand[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

async function startSource(): Promise<EmbeddedRegistry> {
  const source = await startEmbeddedRegistry()
  await seed(source.url, corpus)
  source.clearRequests()
  source.fail({ match: { kind: 'blob-get' }, times: Infinity, how: { kind: 'slow-drip', bytesPerSecond: 40_000 } })
  return source
}

const arrived = (destination: EmbeddedRegistry): ReadonlySet<string> => new Set(corpus.filter(({ repository, tag = '' }) => destination.tag(repository, tag) !== undefined).flatMap(({ content }) => [...content.blobs.keys()]))

/** What was there when Redis was emptied was read once; of the rest, only what was on its way may have been read twice. */
function assertNotMovedAgain(source: EmbeddedRegistry, there: ReadonlySet<string>): void {
  const readings = readingsOf(source)
  expect(readings.size).toBe(blobs)
  const again = [...readings].filter(([, { length }]) => length > 1).map(([digest]) => digest)
  expect(again.filter((digest) => there.has(digest))).toEqual([])
  expect(again.length).toBeLessThanOrEqual(workers * 2 * concurrency)
}

function assertAlive(): void {
  for (const { pid } of stand.services.all) expect(() => process.kill(pid, 0)).not.toThrow()
}

test('FLUSHALL: the command that leads says MIGRATION_LOST; given again, it completes', { timeout: 240_000 }, async () => {
  await using source = await startSource()
  await using destination = await startEmbeddedRegistry({ requireManifestReferences: false })
  await using prober = startProber(destination.url, repositoriesOf(corpus), { pauseMs: 50 })
  const args = ['migrate', list, '--from', source.host, '--to', destination.host, '--src-tls-verify=false', '--dest-tls-verify=false', '--redis', stand.redis.url]
  const run = launch(args)
  await until('a part of it', () => destination.count({ kind: 'manifest-put', status: 201 }) >= 16)
  await stand.redis.ask('flushall')
  const there = arrived(destination)
  const { code, stderr } = await run.finished
  expect(stderr).toMatch(/Redis no longer knows migration \w+: .*submit the same spec again/)
  expect(code).toBe(1)

  const again = await longshore(args)
  expect(again.stdout + again.stderr).toMatch(/0 failed/)
  expect(again.code).toBe(0)
  assertNotMovedAgain(source, there)
  const { violations } = await prober.stop()
  expect(violations).toEqual([])
  await assertAll(destination.url, corpus)
  assertAlive()
})

test('a restart without persistence: workers and coordinator live on; submitted again, it completes', { timeout: 240_000 }, async () => {
  await using source = await startSource()
  await using destination = await startEmbeddedRegistry({ requireManifestReferences: false })
  await using prober = startProber(destination.url, repositoriesOf(corpus), { pauseMs: 50 })
  const lost = await stand.submit(listOf(corpus), source.host, destination.host)
  await until('a part of it', () => destination.count({ kind: 'manifest-put', status: 201 }) >= 16)
  await stand.redis.stop('SIGKILL')
  await stand.redis.start()
  const losses = ({ log }: Service): number => log.filter(({ err, migration }) => migration === lost && (err as { code?: string } | undefined)?.code === 'MIGRATION_LOST').length
  await until('the leader to say so', () => losses(stand.coordinator) === 1)
  await until('all workers to have put it away', () => source.requests.every(({ atMs }) => atMs < Date.now() - 2_000))
  const there = arrived(destination)
  const answer = await stand.ask(`/migrations/${lost}`)
  expect([answer.status, ((await answer.json()) as { code?: string }).code]).toEqual([404, 'MIGRATION_NOT_FOUND'])

  const id = await stand.submit(listOf(corpus), source.host, destination.host)
  expect(id).not.toBe(lost)
  const { state, counts } = await stand.ended(id)
  expect(state).toBe('complete')
  expect(counts).toMatchObject({ found: corpus.length, failed: 0 })
  expect(counts.present).toBeGreaterThanOrEqual(16)
  expect(counts.copied + counts.present).toBe(corpus.length)
  assertNotMovedAgain(source, there)
  const { violations } = await prober.stop()
  expect(violations).toEqual([])
  await assertAll(destination.url, corpus)
  assertAlive()
  // Each process says it once at most, and nothing of the migration is left behind.
  for (const service of stand.services.all) {
    expect(losses(service), service.output()).toBeLessThanOrEqual(1)
    expect(service.log.filter(({ migration, level }) => migration === lost && level === 'error').length, service.output()).toBe(losses(service))
  }
  expect(await stand.client.keys(`longshore:{${lost}}:*`)).toEqual([])
})
