import { createCipheriv, createHash } from 'node:crypto'

/** Numbers and bytes that depend on a seed alone. Bytes do not compress, as a real layer's do not. */
export class Seeded {
  readonly #seed: string
  #state: number

  constructor(seed: string) {
    this.#seed = seed
    this.#state = createHash('sha256').update(seed).digest().readUInt32LE(0)
  }

  /** In [0, 1): mulberry32. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }

  integer(below: number): number { return Math.floor(this.next() * below) }

  /** A layer size: lognormal about `mean`, as layers of real images are, and at most 12 times that. */
  size(mean: number): number {
    const normal = Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next())
    return Math.max(200, Math.round(mean * Math.min(12, Math.exp(normal - 0.5))))
  }

  /** `size` bytes in chunks of at most 4 MiB, the same for the same name. */
  *bytes(name: string, size: number): Generator<Buffer> {
    const key = createHash('sha256').update(`${this.#seed}/${name}`).digest()
    const cipher = createCipheriv('aes-128-ctr', key.subarray(0, 16), key.subarray(16))
    const zeros = Buffer.alloc(Math.min(size, 4 << 20))
    for (let left = size; left > 0; left -= zeros.length) yield cipher.update(left < zeros.length ? zeros.subarray(0, left) : zeros)
  }
}
