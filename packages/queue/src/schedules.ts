// Cron expressions, kept by BullMQ's job schedulers: each has its next tick as a delayed job, which whoever hears takes, and which brings the one after
// it. A tick is a hint, as all jobs are: it says that it is time to look.
import { type RedisConnection, untilAnswered } from '@longshore/redis'
import { Queue as BullQueue, Worker } from 'bullmq'
import { tellProblem } from './tell-problem.ts'

export interface SchedulesOptions {
  /** As of the queues. */
  readonly prefix?: string
  /** For the log. Never an outage: the connection tells that. */
  readonly onProblem: (message: string, error?: unknown) => void
}

interface Tick { readonly v: 1; readonly id: string }

const queueName = 'schedules'
const keptEvents = 100
/** Ticks that nobody heard for as long as their process lives are given to others; they take no time. */
const lockMs = 15_000
const stalledEveryMs = 5_000
const drainSeconds = 5
const closeMs = 2_000

export class Schedules implements AsyncDisposable {
  readonly #connection: RedisConnection
  readonly #prefix: string
  readonly #onProblem: SchedulesOptions['onProblem']
  readonly #queue: BullQueue<Tick>
  #worker: Worker<Tick> | undefined
  #isClosed = false

  constructor(connection: RedisConnection, { prefix = '{longshore}', onProblem }: SchedulesOptions) {
    this.#connection = connection
    this.#prefix = prefix
    this.#onProblem = onProblem
    this.#queue = new BullQueue<Tick>(queueName, { connection: connection.client, prefix, skipVersionCheck: true, streams: { events: { maxLen: keptEvents } } })
    this.#queue.on('error', () => { /* outages; the connection tells them, once for all */ })
  }

  /** @param cron in UTC; takes the place of what `id` had before */
  async set(id: string, cron: string): Promise<void> {
    await untilAnswered(async () => {
      // Set anew, its next tick would be forgotten and reckoned again.
      if ((await this.#queue.getJobScheduler(id))?.pattern === cron) return
      await this.#queue.upsertJobScheduler(id, { pattern: cron, tz: 'UTC' }, { name: 'tick', data: { v: 1, id }, opts: { removeOnComplete: true, removeOnFail: true } })
    }, () => this.#isClosed)
  }

  /** Also where there is none. */
  async remove(id: string): Promise<void> {
    await untilAnswered(async () => { await this.#queue.removeJobScheduler(id) }, () => this.#isClosed)
  }

  /** Whose schedules there are. */
  async ids(): Promise<readonly string[]> { return (await this.#queue.getJobSchedulers()).map(({ key }) => key) }

  /** Each tick comes to one of those that hear, over all processes. */
  hear(handler: (id: string) => Promise<void>): void {
    if (this.#worker) throw new Error('schedules are heard already')
    this.#worker = new Worker<Tick>(queueName, async ({ data }) => {
      if (data.v !== 1 || typeof data.id !== 'string') return this.#onProblem(`${queueName}: a tick that this version does not understand was dropped`)
      await handler(data.id).catch((error: unknown) => { this.#onProblem(`${queueName}: the handler of ${data.id} threw`, error) })
    }, {
      connection: this.#connection.client, prefix: this.#prefix, skipVersionCheck: true, lockDuration: lockMs, stalledInterval: stalledEveryMs, maxStalledCount: 1e9,
      drainDelay: drainSeconds, runRetryDelay: 1_000, removeOnComplete: { count: 0 }, removeOnFail: { count: 0 },
    })
    this.#worker.on('error', (error) => { tellProblem(queueName, error, this.#onProblem) })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    // While Redis is away, BullMQ waits for it to say goodbye.
    const late = Promise.withResolvers<void>()
    const timer = setTimeout(late.resolve, closeMs)
    await Promise.race([Promise.allSettled([this.#worker?.close(), this.#queue.close()]), late.promise])
    clearTimeout(timer)
  }
}
