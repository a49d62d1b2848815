/** How many images were looked at, in place on a terminal, ten times a second; nothing elsewhere. */
export class CountView implements Disposable {
  readonly #stream: NodeJS.WriteStream
  readonly #verb: string
  readonly #timer: NodeJS.Timeout | undefined
  #count = 0
  #shown = false

  constructor(stream: NodeJS.WriteStream, verb: string, enabled: boolean) {
    this.#stream = stream
    this.#verb = verb
    if (enabled && stream.isTTY) this.#timer = setInterval(() => this.#draw(), 100)
    this.#timer?.unref()
  }

  add(): void { this.#count++ }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    if (this.#shown) this.#stream.write('\r\u001b[K')
  }

  #draw(): void {
    this.#shown = true
    this.#stream.write(`\r\u001b[K${this.#verb} ${this.#count} images ...`.slice(0, Math.max(20, this.#stream.columns)))
  }
}
