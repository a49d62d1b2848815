// What a migration would do: everything is resolved and asked for as the migration itself would, and nothing is written.
import { forEachLimit } from '@longshore/concurrency'
import { type Digest, type ErrorRecord, toRecord } from '@longshore/oci'
import type { Transports, Wanted } from './context.ts'
import { hintFor } from './hint.ts'
import type { Image } from './image.ts'
import type { BlobNode } from './node.ts'
import { type ResolvedImage, Resolver } from './resolve-image.ts'

export interface PlanOptions {
  readonly transports: Transports
  readonly jobs: { readonly images: number }
  /** Called after each image. */
  readonly onImage?: (image: PlannedImage) => void
}

export type PlannedImage =
  | { readonly image: Image; readonly state: 'copy'; readonly digest: Digest; readonly manifests: number; readonly blobs: number; readonly bytes: number; readonly referrers: number }
  | { readonly image: Image; readonly state: 'present'; readonly digest: Digest }
  | { readonly image: Image; readonly state: 'failed'; readonly error: ErrorRecord; readonly hint: string }

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
  /** Destination repositories that do not exist yet. */
  readonly missingRepositories: readonly string[]
}

/** @throws the signal's reason, or an error of the stream of images; an image that cannot be resolved is in the plan. */
export async function plan(wanted: AsyncIterable<Wanted>, options: PlanOptions, signal: AbortSignal): Promise<Plan> {
  const planner = new Planner(options)
  await forEachLimit(signal, options.jobs.images, wanted, (one, signal) => planner.add(one, signal))
  return planner.plan()
}

interface Sum { count: number; bytes: number }

class Planner {
  readonly #options: PlanOptions
  readonly #resolver: Resolver
  readonly #images: PlannedImage[] = []
  readonly #nodes = new Set<string>()
  readonly #leaders = new Set<string>()
  readonly #requests = new Map<string, number>()
  readonly #repositories = new Set<string>()
  readonly #missing = new Set<string>()
  readonly #distinct: Sum = { count: 0, bytes: 0 }
  readonly #there: Sum = { count: 0, bytes: 0 }
  readonly #mountable: Sum = { count: 0, bytes: 0 }
  readonly #toMove: Sum = { count: 0, bytes: 0 }
  #manifests = 0

  constructor(options: PlanOptions) {
    this.#options = options
    this.#resolver = new Resolver(options.transports)
  }

  async add(wanted: Wanted, signal: AbortSignal): Promise<void> {
    const planned = await this.#planImage(wanted, signal)
    this.#images.push(planned)
    this.#options.onImage?.(planned)
  }

  plan(): Plan {
    const requests = [...this.#requests].map(([key, requests]) => {
      const [side, registry] = key.split(' ') as ['source' | 'destination', string]
      return { registry, side, requests }
    })
    return {
      images: this.#images, distinctBlobs: this.#distinct, alreadyThere: this.#there, mountable: this.#mountable, toMove: this.#toMove,
      manifestsToPut: this.#manifests, requests, missingRepositories: [...this.#missing].sort(),
    }
  }

  async #planImage({ image, options }: Wanted, signal: AbortSignal): Promise<PlannedImage> {
    const { source, destination } = image
    try {
      const resolved = await this.#resolver.resolve({ image, options }, { signal, distrust: false })
      const state = await this.#resolver.targets.get(destination, { signal })
      if (options.referrers) this.#listed('source', source.registry, source.repository)
      if (this.#listed('destination', destination.registry, destination.repository) && !state.exists) {
        this.#missing.add(`${destination.registry}/${destination.repository}`)
      }
      this.#ask('source', source.registry, 1)
      const known = (state.tags as ReadonlySet<string>).has(destination.reference)
      if (known) this.#ask('destination', destination.registry, 1)
      if (resolved.roots.length === 0) return { image, state: 'present', digest: resolved.digest }
      if (known) this.#ask('source', source.registry, 1)
      return { image, state: 'copy', digest: resolved.digest, referrers: resolved.referrers, ...await this.#count(resolved, image, signal) }
    } catch (error) {
      signal.throwIfAborted()
      const record = toRecord(error)
      return { image, state: 'failed', error: record, hint: hintFor(record) }
    }
  }

  /** Counts the nodes that no earlier image asked for. */
  async #count({ nodes, roots }: ResolvedImage, { source }: Image, signal: AbortSignal): Promise<{ manifests: number; blobs: number; bytes: number }> {
    const tally = { manifests: 0, blobs: 0, bytes: 0 }
    const isRoot = new Set<string>(roots)
    for (const node of nodes) {
      if (this.#nodes.has(node.key)) continue
      this.#nodes.add(node.key)
      if (node.kind === 'blob') {
        const bytes = await this.#placeBlob(node, signal)
        tally.blobs++
        tally.bytes += bytes
      } else {
        tally.manifests++
        this.#manifests++
        this.#ask('destination', node.registry, 1)
        if (!isRoot.has(node.key)) this.#ask('source', source.registry, 1)
      }
    }
    return tally
  }

  /** Bytes that this placement moves. */
  async #placeBlob(node: BlobNode, signal: AbortSignal): Promise<number> {
    const { desc, registry } = node
    const size = Math.max(0, desc.size)
    const id = `${registry} ${desc.digest}`
    const leads = !this.#leaders.has(id)
    if (leads) add(this.#distinct, size)
    this.#leaders.add(id)
    const near = node.from.some((from) => from.registry === registry)
    if (node.mayExist && await this.#options.transports.target(registry).exists(node.repository, desc, { signal })) {
      add(this.#there, size)
      this.#ask('destination', registry, 1)
    } else if (leads && !near) {
      add(this.#toMove, size)
      this.#ask('destination', registry, 2)
      for (const { registry } of node.from.slice(0, 1)) this.#ask('source', registry, 1)
      return size
    } else {
      add(this.#mountable, size)
      this.#ask('destination', registry, 1)
    }
    return 0
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
