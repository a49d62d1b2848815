// The only place where a worker's objects are made and joined.
import type { ErrorRecord } from '@longshore/oci'
import { type Errand, type ErrandStep, openMigrationAccess, openPool, type Pool, PoolWorker, type WorkerEvent } from '@longshore/pool'
import { RedisUnreachableError } from '@longshore/redis'
import { createMetrics, type LogFields, type Logger, RegistryMeter, serveHttp, timeOperations, untilOpen } from '@longshore/telemetry'
import { formatEnd, type TransferEvent } from '@longshore/transfer'
import type { WorkerConfig } from './config.ts'

export interface WorkerService extends AsyncDisposable {
  readonly url: string
  /** Works until `stop` aborts, and for the grace after that. */
  run(stop: AbortSignal): Promise<void>
}

/** Serves HTTP from the beginning, whether Redis is there or not: that is how others learn of it. @throws ListenError */
export async function startWorker(config: WorkerConfig, log: Logger, version: string): Promise<WorkerService> {
  const metrics = createMetrics()
  const meter = new RegistryMeter(metrics)
  let pool: Pool | undefined
  let worker: PoolWorker | undefined
  let isStopping = false
  metrics.onScrape(() => {
    metrics.setRedisUp(pool?.connection.isUp ?? false)
    const { images, blobs, manifests } = worker?.inFlight ?? { images: 0, blobs: 0, manifests: 0 }
    metrics.setInFlight('image', images)
    metrics.setInFlight('blob', blobs)
    metrics.setInFlight('manifest', manifests)
  })
  const server = await serveHttp({
    listen: config.listen, log, metrics, guard: config.metricsGuard, metricsGuard: config.metricsGuard,
    ready: async () => {
      if (isStopping) return 'it is shutting down'
      if (!pool?.connection.isUp || !worker) return 'Redis is away'
      await pool.redis.ping()
      return undefined
    },
  })
  return {
    url: server.url,
    async run(stop) {
      stop.addEventListener('abort', () => { isStopping = true }, { once: true })
      pool = await untilOpen(async () => await openPool(config.redis, { recordMs: config.recordMs, name: 'longshore-worker', onSay: (what) => log.warn({ redis: what }, 'about redis'), signal: stop }),
        (error) => error instanceof RedisUnreachableError, log, stop)
      if (!pool) return
      timeOperations(pool.redis, (operation, seconds) => metrics.observeLedgerOperation(operation, seconds))
      worker = new PoolWorker({
        ...pool, version, limits: config.limits, onEvent: (event) => onEvent(event),
        openAccess: async (record, onPause) => meter.watch(await openMigrationAccess(record, config.access.options, config.access.config, onPause)),
      })
      log.info({ worker: worker.id, redis: pool.connection.url, blobs: config.limits.blobs }, 'worker ready')
      await worker.run(stop, config.graceMs)
    },
    async [Symbol.asyncDispose]() {
      isStopping = true
      await server[Symbol.asyncDispose]()
      await pool?.[Symbol.asyncDispose]()
    },
  }

  function onEvent(event: WorkerEvent): void {
    const { migration } = event
    switch (event.type) {
      case 'transfer': {
        const { node, job } = event
        return onTransfer({ migration, ...(node === undefined ? {} : { node }), ...(job === undefined ? {} : { job }) }, event.event)
      }
      case 'job': return onJob(event.errand, event.step, event.error)
      case 'migration': return log.info({ migration, state: event.state }, 'migration')
      case 'pause': return log.info({ migration, registry: event.registry, ms: Math.round(event.ms) }, 'registry asks to be left alone')
      case 'reclaimed':
        metrics.countReclaims(event.count)
        return log.warn({ migration, worker: event.worker, leases: event.count },
          event.worker === worker?.id ? 'leases given back: the answer that brought them was lost' : 'leases taken from a worker that died')
      case 'trouble': return log.error({ ...factsOf(event.errand), err: event.error }, 'work failed in a way that was not foreseen')
    }
  }

  function onJob(errand: Errand, step: ErrandStep, error: ErrorRecord | undefined): void {
    // What is taken along was never in a queue.
    if (step !== 'started' && step !== 'put-aside' && !errand.isTakenAlong) metrics.countJob(errand.queue, step)
    switch (step) {
      case 'started': return log.debug(factsOf(errand), 'job started')
      case 'done': return log.debug(factsOf(errand), 'job finished')
      case 'void': return log.debug(factsOf(errand), 'job was done already')
      case 'put-aside': return log.debug(factsOf(errand), 'job put aside until its registry may be asked again')
      case 'handed-back': return log.info(factsOf(errand), 'job handed back')
      case 'retried': return log.info({ ...factsOf(errand), err: error }, 'job failed, and is tried again')
      case 'failed': return log.info({ ...factsOf(errand), err: error }, 'job failed')
    }
  }

  function onTransfer(facts: LogFields, event: TransferEvent): void {
    switch (event.type) {
      case 'blob':
        metrics.countBlob(event.outcome)
        return log.debug({ ...facts, registry: event.registry, repository: event.repository, digest: event.desc.digest, bytes: event.desc.size, outcome: event.outcome, ms: Math.round(event.ms) }, 'blob is there')
      case 'manifest':
        metrics.countManifest(event.outcome)
        return log.debug({ ...facts, registry: event.registry, repository: event.repository, reference: event.reference, digest: event.digest, outcome: event.outcome }, 'manifest is there')
      case 'done':
        metrics.countImage(event.outcome)
        return log.info({ ...facts, source: formatEnd(event.image.source), destination: formatEnd(event.image.destination), digest: event.digest, outcome: event.outcome, bytes: event.blobs.pushedBytes, ms: Math.round(event.ms) }, 'image is there')
      case 'failed':
        metrics.countImage('failed')
        return log.warn({ ...facts, source: formatEnd(event.image.source), destination: formatEnd(event.image.destination), err: event.error, hint: event.hint }, 'image failed')
      case 'warning': return log.warn({ ...facts, reason: event.message }, 'warning')
      case 'found':
      case 'expanded':
      case 'resolved': return undefined
    }
  }
}

function factsOf({ migration, queue, node, job, isTakenAlong }: Errand): LogFields {
  return { migration, queue, node, job, ...(isTakenAlong ? { along: true } : {}) }
}
