// The only place where a coordinator's objects are made and joined.
import { runHook } from '@longshore/hooks'
import { Coordinator, CutoverLeader, type LeaderNews, openMigrationAccess, openPool, type Pool, type PoolEvent, PoolMover, RedisCutoverStore } from '@longshore/pool'
import { Preparation } from '@longshore/prepare'
import { Schedules } from '@longshore/queue'
import { RedisUnreachableError } from '@longshore/redis'
import { needsPreparation } from '@longshore/spec'
import { createPoolMetrics, type HttpServer, type Logger, RegistryMeter, serveHttp, timeOperations, untilOpen } from '@longshore/telemetry'
import { formatEnd } from '@longshore/transfer'
import { addApi, answers } from './api.ts'
import type { CoordinatorConfig } from './config.ts'
import { logCutovers } from './cutover-log.ts'
import { refuseHook } from './errors.ts'
import { gaugePool } from './pool-gauges.ts'

export interface CoordinatorService extends AsyncDisposable {
  readonly url: string
  /** Serves and leads until `stop` aborts. */
  run(stop: AbortSignal): Promise<void>
}

/** Serves HTTP from the beginning, whether Redis is there or not: that is how others learn of it. @throws ListenError */
export async function startCoordinator(config: CoordinatorConfig, log: Logger, version: string): Promise<CoordinatorService> {
  const closing = new AbortController()
  const metrics = createPoolMetrics()
  const meter = new RegistryMeter(metrics)
  let pool: Pool | undefined
  gaugePool(metrics, () => pool)
  const server: HttpServer = await serveHttp({
    listen: config.listen, log, metrics, guard: config.guard, metricsGuard: config.metricsGuard, notificationGuard: config.notificationGuard, answers,
    ready: async () => {
      if (closing.signal.aborted) return 'it is shutting down'
      if (!pool?.connection.isUp) return 'Redis is away'
      await pool.redis.ping()
      return undefined
    },
    extend: async (app) => await addApi(app, {
      store: () => (pool?.connection.isUp === true ? pool.store : undefined), version, allowed: config.allowed, allowHooks: config.allowHooks, env: config.env, signal: closing.signal,
      onSubmit: ({ id: migration, options: { name } }, resumed) => log.info({ migration, ...(name === undefined ? {} : { name }), resumed }, 'migration submitted'),
      onSteer: (migration, action) => log.info({ migration, action }, 'migration steered'),
      cutovers: () => (pool?.connection.isUp === true ? pool.cutovers : undefined),
      onBegin: ({ id: cutover, options: { name } }, resumed) => log.info({ cutover, ...(name === undefined ? {} : { name }), resumed }, 'cutover begun'),
      onSteerCutover: (cutover, action) => log.info({ cutover, action }, 'cutover steered'),
      onHeard: (cutover, registry, { sender, changes, ignored }) => {
        metrics.countNotification(sender, changes.length, ignored)
        log.debug({ cutover, registry, sender, changes: changes.length, ignored }, 'notification')
      },
      onRefused: (status) => metrics.countRefusedNotification(status),
    }),
  })
  return {
    url: server.url,
    async run(stop) {
      stop.addEventListener('abort', () => closing.abort(), { once: true })
      pool = await untilOpen(async () => await openPool(config.redis, { recordMs: config.recordMs, name: 'longshore-coordinator', onSay: (what) => log.warn({ redis: what }, 'about redis'), signal: stop }),
        (error) => error instanceof RedisUnreachableError, log, stop)
      if (!pool) return
      timeOperations(pool.redis, (operation, seconds) => metrics.observeLedgerOperation(operation, seconds))
      const coordinator = new Coordinator({
        ...pool, version, onEvent: (event) => onEvent(event),
        prepare: async ({ spec }, access, onNote) => (needsPreparation(spec) ? new Preparation(spec, {
          transports: access.transports, hostOf: (registry) => access.destination(registry), env: config.access.config.env, onNote, ...(config.allowHooks ? { runHook } : {}),
        }) : undefined),
        openAccess: async (record, onPause) => meter.watch(await openMigrationAccess(record, config.access.options, config.access.config, (paused) => {
          log.info({ migration: record.id, registry: paused.registry, ms: Math.round(paused.ms), status: paused.status }, 'registry asks to be left alone')
          onPause(paused)
        })),
      })
      await using schedules = new Schedules(pool.connection, { onProblem: (message, error) => log.warn({ queue: 'schedules', ...(error === undefined ? {} : { err: error }) }, message) })
      // Its own: what others read of a cutover here is not yet known to who leads it.
      const cutovers = new RedisCutoverStore(pool.redis, pool.ears, { recordMs: config.recordMs })
      const mover = new PoolMover({
        ...pool, cutovers, openAccess: async (record) => meter.watch(await openMigrationAccess(record, config.access.options, config.access.config, () => {})),
      })
      const leader = new CutoverLeader({ id: coordinator.id, cutovers, schedules, mover, env: config.env, runHook: config.allowHooks ? runHook : refuseHook, onNews: logCutovers(log) })
      log.info({ id: coordinator.id, redis: pool.connection.url }, 'coordinator ready')
      await Promise.all([coordinator.run(stop), leader.run(stop)])
    },
    async [Symbol.asyncDispose]() {
      closing.abort()
      await server[Symbol.asyncDispose]()
      await pool?.[Symbol.asyncDispose]()
    },
  }

  function onEvent(event: PoolEvent): void {
    const { migration } = event
    switch (event.type) {
      case 'leading': return log.info({ migration }, 'leading a migration')
      case 'led': return log.info({ migration, state: event.state }, 'migration ended')
      case 'note': return log.info({ migration, made: event.message }, 'destination made ready')
      case 'news': return onNews(migration, event.news)
      case 'lead-failed': return log.error({ migration, err: event.error }, 'leading a migration failed')
      case 'reclaimed':
        metrics.countReclaims(event.count)
        return log.warn({ migration, worker: event.worker, leases: event.count }, 'leases taken from a worker that died')
    }
  }

  function onNews(migration: string, news: LeaderNews): void {
    if (news.type === 'unlisted') {
      const { registry, repository, error, hint } = news
      return log.warn({ migration, registry, ...(repository === undefined ? {} : { repository }), err: error, hint }, 'could not be listed')
    }
    metrics.countImage('failed')
    log.warn({ migration, source: formatEnd(news.image.source), destination: formatEnd(news.image.destination), err: news.error, hint: news.hint }, 'image failed')
  }
}
