// One migration as one worker sees it: its ledger, its registries, what has been learnt of them.
import type { Access } from '@longshore/access'
import { Limiter } from '@longshore/concurrency'
import { keyPrefix, type PoolLedger } from '@longshore/ledger'
import { plannedTransports } from '@longshore/prepare'
import type { BullQueues } from '@longshore/queue'
import type { RedisClient } from '@longshore/redis'
import { registriesOf } from '@longshore/spec'
import { ImageVerifier, type InFlight, type NodeKey, NodeRunner, PlanScout, Resolver, type TransferEvent, type Uploads } from '@longshore/transfer'
import { EventPublisher } from './event-stream.ts'
import { MigrationEndedError } from './errors.ts'
import { type MigrationRecord, sampleOf } from './migration-record.ts'
import { Outbox } from './outbox.ts'
import type { SharedPauses } from './pauses.ts'

export interface MigrationWorkOptions {
  readonly redis: RedisClient
  readonly queues: BullQueues
  readonly ledger: PoolLedger
  readonly access: Access
  readonly pauses: SharedPauses
  readonly uploads: Uploads
  /** @param node whose coming true is told */
  readonly onEvent: (event: TransferEvent, node?: NodeKey) => void
  /** The worker's own. */
  readonly moving: AbortSignal
  readonly reading: AbortSignal
}

export class MigrationWork implements AsyncDisposable {
  readonly record: MigrationRecord
  readonly ledger: PoolLedger
  readonly access: Access
  readonly resolver: Resolver
  readonly runner: NodeRunner
  /** Where the task is to look only. */
  readonly scout: PlanScout | undefined
  readonly verifier: ImageVerifier | undefined
  readonly publisher: EventPublisher
  readonly outbox: Outbox
  readonly inFlight = new Set<InFlight>()
  /** What this worker knows that it holds, and by which job. */
  readonly held = new Map<NodeKey, string>()
  /** Aborts when the migration is cancelled or has ended. */
  readonly ended = new AbortController()
  /** For what is written: that, and the end of the worker's grace. */
  readonly moving: AbortSignal
  /** For what is only read: that, and the worker's stop. */
  readonly reading: AbortSignal
  /** Images for which Redis has no room ask for it one after the other. */
  readonly room = new Limiter(1)
  usedAtMs = performance.now()
  readonly #joined: Disposable

  private constructor(record: MigrationRecord, { redis, queues, ledger, access, uploads, onEvent, moving, reading }: MigrationWorkOptions, joined: Disposable) {
    this.record = record
    this.ledger = ledger
    this.access = access
    this.#joined = joined
    this.moving = AbortSignal.any([moving, this.ended.signal])
    this.reading = AbortSignal.any([reading, this.ended.signal])
    this.publisher = new EventPublisher(redis, keyPrefix(record.id), () => access.uses())
    this.outbox = new Outbox(queues, record.id)
    const tell = (event: TransferEvent, node?: NodeKey): void => {
      this.publisher.publish(event)
      onEvent(event, node)
    }
    this.resolver = new Resolver(access.transports, (message) => tell({ type: 'warning', message }), record.options.asks)
    const { task } = record.options
    this.scout = task.kind === 'plan' ? new PlanScout({ transports: plannedTransports(access.transports, record.spec, (registry) => access.destination(registry)) }) : undefined
    this.verifier = task.kind === 'verify' ? new ImageVerifier({ transports: access.transports, deep: sampleOf(task) }) : undefined
    this.runner = new NodeRunner({ ledger, transports: access.transports, inFlight: this.inFlight, resolver: this.resolver, onEvent: (event, { key }) => tell(event, key), uploads })
  }

  static async open(record: MigrationRecord, options: MigrationWorkOptions): Promise<MigrationWork> {
    const { source, destination } = registriesOf(record.spec)
    return new MigrationWork(record, options, await options.pauses.join(options.access, [...source, ...destination]))
  }

  get isIdle(): boolean { return this.held.size === 0 }

  end(): void { this.ended.abort(new MigrationEndedError(this.record.id)) }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#joined[Symbol.dispose]()
    await this.publisher[Symbol.asyncDispose]()
    await this.access[Symbol.asyncDispose]()
  }
}
