// What is known of the repositories at both ends, asked once: one tag list tells what a HEAD per tag would.
import { companionSubject, type Digest, type Tag } from '@longshore/oci'
import type { Location } from './image.ts'
import type { Io, Source } from './transport.ts'

export interface RepositoryState {
  /** A repository that does not exist holds nothing, so nothing in it has to be asked for. */
  readonly exists: boolean
  readonly tags: ReadonlySet<Tag>
  /** Fallback tags and cosign tags, by the manifest that they are about. */
  readonly companions: ReadonlyMap<Digest, readonly Tag[]>
  /** When the list was read, ms on the monotonic clock. */
  readonly atMs: number
}

/** Repositories whose state is kept; images come repository by repository, so older ones are not asked for again. */
const maxKept = 512

/** Tag lists of one side, each read once; the latest used are kept. */
export class RepositoryStates {
  readonly #kept = new Map<string, Promise<RepositoryState>>()
  readonly #sideOf: (registry: string) => Source

  constructor(sideOf: (registry: string) => Source) { this.#sideOf = sideOf }

  /** @throws what `Source.tags` throws; a failed reading is forgotten, so that the next asks again. */
  get(location: Location, io: Io): Promise<RepositoryState> {
    const key = `${location.registry}/${location.repository}`
    const known = this.#kept.get(key)
    if (known) return known
    const reading = this.#read(location, io)
    this.#kept.set(key, reading)
    reading.catch(() => { if (this.#kept.get(key) === reading) this.#kept.delete(key) })
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= maxKept) break
      this.#kept.delete(oldest)
    }
    return reading
  }

  async #read({ registry, repository }: Location, io: Io): Promise<RepositoryState> {
    const atMs = performance.now()
    const tags = await this.#sideOf(registry).tags(repository, io)
    const companions = new Map<Digest, Tag[]>()
    for (const tag of tags ?? []) {
      const subject = companionSubject(tag)
      if (subject === undefined) continue
      const about = companions.get(subject)
      if (about) about.push(tag)
      else companions.set(subject, [tag])
    }
    return { exists: tags !== undefined, tags: new Set(tags), companions, atMs }
  }
}
