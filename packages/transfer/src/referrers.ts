// What points at an image rather than being part of it: referrers by the API, fallback tags, cosign tags. They are roots
// of their own. Asking costs: the tag list of a repository (one request) names every fallback and cosign tag; only where
// the registry has the referrers API does each manifest cost a request.
import { type Descriptor, type Digest, type ImageIndex, isIndexType, referrersTag, type Tag } from '@longshore/oci'
import { atSide } from './at-side.ts'
import { collect } from './collect.ts'
import type { Asks, CopyOptions, Transports } from './context.ts'
import { ImageNotFoundError } from './errors.ts'
import type { Graph, Route } from './graph.ts'
import { formatEnd, type Image } from './image.ts'
import type { ManifestCache } from './manifest-cache.ts'
import type { NodeKey } from './node.ts'
import { isReferrersList } from './referrers-list.ts'
import type { RepositoryState, RepositoryStates } from './repository-state.ts'
import type { Followed, ResolveIo } from './resolve-image.ts'

export interface ReferrerFinderOptions {
  readonly transports: Transports
  readonly sources: RepositoryStates
  readonly targets: RepositoryStates
  readonly manifests: ManifestCache
  readonly asks: Asks
  readonly onWarning: (message: string) => void
  readonly follow: (graph: Graph, image: Image, options: CopyOptions, io: ResolveIo) => Promise<Followed>
}

/** Questions about an image's referrers that are asked while the image itself is read; what they came to is told to whoever waits. */
export interface LookAhead {
  readonly source: Promise<RepositoryState>
  /** Asks for what refers to the root. */
  ask(digest: Digest): void
  /** What was asked for, once. */
  take(digest: Digest): Promise<readonly Descriptor[] | undefined> | undefined
}

/** A manifest that something may be about. */
interface Subject { readonly digest: Digest; /** It is not known to have been at the destination before. */ readonly isNew: boolean }

interface Search extends ResolveIo {
  readonly graph: Graph
  readonly image: Image
  readonly route: Route
  /** Platforms do not apply to what is about an image. */
  readonly options: CopyOptions
  readonly source: RepositoryState
  readonly target: RepositoryState
  readonly subjects: Subject[]
  readonly followed: Set<Tag>
  /** Manifests that the followed tags name. */
  readonly tagged: Set<Digest>
  readonly ahead: LookAhead
  found: number
}

/** Beyond this many, reading the index costs less than comparing what may be its children's. */
const maxCompared = 32
const maxRemembered = 10_000

export class ReferrerFinder {
  readonly #with: ReferrerFinderOptions
  readonly #compared = new Map<string, Promise<Digest | undefined>>()

  constructor(options: ReferrerFinderOptions) { this.#with = options }

  /** Begins what needs no answer about the image itself. */
  lookAhead({ source: { registry, repository } }: Image, io: ResolveIo): LookAhead {
    const asked = new Map<Digest, Promise<readonly Descriptor[] | undefined>>()
    const begin = <T>(asking: Promise<T>): Promise<T> => {
      // An image that cannot be read has failed for that; nobody waits for this then.
      asking.catch(() => {})
      return asking
    }
    return {
      source: begin(this.#with.sources.get({ registry, repository }, io)),
      ask: (digest) => { asked.set(digest, begin(this.#with.transports.source(registry).referrers(repository, digest, io))) },
      take: (digest) => {
        const asking = asked.get(digest)
        asked.delete(digest)
        return asking
      },
    }
  }

  /** Adds what is about `root` and the manifests below it, and what is about that in turn; answers how many. */
  async add(graph: Graph, image: Image, options: CopyOptions, root: Followed, io: ResolveIo, ahead: LookAhead): Promise<number> {
    const route: Route = {
      from: { registry: image.source.registry, repository: image.source.repository },
      to: { registry: image.destination.registry, repository: image.destination.repository },
    }
    const [source, target] = await Promise.all([
      atSide('source', 'list', undefined, io.signal, ahead.source),
      atSide('destination', 'list', undefined, io.signal, this.#with.targets.get(route.to, io)),
    ])
    const search: Search = {
      ...io, graph, image, route, options: { ...options, platforms: [] }, source, target, subjects: [], followed: new Set(), tagged: new Set(), ahead, found: 0,
    }
    // What is signed is the index as it was: under another digest its signature would be about nothing.
    const isNew = root.root !== undefined
    if (root.rewritten === undefined) search.subjects.push({ digest: root.digest, isNew })
    else await this.#warnOfOrphans(search, root.digest)
    const below = root.below ?? await this.#belowPresent(search, root)
    search.subjects.push(...below.map((digest) => ({ digest, isNew })))
    const seen = new Set<Digest>()
    for (let subject = search.subjects.pop(); subject !== undefined; subject = search.subjects.pop()) {
      if (seen.has(subject.digest)) continue
      seen.add(subject.digest)
      const isAsked = subject.isNew || this.#with.asks !== 'changed'
      for (const tag of source.companions.get(subject.digest) ?? []) if (!isAsked || tag !== referrersTag(subject.digest)) await this.#followTag(search, tag)
      if (isAsked) await this.#addReferrers(search, subject.digest)
    }
    return search.found
  }

  async #warnOfOrphans(search: Search, digest: Digest): Promise<void> {
    const { source, image } = search
    const listed = await this.#list(search, digest) ?? []
    const count = (source.companions.get(digest)?.length ?? 0) + listed.length
    if (count > 0) this.#with.onWarning(`${formatEnd(image.source)}: ${count} of its signatures and other referrers stay behind: they are about the index as it was, and --platform-policy=strip makes another of it`)
  }

  /**
   * The children of an index that is present, and so was not read, as far as they may have referrers that matter. Companions of
   * other manifests in the repository may be theirs: only one that the destination lacks, or has otherwise, is worth reading the
   * index for (a pull); a registry with the API knows by the child's digest alone.
   */
  async #belowPresent(search: Search, root: Followed): Promise<readonly Digest[]> {
    if (!isIndexType(root.mediaType)) return []
    const { source, route, signal } = search
    const from = this.#with.transports.source(route.from.registry)
    const others = [...source.companions].flatMap(([subject, tags]) => (subject === root.digest ? [] : tags))
    const worthReading = await this.#differ(search, others)
      || this.#with.asks !== 'changed' && await atSide('source', 'list', undefined, signal, from.referrers(route.from.repository, root.digest, { signal })) !== undefined
    if (!worthReading) return []
    const index = await atSide('source', 'fetch', undefined, signal, this.#with.manifests.get(from, route.from.repository, root, { signal }))
    return index?.kind === 'index' ? index.manifests.map((child) => child.digest) : []
  }

  /** Whether one of the tags is not the same at both ends. */
  async #differ(search: Search, tags: readonly Tag[]): Promise<boolean> {
    if (tags.some((tag) => !search.target.tags.has(tag)) || tags.length > maxCompared) return tags.length > 0
    return (await Promise.all(tags.map((tag) => this.#compare(search, tag)))).some((digest) => digest === undefined)
  }

  /** The digest that the tag has at both ends; `undefined` when they differ. Asked once per tag and run, by a HEAD at each. */
  #compare({ route: { from, to }, signal }: Search, tag: Tag): Promise<Digest | undefined> {
    const key = `${from.registry}/${from.repository}:${tag} ${to.registry}/${to.repository}`
    const known = this.#compared.get(key)
    if (known) return known
    const { transports } = this.#with
    const comparing = Promise.all([
      atSide('source', 'resolve', undefined, signal, transports.source(from.registry).resolve(from.repository, tag, { signal })),
      atSide('destination', 'resolve', undefined, signal, transports.target(to.registry).resolve(to.repository, tag, { signal })),
    ]).then(([here, there]) => (here?.digest === there?.digest ? here?.digest : undefined))
    this.#compared.set(key, comparing)
    comparing.catch(() => this.#compared.delete(key))
    for (const oldest of this.#compared.keys()) {
      if (this.#compared.size <= maxRemembered) break
      this.#compared.delete(oldest)
    }
    return comparing
  }

  async #followTag(search: Search, tag: Tag): Promise<void> {
    const { graph, image, options, signal, distrust, followed, target } = search
    if (followed.has(tag) || tag === image.source.reference) return
    followed.add(tag)
    const same = target.tags.has(tag) && !distrust ? await this.#compare(search, tag) : undefined
    if (same !== undefined) {
      search.found++
      search.tagged.add(same)
      search.subjects.push({ digest: same, isNew: false })
      return
    }
    const companion: Image = { source: { ...image.source, reference: tag }, destination: { ...image.destination, reference: tag } }
    const { root, digest, below } = await this.#with.follow(graph, companion, options, { signal, distrust })
    search.found++
    search.tagged.add(digest)
    search.subjects.push(...[digest, ...below ?? []].map((each) => ({ digest: each, isNew: root !== undefined })))
    if (root !== undefined) graph.roots.push(root)
  }

  /** What the API lists, and what the list under the fallback tag does: a registry that got the API later has both, and neither needs be all. */
  async #addReferrers(search: Search, subject: Digest): Promise<void> {
    const { route, graph, source } = search
    const tag = referrersTag(subject)
    const byApi = await this.#list(search, subject) ?? []
    const isTagged = source.companions.get(subject)?.includes(tag) === true
    const list = isTagged ? await this.#readList(search, subject, tag, byApi.length > 0) : undefined
    const descs = [...new Map([...list?.manifests ?? [], ...byApi].map((desc) => [desc.digest, desc])).values()]
    if (descs.length === 0 && !list) return
    const added: NodeKey[] = []
    const referring: Descriptor[] = []
    const sure = new Set<Digest>(byApi.map((desc) => desc.digest))
    const inList = new Set<Digest>(list?.manifests.map((desc) => desc.digest))
    for (const desc of descs) {
      if (search.tagged.has(desc.digest) && !inList.has(desc.digest) && await this.#hasNoSubject(search, desc)) continue
      const known = await this.#addReferrer(search, desc, sure.has(desc.digest))
      if (known === 'gone') continue
      referring.push({ ...desc, size: known.size })
      search.found++
      search.subjects.push({ digest: desc.digest, isNew: known.root !== undefined })
      if (known.root !== undefined) added.push(known.root)
    }
    graph.roots.push(...added)
    const isWhole = list?.manifests.every(({ digest }) => referring.some((desc) => desc.digest === digest)) === true
    if (referring.length > 0 || list) graph.roots.push(graph.addReferrers(route, tag, subject, referring, added, isWhole ? list : undefined))
  }

  /**
   * Harbor lists cosign signatures among the referrers, too, that are about their image by their tag alone: they have come along
   * by that, and in a list under the fallback tag they would be wrong.
   */
  async #hasNoSubject({ route: { from }, signal }: Search, desc: Descriptor): Promise<boolean> {
    const { transports, manifests } = this.#with
    const manifest = await atSide('source', 'fetch', desc, signal, manifests.get(transports.source(from.registry), from.repository, desc, { signal }))
    return manifest !== undefined && manifest.subject === undefined
  }

  /**
   * The list under a fallback tag; `undefined` when there is no need of it, the destination having the same. What has such a name and is
   * no list of referrers is followed as any other tag.
   */
  async #readList(search: Search, subject: Digest, tag: Tag, hasMore: boolean): Promise<ImageIndex | undefined> {
    const { image, followed, source, target, route: { from }, signal, distrust } = search
    if (followed.has(tag) || tag === image.source.reference) return undefined
    if (!hasMore && !distrust && target.tags.has(tag) && await this.#compare(search, tag) !== undefined) {
      // Of what it lists, other tags may tell news.
      if (!await this.#differ(search, [...source.companions].flatMap(([about, tags]) => (about === subject ? [] : tags)))) {
        followed.add(tag)
        search.found++
        return undefined
      }
    }
    const manifest = await atSide('source', 'fetch', undefined, signal, this.#with.transports.source(from.registry).manifest(from.repository, tag, { signal }))
    if (!manifest || !isReferrersList(manifest, subject)) {
      await this.#followTag(search, tag)
      return undefined
    }
    followed.add(tag)
    return manifest
  }

  #list({ route: { from }, signal, ahead }: Search, subject: Digest): Promise<readonly Descriptor[] | undefined> {
    const asking = ahead.take(subject) ?? this.#with.transports.source(from.registry).referrers(from.repository, subject, { signal })
    return atSide('source', 'list', undefined, signal, asking)
  }

  /**
   * `gone`: it is not there. Who deletes a referrer need not update the list; only what is `sure` has to be there.
   * `size` is the manifest's own: Harbor before 2.10 says that of all its content in the list.
   */
  async #addReferrer(search: Search, desc: Descriptor, sure: boolean): Promise<{ readonly root?: NodeKey; readonly size: number } | 'gone'> {
    const { route, image, signal, distrust, graph, options, target } = search
    const { transports, manifests } = this.#with
    const to = transports.target(route.to.registry)
    const there = target.exists && !distrust ? await atSide('destination', 'exists', desc, signal, to.resolve(route.to.repository, desc.digest, { signal })) : undefined
    if (there) return { size: there.size }
    const manifest = await atSide('source', 'fetch', desc, signal, manifests.get(transports.source(route.from.registry), route.from.repository, desc, { signal }))
    if (!manifest) {
      if (sure) throw new ImageNotFoundError(formatEnd({ ...route.from, reference: desc.digest }), 'source')
      this.#with.onWarning(`${formatEnd(image.source)}: its referrer ${desc.digest} is listed, and not there`)
      return 'gone'
    }
    const collected = await collect(manifest, { signal, transports, manifests, graph, route, options, mayExist: target.exists, distrust })
    search.subjects.push(...collected.below.map((digest) => ({ digest, isNew: true })))
    return { root: graph.addManifest(route, manifest, collected.needs, options), size: manifest.bytes.byteLength }
  }
}
