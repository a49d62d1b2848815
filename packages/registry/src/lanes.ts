// How many requests a host gets at once. Additive increase, multiplicative decrease, guided by the latency of small requests:
// near, more requests only queue up in the registry (latency grows, so we hold); far, they fill the round trip (it does not).
import { Limiter } from '@longshore/concurrency'

/** About the best for a registry on the same network, where latency cannot tell (FIELD.md §6). */
const startSlots = 32
/** About the best 40 ms away: growing to it from the near one would take several round trips. */
const farStartSlots = 128
/** When the quickest of the first few answers took this long, the registry is far, and not merely busy. */
const farMs = 15
const firstAnswers = 8
const fewestSlots = 2
/** More sockets than this to one host gain nothing even over 40 ms (FIELD.md §6). */
const mostSlots = 256
/** Of a user's cap, what small requests get: they are many and short, blobs are few and long. */
const smallShare = 1 / 3
/** Latency may rise this far above the least seen before it means queueing. */
const gradient = 2
/** Under this, latency is the work of a request and not the way to the registry. */
const nearMs = 5

export type LaneName = 'small' | 'read' | 'write'

export class Lanes {
  /** JSON has its own lane, so that it never starves behind blobs. */
  readonly small: Limiter
  /** Reading and writing do not share, so that a copy inside one registry cannot wait for itself. */
  readonly read: Limiter
  readonly write: Limiter
  readonly #most: { readonly small: number; readonly body: number }
  readonly #cap: number
  #slots: number
  #leastMs = Infinity
  #smoothMs = 0
  #answered = 0
  #first = 0
  #refused = false
  #shrunkAt = -Infinity

  /**
   * @param concurrency the user's: small requests together with reads are no more than this, nor together with writes. One is
   * the exception: a blob that moves may need a small request to go on, so that there can be two.
   */
  constructor(concurrency?: number) {
    this.#cap = Math.max(1, concurrency ?? mostSlots)
    const small = Math.max(1, Math.round(this.#cap * smallShare))
    this.#most = concurrency === undefined ? { small: mostSlots, body: mostSlots } : { small, body: Math.max(1, this.#cap - small) }
    this.#slots = Math.min(startSlots, this.#cap)
    this.small = new Limiter(Math.min(this.#slots, this.#most.small))
    this.read = new Limiter(Math.min(this.#slots, this.#most.body))
    this.write = new Limiter(Math.min(this.#slots, this.#most.body))
  }

  get slots(): number { return this.#slots }

  /** A small request was answered in `ms`: once per round of them, more slots are given if they are wanted and do no harm. */
  answered(ms: number): void {
    // The least drifts upwards slowly, so that one lucky answer does not rule for ever.
    this.#leastMs = Math.min(this.#leastMs * 1.001, ms)
    this.#smoothMs = this.#smoothMs === 0 ? ms : this.#smoothMs * 0.9 + ms * 0.1
    if (++this.#first === firstAnswers && this.#leastMs >= farMs && !this.#refused) this.#resize(Math.max(this.#slots, farStartSlots))
    if (++this.#answered < this.#slots) return
    this.#answered = 0
    if (this.#slots >= this.#cap || this.#leastMs < nearMs || this.#smoothMs > this.#leastMs * gradient) return
    if (this.small.waiting + this.read.waiting + this.write.waiting === 0) return
    this.#resize(this.#refused ? this.#slots + 8 : this.#slots * 2)
  }

  /** The host said "too much", or gave way. Refusals of one round count once. */
  refused(): void {
    const now = performance.now()
    if (now - this.#shrunkAt < Math.max(100, this.#smoothMs * 2)) return
    this.#shrunkAt = now
    this.#refused = true
    this.#answered = 0
    this.#resize(Math.floor(this.#slots / 2))
  }

  #resize(slots: number): void {
    this.#slots = Math.min(this.#cap, Math.max(Math.min(fewestSlots, this.#cap), slots))
    this.small.resize(Math.min(this.#slots, this.#most.small))
    for (const lane of [this.read, this.write]) lane.resize(Math.min(this.#slots, this.#most.body))
  }
}
