/** Counting semaphore whose size may change. `using slot = await limiter.acquire(signal)`. */
export class Limiter {
  #slots: number
  #used = 0
  readonly #waiting = new Set<() => void>()
  /** Of those who wait, the ones before all others. */
  readonly #hurrying = new Set<() => void>()

  constructor(slots: number) { this.#slots = slots }

  get slots(): number { return this.#slots }
  get used(): number { return this.#used }
  get waiting(): number { return this.#waiting.size + this.#hurrying.size }

  /** Slots in use above the new size are not taken away; they are not handed on either. */
  resize(slots: number): void {
    this.#slots = slots
    this.#admit()
  }

  /** @param first before all who wait without it. @throws the signal's reason when it aborts before a slot is free. */
  async acquire(signal: AbortSignal, { first = false }: { readonly first?: boolean } = {}): Promise<Disposable> {
    signal.throwIfAborted()
    const slot = this.tryAcquire()
    if (slot) return slot
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const waiting = first ? this.#hurrying : this.#waiting
    const onAbort = (): void => {
      if (waiting.delete(resolve)) reject(signal.reason as Error)
    }
    waiting.add(resolve)
    signal.addEventListener('abort', onAbort, { once: true })
    try { await promise } finally { signal.removeEventListener('abort', onAbort) }
    return this.#slot()
  }

  /** A slot at once, or none. Those who wait go first. */
  tryAcquire(): Disposable | undefined {
    if (this.#used >= this.#slots || this.waiting > 0) return undefined
    this.#used++
    return this.#slot()
  }

  #slot(): Disposable {
    let held = true
    return { [Symbol.dispose]: () => { if (held) { held = false; this.#used--; this.#admit() } } }
  }

  /** The slot is taken in the name of the waiter before it wakes, so nobody can slip in between. */
  #admit(): void {
    for (const waiting of [this.#hurrying, this.#waiting]) {
      for (const next of waiting) {
        if (this.#used >= this.#slots) return
        waiting.delete(next)
        this.#used++
        next()
      }
    }
  }
}
