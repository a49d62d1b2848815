// A worker: takes work from the queues, and believes the ledger alone. What its own work makes ready it takes along at once, as
// far as it has room; the rest goes to the queues, for everybody. It may die at any moment: nothing is known to it alone.
import { hostname } from 'node:os'
import type { Access } from '@longshore/access'
import { pause } from '@longshore/concurrency'
import { type ErrorRecord, toRecord } from '@longshore/oci'
import type { BatchLease } from '@longshore/ledger'
import type { Processing, QueuedJob } from '@longshore/queue'
import { isInterrupted } from '@longshore/redis'
import { type ImageId, isBlobKey, type Lease, manifestBytesOf, type Progress, type Registered, type Wanted } from '@longshore/transfer'
import type { Ears } from './ears.ts'
import { isLost, ShutdownError } from './errors.ts'
import { type Beating, newProcessId, startBeating, type WorkerInfo } from './heartbeat.ts'
import { type HandLimits, InHand } from './in-hand.ts'
import { goodbyeMs } from './keys.ts'
import { LeaseAudit } from './lease-audit.ts'
import { leaveInTime } from './leave-in-time.ts'
import type { MigrationWork } from './migration-work.ts'
import { OpenMigrations, type OpenMigrationsOptions } from './open-migrations.ts'
import { SharedPauses } from './pauses.ts'
import { sweep } from './sweep.ts'
import { UploadTurns } from './upload-turns.ts'
import { WaitingRoom } from './waiting-room.ts'
import { endOf, type Errand, type ErrandStep } from './worker-event.ts'

export interface WorkerLimits extends HandLimits {
  /** Batches that are resolved at once, of up to 16 images each. */
  readonly batches: number
  /** Jobs of manifests that run at once. */
  readonly manifests: number
}

export const defaultLimits: WorkerLimits = { batches: 8, nodes: 256, bytes: 16 * 1024 * 1024, blobs: 16, manifests: 32 }

/** How often an image asks again whether there is room in Redis for its manifests. */
const fullMs = 200
/** Of the grace after a stop, what an upload in parts may use: the rest is for its last part to arrive. */
const handOverShare = 0.6

export interface PoolWorkerOptions extends Pick<OpenMigrationsOptions, 'redis' | 'store' | 'queues' | 'openAccess' | 'onEvent'> {
  readonly ears: Ears
  readonly version: string
  readonly limits?: Partial<WorkerLimits>
}

export class PoolWorker {
  readonly id = newProcessId()
  readonly #with: PoolWorkerOptions
  readonly #limits: WorkerLimits
  readonly #works: OpenMigrations
  readonly #pauses: SharedPauses
  readonly #waiting: WaitingRoom
  readonly #uploads: UploadTurns
  readonly #hand: InHand
  readonly #running = new Set<Promise<void>>()
  #stopping = false
  /** Aborts when the grace after a stop is over. */
  readonly #work = new AbortController()
  /** Aborts the resolving of images, which holds nothing, at once. */
  readonly #reading = new AbortController()
  #processing: readonly Processing[] = []
  #blobs: Processing | undefined

  constructor(options: PoolWorkerOptions) {
    this.#with = options
    this.#limits = { ...defaultLimits, ...options.limits }
    this.#pauses = new SharedPauses(options.redis, this.id)
    this.#waiting = new WaitingRoom(options.queues, this.#pauses)
    this.#uploads = new UploadTurns(options.redis, this.id)
    this.#hand = new InHand(this.id, this.#limits, (blobs) => this.#blobs?.allow(blobs))
    this.#works = new OpenMigrations({ ...options, worker: this.id, pauses: this.#pauses, uploads: this.#uploads, moving: this.#work.signal, reading: this.#reading.signal })
  }

  get inFlight(): InHand['counts'] { return this.#hand.counts }
  /** The registries that it has to do with, for whoever counts requests. */
  get accesses(): readonly Access[] { return [...this.#works].map(({ access }) => access) }

  /** Works until `stop` aborts; then takes no more, and gives what is in flight `graceMs` to arrive before it hands it back. */
  async run(stop: AbortSignal, graceMs: number): Promise<void> {
    await leaveInTime(this.#serve(stop, graceMs), stop, graceMs + goodbyeMs)
  }

  async #serve(stop: AbortSignal, graceMs: number): Promise<void> {
    const { redis, ears, queues } = this.#with
    const { batches, blobs, manifests } = this.#limits
    using audit = new LeaseAudit(redis, queues, this.id)
    let beating: Beating | undefined
    beating = await startBeating(redis, this.id, this.#info(new Date().toISOString()), async () => await this.#onBeat(audit, beating))
    using _pauses = ears.onPause((message) => this.#pauses.heard(message))
    using _control = ears.onControl(({ migration, state }) => this.#works.onState(migration, state))
    this.#blobs = queues.process('blobs', (job) => this.#onNodes('blobs', job), { concurrency: blobs })
    this.#processing = [
      queues.process('images', (job) => this.#onBatch(job), { concurrency: batches }),
      this.#blobs,
      queues.process('manifests', (job) => this.#onNodes('manifests', job), { concurrency: manifests }),
    ]
    if (!stop.aborted) await new Promise<void>((resolve) => { stop.addEventListener('abort', () => resolve(), { once: true }) })
    this.#stopping = true
    this.#hand.close()
    this.#reading.abort(new ShutdownError())
    this.#handOver(graceMs)
    const last = setTimeout(() => this.#uploads.handOver(), graceMs * handOverShare)
    const grace = setTimeout(() => this.#work.abort(new ShutdownError()), graceMs)
    await Promise.all(this.#processing.map((processing) => processing.close()))
    await this.#waiting.empty()
    while (this.#running.size > 0) await Promise.all(this.#running)
    clearTimeout(last)
    clearTimeout(grace)
    await this.#works[Symbol.asyncDispose]()
    await beating.end()
  }

  /** What a job runs into that is no failure of its node: told, and left to the sweep. A migration that is lost is told once. */
  async #guard(work: MigrationWork, errand: Errand, act: () => Promise<void>): Promise<void> {
    try {
      await act()
    } catch (error) {
      const isKnown = work.ended.signal.aborted
      if (isLost(error)) work.end()
      // Redis is away, and this process does not wait for it any more.
      const isLeft = this.#stopping && isInterrupted(error)
      if (!isKnown && !isLeft) this.#with.onEvent({ type: 'trouble', migration: errand.migration, errand, error })
    }
  }

  /** What goes on whether a job is behind it or not; waited for when the process ends. */
  #keep(work: MigrationWork, errand: Errand, act: () => Promise<void>): Promise<void> {
    const running = this.#guard(work, errand, act)
    this.#running.add(running)
    void running.finally(() => this.#running.delete(running))
    return running
  }

  /** Uploads that will not arrive within the grace, as they go, are left to others at once. */
  #handOver(graceMs: number): void {
    const now = performance.now()
    for (const { inFlight } of this.#works) {
      for (const { registry, desc, startedMs, sent } of inFlight) {
        const leftMs = sent <= 0 ? Infinity : (desc.size - sent) * (now - startedMs) / sent
        if (leftMs > graceMs * handOverShare) this.#uploads.handOver(registry, desc.digest)
      }
    }
  }

  /** `undefined` when there is nothing to do for this job: each of its errands is told so. */
  async #begin(errands: readonly Errand[]): Promise<MigrationWork | undefined> {
    const [first] = errands
    if (!first) return undefined
    try {
      const work = await this.#works.get(first.migration)
      if (work && !this.#stopping) return work
      for (const errand of errands) this.#tellJob(errand, 'void')
    } catch (error) {
      if (!this.#stopping) this.#with.onEvent({ type: 'trouble', migration: first.migration, errand: first, error })
    }
    return undefined
  }

  async #onBatch(job: QueuedJob): Promise<void> {
    const errands = errandsOf('images', job)
    const work = await this.#begin(errands)
    if (!work) return
    await Promise.all(errands.map((errand) => this.#guard(work, errand, async () => {
      const { migration, node } = errand
      const lease = await work.ledger.claimBatch(node, this.id)
      if (!lease) return this.#tellJob(errand, 'void')
      const waitMs = this.#waiting.waitMs(lease)
      if (waitMs > 0) {
        await work.ledger.releaseBatch(lease)
        this.#waiting.putAside(migration, { batches: [node] }, waitMs)
        return this.#tellJob(errand, 'put-aside')
      }
      await this.#waiting.untilWaiting(this.#keep(work, errand, async () => await this.#resolveAll(work, errand, lease)), lease)
    })))
  }

  async #resolveAll(work: MigrationWork, errand: Errand, lease: BatchLease): Promise<void> {
    this.#tellJob(errand, 'started')
    work.held.set(lease.key, errand.job)
    this.#hand.resolving(lease.images.length)
    try {
      await Promise.all(lease.images.map((image) => this.#resolve(work, errand, lease, image).finally(() => { this.#hand.resolving(-1) })))
      if (work.reading.aborted) await work.ledger.releaseBatch(lease)
    } finally {
      work.held.delete(lease.key)
    }
    this.#tellJob(errand, work.reading.aborted ? 'handed-back' : 'done')
  }

  async #resolve(work: MigrationWork, errand: Errand, lease: BatchLease, { id, wanted }: { readonly id: ImageId; readonly wanted: Wanted }): Promise<void> {
    const { ledger, resolver, record, publisher, scout, verifier, reading: signal } = work
    try {
      if (scout || verifier) {
        const details = scout ? await scout.look(wanted, signal) : await verifier?.check(wanted, signal)
        await this.#advance(work, errand, await this.#untilRoom(work, 0, async () => await ledger.registerIn(lease, id, { referrers: 0, details }, [], [])))
        return
      }
      const { nodes, roots, digest, rewritten, referrers } = await resolver.resolve(wanted, { signal, distrust: record.options.distrust })
      const facts = { digest, referrers, ...(rewritten === undefined ? {} : { rewritten }) }
      const registered = await this.#untilRoom(work, manifestBytesOf({ nodes }), async () => {
        using take = this.#hand.promise(nodes)
        return await ledger.registerIn(lease, id, facts, roots, nodes, take)
      })
      publisher.publish({ type: 'resolved', image: wanted.image, digest, blobs: registered.fresh.blobs, bytes: registered.fresh.bytes })
      await this.#advance(work, errand, registered)
    } catch (error) {
      if (signal.aborted) return
      if (isLost(error)) throw error
      await this.#advance(work, errand, await ledger.failImage(lease, id, toRecord(error)))
    }
  }

  /** Images that are open end without the one that waits: their nodes have queues and places of their own. What it brings may be megabytes, and is sent when there is room. */
  async #untilRoom({ ledger, room, reading: signal }: MigrationWork, bytes: number, register: () => Promise<Registered | 'full'>): Promise<Registered> {
    const registered = await register()
    if (registered !== 'full') return registered
    using _turn = await room.acquire(signal)
    for (;;) {
      const again = await ledger.hasRoomFor(bytes) ? await register() : 'full'
      if (again !== 'full') return again
      await pause(fullMs, signal)
    }
  }

  async #onNodes(queue: 'blobs' | 'manifests', job: QueuedJob): Promise<void> {
    const errands = errandsOf(queue, job)
    const [first] = errands
    const work = await this.#begin(errands)
    if (!work || !first) return
    await this.#guard(work, first, async () => {
      const leases = new Map((await work.ledger.claimAll(job.nodes, this.id)).map((lease) => [lease.key, lease]))
      await Promise.all(errands.map(async (errand) => {
        const lease = leases.get(errand.node)
        if (lease) await this.#guard(work, errand, async () => await this.#runOrWait(work, errand, lease))
        else this.#tellJob(errand, 'void')
      }))
    })
  }

  async #runOrWait(work: MigrationWork, errand: Errand, lease: Lease): Promise<void> {
    const waitMs = this.#waiting.waitMs(lease)
    if (waitMs > 0) {
      await work.ledger.release(lease)
      this.#waiting.putAside(errand.migration, { nodes: [lease.key] }, waitMs)
      return this.#tellJob(errand, 'put-aside')
    }
    await this.#waiting.untilWaiting(this.#keep(work, errand, async () => await this.#run(work, errand, lease)), lease)
  }

  /** Makes a leased node true, and whatever that makes ready and there is room for. */
  async #run(work: MigrationWork, errand: Errand, lease: Lease): Promise<void> {
    this.#tellJob(errand, 'started')
    work.held.set(lease.key, errand.job)
    try {
      using _held = this.#hand.take(lease)
      const ended = await work.runner.run(lease, work.moving, () => this.#hand.room(lease))
      if (ended.end === 'done' && ended.outcome === 'pushed') this.#hand.moved(lease)
      this.#tellJob(errand, ended.end, 'error' in ended ? ended.error : undefined)
      await this.#advance(work, errand, ended.progress, ended.end === 'done')
    } finally {
      work.held.delete(lease.key)
      // It may have been the last of all, and whoever leads waits for what is told of it.
      if (work.isIdle) void work.publisher.flush()
    }
  }

  /** @param by what was done for it */
  async #advance(work: MigrationWork, by: Errand, { ready, taken, settled }: Progress, first = false): Promise<void> {
    for (const lease of taken) {
      const errand: Errand = { ...by, queue: isBlobKey(lease.key) ? 'blobs' : 'manifests', node: lease.key, isTakenAlong: true }
      void this.#keep(work, errand, async () => await this.#run(work, errand, lease))
    }
    for (const image of settled) {
      const event = endOf(image)
      if (!event) continue
      work.publisher.publish(event)
      this.#with.onEvent({ type: 'transfer', migration: by.migration, node: by.node, job: by.job, event })
    }
    await work.outbox.add(ready, first)
  }

  #tellJob(errand: Errand, step: ErrandStep, error?: ErrorRecord): void {
    this.#with.onEvent({ type: 'job', migration: errand.migration, errand, step, ...(error === undefined ? {} : { error }) })
  }

  async #onBeat(audit: LeaseAudit, beating: Beating | undefined): Promise<void> {
    const { redis, store, queues, onEvent } = this.#with
    await this.#uploads.beat()
    await this.#works.look(audit)
    await sweep({
      redis, store, queues, self: this.id, steadyMs: () => beating?.steadyMs ?? 0,
      onReclaim: (worker, migration, count) => onEvent({ type: 'reclaimed', migration, worker, count }),
    })
  }

  #info(started: string): () => WorkerInfo {
    return () => ({ id: this.id, role: 'worker', host: hostname(), pid: process.pid, version: this.#with.version, started, inFlight: this.inFlight, transfers: this.#works.transfers() })
  }
}

function errandsOf(queue: Errand['queue'], { id: job, migration, nodes }: QueuedJob): readonly Errand[] {
  return nodes.map((node) => ({ migration, queue, node, job, isTakenAlong: false }))
}
