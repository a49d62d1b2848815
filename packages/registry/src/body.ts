// The body of one answer as it arrives. The socket is paused when the reader falls behind; chunks are passed on uncopied.
import type { Dispatcher } from 'undici'
import { type AnswerHeaders, maxErrorBytes } from './answer.ts'
import { type Cancellable, unwatchAbort } from './abort.ts'
import { sweep } from './sweep.ts'

/** Bytes kept for a slow reader before its socket is paused; it runs again at half of that. */
const highWater = 128 * 1024

export class BodyStream implements Dispatcher.DispatchHandler, Cancellable {
  /** Settles when the head of the answer is there. */
  readonly started: Promise<void>
  status = 0
  /** A connection stood and the request went out on it. */
  sent = false
  headers: AnswerHeaders = {}
  #start: () => void
  #refuse: (error: Error) => void
  #controller: Dispatcher.DispatchController | undefined
  #chunks: Uint8Array[] = []
  #next = 0
  #buffered = 0
  #ended = false
  #error: Error | undefined
  #wake: (() => void) | undefined
  readonly #signal: AbortSignal

  constructor(signal: AbortSignal) {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.started = promise
    this.#start = resolve
    this.#refuse = reject
    this.#signal = signal
  }

  /** The next chunk; `undefined` at the end. @throws the socket's error, after the chunks that came before it. */
  next(): Uint8Array | undefined | Promise<Uint8Array | undefined> {
    const chunk = this.#take()
    if (chunk) return chunk
    if (this.#error) throw this.#error
    if (this.#ended) return undefined
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#wake = resolve
    return promise.then(() => this.next())
  }

  /** The rest of a short body, as far as an error message needs it. */
  async text(): Promise<Buffer> {
    const chunks: Uint8Array[] = []
    let length = 0
    try {
      for (let chunk = await this.next(); chunk && length < maxErrorBytes; chunk = await this.next()) {
        chunks.push(chunk)
        length += chunk.byteLength
      }
    } catch {
      // A refusal that breaks off is a refusal still.
    }
    this.close()
    return Buffer.concat(chunks).subarray(0, maxErrorBytes)
  }

  /** Frees the connection; when bytes are still to come, by cutting it. */
  close(): void { this.cancel(new Error('the rest of the body is not wanted')) }

  cancel(reason: Error): void {
    if (this.#ended || this.#error) return
    this.#fail(reason)
    this.#controller?.abort(reason)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#error) controller.abort(this.#error)
    else this.sent = true
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: AnswerHeaders): void {
    if (status < 200) return
    this.status = status
    this.headers = headers
    this.#start()
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#buffered += chunk.byteLength
    if (this.#buffered > highWater) controller.pause()
    this.#notify()
    sweep(chunk.byteLength)
  }

  onResponseEnd(): void {
    this.#ended = true
    unwatchAbort(this.#signal, this)
    this.#notify()
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void { this.#fail(error) }

  #take(): Uint8Array | undefined {
    const chunk = this.#chunks[this.#next]
    if (chunk === undefined) return undefined
    if (++this.#next === this.#chunks.length) {
      this.#chunks = []
      this.#next = 0
    }
    this.#buffered -= chunk.byteLength
    if (this.#buffered < highWater / 2 && this.#controller?.paused === true) this.#controller.resume()
    return chunk
  }

  #fail(error: Error): void {
    if (this.#ended || this.#error) return
    this.#error = error
    unwatchAbort(this.#signal, this)
    this.#refuse(error)
    this.#notify()
  }

  #notify(): void {
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }
}
