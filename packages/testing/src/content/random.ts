/** xoshiro128** over a 32-bit seed spread by splitmix32: same seed, same numbers, on every machine. https://prng.di.unimi.it/ */
export class Random {
  #a: number
  #b: number
  #c: number
  #d: number

  constructor(seed: number | string) {
    let state = typeof seed === 'number' ? seed | 0 : hashOf(seed)
    const spread = (): number => {
      state = (state + 0x9e3779b9) | 0
      let z = state
      z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
      return z ^ (z >>> 15)
    }
    this.#a = spread()
    this.#b = spread()
    this.#c = spread()
    this.#d = spread() | 1
  }

  /** A whole number from 0 to `limit - 1`. */
  below(limit: number): number {
    const word = new Uint32Array(1)
    this.words(word)
    return Math.floor(((word[0] ?? 0) / 0x1_0000_0000) * limit)
  }

  /** Fills `words`. */
  words(words: Uint32Array): void {
    let a = this.#a
    let b = this.#b
    let c = this.#c
    let d = this.#d
    for (let i = 0; i < words.length; i++) {
      const m = Math.imul(b, 5)
      words[i] = Math.imul((m << 7) | (m >>> 25), 9)
      const t = b << 9
      c ^= a
      d ^= b
      b ^= c
      a ^= d
      c ^= t
      d = (d << 11) | (d >>> 21)
    }
    this.#a = a
    this.#b = b
    this.#c = c
    this.#d = d
  }
}

/** FNV-1a, 32 bits. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash | 0
}
