// What a pool says of its work, with real processes: in its logs by migration, node and job; in its metrics once for each image.
import { setTimeout as delay } from 'node:timers/promises'
import { type Corpus, image, seed, startEmbeddedRegistry } from '@longshore/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { listOf, type Service, type Stand, startStand, until } from '../faults/pool.fixture.ts'

let stand: Stand
beforeAll(async () => { stand = await startStand({ workers: 2, workerArgs: ['--grace', '1'], env: { LONGSHORE_LOG_LEVEL: 'debug' } }) })
afterAll(async () => { await stand[Symbol.asyncDispose]() })

type Line = Readonly<Record<string, unknown>>
const aboutJobs = /^(?:job |blob is there|manifest is there|image is there|image failed|work failed)/
const linesOf = (services: readonly Service[], migration: string): readonly Line[] => services.flatMap(({ log }) => log.filter((line) => line['migration'] === migration))
const corpusOf = (name: string, count: number, ...layers: readonly number[]): Corpus =>
  Array.from({ length: count }, (_, i) => ({ repository: `${name}/app${i}`, tag: '1', content: image({ seed: `${name} ${i}`, layers }) }))

/** Of all processes that are alive, by outcome. */
async function imagesTold(): Promise<Readonly<Record<string, number>>> {
  const sums: Record<string, number> = { copied: 0, present: 0, failed: 0 }
  for (const { log } of [...stand.workers, stand.coordinator]) {
    const url = log.find(({ msg }) => msg === 'listening')?.['url']
    const text = await (await fetch(`${String(url)}/metrics`)).text()
    for (const [, outcome = '', count] of text.matchAll(/^longshore_images_total\{outcome="(\w+)"\} (\d+)$/gm)) sums[outcome] = (sums[outcome] ?? 0) + Number(count)
  }
  return sums
}

test('every image is counted once at its end, whoever tells it; lines about a job have its migration, node and id', async () => {
  const corpus = corpusOf('told', 12, 300, 200_000)
  await using source = await startEmbeddedRegistry()
  await using destination = await startEmbeddedRegistry()
  await seed(source.url, corpus)
  const blobOf = (i: number): RegExp => new RegExp([...corpus[i]?.content.blobs.values() ?? []].find(({ size }) => size === 300)?.digest ?? 'none')
  // A tag that is gone, which its worker tells; a trouble that does not pass, which the leader tells at the end; and a manifest that is refused once.
  source.deleteTag('told/app1', '1')
  source.fail({ match: { kind: 'blob-get', path: blobOf(2) }, times: 1_000, how: { kind: 'status', status: 500 } })
  const refusal = JSON.stringify({ errors: [{ code: 'MANIFEST_BLOB_UNKNOWN', message: 'refused for the test' }] })
  destination.fail({ match: { kind: 'manifest-put', path: /app3/ }, times: 1, how: { kind: 'status', status: 400, body: refusal, headers: { 'content-type': 'application/json' } } })
  const id = await stand.submit(listOf(corpus), source.host, destination.host)
  expect((await stand.ended(id)).counts).toMatchObject({ found: 12, copied: 10, present: 0, failed: 2 })
  await until('the leader to say so', () => linesOf([stand.coordinator], id).some(({ msg }) => msg === 'migration ended'), 5_000)
  await until('all to be counted', async () => Object.values(await imagesTold()).reduce((sum, count) => sum + count, 0) >= 12, 5_000)
  expect(await imagesTold()).toEqual({ copied: 10, present: 0, failed: 2 })

  const lines = linesOf(stand.workers, id).filter(({ msg }) => aboutJobs.test(String(msg)))
  for (const line of lines) expect(line).toMatchObject({ migration: id, node: expect.stringMatching(/^(?:batch \d+$|(?:blob|manifest|tag) )/), job: expect.stringMatching(/^[0-9a-f]{40}$/) })
  expect(new Set(lines.map(({ msg }) => msg))).toEqual(new Set([
    'job started', 'job finished', 'job failed', 'job failed, and is tried again', 'blob is there', 'manifest is there', 'image is there', 'image failed',
  ]))
  // What began has come to an end.
  const ends = lines.filter(({ msg }) => String(msg).startsWith('job f'))
  expect(lines.filter(({ msg }) => msg === 'job started').map(({ node }) => String(node)).toSorted()).toEqual(ends.map(({ node }) => String(node)).toSorted())
  expect(lines.filter(({ msg }) => msg === 'image failed')).toMatchObject([{ source: expect.stringContaining('told/app1'), err: { code: expect.any(String) } }])
  const led = linesOf([stand.coordinator], id)
  expect(led.map(({ msg }) => msg)).toEqual(expect.arrayContaining(['migration submitted', 'leading a migration', 'image failed', 'migration ended']))
  expect(led.filter(({ msg }) => msg === 'image failed')).toMatchObject([{ source: expect.stringContaining('told/app2'), err: { code: expect.any(String) } }])
  // Tried again, it fails again: that is another end. Others are not counted anew.
  await stand.ask(`/migrations/${id}/retry`, { method: 'POST' })
  await until('the second run', async () => (await stand.ended(id)).state === 'complete' && linesOf([stand.coordinator], id).filter(({ msg }) => msg === 'migration ended').length === 2)
  expect(await imagesTold()).toEqual({ copied: 10, present: 0, failed: 4 })
}, 120_000)

test('what a worker hands back on its way out it says, with the job', async () => {
  const corpus = corpusOf('handed', 6, 400_000)
  await using source = await startEmbeddedRegistry()
  await using destination = await startEmbeddedRegistry()
  await seed(source.url, corpus)
  const held = Promise.withResolvers<void>()
  source.onRequest(async ({ kind }) => { if (kind === 'blob-get') await held.promise })
  const id = await stand.submit(listOf(corpus), source.host, destination.host)
  await until('blobs in hand', async () => (await stand.store.status(id))?.nodes?.leased === 12)
  const holders = (): readonly Service[] => stand.workers.filter(({ log }) => log.some(({ msg, queue, migration }) => msg === 'job started' && queue === 'blobs' && migration === id))
  await until('somebody to say so', () => holders().length > 0)
  const [leaving] = holders()
  leaving?.kill('SIGTERM')
  await delay(500)
  expect(await leaving?.exited).toBe(0)
  held.resolve()
  expect((await stand.ended(id)).counts).toMatchObject({ copied: 6, failed: 0 })
  const back = linesOf(leaving ? [leaving] : [], id).filter(({ msg }) => msg === 'job handed back')
  expect(back.length).toBeGreaterThan(0)
  for (const line of back) expect(line).toMatchObject({ queue: 'blobs', node: expect.stringMatching(/^blob /), job: expect.stringMatching(/^[0-9a-f]{40}$/) })
}, 60_000)
