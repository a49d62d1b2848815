// Leads every migration that nobody else leads, until it is told to stop. Several of these may run.
import { hostname } from 'node:os'
import type { Access } from '@longshore/access'
import { pause } from '@longshore/concurrency'
import { keyPrefix } from '@longshore/ledger'
import type { Preparation } from '@longshore/prepare'
import type { BullQueues } from '@longshore/queue'
import type { RedisClient } from '@longshore/redis'
import type { Pause } from '@longshore/registry'
import { registriesOf } from '@longshore/spec'
import { LeadershipLostError } from './errors.ts'
import { EventPublisher } from './event-stream.ts'
import { type Beating, newProcessId, startBeating } from './heartbeat.ts'
import { lead, type LeaderNews } from './lead.ts'
import { goodbyeMs } from './keys.ts'
import { takeLead } from './leadership.ts'
import { leaveInTime } from './leave-in-time.ts'
import { endStates, type MigrationRecord, type MigrationState } from './migration-record.ts'
import type { Ears } from './ears.ts'
import { SharedPauses } from './pauses.ts'
import type { PoolStore } from './pool-store.ts'
import { sweep } from './sweep.ts'

/** How often it is looked whether a migration is without a leader. */
const lookMs = 1_000
/** And how long one that could not be led is left alone. */
const patienceMs = 30_000

/** What a process says while it works; whoever runs it logs and counts. */
export type PoolEvent =
  | { readonly type: 'leading'; readonly migration: string }
  | { readonly type: 'led'; readonly migration: string; readonly state: MigrationState }
  /** Something was made at a destination. */
  | { readonly type: 'note'; readonly migration: string; readonly message: string }
  | { readonly type: 'news'; readonly migration: string; readonly news: LeaderNews }
  | { readonly type: 'lead-failed'; readonly migration: string; readonly error: unknown }
  | { readonly type: 'reclaimed'; readonly migration: string; readonly worker: string; readonly count: number }

export interface CoordinatorOptions {
  readonly redis: RedisClient
  readonly ears: Ears
  readonly store: PoolStore
  readonly queues: BullQueues
  readonly version: string
  /** The registries of a migration, with this process' own credentials. */
  readonly openAccess: (record: MigrationRecord, onPause: (pause: Pause) => void) => Promise<Access>
  /** What makes the destinations of a migration ready; `undefined` where nothing is asked for. Absent: they are taken as they are. */
  readonly prepare?: (record: MigrationRecord, access: Access, onNote: (message: string) => void) => Promise<Preparation | undefined>
  readonly onEvent: (event: PoolEvent) => void
  /** Milliseconds before a second try of what failed for a reason that may pass. */
  readonly respiteMs?: number
}

export class Coordinator {
  readonly id = newProcessId()
  readonly #with: CoordinatorOptions
  readonly #leading = new Map<string, Promise<void>>()
  readonly #pauses: SharedPauses

  constructor(options: CoordinatorOptions) {
    this.#with = options
    this.#pauses = new SharedPauses(options.redis, this.id)
  }

  /** Leads whatever has no leader, until `stop` aborts; then others take over. */
  async run(stop: AbortSignal): Promise<void> {
    await leaveInTime(this.#run(stop), stop, goodbyeMs)
  }

  async #run(stop: AbortSignal): Promise<void> {
    await using _alive = await this.#live()
    const failed = new Map<string, number>()
    while (!stop.aborted) {
      for (const id of await this.#with.store.active()) {
        if (this.#leading.has(id) || (failed.get(id) ?? 0) > performance.now()) continue
        const leading = this.#leadHere(id, stop, failed).finally(() => { this.#leading.delete(id) })
        this.#leading.set(id, leading)
      }
      await pause(lookMs, stop).catch(() => {})
    }
    await Promise.all(this.#leading.values())
  }

  async #leadHere(id: string, stop: AbortSignal, failed: Map<string, number>): Promise<void> {
    try {
      await this.#lead(id, stop)
    } catch (error) {
      if (stop.aborted || error instanceof LeadershipLostError) return
      // What went wrong once may do so again: not at every look.
      failed.set(id, performance.now() + patienceMs)
      this.#with.onEvent({ type: 'lead-failed', migration: id, error })
    }
  }

  /**
   * Sees one migration to its end: leads it whenever nobody else does. A leader that has just been killed seems to lead for some seconds
   * more. Answers its last state; `undefined` when it is not known any more. @throws what ended it, the signal's reason
   */
  async runOne(id: string, stop: AbortSignal): Promise<MigrationState | undefined> {
    await using _alive = await this.#live()
    for (;;) {
      try {
        await this.#lead(id, stop)
      } catch (error) {
        if (stop.aborted || !(error instanceof LeadershipLostError)) throw error
      }
      const head = await this.#with.store.head(id)
      if (!head || endStates.has(head.state)) return head?.state
      await pause(lookMs, stop)
    }
  }

  /** `undefined`: somebody else leads it. */
  async #lead(id: string, stop: AbortSignal): Promise<MigrationState | undefined> {
    const { redis, store, queues, openAccess, prepare, onEvent, respiteMs } = this.#with
    await using leadership = await takeLead(redis, keyPrefix(id), `${keyPrefix(id)}meta`, this.id, `migration ${id}`)
    if (!leadership) return undefined
    const record = await store.get(id)
    if (!record) {
      // The record has run out, or Redis was emptied: nothing is left to lead.
      await store.drop(id)
      return undefined
    }
    onEvent({ type: 'leading', migration: id })
    const signal = AbortSignal.any([stop, leadership.signal])
    await using access = await openAccess(record, (paused) => this.#pauses.tell(paused))
    const registries = registriesOf(record.spec)
    using _joined = await this.#pauses.join(access, [...registries.source, ...registries.destination])
    await using publisher = new EventPublisher(redis, keyPrefix(id), () => access.uses())
    const onNews = (news: LeaderNews): void => onEvent({ type: 'news', migration: id, news })
    const preparation = record.options.task.kind === 'migrate' ? await prepare?.(record, access, (message) => onEvent({ type: 'note', migration: id, message })) : undefined
    const state = await lead(record, { store, queues, access, publisher, onNews, self: this.id, ...(preparation === undefined ? {} : { preparation }), ...(respiteMs === undefined ? {} : { respiteMs }) }, signal)
    onEvent({ type: 'led', migration: id, state })
    return state
  }

  /** A coordinator is alive as a worker is, sweeps as a worker does, and hears of pauses. */
  async #live(): Promise<AsyncDisposable> {
    const { redis, ears, store, queues, version, onEvent } = this.#with
    const started = new Date().toISOString()
    let beating: Beating | undefined
    const onReclaim = (worker: string, migration: string, count: number): void => onEvent({ type: 'reclaimed', migration, worker, count })
    beating = await startBeating(redis, this.id, () => ({
      id: this.id, role: 'coordinator', host: hostname(), pid: process.pid, version, started, inFlight: { images: 0, blobs: 0, manifests: 0 }, transfers: [],
    }), async () => await sweep({ redis, store, queues, self: this.id, steadyMs: () => beating?.steadyMs ?? 0, onReclaim }))
    const deaf = ears.onPause((message) => this.#pauses.heard(message))
    return {
      async [Symbol.asyncDispose]() {
        deaf[Symbol.dispose]()
        await beating?.end()
      },
    }
  }
}
