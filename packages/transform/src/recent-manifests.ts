import type { Digest, Manifest, RepositoryName } from '@longshore/oci'

/** What is kept, in bytes of manifests. What is dropped is made again from its original, whose layers are still there. */
const maxBytes = 32 * 1024 * 1024

/** Manifests by repository and digest: that one repository has it says nothing of another. */
export class RecentManifests {
  readonly #kept = new Map<string, Manifest>()
  #bytes = 0

  get(repository: RepositoryName, digest: Digest): Manifest | undefined {
    const key = `${repository}@${digest}`
    const found = this.#kept.get(key)
    // The last used is the last to go.
    if (found && this.#kept.delete(key)) this.#kept.set(key, found)
    return found
  }

  keep(repository: RepositoryName, manifest: Manifest): void {
    const key = `${repository}@${manifest.digest}`
    if (this.#kept.has(key)) return
    this.#kept.set(key, manifest)
    this.#bytes += manifest.bytes.byteLength
    for (const [old, { bytes }] of this.#kept) {
      if (this.#bytes <= maxBytes || old === key) break
      this.#kept.delete(old)
      this.#bytes -= bytes.byteLength
    }
  }
}
