/** Remembers the answers of `ask` for a while; those who ask at once share one question. A failure is not remembered. */
export class Remembered<V> {
  readonly #answers = new Map<string, { readonly until: number; readonly value: Promise<V> }>()
  readonly #forMs: number

  constructor(forMs: number) { this.#forMs = forMs }

  get(key: string, ask: () => Promise<V>): Promise<V> {
    const known = this.#answers.get(key)
    if (known && performance.now() < known.until) return known.value
    const value = ask()
    // Open until it lands, however long that takes.
    const answer = { until: Infinity, value }
    this.#answers.set(key, answer)
    const landed = (forget: boolean) => (): void => {
      if (this.#answers.get(key) !== answer) return
      if (forget) this.#answers.delete(key)
      else this.#answers.set(key, { until: performance.now() + this.#forMs, value })
    }
    value.then(landed(false), landed(true))
    return value
  }
}
