// The door of one host. "Too many requests" is said to all of us: whoever comes waits until the pause is over.
import { type Backoff, backoffMs, pause } from '@longshore/concurrency'

/** A longer `Retry-After` is a refusal; waiting for it would look like a hang. */
const longestPauseMs = 10 * 60_000

export class Gate {
  #openAt = 0
  /** Refusals in a row, for a host that does not say how long to wait. */
  #streak = 0
  readonly #backoff: Backoff

  constructor(backoff: Backoff) { this.#backoff = backoff }

  get closed(): boolean { return this.#openAt > performance.now() }

  /** Waits while the host wants to be left alone; again, when it was closed again meanwhile. */
  async pass(signal: AbortSignal): Promise<void> {
    for (let ms = this.#openAt - performance.now(); ms > 0; ms = this.#openAt - performance.now()) await pause(ms, signal)
  }

  /** The host wants to be left alone; answers for how many milliseconds. */
  close(retryAfterMs: number | undefined): number {
    // Refusals of requests that were already under way are one refusal.
    if (!this.closed) this.#streak++
    const ms = Math.min(longestPauseMs, retryAfterMs ?? backoffMs({ baseMs: this.#backoff.baseMs * 2, capMs: this.#backoff.capMs }, this.#streak - 1))
    this.closeFor(ms)
    return ms
  }

  /** Shuts it. A pause that is already longer stays; whoever waits at the gate waits for the longest. */
  closeFor(ms: number): void {
    this.#openAt = Math.max(this.#openAt, performance.now() + Math.min(longestPauseMs, ms))
  }

  /** The host has served a request. */
  served(): void { this.#streak = 0 }
}
