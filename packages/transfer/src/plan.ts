// What a migration would do: everything is resolved and asked for as the migration itself would, and nothing is written.
import { forEachLimit } from '@longshore/concurrency'
import { type Digest, type ErrorRecord, toRecord } from '@longshore/oci'
import type { Transports, Wanted } from './context.ts'
import { hintFor } from './hint.ts'
import type { Image } from './image.ts'
import type { BlobNode, PlanNode } from './node.ts'
import { objectsOf, type Origin } from './origin.ts'
import { Resolver } from './resolve-image.ts'

export interface PlanOptions {
  readonly transports: Transports
  readonly jobs: { readonly images: number }
  /** Called after each image. */
  readonly onImage?: (image: PlannedImage) => void
}

export type PlannedImage = { /** Where objects asked for it. */ readonly origin?: Origin } & (
  | { readonly image: Image; readonly state: 'copy'; readonly digest: Digest; /** Its tag is at the destination and names something else. */ readonly replaces: boolean; readonly manifests: number; readonly blobs: number; readonly bytes: number; readonly referrers: number }
  | { readonly image: Image; readonly state: 'present'; readonly digest: Digest }
  | { readonly image: Image; readonly state: 'failed'; readonly error: ErrorRecord; readonly hint: string }
)

/** Placements or blobs, and their bytes. */
export interface Amount { readonly count: number; readonly bytes: number }

export interface Plan {
  readonly images: readonly PlannedImage[]
  /** Blobs per destination registry, each digest once. */
  readonly distinctBlobs: Amount
  /** Placements that the destination repository has already. */
  readonly alreadyThere: Amount
  /** Placements that a mount can make, the blob being in another repository by then. */
  readonly mountable: Amount
  /** What has to cross the wire. */
  readonly toMove: Amount
  readonly manifestsToPut: number
  /** An estimate of what the migration would ask of each registry, by side. */
  readonly requests: ReadonlyArray<{ readonly registry: string; readonly side: 'source' | 'destination'; readonly requests: number }>
  /**
   * Bytes of blobs that are to come to each namespace, the first component of repositories' names, each digest once: what its repositories
   * do not have, be it moved or mounted.
   */
  readonly namespaces: ReadonlyArray<{ readonly registry: string; readonly namespace: string; readonly bytes: number }>
  /** Destination repositories that do not exist yet. */
  readonly missingRepositories: readonly string[]
}

/** @throws the signal's reason, or an error of the stream of images; an image that cannot be resolved is in the plan. */
export async function plan(wanted: AsyncIterable<Wanted>, options: PlanOptions, signal: AbortSignal): Promise<Plan> {
  const scout = new PlanScout(options)
  const sum = new PlanSum()
  await forEachLimit(signal, options.jobs.images, wanted, async (one, signal) => {
    const planned = sum.add(await scout.look(one, signal))
    options.onImage?.(planned)
  })
  return sum.plan()
}

/** What was found of one image, by whoever resolved it. Plain data: it crosses processes. */
export type ScoutedImage =
  | Extract<PlannedImage, { state: 'failed' }>
  | {
    readonly image: Image
    readonly origin?: Origin
    readonly state: 'copy' | 'present'
    readonly digest: Digest
    readonly referrers: number
    /** Whether the source's tag list was read for companions. */
    readonly listsSource: boolean
    readonly repositoryExists: boolean
    /** The destination has the reference, so that it was asked what it names. */
    readonly isKnown: boolean
    /** That is something else than it will name. */
    readonly replaces: boolean
    readonly nodes: readonly ScoutedNode[]
  }

export type ScoutedNode =
  | {
    readonly kind: 'blob'; readonly key: string; readonly registry: string; readonly digest: Digest; readonly size: number
    /** Its source is the same registry; the destination repository has it already; the first registry that it can be read from. */
    readonly near: boolean; readonly there: boolean; readonly from: string | undefined
  }
  | { readonly kind: 'manifest'; readonly key: string; readonly registry: string; readonly isRoot: boolean }

/** Looks at images, one by one, and writes nothing; what several of them share is asked for once. */
export class PlanScout {
  readonly #transports: Transports
  readonly #resolver: Resolver
  readonly #there = new Map<string, Promise<boolean>>()

  constructor({ transports }: Pick<PlanOptions, 'transports'>) {
    this.#transports = transports
    this.#resolver = new Resolver(transports)
  }

  /** @throws the signal's reason */
  async look({ image, options, ...asked }: Wanted, signal: AbortSignal): Promise<ScoutedImage> {
    const origin = objectsOf(asked)
    try {
      const { nodes, roots, digest, referrers } = await this.#resolver.resolve({ image, options }, { signal, distrust: false })
      const state = await this.#resolver.targets.get(image.destination, { signal })
      const isRoot = new Set<string>(roots)
      return {
        image, ...origin, state: roots.length === 0 ? 'present' : 'copy', digest, referrers, listsSource: options.referrers, repositoryExists: state.exists,
        isKnown: (state.tags as ReadonlySet<string>).has(image.destination.reference),
        replaces: nodes.some((node) => node.kind === 'tag' && node.tag === image.destination.reference && node.seen.digest !== undefined && node.seen.digest !== node.manifest.digest),
        nodes: await Promise.all(nodes.map((node) => this.#scout(node, isRoot.has(node.key), signal))),
      }
    } catch (error) {
      signal.throwIfAborted()
      const record = toRecord(error)
      return { image, ...origin, state: 'failed', error: record, hint: hintFor(record) }
    }
  }

  async #scout(node: PlanNode, isRoot: boolean, signal: AbortSignal): Promise<ScoutedNode> {
    const { key, registry } = node
    if (node.kind !== 'blob') return { kind: 'manifest', key, registry, isRoot }
    const { desc: { digest, size }, from } = node
    return { kind: 'blob', key, registry, digest, size: Math.max(0, size), near: from.some((one) => one.registry === registry), from: from[0]?.registry, there: await this.#isThere(node, signal) }
  }

  async #isThere(node: BlobNode, signal: AbortSignal): Promise<boolean> {
    if (!node.mayExist) return false
    const known = this.#there.get(node.key)
    if (known) return await known
    const asking = this.#transports.target(node.registry).exists(node.repository, node.desc, { signal })
    this.#there.set(node.key, asking)
    asking.catch(() => this.#there.delete(node.key))
    return await asking
  }
}

interface Sum { count: number; bytes: number }

/** Adds up what was found of all images, wherever they were looked at: what several of them need is counted once. */
export class PlanSum {
  readonly #images: PlannedImage[] = []
  readonly #nodes = new Set<string>()
  readonly #leaders = new Set<string>()
  readonly #requests = new Map<string, number>()
  readonly #repositories = new Set<string>()
  readonly #missing = new Set<string>()
  readonly #arriving = new Set<string>()
  readonly #namespaces = new Map<string, number>()
  readonly #distinct: Sum = { count: 0, bytes: 0 }
  readonly #there: Sum = { count: 0, bytes: 0 }
  readonly #mountable: Sum = { count: 0, bytes: 0 }
  readonly #toMove: Sum = { count: 0, bytes: 0 }
  #manifests = 0

  add(scouted: ScoutedImage): PlannedImage {
    const planned = this.#planned(scouted)
    this.#images.push(planned)
    return planned
  }

  plan(): Plan {
    const requests = [...this.#requests].map(([key, requests]) => {
      const [side, registry] = key.split(' ') as ['source' | 'destination', string]
      return { registry, side, requests }
    })
    return {
      images: this.#images, distinctBlobs: this.#distinct, alreadyThere: this.#there, mountable: this.#mountable, toMove: this.#toMove,
      manifestsToPut: this.#manifests, requests, missingRepositories: [...this.#missing].sort(),
      namespaces: [...this.#namespaces].map(([key, bytes]) => {
        const [registry = '', namespace = ''] = key.split(' ')
        return { registry, namespace, bytes }
      }),
    }
  }

  #planned(scouted: ScoutedImage): PlannedImage {
    if (scouted.state === 'failed') return scouted
    const { image, state, digest, referrers, listsSource, repositoryExists, isKnown, replaces } = scouted
    const origin = objectsOf(scouted)
    const { source, destination } = image
    if (listsSource) this.#listed('source', source.registry, source.repository)
    if (this.#listed('destination', destination.registry, destination.repository) && !repositoryExists) {
      this.#missing.add(`${destination.registry}/${destination.repository}`)
    }
    this.#ask('source', source.registry, 1)
    if (isKnown) this.#ask('destination', destination.registry, 1)
    if (state === 'present') return { image, ...origin, state, digest }
    if (isKnown) this.#ask('source', source.registry, 1)
    return { image, ...origin, state, digest, replaces, referrers, ...this.#count(scouted.nodes, source.registry, destination.repository) }
  }

  /** Counts the nodes that no earlier image asked for. */
  #count(nodes: readonly ScoutedNode[], source: string, repository: string): { manifests: number; blobs: number; bytes: number } {
    const tally = { manifests: 0, blobs: 0, bytes: 0 }
    for (const node of nodes) {
      if (this.#nodes.has(node.key)) continue
      this.#nodes.add(node.key)
      if (node.kind === 'blob') {
        tally.blobs++
        tally.bytes += this.#placeBlob(node)
        if (!node.there) this.#arrives(node, repository)
      } else {
        tally.manifests++
        this.#manifests++
        this.#ask('destination', node.registry, 1)
        if (!node.isRoot) this.#ask('source', source, 1)
      }
    }
    return tally
  }

  /** Bytes that this placement moves. */
  #placeBlob({ registry, digest, size, near, there, from }: Extract<ScoutedNode, { kind: 'blob' }>): number {
    const id = `${registry} ${digest}`
    const leads = !this.#leaders.has(id)
    if (leads) add(this.#distinct, size)
    this.#leaders.add(id)
    if (there) {
      add(this.#there, size)
      this.#ask('destination', registry, 1)
    } else if (leads && !near) {
      add(this.#toMove, size)
      this.#ask('destination', registry, 2)
      if (from !== undefined) this.#ask('source', from, 1)
      return size
    } else {
      add(this.#mountable, size)
      this.#ask('destination', registry, 1)
    }
    return 0
  }

  /** Counts a blob towards what its namespace will hold. */
  #arrives({ registry, digest, size }: Extract<ScoutedNode, { kind: 'blob' }>, repository: string): void {
    const namespace = `${registry} ${repository.split('/', 1)[0] ?? ''}`
    const id = `${namespace} ${digest}`
    if (this.#arriving.has(id)) return
    this.#arriving.add(id)
    this.#namespaces.set(namespace, (this.#namespaces.get(namespace) ?? 0) + size)
  }

  /** Counts the reading of a tag list, once; answers whether it was the first. */
  #listed(side: 'source' | 'destination', registry: string, repository: string): boolean {
    const key = `${side} ${registry}/${repository}`
    if (this.#repositories.has(key)) return false
    this.#repositories.add(key)
    this.#ask(side, registry, 1)
    return true
  }

  #ask(side: 'source' | 'destination', registry: string, requests: number): void {
    const key = `${side} ${registry}`
    this.#requests.set(key, (this.#requests.get(key) ?? 0) + requests)
  }
}

function add(sum: Sum, bytes: number): void {
  sum.count++
  sum.bytes += bytes
}
