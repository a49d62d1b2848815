import type { Job, Queue } from '@longshore/transfer'

/** The in-process queue: first in, first out. */
export class MemoryQueue implements Queue {
  readonly #waiting = new Map<string, Job>()
  readonly #end = Promise.withResolvers<void>()
  #handler: ((job: Job) => Promise<void>) | undefined
  #concurrency = 0
  #running = 0
  #onIdle: Array<() => void> = []
  #closed = false

  async add(jobs: readonly Job[]): Promise<void> {
    if (this.#closed) return
    for (const job of jobs) this.#waiting.set(job.id, job)
    this.#pump()
  }

  process(handler: (job: Job) => Promise<void>, { concurrency }: { readonly concurrency: number }): Promise<void> {
    this.#handler = handler
    this.#concurrency = concurrency
    this.#pump()
    return this.#end.promise
  }

  async drain(): Promise<void> {
    while (!this.#closed && this.#running + this.#waiting.size > 0) await new Promise<void>((resolve) => { this.#onIdle.push(resolve) })
  }

  close(): void {
    this.#closed = true
    this.#waiting.clear()
    if (this.#running === 0) this.#end.resolve()
  }

  #pump(): void {
    if (!this.#handler) return
    for (const [id, job] of this.#waiting) {
      if (this.#running >= this.#concurrency) return
      this.#waiting.delete(id)
      this.#running++
      void this.#run(this.#handler, job)
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
