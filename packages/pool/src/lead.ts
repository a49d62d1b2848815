// The coordinator's part in one migration: images are found and opened (expansion.ts), and at the end those
// that failed for a reason that may pass are tried once more. All that has to be remembered is in Redis, so a leader that dies
// is replaced by one that begins anew: what is expanded already is known there, and passed over.
import type { Access } from '@longshore/access'
import { pause } from '@longshore/concurrency'
import type { BullQueues } from '@longshore/queue'
import type { Preparation } from '@longshore/prepare'
import type { RunEvent, Unlisted } from '@longshore/report'
import type { ErrorRecord } from '@longshore/oci'
import { hintFor, type ImageId, type ImageResult, maxDeferred, objectsOf, secondTry } from '@longshore/transfer'
import type { BatchKey, PoolLedger } from '@longshore/ledger'
import { enqueue } from './enqueue.ts'
import { isLost } from './errors.ts'
import { expand } from './expansion.ts'
import { failuresOf, failUnready } from './fail-unready.ts'
import { isToldLate } from './told-late.ts'
import type { EventPublisher } from './event-stream.ts'
import { type Look, Lookout } from './lookout.ts'
import type { MigrationRecord, MigrationState } from './migration-record.ts'
import type { PoolStore } from './pool-store.ts'

/** What a registry may need to come back after a restart; the workers' own retries have had some seconds before. */
const respiteMs = 5_000
/** Workers that have nothing in hand send what they counted; the last of it is worth waiting for. */
const settleMs = 75

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

class Leader {
  readonly #record: MigrationRecord
  readonly #with: LeadOptions
  readonly #signal: AbortSignal
  readonly #ledger: PoolLedger
  readonly #lookout: Lookout
  /** Ends the expansion: the migration is stopped, cancelled, or led by another. */
  readonly #feeding = new AbortController()

  constructor(record: MigrationRecord, options: LeadOptions, signal: AbortSignal) {
    this.#record = record
    this.#with = options
    this.#signal = signal
    this.#ledger = options.store.ledger(record.id)
    this.#lookout = new Lookout(record, options, signal)
    signal.addEventListener('abort', () => this.#feeding.abort(signal.reason), { once: true })
  }

  async run(): Promise<MigrationState> {
    const { store } = this.#with
    try {
      if (!this.#record.expanded) await expand(this.#record, this.#with, this.#ledger, this.#lookout, this.#feeding)
      for (;;) {
        const { state } = await this.#untilOver()
        const end = endOf[state]
        // It has ended by other hands, or a leader died over it.
        if (end === undefined) {
          await store.close(this.#record.id)
          return state
        }
        if (state !== 'running') await this.#lookout.whileLeased()
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

  async #whileOpen(): Promise<Look> { return await this.#lookout.whileOpen(async () => await this.#retryAsked()) }

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
    const watching = this.#lookout.watchForStop(stopped, AbortSignal.any([done.signal, this.#signal]))
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
}

async function* failedOf(ledger: PoolLedger, images: readonly ImageId[] | undefined): AsyncGenerator<ImageResult, void, void> {
  const chosen = images && new Set(images)
  for await (const result of ledger.results({ failedOnly: true })) if (!chosen || chosen.has(result.id)) yield result
}
