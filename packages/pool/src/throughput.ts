// What a worker has moved of late, for it to know how much to take: work in its hands is work that others, with links of their own, cannot do.

const windowMs = 20_000
/** Of blobs, a worker takes no more than it moves in so long. */
const heldSeconds = 2
/** Of these, what its own work made ready and no other worker was offered. */
const alongSeconds = 0.5

export class Throughput {
  readonly #now: () => number
  /** Of the last while, the oldest first. */
  readonly #done: Array<{ readonly atMs: number; readonly bytes: number }> = []
  #bytes = 0
  #sinceMs: number | undefined

  /** @param now milliseconds of a steady clock */
  constructor(now: () => number = () => performance.now()) { this.#now = now }

  moved(bytes: number): void {
    if (bytes === 0) return
    const atMs = this.#now()
    this.#sinceMs ??= atMs
    this.#done.push({ atMs, bytes })
    this.#bytes += bytes
  }

  /** Whether so many bytes in hand keep the link busy for a while; `least`: fewer never do. */
  isFilledBy(bytes: number, least: number): boolean { return bytes >= Math.max(least, this.perSecond() * heldSeconds) }

  /** Bytes that may be in hand and yet more be taken along; `least` in any case. */
  along(least: number): number {
    const perSecond = this.perSecond()
    return perSecond === Infinity ? least : Math.max(least, perSecond * alongSeconds)
  }

  /** Bytes a second; without bounds as long as too little is known. */
  perSecond(): number {
    const now = this.#now()
    if (this.#sinceMs === undefined || now - this.#sinceMs < 1_000) return Infinity
    for (let [oldest] = this.#done; oldest && oldest.atMs < now - windowMs; [oldest] = this.#done) {
      this.#bytes -= oldest.bytes
      this.#done.shift()
    }
    return this.#bytes / Math.min(windowMs, now - this.#sinceMs) * 1_000
  }
}
