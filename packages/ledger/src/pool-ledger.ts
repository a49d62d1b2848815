import type { Digest, ErrorRecord } from '@longshore/oci'
import type { BlobTally, ImageId, ImageResult, Lease, Ledger, NodeKey, PlanNode, Progress, Registered, Take, Wanted } from '@longshore/transfer'

/** Names images that one worker resolves together: they share tag lists. `batch 17`. */
export type BatchKey = NodeKey

/** What a worker found out when it resolved an image; told when the image ends. */
export interface ResolvedFacts {
  /** At the source; absent where the image was only looked at. */
  readonly digest?: Digest
  readonly rewritten?: Digest
  readonly referrers: number
  /** Kept as it is: `ImageResult.details`. Plain data. */
  readonly details?: unknown
}

/** Images to be resolved, leased together. */
export interface BatchLease {
  readonly key: BatchKey
  readonly worker: string
  readonly fence: number
  /** Those of the batch that are not resolved yet. */
  readonly images: ReadonlyArray<{ readonly id: ImageId; readonly wanted: Wanted }>
}

/** An image that is not at its end. */
export interface OpenImage { readonly id: ImageId; readonly wanted: Wanted; readonly state: 'ready' | 'resolving' | 'moving' }

/** A node as a person may look at it. */
export interface UnfinishedNode {
  readonly key: NodeKey
  readonly state: 'waiting' | 'ready' | 'leased' | 'done' | 'failed'
  readonly worker?: string
  readonly error?: ErrorRecord
}

/** Integers that only grow, but for `failed` when failures are tried again. Bytes and counts over the whole migration. */
export interface PoolCounts {
  readonly found: number
  readonly resolved: number
  /** Of blobs that were not known to be there, over all images resolved. */
  readonly expectedBytes: number
  readonly copied: number
  readonly present: number
  readonly failed: number
  readonly rewritten: number
  readonly referrers: number
  /** Manifests put. */
  readonly manifests: number
  readonly blobs: BlobTally
}

/** Work of a worker that is gone, or that no queue knows of: to be handed out (again). */
export interface Lost { readonly nodes: readonly NodeKey[]; readonly batches: readonly BatchKey[] }

/**
 * The ledger of one migration that many processes share: besides the graph it keeps the images from the moment they are found
 * to their end, and tells what came of each (`SettledImage.result`). Every operation is one atomic step and may be repeated: a command whose answer was lost is sent again.
 */
export interface PoolLedger extends Ledger {
  readonly migration: string
  /**
   * Begins the migration: `meta` gets these fields, `state` running and `created` (ms, Redis' clock), unless it is there already.
   * Answers when it was created.
   */
  begin(fields: Readonly<Record<string, string>>): Promise<number>
  /** @throws MigrationLostError when Redis knows nothing of it */
  state(): Promise<string>
  /**
   * Changes the state if it is one of `from`; answers whether. To an end (complete, failed, stopped, cancelled): sets `ended` (ms) too. Not to
   * complete while a retry is asked for and not done.
   */
  setState(from: readonly string[], to: string): Promise<boolean>
  setField(name: string, value: string): Promise<void>
  /**
   * Asks for another try of what failed, if its state is still the one that was `seen`; answers whether. One that is complete runs again: its record does
   * not run out any more, `ended` and the word `secondPass` are gone.
   */
  askRetry(seen: string): Promise<boolean>
  /** The try that is asked for and not done; told again until `retryDone` says so, that a leader which dies over it loses nothing. */
  retryAsked(): Promise<string | undefined>
  retryDone(asked: string): Promise<void>
  /**
   * Adds images that are to be resolved, in one batch, and counts them as found. Images that are known, open or at their end, are
   * passed over. Answers the batch, ready to be queued, and the number that was new; `undefined` when none was. Asked again before
   * anybody has taken the batch, it answers the batch again, and that none was new. Changes nothing once the migration has ended.
   */
  open(images: readonly Wanted[]): Promise<{ readonly batch: BatchKey; readonly added: number } | undefined>
  /** As `claim`, of many: leases those that are ready. */
  claimAll(keys: readonly NodeKey[], worker: string): Promise<readonly Lease[]>
  /** Leases a ready batch; `undefined` when it is not ready, or the migration is not running. */
  claimBatch(key: BatchKey, worker: string): Promise<BatchLease | undefined>
  /**
   * As `Ledger.register`, for an image of the worker's batch; `facts` are kept for its end. A batch ends with its last image.
   * A fenced worker changes nothing. `full`: the manifests of open images take up what they may; again when some of those have ended.
   */
  registerIn(lease: BatchLease, image: ImageId, facts: ResolvedFacts, roots: readonly NodeKey[], nodes: readonly PlanNode[], take?: Take): Promise<Registered | 'full'>
  /** Whether that would be likely to find room by now, for so many bytes of manifests; nothing is sent for it. */
  hasRoomFor(bytes: number): Promise<boolean>
  /** The image could not be resolved: it is at its end, failed. */
  failImage(lease: BatchLease, image: ImageId, error: ErrorRecord): Promise<Progress>
  /** Gives what is left of the batch back, ready for another worker. */
  releaseBatch(lease: BatchLease): Promise<void>
  /** What this worker holds, by the ledger's book. */
  held(worker: string): Promise<readonly NodeKey[]>
  /** Takes all that a worker holds (or only `keys`) from it: it is ready again, and the worker is fenced off from it. */
  reclaim(worker: string, keys?: readonly NodeKey[]): Promise<Lost>
  /** Ready work whose turn should have come `olderMs` ago: at most `limit` of it; it counts as fresh from now on. */
  overdue(olderMs: number, limit: number): Promise<Lost>
  /**
   * Images at their end that failed are open again: what failed of their nodes is ready or waiting (as `Ledger.retry`), and images
   * whose graph is gone are to be resolved again, in batches. All failed ones when none are named.
   */
  reopen(images?: readonly ImageId[]): Promise<Progress & { readonly batches: readonly BatchKey[] }>
  tally(): Promise<PoolCounts>
  /** Images at their end, in no order; memory stays small whatever their number. */
  results(filter?: { readonly failedOnly?: boolean }): AsyncIterable<ImageResult & { readonly id: ImageId }>
  /** Images that are not at their end. */
  openImages(): AsyncIterable<OpenImage>
  /** The nodes of an open image with their states, roots last; what is done and compacted is not listed. */
  nodesOf(image: ImageId): Promise<readonly UnfinishedNode[]>
  /** Drops the graph: what is left is the record (meta, counts, results …), for `recordMs` more. */
  close(recordMs: number): Promise<void>
}
