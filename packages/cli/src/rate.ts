/** The speed over the last seconds, and what it promises. Times in ms on the monotonic clock. */
export class Rate {
  readonly startedMs: number
  readonly #samples: Array<{ readonly ms: number; readonly bytes: number }> = []

  constructor(startedMs: number) { this.startedMs = startedMs }

  /** @param bytes moved so far, in total */
  add(ms: number, bytes: number): void {
    this.#samples.push({ ms, bytes })
    while (this.#samples.length > 2 && ms - (this.#samples[0]?.ms ?? ms) > 5000) this.#samples.shift()
  }

  get bytesPerSecond(): number {
    const first = this.#samples[0]
    const last = this.#samples.at(-1)
    if (!first || !last || last.ms === first.ms) return 0
    return Math.max(0, (last.bytes - first.bytes) / (last.ms - first.ms) * 1000)
  }

  /** The later of what the images and what the bytes promise; `undefined` while either total is unknown. */
  etaMs(nowMs: number, at: { readonly done: number; readonly of: number; readonly known: boolean; readonly left: number; readonly resolved: number }): number | undefined {
    const elapsed = nowMs - this.startedMs
    if (!at.known || elapsed < 2000) return undefined
    const byImages = at.done === 0 ? undefined : elapsed / at.done * (at.of - at.done)
    if (at.left <= 0) return byImages
    const speed = this.bytesPerSecond
    if (speed === 0 || at.resolved === 0) return undefined
    // Bytes of images that are not yet resolved are not yet known: they are taken to be like the others.
    const byBytes = at.left * (at.of / at.resolved) / speed * 1000
    return at.resolved === at.of ? byBytes : Math.max(byImages ?? 0, byBytes)
  }
}
