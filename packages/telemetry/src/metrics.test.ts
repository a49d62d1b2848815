import { describe, expect, test } from 'vitest'
import { createMetrics, createPoolMetrics } from './metrics.ts'
import { type MeteredClients, type RegistryCounts, RegistryMeter } from './registry-meter.ts'
import { timeOperations } from './time-operations.ts'

/** Lines of ours without comments. */
async function ours(metrics: { scrape: () => Promise<{ text: string }> }): Promise<readonly string[]> {
  return (await metrics.scrape()).text.split('\n').filter((line) => line.startsWith('longshore_'))
}

describe('metrics', () => {
  test('have the names and labels that dashboards rely on', async () => {
    const metrics = createPoolMetrics()
    metrics.countRegistry({ side: 'source', registry: 'r.example.com', bytesIn: 10, bytesOut: 3, retries: 1, pauses: 2, byStatus: { 'HEAD 200': 4, 'GET -': 1 } })
    metrics.countBlob('mounted')
    metrics.countManifest('pushed')
    metrics.countImage('failed')
    metrics.countJob('blobs', 'void')
    metrics.countReclaims(7)
    metrics.observeLedgerOperation('claim', 0.002)
    metrics.setInFlight('blob', 5)
    metrics.setRedisUp(true)
    metrics.setQueue('images', 9, 2_500)
    metrics.setWorkers(4)
    metrics.setMigrations({ running: 1, paused: 0 })
    metrics.setActive([
      { id: 'm1', openImages: 12, images: { copied: 5, present: 6, failed: 7 }, etaMs: 90_000, isLed: true },
      { id: 'm2', openImages: 0, images: { copied: 0, present: 0, failed: 0 }, etaMs: undefined, isLed: false },
    ])
    expect(await ours(metrics)).toEqual(expect.arrayContaining([
      'longshore_bytes_total{direction="read",registry="r.example.com"} 10', 'longshore_bytes_total{direction="sent",registry="r.example.com"} 3',
      'longshore_requests_total{side="source",registry="r.example.com",method="HEAD",status="200"} 4', 'longshore_requests_total{side="source",registry="r.example.com",method="GET",status="-"} 1',
      'longshore_retries_total{side="source",registry="r.example.com"} 1', 'longshore_pauses_total{side="source",registry="r.example.com"} 2',
      'longshore_blobs_total{outcome="mounted"} 1', 'longshore_blobs_total{outcome="pushed"} 0', 'longshore_manifests_total{outcome="pushed"} 1', 'longshore_images_total{outcome="failed"} 1',
      'longshore_jobs_total{queue="blobs",result="void"} 1', 'longshore_lease_reclaims_total 7', 'longshore_ledger_operation_seconds_count{operation="claim"} 1',
      'longshore_in_flight{kind="blob"} 5', 'longshore_redis_up 1', 'longshore_queue_depth{queue="images"} 9', 'longshore_queue_age_seconds{queue="images"} 2.5', 'longshore_workers 4',
      'longshore_migrations{state="running"} 1', 'longshore_open_images{migration="m1"} 12', 'longshore_eta_seconds{migration="m1"} 90', 'longshore_leader{migration="m1"} 1', 'longshore_leader{migration="m2"} 0',
      'longshore_migration_images{migration="m1",outcome="copied"} 5', 'longshore_migration_images{migration="m1",outcome="failed"} 7',
    ]))
    metrics.setActive([])
    expect((await ours(metrics)).filter((line) => line.includes('m1'))).toEqual([])
  })

  test('of a worker say nothing about the pool', async () => {
    const text = (await createMetrics().scrape()).text
    expect(text).not.toContain('longshore_workers')
    expect(text).toContain('nodejs_eventloop_lag_seconds')
  })

  test('are set before they are read, and a collector that hangs or fails holds nothing up', async () => {
    const metrics = createMetrics()
    metrics.onScrape(() => metrics.setInFlight('image', 3))
    metrics.onScrape(() => { throw new Error('away') })
    metrics.onScrape(async () => { await new Promise(() => {}) })
    const startedMs = performance.now()
    expect(await ours(metrics)).toContain('longshore_in_flight{kind="image"} 3')
    expect(performance.now() - startedMs).toBeLessThan(4_000)
  })
})

test('a meter tells what was added since, client by client, and the rest when they are closed', async () => {
  const metrics = createMetrics()
  const meter = new RegistryMeter(metrics)
  const statsOf = (bytesIn: number, byStatus: Record<string, number>): { bytesIn: number; bytesOut: number; retries: number; pauses: number; byStatus: Record<string, number> } => ({ bytesIn, bytesOut: 0, retries: 0, pauses: 0, byStatus })
  const stats = statsOf(5, { 'GET 200': 1 })
  let closed = 0
  const access = (own: RegistryCounts): MeteredClients => ({ clients: () => [{ side: 'source', client: { registry: 'r', stats: own } }], async [Symbol.asyncDispose]() { closed++ } })
  const watched = meter.watch(access(stats))
  expect(await ours(metrics)).toContain('longshore_bytes_total{direction="read",registry="r"} 5')
  stats.bytesIn = 12
  stats.byStatus['GET 200'] = 3
  stats.byStatus['HEAD 404'] = 1
  // Another client of the same registry begins at nought.
  meter.watch(access(statsOf(1, {})))
  expect(await ours(metrics)).toContain('longshore_bytes_total{direction="read",registry="r"} 13')
  stats.bytesIn = 20
  await watched[Symbol.asyncDispose]()
  stats.bytesIn = 1_000
  expect(closed).toBe(1)
  expect(await ours(metrics)).toEqual(expect.arrayContaining([
    'longshore_bytes_total{direction="read",registry="r"} 21', 'longshore_requests_total{side="source",registry="r",method="GET",status="200"} 3',
    'longshore_requests_total{side="source",registry="r",method="HEAD",status="404"} 1',
  ]))
})

test('operations that are defined later are timed, those of BullMQ are not', async () => {
  const seen: string[] = []
  const client: Record<string, unknown> & { defineCommand(name: string): void } = { defineCommand(name) { client[name] = async (x: number): Promise<number> => x + 1 } }
  timeOperations(client, (operation, seconds) => { if (seconds >= 0) seen.push(operation) })
  client.defineCommand('claim')
  client.defineCommand('addJob:6')
  expect(await (client['claim'] as (x: number) => Promise<number>)(1)).toBe(2)
  await (client['addJob:6'] as (x: number) => Promise<number>)(1)
  expect(seen).toEqual(['claim'])
})
