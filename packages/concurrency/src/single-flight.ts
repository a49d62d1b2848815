interface Flight<V> { readonly result: Promise<V>; readonly controller: AbortController; waiters: number }

/** One execution per key; it is aborted only when every waiter has gone. A flight that has landed is forgotten. */
export class SingleFlight<K, V> {
  readonly #flights = new Map<K, Flight<V>>()

  async do(key: K, signal: AbortSignal, fn: (signal: AbortSignal) => Promise<V>): Promise<V> {
    signal.throwIfAborted()
    let flight = this.#flights.get(key)
    if (!flight) {
      const controller = new AbortController()
      flight = { controller, waiters: 0, result: fn(controller.signal) }
      this.#flights.set(key, flight)
      const landed = (): void => this.#forget(key, mine)
      flight.result.then(landed, landed)
    }
    const mine = flight
    mine.waiters++
    const left = Promise.withResolvers<never>()
    const onAbort = (): void => left.reject(signal.reason as Error)
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      return await Promise.race([mine.result, left.promise])
    } finally {
      signal.removeEventListener('abort', onAbort)
      // The last waiter to leave stops the work and sees it stopped.
      if (--mine.waiters === 0 && signal.aborted) {
        this.#forget(key, mine)
        mine.controller.abort(signal.reason)
        await mine.result.catch(() => {})
      }
    }
  }

  #forget(key: K, flight: Flight<V>): void {
    if (this.#flights.get(key) === flight) this.#flights.delete(key)
  }
}
