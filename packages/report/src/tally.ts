// The running totals, and what is kept for the summary, the report and the failed list. Memory follows the failures; entries
// of images that went well are kept only when a report was asked for.
import type { Digest, ErrorRecord } from '@longshore/oci'
import { type BlobTally, type Image, imageId, type ImageId, objectsOf, type Origin } from '@longshore/transfer'
import type { Dropped, RunEvent, Unlisted, Untagged } from './run-event.ts'

export interface ImageEntry {
  readonly image: Image
  readonly outcome: 'copied' | 'present' | 'failed' | 'abandoned'
  readonly digest?: Digest
  readonly rewritten?: Digest
  readonly blobs?: BlobTally
  readonly referrers?: number
  readonly ms?: number
  readonly error?: ErrorRecord
  readonly hint?: string
  /** Where objects asked for it. */
  readonly origin?: Origin
}
export type FailedEntry = ImageEntry & { readonly error: ErrorRecord; readonly hint: string }

export class Tally {
  found = 0
  /** Whether `found` is the final number. */
  expanded = false
  resolved = 0
  copied = 0
  present = 0
  rewritten = 0
  referrers = 0
  manifests = 0
  droppedTags = 0
  /** Of blobs that were not known to be there, of all images resolved so far. */
  expectedBytes = 0
  readonly blobs = { pushed: 0, pushedBytes: 0, mounted: 0, mountedBytes: 0, existed: 0, existedBytes: 0 }
  readonly failures: FailedEntry[] = []
  readonly unlisted: Unlisted[] = []
  readonly untagged: Untagged[] = []
  /** Empty unless a report is wanted. */
  readonly entries: ImageEntry[] = []
  readonly dropped: Dropped[] = []
  readonly #open = new Map<ImageId, Image>()
  readonly #keepsEntries: boolean

  readonly #named: number | undefined

  /** @param options.named how many images the spec names, where it names them all */
  constructor(options: { readonly keepsEntries: boolean; readonly named?: number | undefined }) {
    this.#keepsEntries = options.keepsEntries
    this.#named = options.named
  }

  /** All images of the run, as far as it is known; they are found only as fast as they are worked on. */
  get total(): number { return this.expanded ? this.found : Math.max(this.found, this.#named ?? 0) }
  get isTotalKnown(): boolean { return this.expanded || this.#named !== undefined }

  get failed(): number { return this.failures.length }
  get settled(): number { return this.copied + this.present + this.failed }
  /** Images that were begun and not brought to an end. */
  get open(): Iterable<Image> { return this.#open.values() }
  get openCount(): number { return this.#open.size }

  add(event: RunEvent): void {
    switch (event.type) {
      case 'found':
        this.found++
        this.#open.set(imageId(event.image), event.image)
        return
      case 'expanded':
        this.expanded = true
        return
      case 'resolved':
        this.resolved++
        this.expectedBytes += event.bytes
        return
      case 'blob':
        this.blobs[event.outcome]++
        this.blobs[`${event.outcome}Bytes`] += Math.max(0, event.desc.size)
        return
      case 'manifest':
        if (event.outcome === 'pushed') this.manifests++
        return
      case 'done': {
        const { type: _, ...entry } = event
        this.#open.delete(imageId(event.image))
        this[event.outcome]++
        if (event.outcome === 'copied') this.referrers += event.referrers
        if (event.rewritten !== undefined) this.rewritten++
        if (this.#keepsEntries) this.entries.push(entry)
        return
      }
      case 'failed': {
        const entry: FailedEntry = { image: event.image, outcome: 'failed', error: event.error, hint: event.hint, ...objectsOf(event) }
        this.#open.delete(imageId(event.image))
        this.failures.push(entry)
        if (this.#keepsEntries) this.entries.push(entry)
        return
      }
      case 'unlisted':
        this.unlisted.push(event)
        return
      case 'untagged':
        this.untagged.push(event)
        return
      case 'dropped':
        this.droppedTags++
        if (this.#keepsEntries) this.dropped.push(event)
        return
      case 'warning':
        return
    }
  }
}
