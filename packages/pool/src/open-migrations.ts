// The migrations that a worker has to do with: opened when work of one comes, put away when nothing was heard of it for a while.
import type { Access } from '@longshore/access'
import { SingleFlight } from '@longshore/concurrency'
import { keyPrefix } from '@longshore/ledger'
import type { BullQueues } from '@longshore/queue'
import type { RedisClient } from '@longshore/redis'
import type { Pause } from '@longshore/registry'
import type { Transfer } from './heartbeat.ts'
import type { LeaseAudit } from './lease-audit.ts'
import { endStates, type MigrationRecord, type MigrationState } from './migration-record.ts'
import { MigrationWork } from './migration-work.ts'
import type { SharedPauses } from './pauses.ts'
import type { PoolStore } from './pool-store.ts'
import type { UploadTurns } from './upload-turns.ts'
import type { WorkerEvent } from './worker-event.ts'

/** A migration that nothing was heard of for so long is put away; it is opened again when something comes. */
const idleMs = 60_000
const shownTransfers = 8

export interface OpenMigrationsOptions {
  /** The worker's id. */
  readonly worker: string
  readonly redis: RedisClient
  readonly store: PoolStore
  readonly queues: BullQueues
  readonly pauses: SharedPauses
  readonly uploads: UploadTurns
  /** The registries of a migration, with this process' own credentials. */
  readonly openAccess: (record: MigrationRecord, onPause: (pause: Pause) => void) => Promise<Access>
  readonly onEvent: (event: WorkerEvent) => void
  /** Abort what is written, and what is only read. */
  readonly moving: AbortSignal
  readonly reading: AbortSignal
}

export class OpenMigrations implements AsyncDisposable {
  readonly #with: OpenMigrationsOptions
  readonly #works = new Map<string, MigrationWork>()
  readonly #opening = new SingleFlight<string, MigrationWork | undefined>()

  constructor(options: OpenMigrationsOptions) { this.#with = options }

  [Symbol.iterator](): IterableIterator<MigrationWork> { return this.#works.values() }

  /** `undefined` when the migration is not there any more, or has ended. */
  async get(migration: string): Promise<MigrationWork | undefined> {
    const known = this.#works.get(migration)
    if (known && !known.ended.signal.aborted) {
      known.usedAtMs = performance.now()
      return known
    }
    return await this.#opening.do(migration, this.#with.moving, async () => await this.#open(migration))
  }

  onState(migration: string, state: MigrationState): void {
    if (endStates.has(state)) this.#works.get(migration)?.end()
  }

  /** At a beat: which have ended, what of them is held by the ledger's book alone, and which are not needed any more. */
  async look(audit: LeaseAudit): Promise<void> {
    const { redis, worker, onEvent } = this.#with
    const isDue = audit.isDue()
    for (const [migration, work] of this.#works) {
      const state = await redis.hget(`${keyPrefix(migration)}meta`, 'state') as MigrationState | null
      if (state === null || endStates.has(state)) work.end()
      else if (isDue) {
        const count = await audit.compare(work)
        if (count > 0) onEvent({ type: 'reclaimed', migration, worker, count })
      }
      if (work.isIdle && (work.ended.signal.aborted || performance.now() - work.usedAtMs > idleMs)) {
        this.#works.delete(migration)
        audit.forget(migration)
        await work[Symbol.asyncDispose]()
        onEvent({ type: 'migration', migration, state: 'closed' })
      }
    }
  }

  /** The largest that are on their way. */
  transfers(): readonly Transfer[] {
    return [...this].flatMap(({ inFlight, record }) => [...inFlight].map(({ registry, repository, desc, sent }) => ({
      migration: record.id, registry, repository, digest: desc.digest, size: desc.size, sent,
    }))).sort((a, b) => b.size - a.size).slice(0, shownTransfers)
  }

  async [Symbol.asyncDispose](): Promise<void> { await Promise.all([...this].map((work) => work[Symbol.asyncDispose]())) }

  async #open(migration: string): Promise<MigrationWork | undefined> {
    const { redis, store, queues, pauses, uploads, openAccess, onEvent, moving, reading } = this.#with
    const record = await store.get(migration)
    if (!record || endStates.has(record.state)) return undefined
    const access = await openAccess(record, (paused) => {
      pauses.tell(paused)
      onEvent({ type: 'pause', migration, registry: paused.registry, ms: paused.ms })
    })
    const work: MigrationWork = await MigrationWork.open(record, {
      redis, queues, ledger: store.ledger(migration), access, pauses, uploads: uploads.of(migration), moving, reading,
      onEvent: (event, node) => {
        const job = node && work.held.get(node)
        onEvent({ type: 'transfer', migration, ...(node === undefined ? {} : { node }), ...(job === undefined ? {} : { job }), event })
      },
    })
    this.#works.set(migration, work)
    onEvent({ type: 'migration', migration, state: 'opened' })
    return work
  }
}
