// What a coordinator's metrics say of the whole pool: looked up when Prometheus asks, at most every few seconds.
import { type Coordinator, endStates, type Pool } from '@longshore/pool'
import type { PoolMetrics } from '@longshore/telemetry'

/** Several may scrape; what they see is as old as this at the most. */
const freshMs = 2_000
const states = ['running', 'paused', 'stopping', 'stopped', 'cancelled', 'failed', 'complete'] as const
const queueNames = ['images', 'blobs', 'manifests'] as const

export function gaugePool(metrics: PoolMetrics, pool: () => Pool | undefined, coordinator: () => Coordinator | undefined): void {
  let lookedMs = Number.NEGATIVE_INFINITY
  metrics.onScrape(async () => {
    const known = pool()
    metrics.setRedisUp(known?.connection.isUp ?? false)
    if (!known?.connection.isUp || performance.now() - lookedMs < freshMs) return
    lookedMs = performance.now()
    const { store, queues } = known
    const [workers, entries] = await Promise.all([store.workers(), store.list()])
    metrics.setWorkers(workers.filter(({ role }) => role === 'worker').length)
    metrics.setMigrations(Object.fromEntries(states.map((state) => [state, entries.filter((entry) => entry.state === state).length])))
    const leading = new Set(coordinator()?.leading)
    const active = await Promise.all(entries.filter(({ state }) => !endStates.has(state)).map(async ({ id }) => await store.status(id)))
    metrics.setActive(active.filter((status) => status !== undefined).map(({ id, counts: { found, copied, present, failed }, etaMs }) => ({
      id, openImages: Math.max(0, found - copied - present - failed), etaMs, isLedHere: leading.has(id),
    })))
    await Promise.all(queueNames.map(async (queue) => { metrics.setQueue(queue, await queues.depth(queue), await queues.oldestMs(queue)) }))
  })
}
