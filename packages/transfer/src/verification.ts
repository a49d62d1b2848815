// What was found of images, and of a migration as a whole.
import { forEachLimit } from '@longshore/concurrency'
import type { Descriptor, Digest, ErrorRecord, Tag } from '@longshore/oci'
import { formatEnd, type Image, type Location } from './image.ts'
import type { Origin } from './origin.ts'
import { readBlob } from './read-whole.ts'
import { RepositoryStates } from './repository-state.ts'
import type { Source } from './transport.ts'

/** `missing`: the reference, or something under it, is not there; `differs`: another digest; `corrupt`: bytes that lie; `failed`: it could not be told. */
export interface Finding {
  readonly image: Image
  readonly problem: 'missing' | 'differs' | 'corrupt' | 'failed'
  /** What it is about: a reference, a manifest, a blob, at the destination. */
  readonly what: string
  readonly expected?: Digest
  readonly actual?: Digest
  readonly error?: ErrorRecord
  readonly hint?: string
  /** Where objects asked for the image. */
  readonly origin?: Origin
}

export interface Verification {
  readonly images: number
  readonly sound: number
  readonly findings: readonly Finding[]
  /** Tags of the destination repositories that no image of this migration and nothing about one put there. */
  readonly extra: ReadonlyArray<Location & { readonly tag: Tag }>
  readonly manifests: number
  /** In how many places: one blob in two repositories is there twice. */
  readonly blobs: number
  /** What there is to read, each blob of a registry once (once per worker that looked at it, in a pool), and its bytes by what the manifests say. */
  readonly contents: number
  readonly contentBytes: number
  /** Of that, read and hashed, with `deep`. */
  readonly contentsRead: number
  readonly bytesRead: number
}

/** What the check of one image came to. Plain data: it crosses processes. */
export interface CheckedImage {
  readonly findings: readonly Finding[]
  readonly manifests: number
  /** The placements of the blobs that this image was the first to have looked at, each by a few letters. */
  readonly blobs: readonly string[]
  readonly contents: number
  readonly contentBytes: number
  readonly contentsRead: number
  readonly bytesRead: number
  /** Where none was read: of those that the image was the first with, the one that the smallest larger sample has. */
  readonly unread?: UnreadBlob
  /** Tags of the destination repository that it, or something about it, put there. */
  readonly tags: readonly Tag[]
}

export interface UnreadBlob {
  readonly to: Location
  readonly desc: Descriptor
  /** From which percentage on it is in samples. */
  readonly rank: number
  readonly origin?: Origin
}

/** Adds up what was found of all images, wherever they were checked. */
export class VerificationSum {
  readonly #findings: Finding[] = []
  readonly #expected = new Map<string, { readonly to: Location; readonly tags: Set<Tag> }>()
  readonly #blobs = new Set<string>()
  /** What is read when the sample turns out to have been none of all. */
  #next: { readonly image: Image; readonly unread: UnreadBlob; readonly wasSound: boolean } | undefined
  readonly #sums = { images: 0, sound: 0, manifests: 0, contents: 0, contentBytes: 0, contentsRead: 0, bytesRead: 0 }

  add(image: Image, { findings, blobs, tags, unread, ...sums }: CheckedImage): void {
    const { registry, repository } = image.destination
    this.#sums.images++
    if (findings.length === 0) this.#sums.sound++
    // A worker of a former version does not tell all of them.
    const told: Partial<typeof sums> = sums
    for (const name of ['manifests', 'contents', 'contentBytes', 'contentsRead', 'bytesRead'] as const) this.#sums[name] += told[name] ?? 0
    for (const blob of blobs) this.#blobs.add(blob)
    this.#findings.push(...findings)
    if (unread && isBefore(unread, this.#next?.unread)) this.#next = { image, unread, wasSound: findings.length === 0 }
    const key = `${registry}/${repository}`
    let expected = this.#expected.get(key)
    if (!expected) this.#expected.set(key, expected = { to: { registry, repository }, tags: new Set() })
    for (const tag of tags) expected.tags.add(tag)
  }

  /** Without what is at the destination besides. */
  soFar(): Verification { return { ...this.#sums, blobs: this.#blobs.size, findings: this.#findings, extra: [] } }

  /** Reads a blob, where there are some and the sample had none; looks for tags that nobody expects, where something was expected. @throws what listing tags throws */
  async end(targetFor: (registry: string) => Source, limit: number, signal: AbortSignal): Promise<Verification> {
    await this.#readOne(targetFor, signal)
    const targets = new RepositoryStates(targetFor)
    const extra: Array<Location & { readonly tag: Tag }> = []
    await forEachLimit(signal, limit, this.#expected.values(), async ({ to, tags }, signal) => {
      const there = await targets.get(to, { signal })
      for (const tag of there.tags) if (!tags.has(tag)) extra.push({ ...to, tag })
    })
    return { ...this.soFar(), extra }
  }

  async #readOne(targetFor: (registry: string) => Source, signal: AbortSignal): Promise<void> {
    if (!this.#next || this.#sums.contentsRead > 0) return
    const { image, unread: { to, desc, origin }, wasSound } = this.#next
    const what = `blob ${formatEnd({ ...to, reference: desc.digest })}`
    this.#sums.contentsRead++
    const error = await readBlob(targetFor(to.registry), to, desc, { what, onBytes: (bytes) => { this.#sums.bytesRead += bytes } }, signal)
    if (!error) return
    this.#findings.push({ ...corruptBlob(image, what, desc, error), ...(origin ? { origin } : {}) })
    if (wasSound) this.#sums.sound--
  }
}

/** Of one digest at two registries always the same is read. */
function isBefore(one: UnreadBlob, other: UnreadBlob | undefined): boolean {
  return !other || one.rank < other.rank || (one.rank === other.rank && one.to.registry < other.to.registry)
}

export function corruptBlob(image: Image, what: string, { digest }: Descriptor, error: ErrorRecord): Finding {
  return { image, problem: 'corrupt', what, expected: digest, error, hint: 'delete the blob (or its repository) at the destination and migrate again: registries do not replace a blob that they have' }
}
