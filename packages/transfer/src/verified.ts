// Bytes are hashed once, on their way. The last chunk is held back until the whole is known to be right, so that content
// that lies is never complete at the destination, whatever the destination itself checks.
import { type Descriptor, type Digest, DigestMismatchError, hasherFor, SizeMismatchError } from '@longshore/oci'
import type { Content } from './transport.ts'

/**
 * Checks one blob over all the attempts to send it: bytes that were hashed before are not hashed again.
 *
 * Where another process sent the first bytes of an upload, this one never reads them, and cannot judge the whole. The
 * destination does then: the digest of the last PUT is that of all the bytes of the session, and a registry refuses content that
 * does not match it (distribution-spec v1.1.1, "Pushing Blobs", and DIGEST_INVALID in "Error Codes"). The push answers such a
 * refusal by sending all of it anew, from byte 0, and so through this check (docs/adr/0008).
 */
export class Verifier {
  readonly #desc: Descriptor
  readonly #what: string
  readonly #hash
  #hashed = 0
  #actual: Digest | undefined

  /** @param what names the blob and where it is read, for the error */
  constructor(desc: Descriptor, what: string) {
    this.#desc = desc
    this.#what = what
    this.#hash = hasherFor(desc.digest)
  }

  /**
   * Passes on the chunks of `content`, which starts at byte `offset`.
   * @throws SizeMismatchError, DigestMismatchError before the last chunk is passed on
   */
  async *check(content: Content, offset: number): AsyncGenerator<Uint8Array> {
    const { size } = this.#desc
    let position = offset
    let held: Uint8Array | undefined
    for await (const chunk of content) {
      this.#take(chunk, position)
      position += chunk.byteLength
      if (size >= 0 && position > size) throw new SizeMismatchError(this.#what, size, position)
      if (held) yield held
      held = chunk
    }
    if (size >= 0 && position !== size) throw new SizeMismatchError(this.#what, size, position)
    this.#finish(position)
    if (held) yield held
  }

  #take(chunk: Uint8Array, position: number): void {
    const fresh = position + chunk.byteLength - this.#hashed
    // From beyond what was seen here: another process's upload is gone on with.
    if (fresh <= 0 || position > this.#hashed) return
    this.#hash.update(fresh === chunk.byteLength ? chunk : chunk.subarray(chunk.byteLength - fresh))
    this.#hashed += fresh
  }

  #finish(length: number): void {
    // Not all of it was seen: nothing can be said, and the destination's own check decides.
    if (this.#hashed !== length) return
    this.#actual ??= `${this.#desc.digest.slice(0, 6)}:${this.#hash.digest('hex')}` as Digest
    if (this.#actual !== this.#desc.digest) throw new DigestMismatchError(this.#what, this.#desc.digest, this.#actual)
  }
}
