// What a coordinator's metrics say of the whole pool: looked up when Prometheus asks, at most every few seconds.
import { nextPassOf, restPhases } from '@longshore/cutover'
import { endStates, type Pool } from '@longshore/pool'
import type { ActiveCutover, PoolMetrics } from '@longshore/telemetry'

/** Several may scrape; what they see is as old as this at the most. */
const freshMs = 2_000
const states = ['running', 'paused', 'stopping', 'stopped', 'cancelled', 'failed', 'complete'] as const
const phases = ['bulk', 'delta', 'freezing', 'final', 'verifying', 'deciding', 'go', 'no-go', 'aborted'] as const
const queueNames = ['images', 'blobs', 'manifests'] as const

export function gaugePool(metrics: PoolMetrics, pool: () => Pool | undefined): void {
  let lookedMs = Number.NEGATIVE_INFINITY
  metrics.onScrape(async () => {
    const known = pool()
    metrics.setRedisUp(known?.connection.isUp ?? false)
    if (!known?.connection.isUp || performance.now() - lookedMs < freshMs) return
    lookedMs = performance.now()
    const { store, queues } = known
    await gaugeCutovers(metrics, known)
    const [workers, entries] = await Promise.all([store.workers(), store.list()])
    metrics.setWorkers(workers.filter(({ role }) => role === 'worker').length)
    metrics.setMigrations(Object.fromEntries(states.map((state) => [state, entries.filter((entry) => entry.state === state).length])))
    const active = await Promise.all(entries.filter(({ state }) => !endStates.has(state)).map(async ({ id }) => await store.status(id)))
    metrics.setActive(active.filter((status) => status !== undefined).map(({ id, counts: { found, copied, present, failed }, etaMs, led }) => ({
      id, openImages: Math.max(0, found - copied - present - failed), images: { copied, present, failed }, etaMs, isLed: led,
    })))
    await Promise.all(queueNames.map(async (queue) => { metrics.setQueue(queue, await queues.depth(queue), await queues.oldestMs(queue)) }))
  })
}

async function gaugeCutovers(metrics: PoolMetrics, { cutovers }: Pool): Promise<void> {
  const entries = await cutovers.list()
  metrics.setCutovers(Object.fromEntries(phases.map((phase) => [phase, entries.filter((entry) => entry.phase === phase).length])))
  const active = await Promise.all(entries.filter(({ phase }) => !restPhases.has(phase)).map(async ({ id }): Promise<ActiveCutover | undefined> => {
    const [head, waitingChanges, lagMs, holder] = await Promise.all([cutovers.head(id), cutovers.countChanges(id), cutovers.lagMs(id), cutovers.holder(id)])
    if (!head) return undefined
    const now = Date.now()
    const last = head.passes.at(-1)
    const next = head.cutover && nextPassOf(head, head.cutover)
    const deadline = head.freeze?.deadline
    return {
      id, phase: head.phase, passes: head.passCount, waitingChanges, lagMs, isLed: holder !== undefined,
      ...(last === undefined ? {} : { sincePassMs: Math.max(0, now - Date.parse(last.ended)) }), ...(next === undefined ? {} : { lateMs: Math.max(0, now - Date.parse(next)) }),
      ...(deadline === undefined ? {} : { leftMs: Date.parse(deadline) - now }),
    }
  }))
  metrics.setActiveCutovers(active.filter((one) => one !== undefined))
}
