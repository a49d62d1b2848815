// The images of a migration, page by page, in the order of their destinations. The ledger has them in no order, and they change
// meanwhile: each page looks through all of them and keeps the few that are next, so that memory follows the page.
import type { PoolStore } from '@longshore/pool'
import { type ImageResource, toOpenImage, toSettledImage } from './resources.ts'

type PoolLedger = ReturnType<PoolStore['ledger']>
export type ImageFilter = ImageResource['state'] | 'open' | 'settled' | undefined

export interface ImagePage { readonly images: readonly ImageResource[]; readonly next?: string }

const openStates: ReadonlySet<string> = new Set(['ready', 'resolving', 'moving'])

export async function pageOfImages(ledger: PoolLedger, filter: ImageFilter, limit: number, cursor: string | undefined): Promise<ImagePage> {
  const after = cursor === undefined ? undefined : Buffer.from(cursor, 'base64url').toString()
  const kept = new Kept(limit + 1, after)
  // Open ones first: what ends in between is seen twice, and counts as ended; never missed.
  if (filter === undefined || filter === 'open' || openStates.has(filter)) {
    for await (const image of ledger.openImages()) if (filter === undefined || filter === 'open' || image.state === filter) kept.add(image.id, () => toOpenImage(image))
  }
  if (filter !== 'open' && !(filter !== undefined && openStates.has(filter))) {
    for await (const result of ledger.results({ failedOnly: filter === 'failed' })) {
      if (filter === undefined || filter === 'settled' || result.outcome === filter) kept.add(result.id, () => toSettledImage(result))
    }
  }
  const images = kept.take()
  const last = images[limit - 1]
  return images.length > limit && last ? { images: images.slice(0, limit), next: Buffer.from(last.id).toString('base64url') } : { images }
}

/** One image as it is now. */
export async function findImage(ledger: PoolLedger, id: string): Promise<ImageResource | undefined> {
  for await (const image of ledger.openImages()) if (image.id === id) return toOpenImage(image)
  for await (const result of ledger.results()) if (result.id === id) return toSettledImage(result)
  return undefined
}

/** The first `most` in order behind `after`. */
class Kept {
  readonly #most: number
  readonly #after: string | undefined
  #images = new Map<string, () => ImageResource>()
  /** Nothing behind it is wanted. */
  #last: string | undefined

  constructor(most: number, after: string | undefined) {
    this.#most = most
    this.#after = after
  }

  add(id: string, image: () => ImageResource): void {
    if ((this.#after !== undefined && id <= this.#after) || (this.#last !== undefined && id > this.#last)) return
    this.#images.set(id, image)
    if (this.#images.size >= 2 * this.#most) this.#trim()
  }

  take(): readonly ImageResource[] {
    this.#trim()
    return [...this.#images.values()].map((image) => image())
  }

  #trim(): void {
    const sorted = [...this.#images].sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, this.#most)
    this.#images = new Map(sorted)
    if (sorted.length === this.#most) this.#last = sorted.at(-1)?.[0]
  }
}
