import type { Digest, ErrorRecord, RepositoryName } from '@longshore/oci'
import type { Wanted } from './context.ts'
import type { BlobTally } from './event.ts'
import type { ImageId } from './image.ts'
import type { NodeKey, NodeOutcome, PlanNode } from './node.ts'

/**
 * The record of every node's state and edges; the truth. Every operation is atomic and may be repeated.
 *
 * ```
 *   waiting(missing n) ──► ready ──claim──► leased(worker, fence) ──complete──► done(outcome)
 *        ▲    │              ▲                 │  │  └──fail──► failed(record) ◄── a need failed
 *        │    └─ a need failed: failed         │  └──release──► ready
 *        └──────────── replan ─────────────────┘
 * ```
 * A blob is one node per repository. Per (registry, digest) the first placement *leads*: it crosses the wire. The others
 * wait for it, and are then ready with `holders` to mount from. If the leader fails, the next one leads.
 */
export interface Ledger {
  /** Adds an image's nodes, needs before those that need them, and the roots whose end is the image's end. */
  register(image: ImageId, roots: readonly NodeKey[], nodes: readonly PlanNode[], take?: Take): Promise<Registered>
  /** Leases a ready node; `undefined` when it is not ready: done, failed, or in other hands. */
  claim(key: NodeKey, worker: string): Promise<Lease | undefined>
  /** A late worker (its fence is old) changes nothing. Asked again, it answers again what the node made ready. */
  complete(lease: Lease, outcome: NodeOutcome, take?: Take): Promise<Progress>
  /**
   * Fails the node and all that need it, and no others; a blob that can be read elsewhere by now is ready again instead.
   * `everywhere`: it is the content that is bad, so the placements that wait for this one fail with it.
   */
  fail(lease: Lease, error: ErrorRecord, everywhere?: boolean): Promise<Progress>
  /** Gives the node back, ready for another. */
  release(lease: Lease): Promise<Progress>
  /**
   * The destination lacks something that was thought to be there: `nodes` must be made true (again), whatever was
   * recorded of them, and then the leased node is ready once more.
   */
  replan(lease: Lease, nodes: readonly PlanNode[]): Promise<Progress>
  /** Makes the failed nodes of these images (of all, when none are named) ready or waiting again, and only those. */
  retry(images?: readonly ImageId[]): Promise<Progress>
  /** Lets go of failed manifests and tags under these roots: an image that failed for good costs nothing more. */
  forget(roots: readonly NodeKey[]): Promise<void>
  counts(): Promise<LedgerCounts>
}

/**
 * What a worker has room for: of what an operation makes ready, the first nodes that fit are leased to it in the same step, so
 * that they take no way through a queue. A blob larger than `bytes` is left for the queue, and so is all that comes behind it.
 */
export interface Take { readonly worker: string; readonly nodes: number; readonly bytes: number }

export interface Lease {
  readonly key: NodeKey
  readonly node: PlanNode
  readonly worker: string
  readonly fence: number
  /** Repositories of the node's registry that hold this blob by now. */
  readonly holders: readonly RepositoryName[]
  /** How often the node was sent back by `replan`. */
  readonly replans: number
  /** The node was true before: it is made true again for a manifest that the destination refused. */
  readonly again: boolean
}

export interface Progress {
  /** Ready for whoever claims them first. */
  readonly ready: readonly NodeKey[]
  /** Made ready and leased at once: see `Take`. */
  readonly taken: readonly Lease[]
  readonly settled: readonly SettledImage[]
}

export interface Registered extends Progress {
  /** Blobs that no image before this one needed in this registry; sizes in bytes. */
  readonly fresh: { readonly blobs: number; readonly bytes: number }
}

export interface SettledImage {
  readonly image: ImageId
  /** Empty when every root is done. */
  readonly errors: readonly ErrorRecord[]
  /** The placements that this image was the first to ask for. */
  readonly blobs: BlobTally
  /** What is kept of it, where the ledger keeps images to their end. */
  readonly result?: ImageResult
}

/** An image at its end: what the report, the failed list and a retry need. */
export interface ImageResult {
  readonly wanted: Wanted
  readonly outcome: 'copied' | 'present' | 'failed'
  /** At the source. */
  readonly digest?: Digest
  /** What it became, where the platform policy `strip` changed it. */
  readonly rewritten?: Digest
  readonly referrers?: number
  readonly blobs?: BlobTally
  /** From when it was found until its end. */
  readonly ms: number
  readonly error?: ErrorRecord
  /** What was found of it, where it was only looked at: a `ScoutedImage`, a `CheckedImage`. */
  readonly details?: unknown
}

/** Nodes by state. */
export interface LedgerCounts {
  readonly waiting: number
  readonly ready: number
  readonly leased: number
  readonly done: number
  readonly failed: number
  readonly openImages: number
}

export const nothing: Progress = { ready: [], taken: [], settled: [] }
