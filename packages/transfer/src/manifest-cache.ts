import type { Descriptor, Manifest, RepositoryName } from '@longshore/oci'
import type { Io, Source } from './transport.ts'

/** Enough for the indexes of a repository whose tags share their children. Bytes. */
const maxKeptBytes = 16 * 1024 * 1024

type Reading = Promise<Manifest | undefined>

/** Manifests read by digest, each once while it is kept; the latest read are kept. */
export class ManifestCache {
  readonly #kept = new Map<string, { readonly repository: RepositoryName; readonly reading: Reading }>()
  readonly #sizes = new Map<string, number>()
  readonly #scope: 'registry' | 'repository'
  #bytes = 0

  /** @param scope `repository` where it matters that this very repository has it */
  constructor(scope: 'registry' | 'repository' = 'registry') { this.#scope = scope }

  get(source: Source, repository: RepositoryName, { digest, mediaType }: Pick<Descriptor, 'digest' | 'mediaType'>, io: Io): Reading {
    const key = `${source.registry}${this.#scope === 'repository' ? `/${repository}` : ''}@${digest}`
    const known = this.#kept.get(key)
    if (!known) return this.#read(key, source, repository, digest, io)
    if (known.repository === repository) return known.reading
    // What another repository serves is as good, being named by its digest, unless it calls the bytes by another type: they need not say
    // what they are. That it serves nothing says nothing of this one.
    const own = (): Reading => source.manifest(repository, digest, io)
    return known.reading.then((manifest) => (manifest?.mediaType === mediaType ? manifest : own()), own)
  }

  #read(key: string, source: Source, repository: RepositoryName, digest: Descriptor['digest'], io: Io): Reading {
    const reading = source.manifest(repository, digest, io)
    this.#kept.set(key, { repository, reading })
    reading.then((manifest) => this.#keep(key, manifest), () => this.#kept.delete(key))
    return reading
  }

  #keep(key: string, manifest: Manifest | undefined): void {
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
