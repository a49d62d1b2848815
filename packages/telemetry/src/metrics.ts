// What is counted, under the names of docs/operations.md. Labels are bounded: registries by what a pool is used for, migrations by
// those that run; repositories, tags, digests and paths are never labels.
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'

export type BlobOutcome = 'pushed' | 'mounted' | 'existed'
export type ImageOutcome = 'copied' | 'present' | 'failed'
export type WorkKind = 'image' | 'blob' | 'manifest'
export type QueueName = 'images' | 'blobs' | 'manifests'
export type JobResult = 'done' | 'failed' | 'retried' | 'handed-back' | 'void'
type Side = 'source' | 'destination'

/** Of one registry, since the last time they were told. */
export interface RegistryDelta {
  readonly side: Side
  readonly registry: string
  readonly bytesIn: number
  readonly bytesOut: number
  readonly retries: number
  readonly pauses: number
  /** By method and status, as in `HEAD 200`; `GET -` had no answer. */
  readonly byStatus: Readonly<Record<string, number>>
}

/** Counters of a process that works for a pool. */
export interface Metrics {
  countRegistry(delta: RegistryDelta): void
  countBlob(outcome: BlobOutcome): void
  countManifest(outcome: 'pushed' | 'existed'): void
  countImage(outcome: ImageOutcome): void
  countJob(queue: QueueName, result: JobResult): void
  countReclaims(leases: number): void
  observeLedgerOperation(operation: string, seconds: number): void
  setInFlight(kind: WorkKind, count: number): void
  setRedisUp(isUp: boolean): void
  /** Done before every scrape, and waited for a little: what is not counted as it happens is set here. */
  onScrape(collect: () => void | Promise<void>): void
  /** What Prometheus reads. */
  scrape(): Promise<{ readonly contentType: string; readonly text: string }>
}

export interface ActiveMigration {
  readonly id: string
  readonly openImages: number
  /** What the ledger counts, whoever died over it. */
  readonly images: Readonly<Record<ImageOutcome, number>>
  readonly etaMs: number | undefined
  /** By whomever: a coordinator, or a command. */
  readonly isLed: boolean
}

export interface ActiveCutover {
  readonly id: string
  readonly phase: string
  readonly passes: number
  readonly waitingChanges: number
  /** How long the oldest change that waits has been waiting; 0 when none does. */
  readonly lagMs: number
  /** Since the end of the latest pass; absent before the first. */
  readonly sincePassMs?: number
  /** By how much the next pass over everything is late; absent where none is waited for. */
  readonly lateMs?: number
  /** What is left until the deadline of the last pass, negative beyond it; absent while the source is not frozen. */
  readonly leftMs?: number
  readonly isLed: boolean
}

/** What a coordinator says of the whole pool. */
export interface PoolMetrics extends Metrics {
  setQueue(queue: QueueName, depth: number, oldestMs: number): void
  setWorkers(count: number): void
  /** All states; those that are missing are 0. */
  setMigrations(byState: Readonly<Record<string, number>>): void
  /** In place of those that were set before. */
  setActive(migrations: readonly ActiveMigration[]): void
  /** By phase; those that are missing are 0. */
  setCutovers(byPhase: Readonly<Record<string, number>>): void
  /** In place of those that were set before. */
  setActiveCutovers(cutovers: readonly ActiveCutover[]): void
  /** What one notification of a registry held. */
  countNotification(sender: 'docker-registry' | 'harbor', changes: number, ignored: number): void
  /** One that was not taken, by the status of the answer. */
  countRefusedNotification(status: number): void
}

/** A collector that waits for Redis must not keep Prometheus waiting. */
const patienceMs = 2_000

export function createMetrics(): Metrics { return build(new Registry()) }

export function createPoolMetrics(): PoolMetrics {
  const registry = new Registry()
  const registers = [registry]
  const depth = new Gauge({ name: 'longshore_queue_depth', help: 'Jobs that wait in a queue', labelNames: ['queue'], registers })
  const age = new Gauge({ name: 'longshore_queue_age_seconds', help: 'How long the oldest job of a queue has been waiting', labelNames: ['queue'], registers })
  const workers = new Gauge({ name: 'longshore_workers', help: 'Workers that are alive', registers })
  const migrations = new Gauge({ name: 'longshore_migrations', help: 'Migrations that are known, by state', labelNames: ['state'], registers })
  const open = new Gauge({ name: 'longshore_open_images', help: 'Images of a running migration that are found and not at their end', labelNames: ['migration'], registers })
  const ended = new Gauge({ name: 'longshore_migration_images', help: 'Images of a running migration that are at their end, by outcome, as the ledger has them', labelNames: ['migration', 'outcome'], registers })
  const eta = new Gauge({ name: 'longshore_eta_seconds', help: 'How long a running migration will take, as far as can be said', labelNames: ['migration'], registers })
  const leader = new Gauge({ name: 'longshore_leader', help: '1 while somebody leads the migration: a coordinator, or a command', labelNames: ['migration'], registers })
  const cutovers = new Gauge({ name: 'longshore_cutovers', help: 'Cutovers that are known, by phase', labelNames: ['phase'], registers })
  const phase = new Gauge({ name: 'longshore_cutover_phase', help: '1 for the phase that a cutover is in', labelNames: ['cutover', 'phase'], registers })
  const passes = new Gauge({ name: 'longshore_cutover_passes', help: 'Passes of a cutover that were begun, of all kinds', labelNames: ['cutover'], registers })
  const waiting = new Gauge({ name: 'longshore_cutover_waiting_changes', help: 'Changes that registries told of and that are not moved yet', labelNames: ['cutover'], registers })
  const lag = new Gauge({ name: 'longshore_cutover_lag_seconds', help: 'How long the oldest of these has been waiting', labelNames: ['cutover'], registers })
  const sincePass = new Gauge({ name: 'longshore_cutover_last_pass_age_seconds', help: 'Since the end of the latest pass', labelNames: ['cutover'], registers })
  const late = new Gauge({ name: 'longshore_cutover_late_seconds', help: 'By how much the next pass over everything is late', labelNames: ['cutover'], registers })
  const left = new Gauge({ name: 'longshore_cutover_deadline_seconds', help: 'What is left until the deadline of the last pass; negative beyond it', labelNames: ['cutover'], registers })
  const leads = new Gauge({ name: 'longshore_cutover_leader', help: '1 while somebody leads the cutover: a coordinator, or a command', labelNames: ['cutover'], registers })
  const notifications = new Counter({ name: 'longshore_notifications_total', help: 'Events that registries told of, by what they came to', labelNames: ['sender', 'result'], registers })
  const refused = new Counter({ name: 'longshore_notifications_refused_total', help: 'Notifications that were not taken, by the status of the answer', labelNames: ['status'], registers })
  return {
    ...build(registry),
    setCutovers(byPhase) {
      cutovers.reset()
      for (const [name, count] of Object.entries(byPhase)) cutovers.set({ phase: name }, count)
    },
    setActiveCutovers(all) {
      for (const gauge of [phase, passes, waiting, lag, sincePass, late, left, leads]) gauge.reset()
      for (const { id: cutover, phase: now, passes: begun, waitingChanges, lagMs, sincePassMs, lateMs, leftMs, isLed } of all) {
        phase.set({ cutover, phase: now }, 1)
        passes.set({ cutover }, begun)
        waiting.set({ cutover }, waitingChanges)
        lag.set({ cutover }, lagMs / 1000)
        if (sincePassMs !== undefined) sincePass.set({ cutover }, sincePassMs / 1000)
        if (lateMs !== undefined) late.set({ cutover }, lateMs / 1000)
        if (leftMs !== undefined) left.set({ cutover }, leftMs / 1000)
        leads.set({ cutover }, isLed ? 1 : 0)
      }
    },
    countNotification(sender, changes, ignored) {
      notifications.inc({ sender, result: 'change' }, changes)
      notifications.inc({ sender, result: 'ignored' }, ignored)
    },
    countRefusedNotification: (status) => refused.inc({ status: String(status) }),
    setQueue(queue, count, oldestMs) {
      depth.set({ queue }, count)
      age.set({ queue }, oldestMs / 1000)
    },
    setWorkers: (count) => workers.set(count),
    setMigrations(byState) {
      migrations.reset()
      for (const [state, count] of Object.entries(byState)) migrations.set({ state }, count)
    },
    setActive(all) {
      for (const gauge of [open, ended, eta, leader]) gauge.reset()
      for (const { id: migration, openImages, images, etaMs, isLed } of all) {
        open.set({ migration }, openImages)
        for (const [outcome, count] of Object.entries(images)) ended.set({ migration, outcome }, count)
        if (etaMs !== undefined) eta.set({ migration }, etaMs / 1000)
        leader.set({ migration }, isLed ? 1 : 0)
      }
    },
  }
}

function build(registry: Registry): Metrics {
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const bytes = new Counter({ name: 'longshore_bytes_total', help: 'Bytes of bodies on the wire, by registry', labelNames: ['direction', 'registry'], registers })
  const blobs = new Counter({ name: 'longshore_blobs_total', help: 'Blobs that came true in a repository, by how', labelNames: ['outcome'], registers })
  const manifests = new Counter({ name: 'longshore_manifests_total', help: 'Manifests and tags that came true, by how', labelNames: ['outcome'], registers })
  const images = new Counter({ name: 'longshore_images_total', help: 'Images at their end, by outcome: each by one process, and lost with it if it dies before it is scraped. Failures that may pass are counted by the leader, when they are final', labelNames: ['outcome'], registers })
  const requests = new Counter({ name: 'longshore_requests_total', help: 'Requests to registries; status "-" had no answer', labelNames: ['side', 'registry', 'method', 'status'], registers })
  const retries = new Counter({ name: 'longshore_retries_total', help: 'Requests that were sent again', labelNames: ['side', 'registry'], registers })
  const pauses = new Counter({ name: 'longshore_pauses_total', help: 'How often a registry asked to be left alone (429, 503)', labelNames: ['side', 'registry'], registers })
  const inFlight = new Gauge({ name: 'longshore_in_flight', help: 'What this process has in hand', labelNames: ['kind'], registers })
  const jobs = new Counter({ name: 'longshore_jobs_total', help: 'Nodes and batches that jobs of a queue brought; retried: to be done again, after a failure; handed-back: left to others; void: somebody else had done it', labelNames: ['queue', 'result'], registers })
  const operations = new Histogram({
    name: 'longshore_ledger_operation_seconds', help: 'How long Redis took to answer an operation of the ledger', labelNames: ['operation'],
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30], registers,
  })
  const reclaims = new Counter({ name: 'longshore_lease_reclaims_total', help: 'Leases of processes that died, given to others', registers })
  const redisUp = new Gauge({ name: 'longshore_redis_up', help: '1 while Redis answers this process', registers })
  // A rate needs a first value to grow from.
  for (const outcome of ['pushed', 'mounted', 'existed']) blobs.inc({ outcome }, 0)
  for (const outcome of ['pushed', 'existed']) manifests.inc({ outcome }, 0)
  for (const outcome of ['copied', 'present', 'failed']) images.inc({ outcome }, 0)
  const collectors: Array<() => void | Promise<void>> = []
  return {
    countRegistry({ side, registry: host, bytesIn, bytesOut, retries: again, pauses: paused, byStatus }) {
      if (bytesIn > 0) bytes.inc({ direction: 'read', registry: host }, bytesIn)
      if (bytesOut > 0) bytes.inc({ direction: 'sent', registry: host }, bytesOut)
      if (again > 0) retries.inc({ side, registry: host }, again)
      if (paused > 0) pauses.inc({ side, registry: host }, paused)
      for (const [what, count] of Object.entries(byStatus)) {
        const [method = '', status = ''] = what.split(' ')
        if (count > 0) requests.inc({ side, registry: host, method, status }, count)
      }
    },
    countBlob: (outcome) => blobs.inc({ outcome }),
    countManifest: (outcome) => manifests.inc({ outcome }),
    countImage: (outcome) => images.inc({ outcome }),
    countJob: (queue, result) => jobs.inc({ queue, result }),
    countReclaims: (leases) => reclaims.inc(leases),
    observeLedgerOperation: (operation, seconds) => operations.observe({ operation }, seconds),
    setInFlight: (kind, count) => inFlight.set({ kind }, count),
    setRedisUp: (isUp) => redisUp.set(isUp ? 1 : 0),
    onScrape: (collect) => { collectors.push(collect) },
    async scrape() {
      let timer: NodeJS.Timeout | undefined
      const patience = new Promise<void>((resolve) => { timer = setTimeout(resolve, patienceMs) })
      // What could not be found out keeps its last value.
      const collected = Promise.allSettled(collectors.map(async (collect) => { await collect() }))
      await Promise.race([collected, patience])
      clearTimeout(timer)
      return { contentType: registry.contentType, text: await registry.metrics() }
    },
  }
}
