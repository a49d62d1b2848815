// Ready work of one migration on its way to the queues. What comes while some is being sent goes together, as few jobs as may be.
import { setImmediate } from 'node:timers/promises'
import type { BullQueues } from '@longshore/queue'
import type { NodeKey } from '@longshore/transfer'
import { enqueue } from './enqueue.ts'

export class Outbox {
  readonly #queues: Pick<BullQueues, 'of'>
  readonly #migration: string
  #first: NodeKey[] = []
  #rest: NodeKey[] = []
  /** What is under way, and what goes after it. */
  #sending: Promise<void> = Promise.resolve()
  #next: Promise<void> | undefined

  constructor(queues: Pick<BullQueues, 'of'>, migration: string) {
    this.#queues = queues
    this.#migration = migration
  }

  /** Returns when these are in the queues. @param first before all that waits */
  async add(nodes: readonly NodeKey[], first: boolean): Promise<void> {
    if (nodes.length === 0) return
    if (first) this.#first.push(...nodes)
    else this.#rest.push(...nodes)
    this.#next ??= this.#sendAfter(this.#sending)
    await this.#next
  }

  async #sendAfter(before: Promise<void>): Promise<void> {
    // What went wrong there was told to those who sent it.
    await Promise.allSettled([before, setImmediate()])
    const [first, rest] = [this.#first, this.#rest]
    this.#first = []
    this.#rest = []
    this.#sending = this.#send(first, rest)
    this.#next = undefined
    await this.#sending
  }

  async #send(first: readonly NodeKey[], rest: readonly NodeKey[]): Promise<void> {
    await Promise.all([
      enqueue(this.#queues, this.#migration, first, [], { first: true, together: true }),
      enqueue(this.#queues, this.#migration, rest, [], { together: true }),
    ])
  }
}
