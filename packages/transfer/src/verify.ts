// Whether the destination holds what the source does: digests first, then everything under them and about them.
import { forEachLimit } from '@longshore/concurrency'
import {
  type Descriptor, type Digest, DigestMismatchError, digestOf, type ErrorRecord, isDigest, isForeign, type Manifest, referrersTag, SizeMismatchError, successors, type Tag, toRecord,
} from '@longshore/oci'
import { collect } from './collect.ts'
import type { Transports, Wanted } from './context.ts'
import { Graph } from './graph.ts'
import { hintFor } from './hint.ts'
import { formatEnd, type Image, type Location } from './image.ts'
import { ManifestCache } from './manifest-cache.ts'
import { chooseChildren } from './platforms.ts'
import { objectsOf, type Origin } from './origin.ts'
import { RepositoryStates } from './repository-state.ts'
import { isInSample, type Sample } from './sample.ts'
import type { Source } from './transport.ts'
import { isReferrersList } from './referrers-list.ts'
import { Verifier } from './verified.ts'

export interface VerifyOptions {
  readonly transports: Transports
  /** Blobs at the destination that are read and hashed again; absent: none, digests are compared. */
  readonly deep?: Sample | undefined
  readonly jobs: { readonly images: number }
  readonly onImage?: (image: Image, findings: readonly Finding[]) => void
}

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
  /** Tags of the destination repository that it, or something about it, put there. */
  readonly tags: readonly Tag[]
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
  return await sum.end(verifier.targets, options.jobs.images, signal)
}

/** Adds up what was found of all images, wherever they were checked. */
export class VerificationSum {
  readonly #findings: Finding[] = []
  readonly #expected = new Map<string, { readonly to: Location; readonly tags: Set<Tag> }>()
  readonly #blobs = new Set<string>()
  readonly #sums = { images: 0, sound: 0, manifests: 0, contents: 0, contentBytes: 0, contentsRead: 0, bytesRead: 0 }

  add({ destination: { registry, repository } }: Image, { findings, blobs, tags, ...sums }: CheckedImage): void {
    this.#sums.images++
    if (findings.length === 0) this.#sums.sound++
    // A worker of a former version does not tell all of them.
    const told: Partial<typeof sums> = sums
    for (const name of ['manifests', 'contents', 'contentBytes', 'contentsRead', 'bytesRead'] as const) this.#sums[name] += told[name] ?? 0
    for (const blob of blobs) this.#blobs.add(blob)
    this.#findings.push(...findings)
    const key = `${registry}/${repository}`
    let expected = this.#expected.get(key)
    if (!expected) this.#expected.set(key, expected = { to: { registry, repository }, tags: new Set() })
    for (const tag of tags) expected.tags.add(tag)
  }

  /** Without what is at the destination besides. */
  soFar(): Verification { return { ...this.#sums, blobs: this.#blobs.size, findings: this.#findings, extra: [] } }

  /** Looks for tags that nobody expects, where something was expected. @throws what listing tags throws */
  async end(targets: RepositoryStates, limit: number, signal: AbortSignal): Promise<Verification> {
    const extra: Array<Location & { readonly tag: Tag }> = []
    await forEachLimit(signal, limit, this.#expected.values(), async ({ to, tags }, signal) => {
      const there = await targets.get(to, { signal })
      for (const tag of there.tags) if (!tags.has(tag)) extra.push({ ...to, tag })
    })
    return { ...this.soFar(), extra }
  }
}

interface Walk {
  readonly wanted: Wanted
  readonly findings: Finding[]
  readonly signal: AbortSignal
  readonly seen: Set<Digest>
  readonly tags: Set<Tag>
  readonly blobs: string[]
  readonly sums: { manifests: number; contents: number; contentBytes: number; contentsRead: number; bytesRead: number }
}

/** Checks images, one by one; what several of them share is looked at once. */
export class ImageVerifier {
  readonly #options: Pick<VerifyOptions, 'transports' | 'deep'>
  readonly #sources: RepositoryStates
  readonly targets: RepositoryStates
  readonly #manifests = new ManifestCache()
  readonly #there = new ManifestCache('repository')
  /** Destination tags that were compared, or are to be. */
  readonly #compared = new Set<string>()
  readonly #placements = new Map<string, Promise<boolean>>()
  readonly #contents = new Set<string>()
  readonly #read = new Map<string, Promise<ErrorRecord | undefined>>()

  constructor(options: Pick<VerifyOptions, 'transports' | 'deep'>) {
    this.#options = options
    this.#sources = new RepositoryStates((registry) => options.transports.source(registry))
    this.targets = new RepositoryStates((registry) => options.transports.target(registry))
  }

  /** @throws the signal's reason; what else goes wrong is a finding */
  async check(wanted: Wanted, signal: AbortSignal): Promise<CheckedImage> {
    const walk: Walk = { wanted, findings: [], signal, seen: new Set(), tags: new Set(), blobs: [], sums: { manifests: 0, contents: 0, contentBytes: 0, contentsRead: 0, bytesRead: 0 } }
    const { findings, tags, blobs, sums } = walk
    try {
      await this.#compare(walk, wanted.image)
    } catch (error) {
      signal.throwIfAborted()
      const record = toRecord(error)
      const problem = error instanceof DigestMismatchError || error instanceof SizeMismatchError ? 'corrupt' : 'failed'
      findings.push({ image: wanted.image, problem, what: formatEnd(wanted.image.destination), error: record, hint: hintFor(record) })
    }
    const asked = objectsOf(wanted)
    return { findings: asked.origin ? findings.map((finding) => ({ ...finding, ...asked })) : findings, ...sums, blobs, tags: [...tags] }
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
    await Promise.all(successors(manifest).blobs.map((blob) => this.#checkBlob(walk, target, to, blob)))
    const met = [desc.digest]
    for (const child of this.#childrenOf(manifest, walk)) met.push(...await this.#walk(walk, target, to, child))
    return options.platforms.length > 0 && options.platformPolicy === 'strip' && manifest.kind === 'index' ? met.slice(1) : met
  }

  #childrenOf(manifest: Manifest, { wanted: { options } }: Walk): readonly Descriptor[] {
    if (manifest.kind !== 'index') return []
    const chosen = new Set(chooseChildren(manifest, options.platforms).map((child) => child.digest))
    return successors(manifest).manifests.filter((child) => chosen.has(child.digest))
  }

  async #checkBlob(walk: Walk, target: Source, to: Location, desc: Descriptor): Promise<void> {
    const { signal, wanted: { image, options } } = walk
    if (isForeign(desc) && options.foreignLayers === 'keep') return
    const what = `blob ${formatEnd({ ...to, reference: desc.digest })}`
    const there = await once(this.#placements, `${target.registry}/${to.repository}@${desc.digest}`, () => {
      walk.blobs.push(digestOf(Buffer.from(`${target.registry}/${to.repository}@${desc.digest}`)).slice(-12))
      return target.exists(to.repository, desc, { signal })
    })
    if (!there) { walk.findings.push({ image, problem: 'missing', what, expected: desc.digest }); return }
    this.#countContent(walk, target, desc)
    if (!this.#options.deep || !isInSample(desc.digest, this.#options.deep)) return
    const error = await once(this.#read, `${target.registry}@${desc.digest}`, () => this.#readBlob(walk, target, to, desc, what))
    if (error) walk.findings.push({ image, problem: 'corrupt', what, expected: desc.digest, error, hint: 'delete the blob (or its repository) at the destination and migrate again: registries do not replace a blob that they have' })
  }

  #countContent({ sums }: Walk, { registry }: Source, { digest, size }: Descriptor): void {
    const key = `${registry}@${digest}`
    if (this.#contents.has(key)) return
    this.#contents.add(key)
    sums.contents++
    sums.contentBytes += Math.max(0, size)
  }

  async #readBlob({ signal, sums }: Walk, target: Source, to: Location, desc: Descriptor, what: string): Promise<ErrorRecord | undefined> {
    sums.contentsRead++
    try {
      await using content = await target.blob(to.repository, desc, { signal })
      for await (const chunk of new Verifier(desc, what).check(content, 0)) sums.bytesRead += chunk.byteLength
      return undefined
    } catch (error) {
      signal.throwIfAborted()
      return toRecord(error)
    }
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

/** One answer per key, shared by all who ask; a failure is forgotten. */
function once<T>(answers: Map<string, Promise<T>>, key: string, ask: () => Promise<T>): Promise<T> {
  const known = answers.get(key)
  if (known) return known
  const answer = ask()
  answers.set(key, answer)
  answer.catch(() => answers.delete(key))
  return answer
}
