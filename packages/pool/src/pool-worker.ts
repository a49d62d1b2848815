// A worker: takes work from the queues, and believes the ledger alone. What its own work makes ready it takes along at once, as
// far as it has room; the rest goes to the queues, for everybody. It may die at any moment: nothing is known to it alone.
import { hostname } from 'node:os'
import type { Access } from '@longshore/access'
import { pause, SingleFlight } from '@longshore/concurrency'
import { type ErrorRecord, toRecord } from '@longshore/oci'
import { type BatchLease, keyPrefix } from '@longshore/ledger'
import type { BullQueues, Processing, QueuedJob } from '@longshore/queue'
import { isInterrupted, type RedisClient } from '@longshore/redis'
import type { Pause } from '@longshore/registry'
import {
  hintFor, type ImageId, isBlobKey, type Lease, manifestBytesOf, type NodeKey, objectsOf, type Progress, type Registered, type SettledImage, type Take, type TransferEvent, type Wanted,
} from '@longshore/transfer'
import type { Ears } from './ears.ts'
import { enqueue } from './enqueue.ts'
import { isLost, ShutdownError } from './errors.ts'
import { type Beating, newProcessId, startBeating, type WorkerInfo } from './heartbeat.ts'
import { isToldLate } from './told-late.ts'
import { goodbyeMs } from './keys.ts'
import { LeaseAudit } from './lease-audit.ts'
import { leaveInTime } from './leave-in-time.ts'
import { endStates, type MigrationRecord, type MigrationState } from './migration-record.ts'
import { MigrationWork } from './migration-work.ts'
import { SharedPauses } from './pauses.ts'
import type { PoolStore } from './pool-store.ts'
import { sweep } from './sweep.ts'
import { Throughput } from './throughput.ts'
import { UploadTurns } from './upload-turns.ts'
import { WaitingRoom } from './waiting-room.ts'

export interface WorkerLimits {
  /** Batches that are resolved at once, of up to 16 images each. */
  readonly batches: number
  /** Nodes that are taken along, rather than left to the queues; and the bytes of the blobs among them. */
  readonly nodes: number
  readonly bytes: number
  /** Jobs of the queues that run at once; of blobs that fill the link, fewer (throughput.ts). */
  readonly blobs: number
  readonly manifests: number
}

export const defaultLimits: WorkerLimits = { batches: 8, nodes: 128, bytes: 16 * 1024 * 1024, blobs: 16, manifests: 32 }

/** A migration that nothing was heard of for so long is put away; it is opened again when something comes. */
const idleMs = 60_000
const shownTransfers = 8
/** How often an image asks again whether there is room in Redis for its manifests. */
const fullMs = 200
/** Blobs that are taken in any case: one connection seldom fills a link. */
const fewestBlobs = 4
/** Of the grace after a stop, what an upload in parts may use: the rest is for its last part to arrive. */
const handOverShare = 0.6

/** What is done at the moment, and for which job of the queues: what is taken along has the job that made it ready. */
export interface Errand {
  readonly migration: string
  readonly queue: 'images' | 'blobs' | 'manifests'
  /** Or a batch. */
  readonly node: NodeKey
  readonly job: string
  readonly isTakenAlong: boolean
}

/** `put-aside`: its registry wants to be left alone; it comes again. `void`: somebody else had done it, or its time is over. */
export type ErrandStep = 'started' | 'done' | 'failed' | 'retried' | 'handed-back' | 'put-aside' | 'void'

export type WorkerEvent =
  /** Without `node` where it is about none. */
  | { readonly type: 'transfer'; readonly migration: string; readonly node?: NodeKey; readonly job?: string; readonly event: TransferEvent }
  | { readonly type: 'job'; readonly migration: string; readonly errand: Errand; readonly step: ErrandStep; readonly error?: ErrorRecord }
  | { readonly type: 'migration'; readonly migration: string; readonly state: 'opened' | 'closed' }
  | { readonly type: 'pause'; readonly migration: string; readonly registry: string; readonly ms: number }
  | { readonly type: 'reclaimed'; readonly migration: string; readonly worker: string; readonly count: number }
  | { readonly type: 'trouble'; readonly migration: string; readonly errand: Errand; readonly error: unknown }

export interface PoolWorkerOptions {
  readonly redis: RedisClient
  readonly ears: Ears
  readonly store: PoolStore
  readonly queues: BullQueues
  readonly version: string
  readonly limits?: Partial<WorkerLimits>
  /** The registries of a migration, with this process' own credentials. */
  readonly openAccess: (record: MigrationRecord, onPause: (pause: Pause) => void) => Promise<Access>
  readonly onEvent: (event: WorkerEvent) => void
}

export class PoolWorker {
  readonly id = newProcessId()
  readonly #with: PoolWorkerOptions
  readonly #limits: WorkerLimits
  readonly #works = new Map<string, MigrationWork>()
  readonly #opening = new SingleFlight<string, MigrationWork | undefined>()
  readonly #pauses: SharedPauses
  readonly #waiting: WaitingRoom
  readonly #uploads: UploadTurns
  readonly #running = new Set<Promise<void>>()
  readonly #flying = { images: 0, blobs: 0, manifests: 0 }
  /** Bytes of the blobs in hand. */
  #bytes = 0
  readonly #throughput = new Throughput()
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
  }

  get inFlight(): Readonly<Record<'images' | 'blobs' | 'manifests', number>> { return { ...this.#flying } }
  /** The registries that it has to do with, for whoever counts requests. */
  get accesses(): readonly Access[] { return [...this.#works.values()].map(({ access }) => access) }

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
    using _control = ears.onControl(({ migration, state }) => this.#onState(migration, state))
    this.#blobs = queues.process('blobs', (job) => this.#onNode('blobs', job), { concurrency: blobs })
    this.#processing = [
      queues.process('images', (job) => this.#onBatch(job), { concurrency: batches }),
      this.#blobs,
      queues.process('manifests', (job) => this.#onNode('manifests', job), { concurrency: manifests }),
    ]
    if (!stop.aborted) await new Promise<void>((resolve) => { stop.addEventListener('abort', () => resolve(), { once: true }) })
    this.#stopping = true
    this.#reading.abort(new ShutdownError())
    this.#handOver(graceMs)
    const last = setTimeout(() => this.#uploads.handOver(), graceMs * handOverShare)
    const grace = setTimeout(() => this.#work.abort(new ShutdownError()), graceMs)
    await Promise.all(this.#processing.map((processing) => processing.close()))
    await this.#waiting.empty()
    while (this.#running.size > 0) await Promise.all(this.#running)
    clearTimeout(last)
    clearTimeout(grace)
    await Promise.all([...this.#works.values()].map((work) => work[Symbol.asyncDispose]()))
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

  /** Uploads that will not arrive within the grace, as they go, are left to others at once. */
  #handOver(graceMs: number): void {
    const now = performance.now()
    for (const { inFlight } of this.#works.values()) {
      for (const { registry, desc, startedMs, sent } of inFlight) {
        const leftMs = sent <= 0 ? Infinity : (desc.size - sent) * (now - startedMs) / sent
        if (leftMs > graceMs * handOverShare) this.#uploads.handOver(registry, desc.digest)
      }
    }
  }

  /** `undefined`: there is nothing to do for this job. */
  async #begin(errand: Errand): Promise<MigrationWork | undefined> {
    try {
      const work = await this.#open(errand.migration)
      if (work && !this.#stopping) return work
      this.#tellJob(errand, 'void')
    } catch (error) {
      if (!this.#stopping) this.#with.onEvent({ type: 'trouble', migration: errand.migration, errand, error })
    }
    return undefined
  }

  async #onBatch({ id: job, migration, node }: QueuedJob): Promise<void> {
    const errand: Errand = { migration, queue: 'images', node, job, isTakenAlong: false }
    const work = await this.#begin(errand)
    if (!work) return
    await this.#guard(work, errand, async () => {
      const lease = await work.ledger.claimBatch(node, this.id)
      if (!lease) return this.#tellJob(errand, 'void')
      const waitMs = this.#waiting.waitMs(lease)
      if (waitMs > 0) {
        await work.ledger.releaseBatch(lease)
        this.#waiting.putAside(migration, { batches: [node] }, waitMs)
        return this.#tellJob(errand, 'put-aside')
      }
      await this.#waiting.untilWaiting(this.#keep(work, errand, async () => await this.#resolveAll(work, errand, lease)), lease)
    })
  }

  async #resolveAll(work: MigrationWork, errand: Errand, lease: BatchLease): Promise<void> {
    this.#tellJob(errand, 'started')
    work.held.set(lease.key, errand.job)
    this.#flying.images += lease.images.length
    try {
      await Promise.all(lease.images.map((image) => this.#resolve(work, errand, lease, image).finally(() => { this.#flying.images-- })))
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
      const registered = await this.#untilRoom(work, manifestBytesOf({ nodes }), async () => await ledger.registerIn(lease, id, facts, roots, nodes, this.#room()))
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

  async #onNode(queue: 'blobs' | 'manifests', { id: job, migration, node }: QueuedJob): Promise<void> {
    const errand: Errand = { migration, queue, node, job, isTakenAlong: false }
    const work = await this.#begin(errand)
    if (!work) return
    await this.#guard(work, errand, async () => {
      const lease = await work.ledger.claim(node, this.id)
      if (!lease) return this.#tellJob(errand, 'void')
      const waitMs = this.#waiting.waitMs(lease)
      if (waitMs > 0) {
        await work.ledger.release(lease)
        this.#waiting.putAside(migration, { nodes: [node] }, waitMs)
        return this.#tellJob(errand, 'put-aside')
      }
      await this.#waiting.untilWaiting(this.#keep(work, errand, async () => await this.#run(work, errand, lease)), lease)
    })
  }

  /** What goes on whether a job is behind it or not; waited for when the process ends. */
  #keep(work: MigrationWork, errand: Errand, act: () => Promise<void>): Promise<void> {
    const running = this.#guard(work, errand, act)
    this.#running.add(running)
    void running.finally(() => this.#running.delete(running))
    return running
  }

  #tellJob(errand: Errand, step: ErrandStep, error?: ErrorRecord): void {
    this.#with.onEvent({ type: 'job', migration: errand.migration, errand, step, ...(error === undefined ? {} : { error }) })
  }

  /** Makes a leased node true, and whatever that makes ready and there is room for. */
  async #run(work: MigrationWork, errand: Errand, lease: Lease): Promise<void> {
    const kind = lease.node.kind === 'blob' ? 'blobs' : 'manifests'
    const bytes = lease.node.kind === 'blob' ? Math.max(0, lease.node.desc.size) : 0
    this.#tellJob(errand, 'started')
    work.held.set(lease.key, errand.job)
    this.#flying[kind]++
    this.#bytes += bytes
    this.#allow()
    try {
      const ended = await work.runner.run(lease, work.moving, () => this.#room(bytes))
      if (ended.end === 'done' && ended.outcome === 'pushed') this.#throughput.moved(bytes)
      this.#tellJob(errand, ended.end, 'error' in ended ? ended.error : undefined)
      await this.#advance(work, errand, ended.progress, ended.end === 'done')
    } finally {
      work.held.delete(lease.key)
      this.#flying[kind]--
      this.#bytes -= bytes
      this.#allow()
    }
  }

  /** What fills the link for a while is enough: the rest of the queue is for workers whose link has room. */
  #allow(): void {
    const { blobs, bytes } = this.#limits
    this.#blobs?.allow(this.#throughput.isFilledBy(this.#bytes, bytes) ? Math.min(blobs, fewestBlobs) : blobs)
  }

  /** @param leaving bytes of what has just come true */
  #room(leaving = 0): Take {
    const { nodes, bytes } = this.#limits
    if (this.#stopping) return { worker: this.id, nodes: 0, bytes: 0 }
    return { worker: this.id, nodes: Math.max(0, nodes - this.#flying.blobs - this.#flying.manifests), bytes: Math.max(0, bytes - this.#bytes + leaving) }
  }

  /** @param by what was done for it */
  async #advance(work: MigrationWork, by: Errand, { ready, taken, settled }: Progress, first = false): Promise<void> {
    for (const lease of taken) {
      const errand: Errand = { ...by, queue: isBlobKey(lease.key) ? 'blobs' : 'manifests', node: lease.key, isTakenAlong: true }
      void this.#keep(work, errand, async () => await this.#run(work, errand, lease))
    }
    for (const image of settled) this.#tellSettled(work, by, image)
    if (ready.length > 0) await enqueue(this.#with.queues, work.record.id, ready, [], { first })
  }

  #tellSettled({ publisher }: MigrationWork, { migration, node, job }: Errand, { result }: SettledImage): void {
    if (!result) return
    const { wanted, outcome, digest, rewritten, referrers = 0, blobs, ms, error } = result
    const { image } = wanted
    let event: TransferEvent | undefined
    if (outcome === 'failed') {
      // What may pass is tried again at the end; it is told then.
      if (error && !isToldLate(error)) event = { type: 'failed', image, error, hint: hintFor(error), ...objectsOf(wanted) }
    } else if (digest !== undefined && blobs) {
      event = { type: 'done', image, outcome, digest, ...(rewritten === undefined ? {} : { rewritten }), blobs, referrers, ms, ...objectsOf(wanted) }
    }
    if (!event) return
    publisher.publish(event)
    this.#with.onEvent({ type: 'transfer', migration, node, job, event })
  }

  /** `undefined` when the migration is not there any more, or has ended. */
  async #open(migration: string): Promise<MigrationWork | undefined> {
    const known = this.#works.get(migration)
    if (known && !known.ended.signal.aborted) {
      known.usedAtMs = performance.now()
      return known
    }
    return await this.#opening.do(migration, this.#work.signal, async () => {
      const { redis, store, openAccess, onEvent } = this.#with
      const record = await store.get(migration)
      if (!record || endStates.has(record.state)) return undefined
      const access = await openAccess(record, (paused) => {
        this.#pauses.tell(paused)
        onEvent({ type: 'pause', migration, registry: paused.registry, ms: paused.ms })
      })
      const work: MigrationWork = await MigrationWork.open(record, {
        redis, ledger: store.ledger(migration), access, pauses: this.#pauses, uploads: this.#uploads.of(migration), moving: this.#work.signal, reading: this.#reading.signal,
        onEvent: (event, node) => {
          const job = node && work.held.get(node)
          onEvent({ type: 'transfer', migration, ...(node === undefined ? {} : { node }), ...(job === undefined ? {} : { job }), event })
        },
      })
      this.#works.set(migration, work)
      onEvent({ type: 'migration', migration, state: 'opened' })
      return work
    })
  }

  #onState(migration: string, state: MigrationState): void {
    const work = this.#works.get(migration)
    if (work && endStates.has(state)) work.end()
  }

  async #onBeat(audit: LeaseAudit, beating: Beating | undefined): Promise<void> {
    const { redis, store, queues, onEvent } = this.#with
    await this.#uploads.beat()
    const isDue = audit.isDue()
    for (const [migration, work] of this.#works) {
      const record = await redis.hget(`${keyPrefix(migration)}meta`, 'state') as MigrationState | null
      if (record === null || endStates.has(record)) work.end()
      else if (isDue) {
        const count = await audit.compare(work)
        if (count > 0) onEvent({ type: 'reclaimed', migration, worker: this.id, count })
      }
      if (work.isIdle && (work.ended.signal.aborted || performance.now() - work.usedAtMs > idleMs)) {
        this.#works.delete(migration)
        audit.forget(migration)
        await work[Symbol.asyncDispose]()
        onEvent({ type: 'migration', migration, state: 'closed' })
      }
    }
    await sweep({
      redis, store, queues, self: this.id, steadyMs: () => beating?.steadyMs ?? 0,
      onReclaim: (worker, migration, count) => onEvent({ type: 'reclaimed', migration, worker, count }),
    })
  }

  #info(started: string): () => WorkerInfo {
    return () => ({
      id: this.id, role: 'worker', host: hostname(), pid: process.pid, version: this.#with.version, started, inFlight: this.inFlight,
      transfers: [...this.#works.values()].flatMap(({ inFlight, record }) => [...inFlight].map(({ registry, repository, desc, sent }) => ({
        migration: record.id, registry, repository, digest: desc.digest, size: desc.size, sent,
      }))).sort((a, b) => b.size - a.size).slice(0, shownTransfers),
    })
  }
}
