// The run: images come in as they are found, are resolved, and their nodes are made true in whatever order the ledger
// allows. A window bounds how many images are open, so memory follows the window and not the migration.
import { forEachLimit, Limiter, pause } from '@longshore/concurrency'
import { type ErrorRecord, toRecord } from '@longshore/oci'
import type { MigrationOptions, MigrationResult, Wanted } from './context.ts'
import { StoppedError } from './errors.ts'
import { hintFor } from './hint.ts'
import { type ImageId, imageId } from './image.ts'
import type { Progress, SettledImage } from './ledger.ts'
import { isBlobKey } from './node.ts'
import type { Job } from './queue.ts'
import { objectsOf } from './origin.ts'
import { manifestBytesOf, type ResolvedImage, Resolver } from './resolve-image.ts'
import { NodeRunner } from './run-node.ts'
import { maxDeferred, secondTry } from './second-try.ts'

interface OpenImage {
  readonly wanted: Wanted
  readonly startedMs: number
  readonly slot: Disposable
  /** What its end will tell; the nodes themselves are the ledger's. */
  resolved?: Omit<ResolvedImage, 'nodes'>
  manifestBytes: number
}

/** An image to be tried once more: from the beginning, or from what the ledger knows of it. */
type Deferred = Pick<OpenImage, 'wanted' | 'startedMs' | 'resolved'> & { readonly isTrouble: boolean }

/** Manifest bytes that open images may hold together before further images wait. */
const maxOpenManifestBytes = 64 * 1024 * 1024

const worker = 'in-process'

/**
 * Moves every wanted image. Failures of images are events and counts; it throws only what ends the run: the signal's
 * reason, or an error of the stream of images itself.
 */
export async function migrate(wanted: AsyncIterable<Wanted>, options: MigrationOptions, signal: AbortSignal): Promise<MigrationResult> {
  return await new Migration(options, signal).run(wanted)
}

class Migration {
  readonly #options: MigrationOptions
  readonly #resolver: Resolver
  readonly #runner: NodeRunner
  readonly #open = new Map<ImageId, OpenImage>()
  readonly #counts = { images: 0, copied: 0, present: 0, failed: 0 }
  /** Aborts the jobs: by the caller's signal, or when the grace after a stop is over. */
  readonly #work = new AbortController()
  /** Aborts the reading of manifests, which holds nothing: by the caller's signal, or by a stop. */
  readonly #reading = new AbortController()
  readonly #ended = Promise.withResolvers<void>()
  /** Images whose failure may pass: the others go first, then these are tried once more. */
  readonly #deferred = new Map<ImageId, Deferred>()
  #secondPass = false
  #manifestBytes = 0
  /** Resolved, and made anew, whenever an image is closed. */
  #closed = Promise.withResolvers<void>()
  #forgetting: Promise<void> = Promise.resolve()
  #expanding = true
  #stopped = false

  constructor(options: MigrationOptions, signal: AbortSignal) {
    this.#options = options
    this.#resolver = new Resolver(options.transports, (message) => options.onEvent({ type: 'warning', message }), options.asks)
    const { ledger, transports, inFlight, onEvent } = options
    this.#runner = new NodeRunner({ ledger, transports, inFlight, onEvent: (event) => onEvent(event), resolver: this.#resolver })
    signal.addEventListener('abort', () => this.#abandon(signal.reason), { once: true })
    if (signal.aborted) this.#abandon(signal.reason)
    const stop = (): void => this.#stop()
    options.stop.addEventListener('abort', stop, { once: true })
    if (options.stop.aborted) stop()
  }

  async run(wanted: AsyncIterable<Wanted>): Promise<MigrationResult> {
    const { queues, jobs } = this.#options
    const blobs = queues.blobs.process((job) => this.#runJob(job), { concurrency: jobs.blobs })
    const manifests = queues.manifests.process((job) => this.#runJob(job), { concurrency: jobs.manifests })
    try {
      await this.#feed(wanted)
      this.#expanding = false
      this.#endIfOver()
      await this.#ended.promise
    } finally {
      queues.blobs.close()
      await blobs
      // After a stop, what has all that it needs by now may still be put.
      if (!this.#work.signal.aborted) await queues.manifests.drain()
      queues.manifests.close()
      await manifests
      await this.#forgetting
    }
    // A stop is an answer; a signal is an order.
    if (this.#work.signal.aborted && !this.#stopped) throw this.#work.signal.reason
    return { ...this.#counts, abandoned: this.#open.size + this.#deferred.size, stopped: this.#stopped }
  }

  async #feed(wanted: AsyncIterable<Wanted>): Promise<void> {
    const { window, jobs, onEvent } = this.#options
    const slots = new Limiter(window)
    const resolving = new Limiter(jobs.images)
    const running = new Set<Promise<void>>()
    const { signal } = this.#reading
    try {
      for await (const one of wanted) {
        const id = imageId(one.image)
        if (this.#open.has(id)) continue
        const slot = await slots.acquire(signal)
        const turn = await resolving.acquire(signal)
        this.#counts.images++
        onEvent({ type: 'found', image: one.image })
        const open: OpenImage = { wanted: one, startedMs: performance.now(), slot, manifestBytes: 0 }
        this.#open.set(id, open)
        const task = this.#begin(id, open).finally(() => { turn[Symbol.dispose](); running.delete(task) })
        running.add(task)
        while (this.#manifestBytes > maxOpenManifestBytes && this.#open.size > 0 && !signal.aborted) await this.#closed.promise
      }
      onEvent({ type: 'expanded', images: this.#counts.images })
    } catch (error) {
      if (!this.#stopped) {
        this.#abandon(error)
        throw error
      }
    } finally {
      await Promise.all(running)
    }
  }

  async #begin(id: ImageId, open: OpenImage): Promise<void> {
    const { signal } = this.#reading
    if (open.wanted.failure) return this.#defer(id, open, open.wanted.failure)
    try {
      const resolved = await this.#resolver.resolve(open.wanted, { signal, distrust: this.#options.distrust === true })
      const { nodes: _, ...known } = resolved
      open.resolved = known
      open.manifestBytes = manifestBytesOf(resolved)
      this.#manifestBytes += open.manifestBytes
      const registered = await this.#options.ledger.register(id, resolved.roots, resolved.nodes)
      this.#options.onEvent({
        type: 'resolved', image: open.wanted.image, digest: resolved.digest, blobs: registered.fresh.blobs, bytes: registered.fresh.bytes,
      })
      await this.#advance(registered)
    } catch (error) {
      if (signal.aborted) return
      this.#defer(id, open, toRecord(error))
    }
  }

  async #runJob(job: Job): Promise<void> {
    const lease = await this.#options.ledger.claim(job.node, worker)
    if (!lease) return
    const { progress, end } = await this.#runner.run(lease, this.#work.signal)
    // What this made ready goes first: images come to their end one after another, rather than all together at the end.
    await this.#advance(progress, end === 'done')
  }

  async #advance({ ready, settled }: Progress, first = false): Promise<void> {
    for (const image of settled) this.#settle(image)
    if (ready.length === 0 || this.#work.signal.aborted) return
    const blobs: Job[] = []
    const manifests: Job[] = []
    for (const node of ready) (isBlobKey(node) ? blobs : manifests).push({ id: node, node })
    if (blobs.length > 0) await this.#options.queues.blobs.add(blobs, { first })
    if (manifests.length > 0) await this.#options.queues.manifests.add(manifests, { first })
  }

  #settle({ image: id, errors, blobs }: SettledImage): void {
    const open = this.#open.get(id)
    if (!open?.resolved) return
    const [error] = errors
    if (error) return this.#defer(id, open, error)
    const { resolved } = open
    const outcome = resolved.roots.length === 0 ? 'present' : 'copied'
    this.#counts[outcome]++
    this.#close(id, open)
    this.#options.onEvent({
      type: 'done', image: open.wanted.image, outcome, digest: resolved.digest, ...(resolved.rewritten === undefined ? {} : { rewritten: resolved.rewritten }),
      blobs, referrers: resolved.referrers, ms: performance.now() - open.startedMs, ...objectsOf(open.wanted),
    })
  }

  /** An image that failed: once more at the end, where that may help, or for good. */
  #defer(id: ImageId, open: OpenImage, error: ErrorRecord): void {
    const reason = secondTry(error, this.#counts.copied + this.#counts.present > 0)
    const again = !this.#secondPass && this.#options.keepGoing && this.#deferred.size < maxDeferred && reason !== undefined
    if (again) this.#deferred.set(id, { wanted: open.wanted, startedMs: open.startedMs, isTrouble: reason === 'trouble', ...(open.resolved ? { resolved: open.resolved } : {}) })
    else this.#counts.failed++
    this.#close(id, open)
    if (again) return
    this.#options.onEvent({ type: 'failed', image: open.wanted.image, error, hint: hintFor(error), ...objectsOf(open.wanted) })
    // What failed for good need not be remembered: memory would follow the failures.
    if (open.resolved) this.#forgetting = this.#forgetting.then(() => this.#options.ledger.forget(open.resolved?.roots ?? []))
    if (!this.#options.keepGoing) this.#stop()
  }

  #close(id: ImageId, open: OpenImage): void {
    this.#open.delete(id)
    this.#manifestBytes -= open.manifestBytes
    open.slot[Symbol.dispose]()
    this.#closed.resolve()
    this.#closed = Promise.withResolvers()
    this.#endIfOver()
  }

  /** No new work; what is in flight has its grace. */
  #stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    const { queues, graceMs } = this.#options
    this.#reading.abort(new StoppedError())
    queues.blobs.close()
    const grace = setTimeout(() => this.#work.abort(new StoppedError()), graceMs)
    grace.unref()
    this.#ended.resolve()
  }

  #abandon(reason: unknown): void {
    this.#reading.abort(reason)
    this.#work.abort(reason)
    this.#ended.resolve()
  }

  #endIfOver(): void {
    if (this.#expanding || this.#open.size > 0) return
    if (this.#deferred.size === 0 || this.#stopped || this.#work.signal.aborted) return this.#ended.resolve()
    this.#tryDeferred().catch((error: unknown) => { if (!this.#stopped) this.#abandon(error) })
  }

  async #tryDeferred(): Promise<void> {
    this.#secondPass = true
    const images = [...this.#deferred]
    const { respiteMs } = this.#options
    const troubled = images.filter(([, { isTrouble }]) => isTrouble).length
    if (troubled > 0) {
      this.#options.onEvent({ type: 'warning', message: `failed for reasons that may pass: ${troubled} of the images; tried once more in ${respiteMs / 1000} s` })
      await pause(respiteMs, this.#reading.signal)
    }
    this.#deferred.clear()
    const known: ImageId[] = []
    for (const [id, deferred] of images) {
      this.#open.set(id, { ...deferred, slot: { [Symbol.dispose]() {} }, manifestBytes: 0 })
      if (deferred.resolved) known.push(id)
    }
    await this.#advance(await this.#options.ledger.retry(known))
    const unknown = images.filter(([, { resolved }]) => !resolved).map(([id]) => id)
    await forEachLimit(this.#reading.signal, this.#options.jobs.images, unknown, async (id) => {
      const open = this.#open.get(id)
      if (open) await this.#begin(id, open)
    })
  }
}
