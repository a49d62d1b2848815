/** The last bytes of what is said, however much it is. */
export class Tail {
  readonly #limit: number
  #chunks: Uint8Array[] = []
  #size = 0

  constructor(limit: number) { this.#limit = limit }

  add(chunk: Uint8Array): void {
    this.#chunks.push(chunk)
    this.#size += chunk.byteLength
    if (this.#size < 2 * this.#limit) return
    const kept = Buffer.concat(this.#chunks).subarray(-this.#limit)
    this.#chunks = [kept]
    this.#size = kept.byteLength
  }

  text(): string { return Buffer.concat(this.#chunks).subarray(-this.#limit).toString('utf8') }
}
