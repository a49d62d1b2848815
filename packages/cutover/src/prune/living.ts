// What has to stay in a repository: everything that its living tags name, what is under that, and what is about it.
import { forEachLimit } from '@longshore/concurrency'
import { companionSubject, type Descriptor, type Digest, isIndexType, type Manifest, type Tag } from '@longshore/oci'
import type { Io, Location, Source } from '@longshore/transfer'

/** One repository at the destination, read as it is asked about; each manifest once. */
export class RepositoryView {
  readonly target: Source
  readonly location: Location
  readonly #io: Io
  readonly #concurrency: number
  readonly #manifests = new Map<Digest, Promise<Manifest | undefined>>()
  readonly #names = new Map<Tag, Descriptor>()

  constructor(target: Source, location: Location, concurrency: number, io: Io) {
    this.target = target
    this.location = location
    this.#concurrency = concurrency
    this.#io = io
  }

  /** What each tag names; a tag that is gone meanwhile is left out. */
  async resolve(tags: Iterable<Tag>): Promise<ReadonlyMap<Tag, Descriptor>> {
    await forEachLimit(this.#io.signal, this.#concurrency, tags, async (tag, signal) => {
      const named = await this.target.resolve(this.location.repository, tag, { signal })
      if (named) this.#names.set(tag, named)
    })
    return this.#names
  }

  /** Those that are there. */
  async resolveDigests(digests: readonly Digest[]): Promise<readonly Descriptor[]> {
    const found: Descriptor[] = []
    await forEachLimit(this.#io.signal, this.#concurrency, digests, async (digest, signal) => {
      const there = await this.target.resolve(this.location.repository, digest, { signal })
      if (there) found.push(there)
    })
    return found
  }

  /** What the manifest is about, or what that is about, and so on, as far as it is one of these. */
  async subjectAmong(digests: ReadonlySet<Digest>, digest: Digest): Promise<Digest | undefined> {
    let subject = (await this.manifest(digest))?.subject?.digest
    while (subject !== undefined && !digests.has(subject)) subject = (await this.manifest(subject))?.subject?.digest
    return subject
  }

  manifest(digest: Digest): Promise<Manifest | undefined> {
    const known = this.#manifests.get(digest) ?? this.target.manifest(this.location.repository, digest, this.#io)
    this.#manifests.set(digest, known)
    return known
  }

  /** The manifest and, of an index, all that it lists. */
  async reach(root: Pick<Descriptor, 'digest' | 'mediaType'>, into: Set<Digest>): Promise<void> {
    // However deep: what is not reached would pass for dead. It ends, as no manifest can hold its own digest.
    for (const left = [root]; ;) {
      const next = left.pop()
      if (!next) return
      if (into.has(next.digest)) continue
      into.add(next.digest)
      if (!isIndexType(next.mediaType)) continue
      const manifest = await this.manifest(next.digest)
      if (manifest?.kind === 'index') left.push(...manifest.manifests)
    }
  }
}

/**
 * The manifests that living tags hold, with the companion tags that are about them, and what those hold. A companion of a companion counts too.
 */
export async function livingOf(view: RepositoryView, roots: Iterable<Descriptor>, companions: ReadonlyMap<Tag, Descriptor>): Promise<{ readonly digests: ReadonlySet<Digest>; readonly tags: ReadonlySet<Tag> }> {
  const digests = new Set<Digest>()
  const tags = new Set<Tag>()
  for (const root of roots) await view.reach(root, digests)
  for (let grew = true; grew;) {
    grew = false
    for (const [tag, named] of companions) {
      const subject = companionSubject(tag)
      if (tags.has(tag) || subject === undefined || !digests.has(subject)) continue
      tags.add(tag)
      grew = true
      await view.reach(named, digests)
    }
  }
  return { digests, tags }
}
