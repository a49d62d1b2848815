// What has to come true for an image, and what is true already. Requests are the cost of everything small, so each is
// asked only where its answer is not known: a tag list tells what is absent; a HEAD at each side tells what is the same.
import { type Descriptor, type Digest, isDigest, isIndexType, type Manifest, RegistryError, successors } from '@longshore/oci'
import { atSide } from './at-side.ts'
import { collect } from './collect.ts'
import type { Asks, CopyOptions, Transports, Wanted } from './context.ts'
import { ImageNotFoundError } from './errors.ts'
import { Graph, type Route } from './graph.ts'
import { formatEnd, type Image } from './image.ts'
import { ManifestCache } from './manifest-cache.ts'
import type { ManifestNode, NodeKey, PlanNode, TagNode } from './node.ts'
import { ReferrerFinder } from './referrers.ts'
import { type RepositoryState, RepositoryStates } from './repository-state.ts'
import type { Io } from './transport.ts'

/** `distrust`: nothing at the destination is taken as present. */
export interface ResolveIo extends Io { readonly distrust: boolean }

export interface ResolvedImage {
  /** At the source. */
  readonly digest: Digest
  /** What it becomes, where the platform policy `strip` changes it. */
  readonly rewritten?: Digest
  /** Empty, with `roots`, when everything is there already. */
  readonly nodes: readonly PlanNode[]
  readonly roots: readonly NodeKey[]
  /** Manifests, fallback tags and cosign tags that come along. */
  readonly referrers: number
}

/** One reference, followed to both ends. */
export interface Followed {
  readonly digest: Digest
  readonly rewritten?: Digest
  /** The node that makes it true; absent when it is true. */
  readonly root?: NodeKey
  readonly mediaType: string
  /** Manifests below it, where they were looked at; `undefined` when it was present and nobody looked. */
  readonly below: readonly Digest[] | undefined
}

export class Resolver {
  readonly #transports: Transports
  readonly #manifests = new ManifestCache()
  readonly #referrers: ReferrerFinder
  readonly #asks: Asks
  readonly targets: RepositoryStates

  /** @param onWarning told of what is left out because it may not be listed */
  constructor(transports: Transports, onWarning: (message: string) => void = () => {}, asks: Asks = 'all') {
    this.#transports = transports
    this.#asks = asks
    const lists = asks !== 'named'
    this.targets = new RepositoryStates((registry) => transports.target(registry), () => {}, lists)
    const sources = new RepositoryStates((registry) => transports.source(registry), ({ registry, repository }, { status }) => {
      onWarning(`${registry}/${repository}: its tags may not be listed (${status}), so signatures and other referrers kept under tags are not carried`)
    }, lists)
    this.#referrers = new ReferrerFinder({
      transports, sources, targets: this.targets, manifests: this.#manifests, asks, onWarning, follow: (graph, image, options, io) => this.#follow(graph, image, options, io),
    })
  }

  /** @throws CopyError, ImageNotFoundError, InvalidManifestError */
  async resolve({ image, options }: Wanted, io: ResolveIo): Promise<ResolvedImage> {
    const graph = new Graph()
    const ahead = options.referrers ? this.#referrers.lookAhead(image, io) : undefined
    const root = await this.#follow(graph, image, options, io, (digest) => ahead?.ask(digest))
    if (root.root !== undefined) graph.roots.push(root.root)
    const referrers = ahead ? await this.#referrers.add(graph, image, options, root, io, ahead) : 0
    return {
      digest: root.digest, ...(root.rewritten === undefined ? {} : { rewritten: root.rewritten }),
      nodes: [...graph.nodes.values()], roots: graph.roots, referrers,
    }
  }

  /** Everything under a manifest that the destination refused, whatever was thought to be there. */
  async replan(node: ManifestNode | TagNode, io: Io): Promise<readonly PlanNode[]> {
    const graph = new Graph()
    const route: Route = { from: node.from, to: { registry: node.registry, repository: node.repository } }
    await collect(node.manifest, {
      signal: io.signal, transports: this.#transports, manifests: this.#manifests, graph, route, options: node.options, mayExist: true, distrust: true,
    })
    return [...graph.nodes.values()]
  }

  /** @param onRead hears of the manifest before what is below it is read */
  async #follow(graph: Graph, image: Image, options: CopyOptions, io: ResolveIo, onRead: (digest: Digest) => void = () => {}): Promise<Followed> {
    const { source: from, destination: to } = image
    const { signal, distrust } = io
    const source = this.#transports.source(from.registry)
    const target = this.#transports.target(to.registry)
    const state = await atSide('destination', 'list', undefined, signal, this.targets.get(to, io))
    const tag = isDigest(to.reference) ? undefined : to.reference
    const { there, named } = await this.#look(image, state, io)
    if (there && named?.digest === there.digest && !this.#isPartial(options, named.mediaType) && !distrust) return { digest: named.digest, mediaType: named.mediaType, below: undefined }

    const manifest = named
      ? await atSide('source', 'fetch', named, signal, this.#manifests.get(source, from.repository, named, io))
      : await atSide('source', 'fetch', undefined, signal, source.manifest(from.repository, from.reference, io))
    if (!manifest) throw new ImageNotFoundError(formatEnd(from), 'source')
    onRead(manifest.digest)
    const isPartial = this.#isPartial(options, manifest.mediaType)
    if (!named && there?.digest === manifest.digest && !isPartial && !distrust) return { digest: manifest.digest, mediaType: manifest.mediaType, below: belowOf(manifest) }

    const route: Route = { from: { registry: from.registry, repository: from.repository }, to: { registry: to.registry, repository: to.repository } }
    // A tag that is new to its repository may name a manifest that is not.
    const known = tag !== undefined && !there && state.exists && (state.listed || this.#asks === 'named') && !distrust && !isPartial
      && await atSide('destination', 'exists', undefined, signal, target.resolve(to.repository, manifest.digest, io)) !== undefined
    const under = new Graph()
    const collected = known
      ? { needs: [], manifest, below: belowOf(manifest) }
      : await collect(manifest, { signal, transports: this.#transports, manifests: this.#manifests, graph: under, route, options, mayExist: state.exists, distrust })
    const followed = {
      digest: manifest.digest, mediaType: manifest.mediaType, below: collected.below,
      ...(collected.manifest.digest === manifest.digest ? {} : { rewritten: collected.manifest.digest }),
    }
    if (there?.digest === collected.manifest.digest && collected.needs.length === 0 && !distrust) return followed
    graph.merge(under)
    const root = tag === undefined
      ? graph.addManifest(route, collected.manifest, collected.needs, options)
      : graph.addTag(route, tag, collected.manifest, collected.needs, options, { digest: there?.digest, atMs: there ? performance.now() : state.atMs })
    return { ...followed, root }
  }

  /** What the reference names at both ends, as far as that can be told without reading a manifest. */
  async #look({ source: from, destination: to }: Image, state: RepositoryState, io: ResolveIo): Promise<{ readonly there?: Descriptor | undefined; readonly named?: Descriptor | undefined }> {
    const { signal } = io
    // No tag list tells of digests: a repository with content and without tags looks as if it were not there.
    const mayBeThere = isDigest(to.reference) || !state.listed || state.tags.has(to.reference)
    if (!mayBeThere) return {}
    const looking = atSide('destination', 'resolve', undefined, signal, this.#lookFor(to, state, io))
    if (this.#asks === 'named') {
      // It is said to have changed, so it is read at once; of a digest there is nothing that could have.
      const there = await looking
      return { there, named: there?.digest === from.reference ? there : undefined }
    }
    const [there, named] = await Promise.all([
      looking, atSide('source', 'resolve', undefined, signal, this.#transports.source(from.registry).resolve(from.repository, from.reference, io)),
    ])
    return { there, named }
  }

  /** With a choice of platforms the same index may stand for more or for fewer children than are there. */
  #isPartial({ platforms, platformPolicy }: CopyOptions, mediaType: string): boolean {
    return platforms.length > 0 && isIndexType(mediaType) && !(this.#asks === 'changed' && platformPolicy === 'sparse')
  }

  /**
   * An account that may neither list nor look may still push: what is forbidden to see (403) counts as absent. One that is not
   * known at all (401) is not asked to try: that would only knock at the door again and again.
   */
  async #lookFor(to: Image['destination'], { listed }: RepositoryState, io: Io): Promise<Descriptor | undefined> {
    try {
      return await this.#transports.target(to.registry).resolve(to.repository, to.reference, io)
    } catch (error) {
      if (!listed && error instanceof RegistryError && error.status === 403) return undefined
      throw error
    }
  }
}

function belowOf(manifest: Manifest): readonly Digest[] {
  return successors(manifest).manifests.map((child) => child.digest)
}

/** What the manifests of an image's graph take up until they are committed. */
export function manifestBytesOf({ nodes }: Pick<ResolvedImage, 'nodes'>): number {
  let bytes = 0
  for (const node of nodes) {
    if (node.kind === 'manifest' || node.kind === 'tag') bytes += node.manifest.bytes.byteLength
    else if (node.kind === 'referrers') bytes += node.list?.bytes.byteLength ?? 0
  }
  return bytes
}
