// A registry of which registries.conf says something, to read from: mirrors in order, then the primary, as containers/image reads.
// There, whoever gave the manifest gives all of the image. Here blobs are asked for one by one, so what gave a manifest is
// remembered for the manifest's children; when it fails, or another process asks, the others are tried in order.
import { ConnectionError, type Descriptor, type Digest, isDigest, type Manifest, type RepositoryName, successors, type Tag } from '@longshore/oci'
import type { PullSource, RegistriesConf } from '@longshore/registries-conf'
import type { Content, Inventory, Io, Source } from '@longshore/transfer'
import { MirrorsFailedError } from './errors.ts'

/** Gives the client of a place; the same one for the same place. */
export type OpenPlace = (place: Pick<PullSource, 'registry' | 'insecure' | 'proxy'>) => Source

/** Digests whose holder is remembered: some 10 MB at the most. */
const maxHolders = 50_000
/** A mirror that was out of reach has failed a client's own retries: it is left alone for a while where there is another place. */
const downMs = 30_000

type Ask<T> = (client: Source, repository: RepositoryName) => Promise<T | undefined>
type Failure = { readonly source: PullSource; readonly error: unknown }

export class RoutedSource implements Source {
  readonly registry: string
  readonly #conf: RegistriesConf
  readonly #open: OpenPlace
  /** `repository@digest` to the place that gave it. */
  readonly #holders = new Map<string, string>()
  readonly #downUntil = new Map<string, number>()

  constructor(registry: string, conf: RegistriesConf, open: OpenPlace) {
    this.registry = registry
    this.#conf = conf
    this.#open = open
  }

  async resolve(repository: RepositoryName, reference: Tag | Digest, io: Io): Promise<Descriptor | undefined> {
    const found = await this.#first(this.#sources(repository, reference), io, (client, name) => client.resolve(name, reference, io))
    if (found) this.#remember(repository, found.source, [found.value.digest])
    return found?.value
  }

  async manifest(repository: RepositoryName, reference: Tag | Digest, io: Io): Promise<Manifest | undefined> {
    const found = await this.#first(this.#sources(repository, reference), io, (client, name) => client.manifest(name, reference, io))
    if (!found) return undefined
    const { manifests, blobs } = successors(found.value)
    this.#remember(repository, found.source, [found.value.digest, ...[...manifests, ...blobs].map(({ digest }) => digest)])
    return found.value
  }

  async exists(repository: RepositoryName, desc: Descriptor, io: Io): Promise<boolean> {
    const found = await this.#first(this.#sources(repository, desc.digest), io, async (client, name) => (await client.exists(name, desc, io) ? true : undefined))
    return found !== undefined
  }

  async blob(repository: RepositoryName, desc: Descriptor, options: Io & { readonly offset?: number; readonly url?: string }): Promise<Content> {
    if (options.url !== undefined) {
      const primary = this.#conf.rewrite({ registry: this.registry, repository })
      return this.#open(primary).blob(primary.repository, desc, options)
    }
    const found = await this.#first(this.#sources(repository, desc.digest), options, (client, name) => client.blob(name, desc, options))
    // A place that has not the blob says so by an error.
    if (!found) throw new Error('a blob was neither given nor refused')
    return found.value
  }

  /** Signatures may have been left out of a mirror: only an answer that names some is taken from it. */
  async referrers(repository: RepositoryName, subject: Digest, io: Io): Promise<readonly Descriptor[] | undefined> {
    let hasApi = false
    const found = await this.#first(this.#sources(repository, subject), io, async (client, name) => {
      const listed = await client.referrers(name, subject, io)
      hasApi ||= listed !== undefined
      return listed === undefined || listed.length === 0 ? undefined : listed
    })
    if (found) this.#remember(repository, found.source, found.value.map(({ digest }) => digest))
    return found?.value ?? (hasApi ? [] : undefined)
  }

  /** A mirror may hold a part only, and what it lacks would be left out in silence: it is asked where the primary cannot be. */
  async tags(repository: RepositoryName, io: Io): Promise<readonly Tag[] | undefined> {
    const sources = this.#conf.sourcesOf({ registry: this.registry, repository, reference: 'latest' })
    const found = await this.#first([...sources.slice(-1), ...sources.slice(0, -1)], io, (client, name) => client.tags(name, io), true)
    return found?.value
  }

  async* catalog(io: Io): AsyncIterable<string> { yield* this.#itself().catalog(io) }

  async inventory(io: Io): Promise<Inventory | undefined> { return await this.#itself().inventory?.(io) }

  /** The registry by its own name: a location may stand for a part of another. */
  #itself(): Source {
    const place = { registry: this.registry, repository: '' as RepositoryName }
    const blocked = this.#conf.isBlocked(place)
    if (blocked) throw blocked
    const proxy = this.#conf.proxy(place)
    return this.#open({ registry: this.registry, insecure: this.#conf.insecure(place), ...(proxy === undefined ? {} : { proxy }) })
  }

  /** In the order in which they are asked. */
  #sources(repository: RepositoryName, reference: Tag | Digest): readonly PullSource[] {
    const place = { registry: this.registry, repository }
    const allowed = this.#conf.sourcesOf({ ...place, reference })
    if (!isDigest(reference)) return allowed
    // A tag was resolved at a mirror for tags alone, by another process perhaps: then it alone may have what the tag named.
    const byTag = this.#conf.sourcesOf({ ...place, reference: 'latest' }).filter((source) => !allowed.some((other) => keyOf(other) === keyOf(source)))
    const all = [...allowed, ...byTag]
    const holder = this.#holders.get(`${repository}@${reference}`)
    const first = all.filter((source) => keyOf(source) === holder)
    return first.length === 0 ? all : [...first, ...all.filter((source) => !first.includes(source))]
  }

  #remember(repository: RepositoryName, source: PullSource, digests: readonly Digest[]): void {
    for (const digest of digests) {
      const key = `${repository}@${digest}`
      this.#holders.delete(key)
      this.#holders.set(key, keyOf(source))
    }
    for (const key of this.#holders.keys()) {
      if (this.#holders.size <= maxHolders) break
      this.#holders.delete(key)
    }
  }

  /**
   * The first answer that is one. That there is none is believed only when the primary says so, or when it must not be asked.
   * @param primaryDecides an `undefined` of the primary is the answer
   * @throws the primary's error, with what the mirrors said
   */
  async #first<T>(sources: readonly PullSource[], { signal }: Io, ask: Ask<T>, primaryDecides = false): Promise<{ readonly value: T; readonly source: PullSource } | undefined> {
    const failures: Failure[] = []
    let absent = false
    for (const [i, source] of sources.entries()) {
      signal.throwIfAborted()
      if (source.blocked) {
        failures.push({ source, error: source.blocked })
        continue
      }
      const isLast = sources.slice(i + 1).every(({ blocked }) => blocked !== undefined)
      if (source.isMirror && !isLast && (this.#downUntil.get(source.registry) ?? 0) > performance.now()) continue
      try {
        const value = await ask(this.#open(source), source.repository)
        if (value !== undefined) return { value, source }
        absent = true
        if (primaryDecides && !source.isMirror) return undefined
      } catch (error) {
        if (signal.aborted) throw error
        if (error instanceof ConnectionError) this.#downUntil.set(source.registry, performance.now() + downMs)
        failures.push({ source, error })
      }
    }
    const primary = failures.find(({ source }) => !source.isMirror)
    if (!primary || (absent && primary.source.blocked)) return undefined
    const mirrors = failures.filter((failure) => failure !== primary)
    throw mirrors.length === 0 ? primary.error : new MirrorsFailedError(mirrors.map(({ source, error }) => ({ place: keyOf(source), error })), keyOf(primary.source), primary.error)
  }
}

function keyOf({ registry, repository }: PullSource): string { return `${registry}/${repository}` }
