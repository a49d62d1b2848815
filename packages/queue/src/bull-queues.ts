// BullMQ carries hints: which node might be worth a look. What is true is in the ledger, so that a job may come twice, late, or not at all.
import { createHash, randomUUID } from 'node:crypto'
import { type RedisConnection, untilAnswered } from '@longshore/redis'
import type { NodeKey } from '@longshore/transfer'
import { Queue as BullQueue } from 'bullmq'
import type { JobData } from './job-data.ts'
import { Processing, type QueuedJob } from './processing.ts'

export const queueKinds = ['images', 'blobs', 'manifests'] as const
export type QueueKind = (typeof queueKinds)[number]

/** What is to be looked at: one node, or several by one process. */
export type Work = { readonly node: NodeKey } | { readonly nodes: readonly NodeKey[] }

export interface AddOptions {
  /** Before all that waits. */
  readonly first?: boolean
  /** Who had the job is dead: it comes again now, and not only when BullMQ notices, which takes no job of an id that somebody has. */
  readonly anew?: boolean
}

/** What one migration's work is added to. */
export type MigrationQueues = Readonly<Record<QueueKind, { add(work: readonly Work[], options?: AddOptions): Promise<void> }>>

export interface BullQueuesOptions {
  /** Of BullMQ's keys: one hash tag, so that a cluster has all of a queue in one slot. */
  readonly prefix?: string
  /** For the log: jobs that cannot be understood, handlers that threw, what BullMQ complains of. Never an outage: the connection tells that. */
  readonly onProblem: (message: string, error?: unknown) => void
}

/** So many jobs are sent at once: Redis answers others between. */
const mostAtOnce = 500
/** BullMQ notes every step of every job in a stream that nobody reads here. */
const keptEvents = 100

/** The pool's three queues, of all migrations. One for each process. */
export class BullQueues implements AsyncDisposable {
  readonly #connection: RedisConnection
  readonly #prefix: string
  readonly #onProblem: BullQueuesOptions['onProblem']
  readonly #queues: Readonly<Record<QueueKind, BullQueue<JobData>>>
  readonly #processings = new Map<QueueKind, Processing>()
  #isClosed = false

  constructor(connection: RedisConnection, { prefix = '{longshore}', onProblem }: BullQueuesOptions) {
    this.#connection = connection
    this.#prefix = prefix
    this.#onProblem = onProblem
    const open = (kind: QueueKind): BullQueue<JobData> => {
      const queue = new BullQueue<JobData>(kind, {
        connection: connection.client, prefix, skipVersionCheck: true, streams: { events: { maxLen: keptEvents } },
      })
      // Outages; the connection tells them, once for all.
      queue.on('error', () => {})
      return queue
    }
    this.#queues = { images: open('images'), blobs: open('blobs'), manifests: open('manifests') }
  }

  /** For adding. Cheap: nothing has to be closed. */
  of(migration: string): MigrationQueues {
    const adder = (kind: QueueKind): MigrationQueues[QueueKind] => ({ add: async (work, options = {}) => this.#add(kind, migration, work, options) })
    return { images: adder('images'), blobs: adder('blobs'), manifests: adder('manifests') }
  }

  /** Hands out the jobs of all migrations. One handler for each kind; what it throws is told, and the job is gone: the ledger's sweep brings it again. */
  process(kind: QueueKind, handler: (job: QueuedJob) => Promise<void>, { concurrency }: { readonly concurrency: number }): Processing {
    if (this.#processings.has(kind)) throw new Error(`${kind} have a handler already`)
    const processing = new Processing({ kind, prefix: this.#prefix, connection: this.#connection, handler, concurrency, onProblem: this.#onProblem })
    this.#processings.set(kind, processing)
    return processing
  }

  /** How many wait. */
  async depth(kind: QueueKind): Promise<number> {
    return await this.#connection.client.llen(`${this.#prefix}:${kind}:wait`)
  }

  /** For how long the oldest of those that come next has been waiting; 0 when none does. By the clocks of those who added them. */
  async oldestMs(kind: QueueKind): Promise<number> {
    const { client } = this.#connection
    const next = await client.lrange(`${this.#prefix}:${kind}:wait`, -looked, -1)
    const times = await Promise.all(next.map((id) => client.hget(`${this.#prefix}:${kind}:${id}`, 'timestamp')))
    const known = times.filter((time) => time !== null).map(Number)
    return known.length === 0 ? 0 : Math.max(0, Date.now() - Math.min(...known))
  }

  /** Takes no more and waits for the handlers. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    await Promise.all([...this.#processings.values()].map((processing) => processing.close()))
    await Promise.all(queueKinds.map((kind) => this.#queues[kind].close()))
  }

  async #add(kind: QueueKind, migration: string, work: readonly Work[], { first = false, anew = false }: AddOptions): Promise<void> {
    if (this.#isClosed) return
    const turn = anew ? ` ${randomUUID()}` : ''
    const unique = new Map(work.map((one) => {
      const data: JobData = 'node' in one ? { v: 1, migration, node: one.node } : { v: 2, migration, nodes: one.nodes }
      return [jobId(migration, ('node' in one ? one.node : one.nodes.join('\n')) + turn), data]
    }))
    // A job whose handler is at work still has its id, and BullMQ would take no second one: it comes again when the handler returns.
    const processing = this.#processings.get(kind)
    for (const id of unique.keys()) if (processing?.again(id) === true) unique.delete(id)
    const all = [...unique].map(([id, data]) => ({ name: 'node', data, opts: { jobId: id, ...(first ? { lifo: true } : {}) } }))
    // What goes first is pushed to the front one by one: the last comes out first.
    const ordered = first ? all.toReversed() : all
    const queue = this.#queues[kind]
    for (let from = 0; from < ordered.length; from += mostAtOnce) {
      const some = ordered.slice(from, from + mostAtOnce)
      await untilAnswered(async () => {
        // BullMQ leaves one that waits where it is. Hardly ever one does, and removing what is not there would look through all that waits.
        if (first && await this.#connection.client.exists(some.map(({ opts }) => `${this.#prefix}:${kind}:${opts.jobId}`)) > 0) {
          await Promise.all(some.map(({ opts }) => queue.remove(opts.jobId)))
        }
        await queue.addBulk(some)
      }, () => this.#isClosed)
    }
  }
}

/** What goes first is in front: behind it begins what has been waiting longest. */
const looked = 100

/** No `:`, which BullMQ's keys are made of. */
function jobId(migration: string, node: string): string {
  return createHash('sha1').update(`${migration} ${node}`).digest('hex')
}
