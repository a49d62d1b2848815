// What is known of the repositories at both ends, asked once: one tag list tells what a HEAD per tag would.
import { companionSubject, type Digest, RegistryError, type Tag } from '@longshore/oci'
import type { Location } from './image.ts'
import type { Io, Source } from './transport.ts'

export interface RepositoryState {
  /** A repository that does not exist holds nothing, so nothing in it has to be asked for. */
  readonly exists: boolean
  /** False where the registry does not let us list: nothing is known then, and each tag has to be asked for. */
  readonly listed: boolean
  readonly tags: ReadonlySet<Tag>
  /** Fallback tags and cosign tags, by the manifest that they are about. */
  readonly companions: ReadonlyMap<Digest, readonly Tag[]>
  /** When the list was read, ms on the monotonic clock. */
  readonly atMs: number
}

/** What is kept: repositories, and tags in them all together. Images come repository by repository. */
const maxKept = { repositories: 512, tags: 500_000 }
/** Refusals to list. An account may well pull or push where it may not list. */
const refusals = new Set([401, 403, 405])

/** Tag lists of one side, each read once; the latest used are kept. */
export class RepositoryStates {
  readonly #kept = new Map<string, Promise<RepositoryState>>()
  readonly #tagCounts = new Map<string, number>()
  readonly #sideOf: (registry: string) => Source
  readonly #onUnlisted: (location: Location, error: RegistryError) => void
  readonly #lists: boolean
  #tags = 0

  /** @param lists when false, nothing is asked, and nothing known */
  constructor(sideOf: (registry: string) => Source, onUnlisted: (location: Location, error: RegistryError) => void = () => {}, lists = true) {
    this.#sideOf = sideOf
    this.#onUnlisted = onUnlisted
    this.#lists = lists
  }

  /** @throws what `Source.tags` throws; a failed reading is forgotten, so that the next asks again. */
  get(location: Location, io: Io): Promise<RepositoryState> {
    if (!this.#lists) return Promise.resolve(unlisted(performance.now()))
    const key = `${location.registry}/${location.repository}`
    const known = this.#kept.get(key)
    if (known) {
      // Used again: the last to go.
      this.#kept.delete(key)
      this.#kept.set(key, known)
      return known
    }
    const reading = this.#read(location, io)
    this.#kept.set(key, reading)
    reading.then((state) => this.#count(key, state.tags.size), () => { if (this.#kept.get(key) === reading) this.#kept.delete(key) })
    return reading
  }

  #count(key: string, tags: number): void {
    this.#tagCounts.set(key, tags)
    this.#tags += tags
    for (const oldest of this.#kept.keys()) {
      if (oldest === key || (this.#kept.size <= maxKept.repositories && this.#tags <= maxKept.tags)) break
      this.#kept.delete(oldest)
      this.#tags -= this.#tagCounts.get(oldest) ?? 0
      this.#tagCounts.delete(oldest)
    }
  }

  async #read(location: Location, io: Io): Promise<RepositoryState> {
    const atMs = performance.now()
    let tags: readonly Tag[] | undefined
    try {
      tags = await this.#sideOf(location.registry).tags(location.repository, io)
    } catch (error) {
      if (!(error instanceof RegistryError) || !refusals.has(error.status)) throw error
      this.#onUnlisted(location, error)
      return unlisted(atMs)
    }
    const companions = new Map<Digest, Tag[]>()
    for (const tag of tags ?? []) {
      const subject = companionSubject(tag)
      if (subject === undefined) continue
      const about = companions.get(subject)
      if (about) about.push(tag)
      else companions.set(subject, [tag])
    }
    return { exists: tags !== undefined, listed: true, tags: new Set(tags), companions, atMs }
  }
}

function unlisted(atMs: number): RepositoryState { return { exists: true, listed: false, tags: new Set(), companions: new Map(), atMs } }
