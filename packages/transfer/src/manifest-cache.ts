import { type Digest, type Manifest, type RepositoryName } from '@longshore/oci'
import type { Io, Source } from './transport.ts'

/** Enough for the indexes of a repository whose tags share their children. Bytes. */
const maxKeptBytes = 16 * 1024 * 1024

/** Manifests read by digest, each once while it is kept; the latest read are kept. */
export class ManifestCache {
  readonly #kept = new Map<string, Promise<Manifest | undefined>>()
  readonly #sizes = new Map<string, number>()
  #bytes = 0

  get(source: Source, repository: RepositoryName, digest: Digest, io: Io): Promise<Manifest | undefined> {
    // Content is named by its digest, so whichever repository served it first serves for all of the registry.
    const key = `${source.registry}@${digest}`
    const known = this.#kept.get(key)
    if (known) return known
    const reading = source.manifest(repository, digest, io)
    this.#kept.set(key, reading)
    reading.then((manifest) => this.#keep(key, manifest), () => this.#kept.delete(key))
    return reading
  }

  #keep(key: string, manifest: Manifest | undefined): void {
    // "Not in this repository" says nothing of another one.
    if (!manifest) { this.#kept.delete(key); return }
    this.#sizes.set(key, manifest.bytes.byteLength)
    this.#bytes += manifest.bytes.byteLength
    for (const [oldest, size] of this.#sizes) {
      if (this.#bytes <= maxKeptBytes) break
      this.#sizes.delete(oldest)
      this.#kept.delete(oldest)
      this.#bytes -= size
    }
  }
}
