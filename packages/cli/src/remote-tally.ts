// What a coordinator tells, as the views and the summary know it.
import type { Digest } from '@longshore/oci'
import { originFrom, type Report, type RunEvent, Tally } from '@longshore/report'
import type { BlobTally, InFlight } from '@longshore/transfer'
import type { RemoteStatus } from './remote-client.ts'
import { parseEnd } from './remote-events.ts'

/** Two counts of one run: by its status, which is right, and by its events, which come one by one and number the lines. */
export class RemoteTally {
  readonly shown = new Tally({ keepsEntries: false })
  readonly told = new Tally({ keepsEntries: false })
  readonly inFlight = new Set<InFlight>()
  #found = 0
  readonly #flying = new Map<string, InFlight>()

  add(event: RunEvent): void {
    // How many there are the status knows, a moment later; the first events may not be kept any more.
    if (event.type === 'found') this.told.found = Math.max(this.told.found, ++this.#found)
    else if (event.type === 'expanded') Object.assign(this.told, { found: Math.max(this.told.found, event.images), expanded: true })
    else this.told.add(event)
    if (event.type === 'failed' || event.type === 'unlisted') this.shown.add(event)
  }

  set({ images: { found, resolved, copied, present }, blobs, expectedBytes, manifests, referrers, expanded, transfers }: RemoteStatus): void {
    Object.assign(this.told, { found: Math.max(found, this.#found), expanded: expanded || this.told.expanded })
    Object.assign(this.shown, { found, expanded, resolved, copied, present, expectedBytes, manifests, referrers })
    Object.assign(this.shown.blobs, toBlobTally(blobs))
    this.inFlight.clear()
    for (const { registry, repository, digest, size, sent } of transfers) {
      const key = `${registry}/${repository}@${digest}`
      const known = this.#flying.get(key) ?? { registry, repository, desc: { mediaType: '', digest: digest as Digest, size }, startedMs: performance.now(), sent }
      known.sent = sent
      this.#flying.set(key, known)
      this.inFlight.add(known)
    }
    for (const [key, one] of this.#flying) if (!this.inFlight.has(one)) this.#flying.delete(key)
  }
}

/** The tally that a report was made from, as far as a summary needs it. */
export function tallyOf({ images, totals, unlisted, untagged = [], dropped }: Report): Tally {
  const tally = new Tally({ keepsEntries: false })
  for (const image of images) {
    const ends = { source: parseEnd(image.source), destination: parseEnd(image.destination) }
    tally.add({ type: 'found', image: ends })
    if (image.outcome === 'abandoned') continue
    const asked = originFrom(image)
    if (image.outcome === 'failed') tally.add({ type: 'failed', image: ends, error: image.error as never, hint: image.hint, ...asked })
    else {
      const { outcome, digest, rewritten, blobs, referrers, ms } = image
      tally.add({ type: 'done', image: ends, outcome, digest: digest as Digest, ...(rewritten === undefined ? {} : { rewritten: rewritten as Digest }), blobs: toBlobTally(blobs), referrers, ms, ...asked })
    }
  }
  for (const { code: _, ...one } of unlisted) tally.add({ type: 'unlisted', ...one } as never)
  for (const one of untagged) tally.add({ type: 'untagged', ...one } as never)
  for (const one of dropped) tally.add({ type: 'dropped', ...one } as never)
  Object.assign(tally.blobs, toBlobTally(totals.blobs))
  tally.manifests = totals.manifests
  tally.expanded = true
  return tally
}

function toBlobTally({ pushed, mounted, existed }: Report['totals']['blobs']): BlobTally {
  return { pushed: pushed.count, pushedBytes: pushed.bytes, mounted: mounted.count, mountedBytes: mounted.bytes, existed: existed.count, existedBytes: existed.bytes }
}
