import type { Job, Queue } from '@longshore/transfer'

/** The in-process queue: first in, first out, and what is to go first before that. */
export class MemoryQueue implements Queue {
  readonly #first = new Map<string, Job>()
  readonly #waiting = new Map<string, Job>()
  readonly #end = Promise.withResolvers<void>()
  #handler: ((job: Job) => Promise<void>) | undefined
  #concurrency = 0
  #running = 0
  #onIdle: Array<() => void> = []
  #closed = false

  async add(jobs: readonly Job[], { first = false }: { readonly first?: boolean } = {}): Promise<void> {
    if (this.#closed) return
    for (const job of jobs) {
      if (first) {
        this.#waiting.delete(job.id)
        this.#first.set(job.id, job)
      } else if (!this.#first.has(job.id)) this.#waiting.set(job.id, job)
    }
    this.#pump()
  }

  process(handler: (job: Job) => Promise<void>, { concurrency }: { readonly concurrency: number }): Promise<void> {
    this.#handler = handler
    this.#concurrency = concurrency
    this.#pump()
    return this.#end.promise
  }

  async drain(): Promise<void> {
    while (!this.#closed && this.#running + this.#first.size + this.#waiting.size > 0) await new Promise<void>((resolve) => { this.#onIdle.push(resolve) })
  }

  close(): void {
    this.#closed = true
    this.#first.clear()
    this.#waiting.clear()
    if (this.#running === 0) this.#end.resolve()
  }

  #pump(): void {
    if (!this.#handler) return
    for (const jobs of [this.#first, this.#waiting]) {
      for (const [id, job] of jobs) {
        if (this.#running >= this.#concurrency) return
        jobs.delete(id)
        this.#running++
        void this.#run(this.#handler, job)
      }
    }
  }

  async #run(handler: (job: Job) => Promise<void>, job: Job): Promise<void> {
    try {
      await handler(job)
    } catch (error) {
      this.#end.reject(error instanceof Error ? error : new Error(String(error)))
    } finally {
      this.#running--
      if (this.#closed && this.#running === 0) this.#end.resolve()
      else this.#pump()
      if (this.#running === 0) for (const idle of this.#onIdle.splice(0)) idle()
    }
  }
}
