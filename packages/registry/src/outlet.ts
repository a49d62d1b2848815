// The source's bytes on their way into request bodies, cut into as many as are wanted. It stays one chunk ahead: the last bytes of a
// blob leave only after the source has ended well, so that content which turns out wrong is never completed at the destination.
import { SizeMismatchError } from '@longshore/oci'
import type { Content } from '@longshore/transfer'

export class Outlet implements AsyncDisposable {
  /** What the source threw: not a failure of the destination, and not to be tried again here. */
  failure: { readonly error: unknown } | undefined
  /** Waiting for the source, so a silence is not the destination's. */
  pulling = false
  readonly #content: Content
  readonly #iterator: AsyncIterator<Uint8Array>
  readonly #what: string
  /** -1 when unknown. */
  readonly #size: number
  #pulled: number
  #held: Uint8Array | undefined
  #closed = false

  /** @param offset of the content's first byte in the blob of `size` bytes */
  constructor(content: Content, offset: number, size: number, what: string) {
    this.#content = content
    this.#iterator = content[Symbol.asyncIterator]()
    this.#pulled = offset
    this.#size = size
    this.#what = what
  }

  /** Waits for the first of it. A request that begins before there is anything to send shows a token that may have died when it leaves. */
  async prime(): Promise<void> { this.#held ??= await this.#pull() }

  /** Up to `limit` bytes. `onSent` hears of every chunk that is handed on. */
  async* take(limit: number, onSent: (bytes: number) => void): AsyncGenerator<Uint8Array> {
    for (let left = limit; left > 0;) {
      const chunk: Uint8Array | undefined = this.#held ?? await this.#pull()
      this.#held = undefined
      if (chunk === undefined) return
      const now = chunk.byteLength > left ? chunk.subarray(0, left) : chunk
      this.#held = now === chunk ? await this.#pull() : chunk.subarray(left)
      left -= now.byteLength
      onSent(now.byteLength)
      yield now
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    this.#held = undefined
    await this.#content[Symbol.asyncDispose]()
  }

  async #pull(): Promise<Uint8Array | undefined> {
    this.pulling = true
    try {
      const { done, value } = await this.#iterator.next()
      if (done !== true) {
        this.#pulled += value.byteLength
        return value
      }
      if (this.#size >= 0 && this.#pulled !== this.#size && !this.#closed) throw new SizeMismatchError(this.#what, this.#size, this.#pulled)
      return undefined
    } catch (error) {
      if (!this.#closed) this.failure ??= { error }
      throw error
    } finally {
      this.pulling = false
    }
  }
}

/** All of a small content in one buffer, and not copied when it came as one chunk. */
export async function collect(content: Content): Promise<Buffer> {
  await using source = content
  const chunks: Uint8Array[] = []
  for await (const chunk of source) chunks.push(chunk)
  const [first] = chunks
  if (chunks.length === 1 && first) return Buffer.from(first.buffer, first.byteOffset, first.byteLength)
  return Buffer.concat(chunks)
}
