/** Gathers lines and writes them a few times a second: a system call per image would be what a fast run waits for. */
export class BatchedWriter {
  readonly #stream: NodeJS.WritableStream
  readonly #everyMs: number
  #waiting: string[] = []
  #length = 0
  #timer: NodeJS.Timeout | undefined

  constructor(stream: NodeJS.WritableStream, everyMs = 50) {
    this.#stream = stream
    this.#everyMs = everyMs
  }

  line(text: string): void {
    this.#waiting.push(text)
    this.#length += text.length
    if (this.#length > 64 * 1024) this.flush()
    else this.#timer ??= setTimeout(() => this.flush(), this.#everyMs)
  }

  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#waiting.length === 0) return
    this.#stream.write(`${this.#waiting.join('\n')}\n`)
    this.#waiting = []
    this.#length = 0
  }
}

/** A reader that goes away (`| head`) ends the output, not the migration. */
export function surviveClosedPipes(...streams: readonly NodeJS.WritableStream[]): void {
  for (const stream of streams) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_DESTROYED') throw error
    })
  }
}
