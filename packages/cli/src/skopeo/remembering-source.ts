import { type Descriptor, descriptorOf, type Digest, isDigest, type Manifest, type RepositoryName, type Tag } from '@longshore/oci'
import type { Io, Source } from '@longshore/transfer'

/** Bytes of manifests that are kept for the engine after they were looked at here. */
const maxKeptBytes = 32 * 1024 * 1024

/**
 * A source whose manifests are not asked for twice: what chose an image of a list, or judged its signatures, has read what the engine
 * reads next. A GET counts as a pull at many registries.
 */
export class RememberingSource {
  readonly #inner: Source
  readonly #kept = new Map<string, Manifest>()
  #bytes = 0

  constructor(inner: Source) { this.#inner = inner }

  wrap(): Source {
    const inner = this.#inner
    return {
      registry: inner.registry,
      tags: (repository, io) => inner.tags(repository, io),
      resolve: (repository, reference, io) => this.#resolve(repository, reference, io),
      manifest: (repository, reference, io) => this.#manifest(repository, reference, io),
      exists: (repository, desc, io) => inner.exists(repository, desc, io),
      blob: (repository, desc, options) => inner.blob(repository, desc, options),
      referrers: (repository, subject, io) => inner.referrers(repository, subject, io),
      catalog: (io) => inner.catalog(io),
    }
  }

  async #resolve(repository: RepositoryName, reference: Tag | Digest, io: Io): Promise<Descriptor | undefined> {
    const known = this.#kept.get(`${repository} ${reference}`)
    return known ? descriptorOf(known) : await this.#inner.resolve(repository, reference, io)
  }

  async #manifest(repository: RepositoryName, reference: Tag | Digest, io: Io): Promise<Manifest | undefined> {
    const known = this.#kept.get(`${repository} ${reference}`)
    if (known) return known
    const manifest = await this.#inner.manifest(repository, reference, io)
    if (manifest) this.#keep(repository, reference, manifest)
    return manifest
  }

  /** Under its digest, never under a tag: a tag may move. */
  #keep(repository: RepositoryName, reference: Tag | Digest, manifest: Manifest): void {
    this.#bytes += manifest.bytes.byteLength
    this.#kept.set(`${repository} ${isDigest(reference) ? reference : manifest.digest}`, manifest)
    for (const [key, oldest] of this.#kept) {
      if (this.#bytes <= maxKeptBytes) break
      this.#kept.delete(key)
      this.#bytes -= oldest.bytes.byteLength
    }
  }
}
