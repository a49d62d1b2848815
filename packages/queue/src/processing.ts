import type { RedisConnection } from '@longshore/redis'
import type { NodeKey } from '@longshore/transfer'
import { type Job as BullJob, WaitingError, Worker } from 'bullmq'
import { type JobData, parseJobData } from './job-data.ts'
import { tellProblem } from './tell-problem.ts'

/** `id`: BullMQ's. */
export interface QueuedJob { readonly id: string; readonly migration: string; readonly nodes: readonly NodeKey[] }

export interface ProcessingOptions {
  readonly kind: string
  readonly prefix: string
  readonly connection: RedisConnection
  readonly handler: (job: QueuedJob) => Promise<void>
  readonly concurrency: number
  readonly onProblem: (message: string, error?: unknown) => void
}

/** A process that says nothing for so long has lost its jobs, and others take them. They are renewed at half of it. */
const lockMs = 15_000
/** How often it is looked whether somebody has. */
const stalledEveryMs = 5_000
/** A worker that waits for a job asks anew after so long. */
const drainSeconds = 5
/** How long Redis is given to take note that the handlers are done, when we go. */
const closeMs = 2_000

/** One process' share of a queue: running -> (close) -> takes no more -> the handlers have returned -> closed. */
export class Processing {
  readonly #kind: string
  readonly #handler: ProcessingOptions['handler']
  readonly #onProblem: ProcessingOptions['onProblem']
  readonly #worker: Worker<JobData>
  /** Jobs in the hands of the handler: whether they are to come again. */
  readonly #held = new Map<string, boolean>()
  #onIdle: (() => void) | undefined
  #closing: Promise<void> | undefined

  constructor({ kind, prefix, connection, handler, concurrency, onProblem }: ProcessingOptions) {
    this.#kind = kind
    this.#handler = handler
    this.#onProblem = onProblem
    this.#worker = new Worker<JobData>(kind, async (job, token) => this.#handle(job, token ?? ''), {
      connection: connection.client, prefix, skipVersionCheck: true, concurrency,
      lockDuration: lockMs, stalledInterval: stalledEveryMs,
      // However many processes die over it: whether work fails is the ledger's to say.
      maxStalledCount: 1e9,
      drainDelay: drainSeconds, runRetryDelay: 1_000,
      // A job that is done must go, or its id could not come again.
      removeOnComplete: { count: 0 }, removeOnFail: { count: 0 },
    })
    this.#worker.on('error', (error) => { tellProblem(kind, error, onProblem) })
  }

  /** How many handlers are at work. */
  get running(): number { return this.#held.size }

  /** Handlers at once, at least 1. To be called from within a handler: more are begun as one returns. */
  allow(concurrency: number): void { this.#worker.concurrency = concurrency }

  /** The job is to come again, after its handler. @returns false: no handler has it */
  again(id: string): boolean {
    if (!this.#held.has(id)) return false
    this.#held.set(id, true)
    return true
  }

  /** Takes no more; returns when the last handler has. What waits stays, for other processes. */
  async close(): Promise<void> {
    return await (this.#closing ??= this.#close())
  }

  async #close(): Promise<void> {
    const closed = this.#worker.close().then(() => true)
    for (;;) {
      if (this.#held.size > 0) await new Promise<void>((resolve) => { this.#onIdle = resolve })
      // While Redis is away, BullMQ waits for it to say goodbye. What it could not say, its locks say when they end.
      const late = Promise.withResolvers<boolean>()
      const timer = setTimeout(late.resolve, closeMs, false)
      const isClosed = await Promise.race([closed, late.promise])
      clearTimeout(timer)
      if (isClosed || this.#held.size === 0) return
    }
  }

  async #handle(job: BullJob<JobData>, token: string): Promise<void> {
    const id = job.id ?? ''
    const data = parseJobData(job.data)
    if (!data) {
      this.#onProblem(`${this.#kind}: a job that this version does not understand was dropped (${JSON.stringify(job.data).slice(0, 200)})`)
      return
    }
    this.#held.set(id, false)
    try {
      await this.#handler({ id, ...data })
    } catch (error) {
      this.#onProblem(`${this.#kind}: the handler of ${data.nodes.join(', ')} threw`, error)
    }
    const isWanted = this.#held.get(id) === true
    this.#held.delete(id)
    if (this.#held.size === 0) this.#onIdle?.()
    if (!isWanted) return
    await job.moveToWait(token)
    throw new WaitingError()
  }
}
