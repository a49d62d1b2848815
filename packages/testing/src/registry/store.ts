// What the embedded registry holds. Content is kept once, but existence is per repository: a blob that only another
// repository has is unknown here until it is pushed or mounted.
import { type Digest, digestOf, hasherFor, type Manifest } from '@longshore/oci'

export interface StoredBlob { readonly size: number; readonly chunks: readonly Uint8Array[] }

export interface StoredRepository {
  readonly name: string
  readonly blobs: Set<Digest>
  readonly manifests: Map<Digest, Manifest>
  readonly tags: Map<string, Digest>
}

export class Store {
  readonly repositories = new Map<string, StoredRepository>()
  readonly #content = new Map<Digest, StoredBlob>()

  /** Creates the repository on first use: the specification has no other way to make one. */
  repository(name: string): StoredRepository {
    let repository = this.repositories.get(name)
    if (!repository) {
      repository = { name, blobs: new Set(), manifests: new Map(), tags: new Map() }
      this.repositories.set(name, repository)
    }
    return repository
  }

  blob(repository: string, digest: Digest): StoredBlob | undefined {
    return this.repositories.get(repository)?.blobs.has(digest) === true ? this.#content.get(digest) : undefined
  }

  putBlob(repository: string, digest: Digest, blob: StoredBlob): void {
    this.#content.set(digest, blob)
    this.repository(repository).blobs.add(digest)
  }

  link(repository: string, digest: Digest): void {
    this.repository(repository).blobs.add(digest)
  }

  deleteBlob(repository: string, digest: Digest): boolean {
    const existed = this.repositories.get(repository)?.blobs.delete(digest) === true
    for (const other of this.repositories.values()) if (other.blobs.has(digest)) return existed
    this.#content.delete(digest)
    return existed
  }

  /** Flips one bit of the blob wherever it is linked. */
  corruptBlob(digest: Digest): void {
    const blob = this.#content.get(digest)
    if (!blob) throw new Error(`no blob ${digest} to corrupt`)
    this.#content.set(digest, { size: blob.size, chunks: flipped(blob.chunks) })
  }

  manifest(repository: string, reference: string): Manifest | undefined {
    const found = this.repositories.get(repository)
    const digest = found?.tags.get(reference) ?? reference
    return found?.manifests.get(digest as Digest)
  }
}

/** `chunks` with one bit of the first byte changed; the others are shared. */
export function flipped(chunks: readonly Uint8Array[]): readonly Uint8Array[] {
  const at = chunks.findIndex((chunk) => chunk.byteLength > 0)
  return chunks.map((chunk, i) => {
    if (i !== at) return chunk
    const copy = Uint8Array.from(chunk)
    copy[0] = (copy[0] ?? 0) ^ 1
    return copy
  })
}

export function digestOfChunks(chunks: readonly Uint8Array[], like?: Digest): Digest {
  if (!like) return chunks.length === 1 && chunks[0] ? digestOf(chunks[0]) : digestOfChunks(chunks, `sha256:${'0'.repeat(64)}` as Digest)
  const hasher = hasherFor(like)
  for (const chunk of chunks) hasher.update(chunk)
  return `${like.slice(0, like.indexOf(':'))}:${hasher.digest('hex')}` as Digest
}
