// What a run tells whoever watches it. Events are plain data, so they print as JSON lines and cross processes.
import type { Descriptor, Digest, ErrorRecord } from '@longshore/oci'
import type { Image } from './image.ts'
import type { Origin } from './origin.ts'

/** What became of an image that is all there now. */
export type ImageOutcome = 'copied' | 'present'

/** Blobs of one image or one run, by how they became true at the destination. Sizes in bytes. */
export interface BlobTally {
  readonly pushed: number
  readonly pushedBytes: number
  readonly mounted: number
  readonly mountedBytes: number
  readonly existed: number
  readonly existedBytes: number
}

export type TransferEvent =
  /** An image came out of the expansion. */
  | { readonly type: 'found'; readonly image: Image }
  /** The expansion has ended: `images` is the final total. */
  | { readonly type: 'expanded'; readonly images: number }
  /** The image's graph is known: `bytes` is the sum of its blobs that were not known to be there. */
  | { readonly type: 'resolved'; readonly image: Image; readonly digest: Digest; readonly blobs: number; readonly bytes: number }
  /** A blob became true in one repository. */
  | { readonly type: 'blob'; readonly registry: string; readonly repository: string; readonly desc: Descriptor; readonly outcome: 'pushed' | 'mounted' | 'existed'; readonly ms: number }
  /** A manifest, or a tag, was put. */
  | { readonly type: 'manifest'; readonly registry: string; readonly repository: string; readonly reference: string; readonly digest: Digest; readonly outcome: 'pushed' | 'existed' }
  | {
    readonly type: 'done'; readonly image: Image; readonly outcome: ImageOutcome
    /** At the source; the destination's too, unless `rewritten` says what it became (platform policy `strip`). */
    readonly digest: Digest; readonly rewritten?: Digest
    readonly blobs: BlobTally; readonly referrers: number; readonly ms: number
    /** Where objects asked for it. */
    readonly origin?: Origin
  }
  | { readonly type: 'failed'; readonly image: Image; readonly error: ErrorRecord; readonly hint: string; readonly origin?: Origin }
  /** Something that a person should know and that fails nothing. */
  | { readonly type: 'warning'; readonly message: string }

/** A blob on its way. `sent` grows in place. */
export interface InFlight { readonly registry: string; readonly repository: string; readonly desc: Descriptor; readonly startedMs: number; sent: number }

/** What one registry was asked over a run. */
export interface RegistryUse {
  readonly side: 'source' | 'destination'
  readonly registry: string
  readonly requests: number
  readonly bytesIn: number
  readonly bytesOut: number
  readonly retries: number
  readonly pauses: number
}
