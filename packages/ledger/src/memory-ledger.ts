import type { ErrorRecord } from '@longshore/oci'
import {
  type BlobNode, type BlobTally, type ImageId, type Ledger, type LedgerCounts, type Lease, needsOf, type NodeKey, type NodeOutcome, nothing, type PlanNode,
  type Progress, type Registered, type SettledImage, type Take,
} from '@longshore/transfer'
import { FinishedNodes } from './finished-nodes.ts'
import { SharedBlobs } from './shared-blobs.ts'

type State =
  | { readonly state: 'waiting'; missing: number }
  | { readonly state: 'ready' }
  | { readonly state: 'leased'; readonly worker: string; readonly fence: number }
  | { readonly state: 'done'; readonly outcome: NodeOutcome }
  | { readonly state: 'failed'; readonly error: ErrorRecord }

interface Entry {
  node: PlanNode
  state: State
  fence: number
  replans: number
  readonly again: boolean
  /** The image that asked first: its tally gets the outcome. */
  readonly owner: ImageId
  readonly needs: Set<NodeKey>
  /** Nodes that need this one and are not yet at their end. */
  readonly dependents: Set<NodeKey>
  /** Images that end with this node. */
  readonly images: Set<ImageId>
}

interface OpenImage {
  readonly roots: readonly NodeKey[]
  pending: number
  /** By the root that failed. */
  readonly errors: Map<NodeKey, ErrorRecord>
  readonly blobs: Mutable<BlobTally>
}
type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** Places to read a blob from, beyond which a leader is lent no more. */
const maxLent = 8

/**
 * The ledger of the in-process runtime. Done nodes that nothing waits for are compacted, so memory follows the
 * open window, plus a few bytes per finished node and per distinct blob.
 */
export class MemoryLedger implements Ledger {
  readonly #entries = new Map<NodeKey, Entry>()
  readonly #finished = new FinishedNodes()
  readonly #images = new Map<ImageId, OpenImage>()
  /** The roots of images that failed, until these are forgotten. */
  readonly #failed = new Map<ImageId, readonly NodeKey[]>()
  readonly #shared = new SharedBlobs()
  #ready: NodeKey[] = []
  #settled: SettledImage[] = []

  async register(image: ImageId, roots: readonly NodeKey[], nodes: readonly PlanNode[], take?: Take): Promise<Registered> {
    const fresh = { blobs: 0, bytes: 0 }
    if (!this.#images.has(image)) {
      for (const node of nodes) this.#add(node, image, fresh)
      const open = this.#open(image, roots)
      for (const root of roots) {
        const entry = this.#entries.get(root)
        if (!entry || entry.state.state === 'done') continue
        if (entry.state.state === 'failed') open.errors.set(root, entry.state.error)
        else open.pending++
        entry.images.add(image)
      }
      this.#settleIfOver(image, open)
    }
    return { ...this.#progress(take), fresh }
  }

  async claim(key: NodeKey, worker: string): Promise<Lease | undefined> { return this.#lease(key, worker) }

  #lease(key: NodeKey, worker: string): Lease | undefined {
    const entry = this.#entries.get(key)
    if (entry?.state.state !== 'ready') return undefined
    const fence = ++entry.fence
    entry.state = { state: 'leased', worker, fence }
    const holders = entry.node.kind === 'blob' ? this.#shared.of(entry.node).shared.holders.filter((r) => r !== entry.node.repository) : []
    return { key, node: entry.node, worker, fence, holders, replans: entry.replans, again: entry.again }
  }

  async complete(lease: Lease, outcome: NodeOutcome, take?: Take): Promise<Progress> {
    const entry = this.#held(lease)
    if (!entry) return this.#again(lease)
    entry.state = { state: 'done', outcome }
    if (entry.node.kind === 'blob') this.#landed(entry, entry.node, outcome)
    for (const key of entry.dependents) this.#arrived(key)
    this.#ended(entry)
    return this.#progress(take)
  }

  async fail(lease: Lease, error: ErrorRecord, everywhere = false): Promise<Progress> {
    const entry = this.#held(lease)
    if (!entry) return nothing
    // A source that joined while this one was tried has not been asked yet.
    if (!everywhere && entry.node.kind === 'blob' && lease.node.kind === 'blob' && entry.node.from.length > lease.node.from.length) this.#makeReady(entry)
    else {
      if (everywhere && entry.node.kind === 'blob') for (const key of this.#shared.abandon(entry.node)) this.#failIfWaiting(key, error)
      this.#fail(entry, error)
    }
    return this.#progress()
  }

  async release(lease: Lease): Promise<Progress> {
    const entry = this.#held(lease)
    if (entry) this.#makeReady(entry)
    return this.#progress()
  }

  async replan(lease: Lease, nodes: readonly PlanNode[]): Promise<Progress> {
    const entry = this.#held(lease)
    if (!entry) return nothing
    for (const node of nodes) {
      if (node.kind === 'blob') this.#shared.lost(node)
      const known = this.#entries.get(node.key)
      if (known && known.state.state !== 'done') continue
      this.#finished.delete(node)
      // What needed it before has its own answer by now, or is `entry`, which counts below.
      this.#entries.delete(node.key)
      this.#add(node, entry.owner, { blobs: 0, bytes: 0 }, true)
    }
    entry.replans++
    const broken = this.#broken(nodes.map((node) => node.key))
    if (broken) {
      this.#fail(entry, broken)
      return this.#progress()
    }
    let missing = 0
    for (const { key } of nodes) {
      entry.needs.add(key)
      missing += this.#need(key, entry)
    }
    if (missing === 0) this.#makeReady(entry)
    else entry.state = { state: 'waiting', missing }
    return this.#progress()
  }

  async retry(images?: readonly ImageId[]): Promise<Progress> {
    const failed = new Set<Entry>()
    if (!images) this.#collectFailed(this.#entries.keys(), failed)
    const named = new Set(images ?? [...failed].flatMap((entry) => [...entry.images]))
    const reopened = [...named].filter((id) => {
      const roots = (this.#images.get(id)?.roots ?? this.#failed.get(id) ?? []).filter((root) => this.#isFailedRoot(root, id))
      this.#collectFailed(roots, failed)
      return roots.length > 0 && !this.#images.has(id)
    })
    for (const entry of failed) this.#awaitAgain(entry)
    for (const id of reopened) this.#reopen(id)
    // In the order in which they were registered, so that needs come before those that need them.
    const ordered = [...this.#entries.values()].filter((entry) => failed.has(entry))
    for (const entry of ordered) entry.state = { state: 'waiting', missing: 0 }
    for (const entry of ordered) this.#place(entry, { blobs: 0, bytes: 0 })
    return this.#progress()
  }

  async forget(roots: readonly NodeKey[]): Promise<void> {
    for (const key of roots) {
      const entry = this.#entries.get(key)
      if (entry?.state.state !== 'failed' || entry.node.kind === 'blob' || [...entry.images].some((image) => this.#images.has(image))) continue
      this.#entries.delete(key)
      for (const image of entry.images) if (this.#failed.get(image)?.some((root) => this.#entries.has(root)) !== true) this.#failed.delete(image)
      await this.forget([...entry.needs])
    }
  }

  async counts(): Promise<LedgerCounts> {
    const counts = { waiting: 0, ready: 0, leased: 0, done: this.#finished.size, failed: 0 }
    for (const { state } of this.#entries.values()) counts[state.state]++
    return { ...counts, openImages: this.#images.size }
  }

  #add(node: PlanNode, image: ImageId, fresh: { blobs: number; bytes: number }, again = false): void {
    if (this.#finished.has(node)) return
    const known = this.#entries.get(node.key)
    if (known) {
      if (known.node.kind === 'blob' && node.kind === 'blob') known.node = { ...known.node, from: union(known.node.from, node.from) }
      return
    }
    const entry: Entry = { node, state: { state: 'ready' }, fence: 0, replans: 0, again, owner: image, needs: new Set(needsOf(node)), dependents: new Set(), images: new Set() }
    this.#entries.set(node.key, entry)
    this.#place(entry, fresh)
  }

  /** Finds out what a new (or reopened) node waits for. */
  #place(entry: Entry, fresh: { blobs: number; bytes: number }): void {
    const { node } = entry
    if (node.kind === 'blob') {
      const { shared, isFresh } = this.#shared.of(node)
      if (isFresh) { fresh.blobs++; fresh.bytes += Math.max(0, node.desc.size) }
      if (shared.holders.length > 0 || shared.leader === undefined || shared.leader === node.key) {
        if (shared.holders.length === 0) shared.leader = node.key
        return this.#makeReady(entry)
      }
      this.#lend(shared.leader, node)
      shared.followers.push(node.key)
      entry.state = { state: 'waiting', missing: 1 }
      return
    }
    const broken = this.#broken(entry.needs)
    if (broken) return this.#fail(entry, broken)
    let missing = 0
    for (const key of entry.needs) missing += this.#need(key, entry)
    if (missing === 0) this.#makeReady(entry)
    else entry.state = { state: 'waiting', missing }
  }

  /** Why one of these nodes failed, if one did. */
  #broken(keys: Iterable<NodeKey>): ErrorRecord | undefined {
    for (const key of keys) {
      const state = this.#entries.get(key)?.state
      if (state?.state === 'failed') return state.error
    }
    return undefined
  }

  /** Lets `entry` wait for `key`, unless that is done; answers how many that makes. */
  #need(key: NodeKey, entry: Entry): 0 | 1 {
    const child = this.#entries.get(key)
    if (!child || child.state.state === 'done') return 0
    child.dependents.add(entry.node.key)
    return 1
  }

  /** A leader may read from where a follower would have: one repository may refuse what another serves. Beyond a few the followers have their turn to lead. */
  #lend(leader: NodeKey, follower: PlanNode): void {
    const entry = this.#entries.get(leader)
    if (entry?.node.kind === 'blob' && follower.kind === 'blob' && entry.node.from.length < maxLent) entry.node = { ...entry.node, from: union(entry.node.from, follower.from) }
  }

  #landed(entry: Entry, node: BlobNode, outcome: NodeOutcome): void {
    for (const key of this.#shared.landed(node)) this.#arrived(key)
    const tally = this.#images.get(entry.owner)?.blobs
    if (!tally || outcome === 'skipped' || (entry.again && outcome === 'existed')) return
    tally[outcome]++
    tally[`${outcome}Bytes`] += Math.max(0, node.desc.size)
  }

  /** Something that `key` waited for has come true. */
  #arrived(key: NodeKey): void {
    const entry = this.#entries.get(key)
    if (entry?.state.state === 'waiting' && --entry.state.missing === 0) this.#makeReady(entry)
  }

  #makeReady(entry: Entry): void {
    entry.state = { state: 'ready' }
    this.#ready.push(entry.node.key)
  }

  #failIfWaiting(key: NodeKey, error: ErrorRecord): void {
    const entry = this.#entries.get(key)
    if (entry?.state.state === 'waiting') this.#fail(entry, error)
  }

  #fail(entry: Entry, error: ErrorRecord): void {
    if (entry.state.state === 'failed') return
    entry.state = { state: 'failed', error }
    for (const key of entry.dependents) this.#failIfWaiting(key, error)
    const successor = entry.node.kind === 'blob' ? this.#shared.succeed(entry.node) : undefined
    if (successor !== undefined) this.#arrived(successor)
    this.#ended(entry)
  }

  /** A node is at its end: so may be its images, and the needs that only it kept open. */
  #ended(entry: Entry): void {
    const { state } = entry
    for (const id of entry.images) {
      const image = this.#images.get(id)
      if (image?.roots.includes(entry.node.key) !== true) continue
      image.pending--
      if (state.state === 'failed') image.errors.set(entry.node.key, state.error)
      this.#settleIfOver(id, image)
    }
    for (const key of entry.needs) {
      const need = this.#entries.get(key)
      need?.dependents.delete(entry.node.key)
      if (need) this.#compact(need)
    }
    this.#compact(entry)
  }

  #compact(entry: Entry): void {
    if (entry.state.state !== 'done' || entry.dependents.size > 0) return
    this.#entries.delete(entry.node.key)
    this.#finished.add(entry.node)
  }

  /** What failed of these, and of what they need. */
  #collectFailed(keys: Iterable<NodeKey>, failed: Set<Entry>): void {
    for (const key of keys) {
      const entry = this.#entries.get(key)
      if (entry?.state.state !== 'failed' || failed.has(entry)) continue
      failed.add(entry)
      this.#collectFailed(entry.needs, failed)
    }
  }

  #isFailedRoot(root: NodeKey, image: ImageId): boolean {
    const entry = this.#entries.get(root)
    return entry?.state.state === 'failed' && entry.images.has(image)
  }

  /** A root that had failed is tried again: whoever is open waits for it again, though another asked. */
  #awaitAgain({ node, images }: Entry): void {
    for (const id of images) {
      const image = this.#images.get(id)
      if (image?.errors.delete(node.key) === true) image.pending++
    }
  }

  /** An image that failed is open again, as far as its roots are not at their end. */
  #reopen(id: ImageId): void {
    const roots = this.#failed.get(id) ?? []
    this.#open(id, roots).pending = roots.filter((root) => {
      const entry = this.#entries.get(root)
      return entry !== undefined && entry.state.state !== 'done' && entry.images.has(id)
    }).length
  }

  #open(id: ImageId, roots: readonly NodeKey[]): OpenImage {
    const image: OpenImage = { roots, pending: 0, errors: new Map(), blobs: emptyTally() }
    this.#images.set(id, image)
    this.#failed.delete(id)
    return image
  }

  #settleIfOver(id: ImageId, image: OpenImage): void {
    if (image.pending > 0) return
    this.#images.delete(id)
    if (image.errors.size > 0) this.#failed.set(id, image.roots)
    this.#settled.push({ image: id, errors: [...image.errors.values()], blobs: image.blobs })
  }

  #again(lease: Lease): Progress {
    const entry = this.#entries.get(lease.key)
    if (entry?.state.state !== 'done') return nothing
    return { ...nothing, ready: [...entry.dependents].filter((key) => this.#entries.get(key)?.state.state === 'ready') }
  }

  #held(lease: Lease): Entry | undefined {
    const entry = this.#entries.get(lease.key)
    return entry?.state.state === 'leased' && entry.state.fence === lease.fence ? entry : undefined
  }

  #progress(take?: Take): Progress {
    if (this.#ready.length === 0 && this.#settled.length === 0) return nothing
    const taken = take ? this.#take(take) : []
    const progress = { ready: taken.length === 0 ? this.#ready : this.#ready.slice(taken.length), taken, settled: this.#settled }
    this.#ready = []
    this.#settled = []
    return progress
  }

  /** Leases the first of what is ready, as far as there is room. */
  #take({ worker, nodes, bytes }: Take): readonly Lease[] {
    const taken: Lease[] = []
    let room = bytes
    for (const key of this.#ready.slice(0, nodes)) {
      const node = this.#entries.get(key)?.node
      if (node?.kind === 'blob') room -= Math.max(0, node.desc.size)
      const lease = room < 0 ? undefined : this.#lease(key, worker)
      if (!lease) break
      taken.push(lease)
    }
    return taken
  }
}

function emptyTally(): Mutable<BlobTally> {
  return { pushed: 0, pushedBytes: 0, mounted: 0, mountedBytes: 0, existed: 0, existedBytes: 0 }
}
function union<T extends { readonly registry: string; readonly repository: string }>(a: readonly T[], b: readonly T[]): readonly T[] {
  const more = b.filter((x) => !a.some((y) => y.registry === x.registry && y.repository === x.repository))
  return more.length === 0 ? a : [...a, ...more]
}
