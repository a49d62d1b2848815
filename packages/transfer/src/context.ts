import type { ErrorRecord, Platform } from '@longshore/oci'
import type { InFlight, TransferEvent } from './event.ts'
import type { Image } from './image.ts'
import type { Ledger } from './ledger.ts'
import type { Origin } from './origin.ts'
import type { Queue } from './queue.ts'
import type { Source, Target } from './transport.ts'

/** What of an image is carried. */
export interface CopyOptions {
  /** Children of an index to carry; empty: all of them. An image that is no index is carried whatever its platform. */
  readonly platforms: readonly Platform[]
  /** `sparse` leaves the index as it is; `strip` writes a new one that lists only what was carried. */
  readonly platformPolicy: 'sparse' | 'strip'
  /** Carry an index without any of its children: they are at the destination, or are not wanted there. */
  readonly indexOnly?: boolean
  /** Carry referrers, fallback tags and cosign tags along. */
  readonly referrers: boolean
  /** `keep` leaves non-distributable layers where their URLs say; `copy` carries their bytes. */
  readonly foreignLayers: 'keep' | 'copy'
}

/**
 * How much is asked about what may not have changed.
 * - `all`: everything.
 * - `changed`: tag lists and digests. The referrers API is asked only about images that changed, so a new referrer of an old image waits for a run
 *   that asks all, unless it has a tag; and an index of which only some platforms are carried counts as there when its digest is.
 * - `named`: somebody else named what changed, so no tags are listed: each image is asked for by itself, and companion tags that were not named
 *   as well do not come along.
 */
export type Asks = 'all' | 'changed' | 'named'

/** An image that was asked for, and how. */
export interface Wanted {
  readonly image: Image
  readonly options: CopyOptions
  readonly origin?: Origin
  /** Why it cannot be moved, where that is known before anything was asked: its destination could not be made ready. */
  readonly failure?: ErrorRecord
}

/** One client per registry and side, made when first asked for. */
export interface Transports {
  source(registry: string): Source
  target(registry: string): Target
}

export interface MigrationOptions {
  readonly transports: Transports
  readonly ledger: Ledger
  readonly queues: { readonly blobs: Queue; readonly manifests: Queue }
  readonly onEvent: (event: TransferEvent) => void
  /** The transfers on their way, for whoever draws them. */
  readonly inFlight: Set<InFlight>
  /** How many images may be open at once, and how many jobs of a kind run at once. */
  readonly window: number
  readonly jobs: { readonly images: number; readonly blobs: number; readonly manifests: number }
  /** Whether a failed image leaves the others alone; when false the first failure stops the run. */
  readonly keepGoing: boolean
  /** Default: `all`. */
  readonly asks?: Asks
  /** Take nothing at the destination as present: every blob is asked for, every manifest put (a repair). */
  readonly distrust?: boolean
  /** Aborts: no new work; what is in flight has `graceMs` to finish, then it is abandoned. */
  readonly stop: AbortSignal
  readonly graceMs: number
  /** How long a registry in trouble is left alone before the images that failed for it are tried once more. */
  readonly respiteMs: number
}

/** What a run came to. */
export interface MigrationResult {
  readonly images: number
  readonly copied: number
  readonly present: number
  readonly failed: number
  /** Images that were never begun, or abandoned, because the run was stopped. */
  readonly abandoned: number
  readonly stopped: boolean
}
