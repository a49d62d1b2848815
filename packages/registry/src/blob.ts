// A blob as one run of bytes, over as many answers as it takes. What breaks is taken up again by `Range`, out of sight.
import { backoffMs, pause } from '@longshore/concurrency'
import { type Descriptor, type RepositoryName, SizeMismatchError } from '@longshore/oci'
import type { Content } from '@longshore/transfer'
import { headerOf } from './answer.ts'
import { pullScope } from './scope.ts'
import type { BodyStream } from './body.ts'
import { isTransient, isTransientStatus } from './failure.ts'
import type { Ask, Host } from './host.ts'
import { blobPath, maxRedirects, resolveLocation, wirePath } from './paths.ts'

/** Progress of this much makes a connection that broke as good as new: its attempts are counted afresh. */
const refillBytes = 1024 * 1024

export interface ReadFrom {
  readonly offset: number
  /** Another place than the registry: where a foreign layer lives. No credentials are shown there. */
  readonly url?: string
}

/** @throws RegistryError when the registry refuses, ConnectionError when no attempt got through */
export async function openBlob(
  host: Host, repository: RepositoryName, desc: Descriptor, from: ReadFrom, signal: AbortSignal,
): Promise<Content> {
  const slot = await host.enter(host.lanes.read, signal)
  const content = new BlobContent(host, repository, desc, from, signal, slot)
  try {
    await content.start()
    return content
  } catch (error) {
    slot[Symbol.dispose]()
    throw error
  }
}

class BlobContent implements AsyncIterator<Uint8Array>, AsyncDisposable {
  readonly #host: Host
  readonly #path: string
  readonly #desc: Descriptor
  readonly #repository: RepositoryName
  readonly #signal: AbortSignal
  readonly #slot: Disposable
  readonly #elsewhere: { readonly origin: string; readonly path: string } | undefined
  #stream: BodyStream | undefined
  /** Of the next byte that the reader gets. */
  #offset: number
  /** Bytes of the current answer that the reader has had already. */
  #skip = 0
  #attempt = 1
  #progress = 0
  #done = false

  constructor(host: Host, repository: RepositoryName, desc: Descriptor, { offset, url }: ReadFrom, signal: AbortSignal, slot: Disposable) {
    this.#host = host
    this.#repository = repository
    this.#path = wirePath(host.registry, repository)
    this.#desc = desc
    this.#offset = offset
    this.#signal = signal
    this.#slot = slot
    this.#elsewhere = resolveLocation(url, host.origin, '/')
  }

  [Symbol.asyncIterator](): this { return this }

  /** Gets the first answer; failures that may pass are tried again. */
  async start(): Promise<void> {
    while (this.#offset === 0 || this.#offset !== this.#desc.size) {
      try {
        this.#stream = await this.#open()
        return
      } catch (error) {
        await this.#retry(error)
      }
    }
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const { bandwidth } = this.#host.options
    for (;;) {
      // The connection may have broken just behind the last byte: there is nothing left to ask for then.
      if (this.#stream === undefined && this.#offset > 0 && this.#offset === this.#desc.size) this.#finish()
      if (this.#done) return { done: true, value: undefined }
      try {
        this.#stream ??= await this.#open()
        const got = this.#stream.next()
        const chunk = got instanceof Promise ? await got : got
        if (chunk === undefined) {
          this.#finish()
          continue
        }
        const bytes = this.#accept(chunk)
        if (bytes === undefined) continue
        if (bandwidth) await bandwidth.take(bytes.byteLength, this.#signal)
        return { done: false, value: bytes }
      } catch (error) {
        // Disposed of while it was waiting.
        if (this.#done && this.#stream === undefined && !(error instanceof SizeMismatchError)) return { done: true, value: undefined }
        await this.#retry(error)
      }
    }
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    await this[Symbol.asyncDispose]()
    return { done: true, value: undefined }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#done = true
    this.#stream?.close()
    this.#stream = undefined
    this.#slot[Symbol.dispose]()
    return Promise.resolve()
  }

  #accept(chunk: Uint8Array): Uint8Array | undefined {
    this.#host.stats.bytesIn += chunk.byteLength
    const bytes = this.#skip === 0 ? chunk : chunk.subarray(Math.min(this.#skip, chunk.byteLength))
    this.#skip -= chunk.byteLength - bytes.byteLength
    if (bytes.byteLength === 0) return undefined
    this.#offset += bytes.byteLength
    this.#progress += bytes.byteLength
    if (this.#progress >= refillBytes) {
      this.#progress = 0
      this.#attempt = 1
    }
    if (this.#desc.size >= 0 && this.#offset > this.#desc.size) throw this.#mismatch(this.#offset)
    return bytes
  }

  #finish(): void {
    this.#stream = undefined
    if (this.#desc.size >= 0 && this.#offset < this.#desc.size) throw this.#mismatch(this.#offset)
    this.#done = true
    this.#slot[Symbol.dispose]()
  }

  /** @throws the error, when another attempt makes no sense or none is left */
  async #retry(error: unknown): Promise<void> {
    this.#stream?.close()
    this.#stream = undefined
    const { retries, stats } = this.#host
    const translated = this.#signal.aborted ? this.#signal.reason as Error
      : error instanceof SizeMismatchError ? error : this.#host.translate(error, `GET ${blobPath(this.#path, this.#desc.digest)}`)
    if (this.#signal.aborted || this.#attempt >= retries.attempts || !isTransient(translated, true)) {
      this.#done = true
      this.#slot[Symbol.dispose]()
      throw translated
    }
    stats.retries++
    await pause(backoffMs(retries, this.#attempt++ - 1), this.#signal)
  }

  async #open(): Promise<BodyStream> {
    let ask: Ask = {
      method: 'GET', path: blobPath(this.#path, this.#desc.digest), scope: pullScope(this.#path), repository: this.#repository,
      ...this.#elsewhere,
      ...(this.#offset > 0 ? { headers: ['range', `bytes=${this.#offset}-`] } : {}),
    }
    for (let redirects = 0; ; redirects++) {
      const stream = await this.#host.open(ask, this.#signal)
      if (stream.status >= 300 && stream.status < 400 && stream.status !== 304 && redirects < maxRedirects) {
        const from = ask.origin ?? this.#host.origin
        const to = resolveLocation(headerOf(stream.headers, 'location'), from, ask.path)
        if (to) {
          await stream.text()
          // Another origin gets no authorization, nor does whatever it leads on to.
          ask = { ...ask, path: to.path, ...(to.origin === this.#host.origin && ask.origin === undefined ? {} : { origin: to.origin }) }
          continue
        }
      }
      if (stream.status === 206 || stream.status === 200) return this.#check(stream)
      const body = await stream.text()
      if (isTransientStatus(stream.status) && stream.status !== 429) this.#host.lanes.refused()
      throw this.#host.refusal(ask, { status: stream.status, headers: stream.headers, body })
    }
  }

  /** Where the answer starts, and whether it can be this blob at all. */
  #check(stream: BodyStream): BodyStream {
    let start = 0
    if (stream.status === 206) {
      const range = /^bytes (\d+)-\d*(?:\/(\d+|\*))?/.exec(headerOf(stream.headers, 'content-range') ?? '')
      start = range ? Number(range[1]) : this.#offset
    }
    const length = Number(headerOf(stream.headers, 'content-length') ?? NaN)
    const encoded = (headerOf(stream.headers, 'content-encoding') ?? 'identity') !== 'identity'
    if (start > this.#offset || (this.#desc.size >= 0 && !encoded && !Number.isNaN(length) && start + length !== this.#desc.size)) {
      stream.close()
      throw this.#mismatch(start + (Number.isNaN(length) ? 0 : length))
    }
    this.#skip = this.#offset - start
    return stream
  }

  #mismatch(actual: number): SizeMismatchError {
    return new SizeMismatchError(`${this.#host.registry}/${this.#repository}@${this.#desc.digest}`, this.#desc.size, actual)
  }
}
