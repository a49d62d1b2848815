// The coordinator's part in one migration: images are found and opened, no more at once than the window allows; at the end those
// that failed for a reason that may pass are tried once more. All that has to be remembered is in Redis, so a leader that dies
// is replaced by one that begins anew: what is expanded already is known there, and passed over.
import type { Access } from '@longshore/access'
import { pause } from '@longshore/concurrency'
import type { BullQueues } from '@longshore/queue'
import type { Preparation } from '@longshore/prepare'
import { type ExpansionNews, type RunEvent, type Unlisted, wantedOf, wantedOfChanges } from '@longshore/report'
import type { ErrorRecord } from '@longshore/oci'
import { hintFor, type ImageId, imageId, type ImageResult, maxDeferred, objectsOf, secondTry, type Wanted } from '@longshore/transfer'
import type { BatchKey, PoolCounts, PoolLedger } from '@longshore/ledger'
import { enqueue } from './enqueue.ts'
import { isLost } from './errors.ts'
import { failuresOf, failUnready } from './fail-unready.ts'
import { inBatches } from './in-batches.ts'
import { isToldLate } from './told-late.ts'
import type { EventPublisher } from './event-stream.ts'
import type { MigrationRecord, MigrationState } from './migration-record.ts'
import type { PoolStore } from './pool-store.ts'

/** Images that one worker resolves together. */
const batchSize = 16
/** The expansion may think about its next image for so long before those it has found are handed out. */
const lingerMs = 10
/** How often the state of things is looked at: quickly at first, so that small migrations end at once. */
const lookMs = { first: 10, most: 50 }
/** What a registry may need to come back after a restart; the workers' own retries have had some seconds before. */
const respiteMs = 5_000
/** For what is in flight when a migration is stopped: as long as in one process, and a little for the way. */
const stopMs = 15_000
/** Workers that have nothing in hand send what they counted; the last of it is worth waiting for. */
const settleMs = 75

/** What is ready after a pause goes to the queues at once, up to this; the sweep brings the rest, if there can be any. */
const handedOutMost = 20_000

/** What only a leader can tell. */
export type LeaderNews = Extract<RunEvent, { type: 'failed' }> | Unlisted

export interface LeadOptions {
  readonly store: PoolStore
  readonly queues: BullQueues
  readonly access: Access
  readonly publisher: EventPublisher
  /** Each once: what could not be listed as it is found, failures when they are final. */
  readonly onNews: (news: LeaderNews) => void
  /** Makes destinations ready; absent where the spec asks for nothing, or where images are only looked at. */
  readonly preparation?: Preparation
  /** The process that leads, as workers' leases know it. */
  readonly self: string
  /** Milliseconds; tests have less patience. */
  readonly respiteMs?: number
}

/**
 * Leads until the migration is at its end; answers in which state. @throws the signal's reason, when another is to lead on; and
 * what ends the run: a collision, say, which is recorded as well.
 */
export async function lead(record: MigrationRecord, options: LeadOptions, signal: AbortSignal): Promise<MigrationState> {
  return await new Leader(record, options, signal).run()
}

/** Where each state leads when there is nothing left to do. */
const endOf: Partial<Readonly<Record<MigrationState, MigrationState>>> = { running: 'complete', stopping: 'stopped', cancelled: 'cancelled' }

interface Look { readonly state: MigrationState; readonly counts: PoolCounts; readonly open: number }

class Leader {
  readonly #record: MigrationRecord
  readonly #with: LeadOptions
  readonly #signal: AbortSignal
  readonly #ledger: PoolLedger
  #wasPaused = false
  /** Ends the expansion: the migration is stopped, cancelled, or led by another. */
  readonly #feeding = new AbortController()

  constructor(record: MigrationRecord, options: LeadOptions, signal: AbortSignal) {
    this.#record = record
    this.#with = options
    this.#signal = signal
    this.#ledger = options.store.ledger(record.id)
    signal.addEventListener('abort', () => this.#feeding.abort(signal.reason), { once: true })
  }

  async run(): Promise<MigrationState> {
    const { store } = this.#with
    try {
      // A Redis that was restarted may have forgotten the last second: what it does not know of any more is found once more.
      if (!this.#record.expanded) {
        await this.#with.preparation?.begin(this.#feeding.signal)
        while (await this.#feed() > 0);
      }
      for (;;) {
        const { state } = await this.#untilOver()
        const end = endOf[state]
        // It has ended by other hands, or a leader died over it.
        if (end === undefined) {
          await store.close(this.#record.id)
          return state
        }
        if (state !== 'running') await this.#whileLeased()
        // Somebody may have paused it in the last moment, or asked for a retry.
        if (await this.#end([state], end)) return end
      }
    } catch (error) {
      if (this.#signal.aborted) throw this.#signal.reason
      if (isLost(error)) throw error
      await this.#end(['running', 'paused', 'stopping'], 'failed', error)
      throw error
    }
  }

  /** Until there is nothing left to do, not even for a second time. */
  async #untilOver(): Promise<Look> {
    let look = await this.#whileOpen()
    while (look.state === 'running' && this.#record.options.keepGoing && await this.#tryAgain(look)) look = await this.#whileOpen()
    return look
  }

  async #end(from: readonly MigrationState[], state: MigrationState, error?: unknown): Promise<boolean> {
    const { store, publisher, onNews } = this.#with
    // Whoever watches reads no further than the end; whoever counts must not count what is tried once more after all.
    for await (const failure of this.#lateFailures()) publisher.publish(failure)
    await pause(settleMs, this.#signal)
    await publisher.flush()
    if (!await store.end(this.#record.id, from, state, error)) return false
    for await (const failure of this.#lateFailures()) onNews(failure)
    return true
  }

  /** Finds the images and opens them, batch by batch; answers how many of those that were new the ledger has forgotten by now. */
  async #feed(): Promise<number> {
    const { store, publisher, access, onNews, preparation } = this.#with
    const { id, spec, options, created } = this.#record
    const noted: Promise<void>[] = []
    const onEvent = (event: ExpansionNews): void => {
      noted.push((async () => {
        if (!await store.note(id, event)) return
        publisher.publish(event)
        if (event.type === 'unlisted') onNews(event)
      })())
    }
    const { signal } = this.#feeding
    const expandedAt = { now: new Date(options.agesAt ?? created) }
    const all = options.changes === undefined ? wantedOf(spec, access.transports, onEvent, signal, expandedAt) : wantedOfChanges(spec, options.changes, access.transports, onEvent, signal, expandedAt)
    const expanded = onlyOf(all, options.only)
    const wanted = preparation?.stage(expanded, signal) ?? expanded
    let room = 0
    let added = 0
    const { found: before } = await this.#ledger.tally()
    const fed = new AbortController()
    const watching = preparation && this.#watchForStop(this.#feeding, fed.signal)
    try {
      for await (const batch of inBatches(wanted, batchSize, lingerMs)) {
        if (room < batch.length) room = await this.#untilRoom(batch.length, options.window)
        if (this.#feeding.signal.aborted) break
        room -= batch.length
        // Which line of a list asked for an image matters to whoever verifies; elsewhere it would only take up room.
        const opened = await this.#ledger.open(options.task.kind === 'verify' ? batch : batch.map(({ image, options, ...asked }) => ({ image, options, ...objectsOf(asked) })))
        if (!opened) continue
        added += opened.added
        for (const { image } of batch) publisher.publish({ type: 'found', image })
        if (await failUnready(opened.batch, failuresOf(batch), { ...this.#with, ledger: this.#ledger })) await this.#queue([opened.batch])
      }
    } catch (error) {
      if (!this.#feeding.signal.aborted) throw error
    } finally {
      fed.abort()
      await watching
    }
    await Promise.all(noted)
    if (this.#feeding.signal.aborted) return 0
    const { found } = await this.#ledger.tally()
    if (found < before + added) return before + added - found
    await store.setExpanded(id)
    publisher.publish({ type: 'expanded', images: found })
    return 0
  }

  /** A hook may take its time: whoever stops the migration does not wait for it. */
  async #watchForStop(work: AbortController, done: AbortSignal): Promise<void> {
    const signal = AbortSignal.any([done, work.signal])
    try {
      for (;;) {
        await pause(lookMs.most, signal)
        const state = await this.#with.store.state(this.#record.id)
        if (state !== 'running' && state !== 'paused') return work.abort(new Error('the migration is not running any more'))
      }
    } catch {
      // It is done; or Redis is away, which whoever works meets too.
    }
  }

  /** Waits until so many more images may be open; answers how many may. */
  async #untilRoom(wanted: number, window: number): Promise<number> {
    for (let ms = lookMs.first; ; ms = Math.min(lookMs.most, ms * 2)) {
      const { state, open } = await this.#look()
      if (state !== 'running' && state !== 'paused') {
        this.#feeding.abort(new Error('the migration is not running any more'))
        return 0
      }
      if (state === 'running' && window - open >= Math.min(wanted, window)) return window - open
      await pause(ms, this.#signal)
    }
  }

  /** Until nothing is open, or the migration is to end for another reason. */
  async #whileOpen(): Promise<Look> {
    for (let ms = lookMs.first; ; ms = Math.min(lookMs.most, ms * 2)) {
      const look = await this.#look()
      if (look.state !== 'running' && look.state !== 'paused') return look
      if (look.state === 'running' && look.open === 0 && !await this.#retryAsked()) return look
      await pause(ms, this.#signal)
    }
  }

  /** What is in flight may finish. */
  async #whileLeased(): Promise<void> {
    const until = performance.now() + stopMs
    while (performance.now() < until && (await this.#ledger.counts()).leased > 0) await pause(lookMs.most, this.#signal)
  }

  async #look(): Promise<Look> {
    const { store } = this.#with
    const [state, counts] = await Promise.all([store.state(this.#record.id), this.#ledger.tally()])
    if (counts.failed > 0 && !this.#record.options.keepGoing && state === 'running') {
      await store.stop(this.#record.id)
      return await this.#look()
    }
    if (state === 'running' && this.#wasPaused) await this.#handOut()
    this.#wasPaused = state === 'paused'
    return { state, counts, open: counts.found - counts.copied - counts.present - counts.failed }
  }

  /** What was ready while nobody might take it: its jobs have come to workers in vain. */
  async #handOut(): Promise<void> {
    const { nodes, batches } = await this.#ledger.overdue(0, handedOutMost)
    await enqueue(this.#with.queues, this.#record.id, nodes, batches)
  }

  /** Somebody asked for a second try of what failed. */
  async #retryAsked(): Promise<boolean> {
    const asked = await this.#ledger.retryAsked()
    if (asked === undefined) return false
    const isWork = await this.#reopen(undefined)
    await this.#ledger.retryDone(asked)
    return isWork
  }

  /** The second try of images whose failure may pass; answers whether there was any to try. */
  async #tryAgain({ counts }: Look): Promise<boolean> {
    const { store, publisher } = this.#with
    if (counts.failed === 0 || !await store.once(this.#record.id, 'secondPass')) return false
    const wasReached = counts.copied + counts.present > 0
    const images: ImageId[] = []
    let troubled = 0
    for await (const { id, error } of this.#ledger.results({ failedOnly: true })) {
      const reason = error && secondTry(error, wasReached)
      if (reason === undefined || images.length >= maxDeferred) continue
      images.push(id)
      if (reason === 'trouble') troubled++
    }
    if (images.length === 0) return false
    if (troubled > 0) {
      const ms = this.#with.respiteMs ?? respiteMs
      publisher.publish({ type: 'warning', message: `failed for reasons that may pass: ${troubled} of the images; tried once more in ${ms / 1000} s` })
      await pause(ms, this.#signal)
    }
    return await this.#reopen(images)
  }

  /** Before workers come to them, the destinations of images that failed for want of one are seen to once more. */
  async #reopen(images: readonly ImageId[] | undefined): Promise<boolean> {
    const unready = await this.#prepareAgain(images)
    if (!unready) return false
    const { ready, batches } = await this.#ledger.reopen(images)
    const forWorkers: BatchKey[] = []
    for (const batch of batches) if (await failUnready(batch, unready, { ...this.#with, ledger: this.#ledger })) forWorkers.push(batch)
    await enqueue(this.#with.queues, this.#record.id, ready, forWorkers)
    return ready.length + batches.length > 0
  }

  /** Those that are not ready still; `undefined`: the migration was stopped meanwhile. */
  async #prepareAgain(images: readonly ImageId[] | undefined): Promise<ReadonlyMap<ImageId, ErrorRecord> | undefined> {
    const { preparation } = this.#with
    if (!preparation) return new Map()
    const [stopped, done] = [new AbortController(), new AbortController()]
    const watching = this.#watchForStop(stopped, AbortSignal.any([done.signal, this.#signal]))
    try {
      return failuresOf(await preparation.again(failedOf(this.#ledger, images), AbortSignal.any([stopped.signal, this.#signal])))
    } catch (error) {
      if (!stopped.signal.aborted) throw error
      return undefined
    } finally {
      done.abort()
      await watching
    }
  }

  /** Failures that waited for a second try, and are told at the end; the others were when they came. */
  async *#lateFailures(): AsyncGenerator<Extract<RunEvent, { type: 'failed' }>, void, void> {
    for await (const { wanted, error } of this.#ledger.results({ failedOnly: true })) {
      if (error && isToldLate(error)) yield { type: 'failed', image: wanted.image, error, hint: hintFor(error), ...objectsOf(wanted) }
    }
  }

  async #queue(batches: readonly BatchKey[]): Promise<void> { await enqueue(this.#with.queues, this.#record.id, [], batches) }
}

async function* failedOf(ledger: PoolLedger, images: readonly ImageId[] | undefined): AsyncGenerator<ImageResult, void, void> {
  const chosen = images && new Set(images)
  for await (const result of ledger.results({ failedOnly: true })) if (!chosen || chosen.has(result.id)) yield result
}

async function* onlyOf(wanted: AsyncIterable<Wanted>, only: readonly ImageId[] | undefined): AsyncGenerator<Wanted, void, void> {
  const chosen = only && new Set(only)
  for await (const one of wanted) if (!chosen || chosen.has(imageId(one.image))) yield one
}
