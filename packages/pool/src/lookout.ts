// How a migration stands, for whoever leads it: looked at again and again, with the waits between.
import { pause } from '@longshore/concurrency'
import type { PoolCounts, PoolLedger } from '@longshore/ledger'
import type { BullQueues } from '@longshore/queue'
import { enqueue } from './enqueue.ts'
import type { MigrationRecord, MigrationState } from './migration-record.ts'
import type { PoolStore } from './pool-store.ts'

/** How often the state of things is looked at: quickly at first, so that small migrations end at once. */
const lookMs = { first: 10, most: 50 }
/** For what is in flight when a migration is stopped: as long as in one process, and a little for the way. */
const stopMs = 15_000
/** What is ready after a pause goes to the queues at once, up to this; the sweep brings the rest, if there can be any. */
const handedOutMost = 20_000

export interface Look { readonly state: MigrationState; readonly counts: PoolCounts; readonly open: number }

export class Lookout {
  readonly #record: MigrationRecord
  readonly #store: PoolStore
  readonly #queues: BullQueues
  readonly #ledger: PoolLedger
  readonly #signal: AbortSignal
  #wasPaused = false

  constructor(record: MigrationRecord, { store, queues }: { readonly store: PoolStore; readonly queues: BullQueues }, signal: AbortSignal) {
    this.#record = record
    this.#store = store
    this.#queues = queues
    this.#ledger = store.ledger(record.id)
    this.#signal = signal
  }

  /** Waits until so many more images may be open; answers how many may, `undefined` when the migration is not running any more. */
  async untilRoom(wanted: number, window: number): Promise<number | undefined> {
    for (let ms = lookMs.first; ; ms = Math.min(lookMs.most, ms * 2)) {
      const { state, open } = await this.#look()
      if (isOver(state)) return undefined
      if (state === 'running' && window - open >= Math.min(wanted, window)) return window - open
      await pause(ms, this.#signal)
    }
  }

  /** Until nothing is open and `isMore` says that nothing comes either, or until the migration is to end for another reason. */
  async whileOpen(isMore: () => Promise<boolean>): Promise<Look> {
    for (let ms = lookMs.first; ; ms = Math.min(lookMs.most, ms * 2)) {
      const look = await this.#look()
      if (isOver(look.state)) return look
      if (look.state === 'running' && look.open === 0 && !await isMore()) return look
      await pause(ms, this.#signal)
    }
  }

  /** What is in flight may finish. */
  async whileLeased(): Promise<void> {
    const until = performance.now() + stopMs
    while (performance.now() < until && (await this.#ledger.counts()).leased > 0) await pause(lookMs.most, this.#signal)
  }

  /** Aborts `work` when the migration is stopped, until `done`: a hook may take its time, and whoever stops does not wait for it. */
  async watchForStop(work: AbortController, done: AbortSignal): Promise<void> {
    const signal = AbortSignal.any([done, work.signal])
    try {
      for (;;) {
        await pause(lookMs.most, signal)
        if (isOver(await this.#store.state(this.#record.id))) return work.abort(new Error('the migration is not running any more'))
      }
    } catch {
      // It is done; or Redis is away, which whoever works meets too.
    }
  }

  async #look(): Promise<Look> {
    const { id, options } = this.#record
    const [state, counts] = await Promise.all([this.#store.state(id), this.#ledger.tally()])
    if (counts.failed > 0 && !options.keepGoing && state === 'running') {
      await this.#store.stop(id)
      return await this.#look()
    }
    if (state === 'running' && this.#wasPaused) await this.#handOut()
    this.#wasPaused = state === 'paused'
    return { state, counts, open: counts.found - counts.copied - counts.present - counts.failed }
  }

  /** What was ready while nobody might take it: its jobs have come to workers in vain. */
  async #handOut(): Promise<void> {
    const { nodes, batches } = await this.#ledger.overdue(0, handedOutMost)
    await enqueue(this.#queues, this.#record.id, nodes, batches)
  }
}

function isOver(state: MigrationState): boolean { return state !== 'running' && state !== 'paused' }
