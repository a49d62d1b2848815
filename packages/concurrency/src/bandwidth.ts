import { pause } from './backoff.ts'

/** Caps bytes per second over everyone who shares it. Each taker pays for its chunk before it sends it. */
export class Bandwidth {
  readonly #bytesPerMs: number
  /** When the bytes granted so far will have been paid for, on the monotonic clock. */
  #paidUntil = 0

  /** @param bytesPerSecond a positive number */
  constructor(bytesPerSecond: number) { this.#bytesPerMs = bytesPerSecond / 1000 }

  async take(bytes: number, signal: AbortSignal): Promise<void> {
    const now = performance.now()
    this.#paidUntil = Math.max(now, this.#paidUntil) + bytes / this.#bytesPerMs
    // Sleeping for less than a tick of the timer would only cost; the debt is carried to the next chunk.
    const waitMs = this.#paidUntil - now
    if (waitMs > 10) await pause(waitMs, signal)
  }
}
