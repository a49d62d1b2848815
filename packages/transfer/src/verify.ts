// Whether the destination holds what the source does: digests first, then everything under them and about them.
import { forEachLimit } from '@longshore/concurrency'
import {
  type Descriptor, type Digest, DigestMismatchError, isDigest, type Manifest, referrersTag, SizeMismatchError, successors, type Tag, toRecord,
} from '@longshore/oci'
import { collect } from './collect.ts'
import type { Transports, Wanted } from './context.ts'
import { Graph } from './graph.ts'
import { hintFor } from './hint.ts'
import { formatEnd, type Image, type Location } from './image.ts'
import { ManifestCache } from './manifest-cache.ts'
import { chooseChildren } from './platforms.ts'
import { objectsOf } from './origin.ts'
import { RepositoryStates } from './repository-state.ts'
import type { Sample } from './sample.ts'
import type { Source } from './transport.ts'
import { isReferrersList } from './referrers-list.ts'
import { type CheckedImage, type Finding, type Verification, VerificationSum } from './verification.ts'
import { BlobVerifier, type BlobWalk } from './verify-blobs.ts'

export interface VerifyOptions {
  readonly transports: Transports
  /** Blobs at the destination that are read and hashed again; absent: none, digests are compared. */
  readonly deep?: Sample | undefined
  readonly jobs: { readonly images: number }
  readonly onImage?: (image: Image, findings: readonly Finding[]) => void
}

/** @throws the signal's reason, or an error of the stream of images */
export async function verify(wanted: AsyncIterable<Wanted>, options: VerifyOptions, signal: AbortSignal): Promise<Verification> {
  const verifier = new ImageVerifier(options)
  const sum = new VerificationSum()
  await forEachLimit(signal, options.jobs.images, wanted, async (one, signal) => {
    const checked = await verifier.check(one, signal)
    sum.add(one.image, checked)
    options.onImage?.(one.image, checked.findings)
  })
  return await sum.end((registry) => options.transports.target(registry), options.jobs.images, signal)
}

interface Walk extends BlobWalk {
  readonly seen: Set<Digest>
  readonly tags: Set<Tag>
}

/** Checks images, one by one; what several of them share is looked at once. */
export class ImageVerifier {
  readonly #options: Pick<VerifyOptions, 'transports' | 'deep'>
  readonly #sources: RepositoryStates
  readonly #manifests = new ManifestCache()
  readonly #there = new ManifestCache('repository')
  /** Destination tags that were compared, or are to be. */
  readonly #compared = new Set<string>()
  readonly #blobs: BlobVerifier

  constructor(options: Pick<VerifyOptions, 'transports' | 'deep'>) {
    this.#options = options
    this.#blobs = new BlobVerifier(options.deep)
    this.#sources = new RepositoryStates((registry) => options.transports.source(registry))
  }

  /** @throws the signal's reason; what else goes wrong is a finding */
  async check(wanted: Wanted, signal: AbortSignal): Promise<CheckedImage> {
    const walk: Walk = { wanted, findings: [], signal, seen: new Set(), tags: new Set(), blobs: [], left: {}, sums: { manifests: 0, contents: 0, contentBytes: 0, contentsRead: 0, bytesRead: 0 } }
    const { findings, tags, blobs, left, sums } = walk
    try {
      await this.#compare(walk, wanted.image)
    } catch (error) {
      signal.throwIfAborted()
      const record = toRecord(error)
      const problem = error instanceof DigestMismatchError || error instanceof SizeMismatchError ? 'corrupt' : 'failed'
      findings.push({ image: wanted.image, problem, what: formatEnd(wanted.image.destination), error: record, hint: hintFor(record) })
    }
    const asked = objectsOf(wanted)
    return { findings: asked.origin ? findings.map((finding) => ({ ...finding, ...asked })) : findings, ...sums, blobs, ...(left.first && sums.contentsRead === 0 ? { unread: { ...left.first, ...asked } } : {}), tags: [...tags] }
  }

  /** One reference at both ends, what is under it, and what is about it. */
  async #compare(walk: Walk, image: Image): Promise<void> {
    const { signal, wanted: { options } } = walk
    const { source: from, destination: to } = image
    const { transports } = this.#options
    const target = transports.target(to.registry)
    this.#expect(walk, to)
    const [named, there] = await Promise.all([
      transports.source(from.registry).resolve(from.repository, from.reference, { signal }),
      target.resolve(to.repository, to.reference, { signal }),
    ])
    const what = formatEnd(to)
    if (!named) { walk.findings.push({ image: walk.wanted.image, problem: 'missing', what: `${formatEnd(from)} (at the source)` }); return }
    const expected = await this.#expectedDigest(walk, image, named)
    if (!there) { walk.findings.push({ image: walk.wanted.image, problem: 'missing', what, expected }); return }
    if (there.digest !== expected) { walk.findings.push({ image: walk.wanted.image, problem: 'differs', what, expected, actual: there.digest }); return }
    const subjects = await this.#walk(walk, target, to, there)
    if (options.referrers) for (const subject of subjects) await this.#compareAbout(walk, image, subject)
  }

  /** The policy `strip` makes another index of it, the same one every time. */
  async #expectedDigest(walk: Walk, { source: from, destination: to }: Image, named: Descriptor): Promise<Digest> {
    const { signal, wanted: { options } } = walk
    if (options.platforms.length === 0 || options.platformPolicy === 'sparse') return named.digest
    const { transports } = this.#options
    const manifest = await this.#manifests.get(transports.source(from.registry), from.repository, named, { signal })
    if (manifest?.kind !== 'index') return named.digest
    const context = { signal, transports, manifests: this.#manifests, graph: new Graph(), route: { from, to }, options, mayExist: false, distrust: false }
    return (await collect(manifest, context)).manifest.digest
  }

  /** Walks the manifest at the destination; answers the digests met, which may have referrers. */
  async #walk(walk: Walk, target: Source, to: Location, desc: Descriptor): Promise<readonly Digest[]> {
    if (walk.seen.has(desc.digest)) return []
    walk.seen.add(desc.digest)
    const { signal, wanted: { image, options } } = walk
    const manifest = await this.#there.get(target, to.repository, desc, { signal })
    if (!manifest) {
      walk.findings.push({ image, problem: 'missing', what: formatEnd({ ...to, reference: desc.digest }), expected: desc.digest })
      return []
    }
    walk.sums.manifests++
    await Promise.all(successors(manifest).blobs.map((blob) => this.#blobs.check(walk, target, to, blob)))
    const met = [desc.digest]
    for (const child of this.#childrenOf(manifest, walk)) met.push(...await this.#walk(walk, target, to, child))
    return options.platforms.length > 0 && options.platformPolicy === 'strip' && manifest.kind === 'index' ? met.slice(1) : met
  }

  #childrenOf(manifest: Manifest, { wanted: { options } }: Walk): readonly Descriptor[] {
    if (manifest.kind !== 'index') return []
    const chosen = new Set(chooseChildren(manifest, options.platforms).map((child) => child.digest))
    return successors(manifest).manifests.filter((child) => chosen.has(child.digest))
  }

  /** Referrers, fallback tags and cosign tags of one manifest. */
  async #compareAbout(walk: Walk, image: Image, subject: Digest): Promise<void> {
    const { signal } = walk
    const { source: from, destination: to } = image
    const { transports } = this.#options
    const state = await this.#sources.get(from, { signal })
    const fallback = referrersTag(subject)
    const isTagged = state.companions.get(subject)?.includes(fallback) === true && fallback !== from.reference
    const there = isTagged ? await transports.source(from.registry).manifest(from.repository, fallback, { signal }) : undefined
    const list = there && isReferrersList(there, subject) ? there : undefined
    for (const tag of state.companions.get(subject) ?? []) {
      if (tag === fallback && list) continue
      const about: Image = { source: { ...from, reference: tag }, destination: { ...to, reference: tag } }
      walk.tags.add(tag)
      if (tag !== from.reference && !this.#compared.has(formatEnd({ ...to, reference: tag }))) await this.#compare({ ...walk, wanted: { ...walk.wanted, options: { ...walk.wanted.options, platforms: [] } } }, about)
    }
    const byApi = await transports.source(from.registry).referrers(from.repository, subject, { signal }) ?? []
    const sure = new Set<Digest>(byApi.map((desc) => desc.digest))
    const descs = [...byApi, ...list?.manifests.filter((desc) => !sure.has(desc.digest)) ?? []]
    if (descs.length === 0 && !list) return
    await this.#compareLists(walk, to, subject, descs, sure)
  }

  /** What refers to the subject has to be there, and to be found there: by the API, or under the fallback tag. */
  async #compareLists(walk: Walk, to: Location, subject: Digest, descs: readonly Descriptor[], sure: ReadonlySet<Digest>): Promise<void> {
    const { signal, wanted: { image } } = walk
    const target = this.#options.transports.target(to.registry)
    const tag = referrersTag(subject)
    const listed = new Set<Digest>((await target.referrers(to.repository, subject, { signal }))?.map((desc) => desc.digest))
    const known = listed.size
    if (descs.some((desc) => !listed.has(desc.digest))) {
      const list = await target.manifest(to.repository, tag, { signal })
      if (list?.kind === 'index') for (const desc of list.manifests) listed.add(desc.digest)
    }
    if (known < listed.size) walk.tags.add(tag)
    const source = this.#options.transports.source(image.source.registry)
    for (const desc of descs) {
      // The list at the source may name what was deleted there.
      if (!sure.has(desc.digest) && !listed.has(desc.digest) && !await source.resolve(image.source.repository, desc.digest, { signal })) continue
      if (!listed.has(desc.digest) && !await this.#isBoundByTag(source, image.source, subject, desc, signal)) walk.findings.push({ image, problem: 'missing', what: `${formatEnd({ ...to, reference: desc.digest })}, as a referrer of ${subject}`, expected: desc.digest })
      for (const digest of await this.#walk(walk, target, to, desc)) if (digest !== subject) await this.#compareAbout(walk, image, digest)
    }
  }

  /** Harbor lists cosign signatures that name no subject: they are about it by a tag, which is compared. */
  async #isBoundByTag(source: Source, from: Location, subject: Digest, desc: Descriptor, signal: AbortSignal): Promise<boolean> {
    const tagged = (await this.#sources.get(from, { signal })).companions.get(subject) ?? []
    if (tagged.length === 0) return false
    const manifest = await this.#manifests.get(source, from.repository, desc, { signal })
    return manifest !== undefined && manifest.subject === undefined
  }

  #expect({ tags }: Walk, to: Image['destination']): void {
    if (isDigest(to.reference)) return
    tags.add(to.reference)
    this.#compared.add(formatEnd(to))
  }
}
