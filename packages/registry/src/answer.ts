// One small answer, buffered. A handler of undici's dispatch, so that a request costs one object and one promise.
import type { Dispatcher } from 'undici'
import { type Cancellable, unwatchAbort } from './abort.ts'

export type AnswerHeaders = Record<string, string | string[] | undefined>

export interface Answer {
  readonly status: number
  readonly headers: AnswerHeaders
  readonly body: Buffer
  /** The body was longer than asked for; what came first is in `body`. */
  readonly truncated: boolean
  /** Who answered, where redirects led away from the address that was asked. */
  readonly from?: { readonly origin: string; readonly path: string }
}

/** Error bodies beyond this are cut: nobody reads them, and they come from strangers. */
export const maxErrorBytes = 64 * 1024
const nothing = Buffer.alloc(0)

export class AnswerHandler implements Dispatcher.DispatchHandler, Cancellable {
  readonly answered: Promise<Answer>
  /** A connection stood and the request went out on it. */
  sent = false
  #resolve: (answer: Answer) => void
  #reject: (error: Error) => void
  #controller: Dispatcher.DispatchController | undefined
  #cancelled: Error | undefined
  #settled = false
  #status = 0
  #headers: AnswerHeaders = {}
  #first: Buffer | undefined
  #chunks: Buffer[] | undefined
  #length = 0
  #limit: number
  readonly #signal: AbortSignal

  constructor(limit: number, signal: AbortSignal) {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>()
    this.answered = promise
    this.#resolve = resolve
    this.#reject = reject
    this.#limit = limit
    this.#signal = signal
  }

  /** Bytes of the body so far. */
  get length(): number { return this.#length }

  cancel(reason: Error): void {
    this.#cancelled = reason
    this.#fail(reason)
    this.#controller?.abort(reason)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#cancelled) controller.abort(this.#cancelled)
    else this.sent = true
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: AnswerHeaders): void {
    if (status < 200) return
    this.#status = status
    this.#headers = headers
    if (status >= 400) this.#limit = maxErrorBytes
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#length += chunk.byteLength
    if (this.#first === undefined) this.#first = chunk
    else (this.#chunks ??= [this.#first]).push(chunk)
    if (this.#length > this.#limit) {
      this.#finish(true)
      controller.abort(new Error('the body is longer than wanted'))
    }
  }

  onResponseEnd(): void { this.#finish(false) }
  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void { this.#fail(error) }

  #finish(truncated: boolean): void {
    if (this.#settled) return
    this.#settled = true
    unwatchAbort(this.#signal, this)
    const body = this.#chunks ? Buffer.concat(this.#chunks) : this.#first ?? nothing
    this.#resolve({ status: this.#status, headers: this.#headers, body, truncated })
  }

  #fail(error: Error): void {
    if (this.#settled) return
    this.#settled = true
    unwatchAbort(this.#signal, this)
    this.#reject(error)
  }
}

/** One value of a header; the first when it came several times. */
export function headerOf(headers: AnswerHeaders, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' ? value : value?.[0]
}
