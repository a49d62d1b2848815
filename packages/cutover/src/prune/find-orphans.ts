// Tags of one mirrored repository that no source has any more. Whatever is not certain stays: a list that is empty, missing or wrong deletes
// nothing, and each tag is asked for by itself at every source besides.
import { forEachLimit } from '@longshore/concurrency'
import { companionSubject, describeRecord, type Descriptor, type Digest, isDigest, type RepositoryName, type Tag, toRecord } from '@longshore/oci'
import type { Mirror } from '@longshore/spec'
import { formatEnd, formatLocation, type Io, type Location, type Source, type Target, type Transports } from '@longshore/transfer'
import { livingOf, RepositoryView } from './living.ts'

export interface FindOptions {
  readonly transports: Transports
  /** A source repository that is missing or empty counts as one without tags, rather than as trouble; and what a catalog does not list was never there. */
  readonly missingRepositories: boolean
  /** Tags that a former run kept something under. */
  readonly isBackup: (tag: Tag) => boolean
  readonly concurrency: number
}

/** A tag at the destination that no source has. */
export interface Orphan extends Location {
  readonly tag: Tag
  readonly digest: Digest
  /** Something about another orphan, which goes with it. */
  readonly isCompanion: boolean
}

export interface Found {
  readonly destination: Location
  readonly sources: readonly Location[]
  /** Tags of images there, companions not among them. */
  readonly tags: number
  readonly orphans: readonly Orphan[]
  /** Tags that the source does not have either, and why they stay. */
  readonly kept: ReadonlyArray<{ readonly tag: Tag; readonly digest: Digest; readonly why: string }>
  /** Manifests that other tags hold: none of these may be deleted. */
  readonly living: ReadonlySet<Digest>
  /** The tags that stay, by what they name. */
  readonly holders: ReadonlyMap<Digest, readonly Tag[]>
  /** Why nothing of this repository can be told. */
  readonly trouble?: string
}

/** @throws the signal's reason; what else goes wrong is `trouble` */
export async function findOrphans(mirror: Mirror, options: FindOptions, io: Io): Promise<Found> {
  const nothing = { destination: mirror.destination, sources: mirror.sources, tags: 0, orphans: [], kept: [], living: new Set<Digest>(), holders: new Map<Digest, Tag[]>() }
  try {
    return { ...nothing, ...await find(mirror, options, io) }
  } catch (error) {
    io.signal.throwIfAborted()
    return { ...nothing, trouble: describeRecord(toRecord(error)) }
  }
}

async function find({ destination, sources, named, unseen, isSource }: Mirror, options: FindOptions, io: Io): Promise<Partial<Found>> {
  if (isSource) return { trouble: `${formatLocation(destination)} is a source of this spec as well, and nothing is deleted from a source` }
  const { transports, missingRepositories, isBackup, concurrency } = options
  const there = await transports.target(destination.registry).tags(destination.repository, io)
  if (!there) return {}
  const atSources = new Set<string>(named)
  for (const { registry, repository } of sources) {
    const tags = await transports.source(registry).tags(repository, io)
    if ((tags === undefined || tags.length === 0) && !missingRepositories) {
      return { trouble: `${formatLocation({ registry, repository })} ${tags === undefined ? 'does not exist at the source' : 'has no tags at the source'}, which may be trouble there; --missing-repositories takes it for an answer` }
    }
    for (const tag of tags ?? []) atSources.add(tag)
  }
  const images = there.filter((tag) => companionSubject(tag) === undefined)
  const unknown = new Set(images.filter((tag) => !atSources.has(tag) && !isBackup(tag)))
  if (unknown.size === 0) return { tags: images.length }
  const contradiction = await findAtSources(unknown, sources, options, io)
  if (contradiction !== undefined) return { tags: images.length, trouble: `${contradiction} is at the source, though the list of tags there lacks it: that list cannot be relied on` }

  const target = transports.target(destination.registry)
  const view = new RepositoryView(target, destination, concurrency, io)
  const names = await view.resolve(there)
  const pick = (isWanted: (tag: Tag) => boolean): ReadonlyMap<Tag, Descriptor> => new Map([...names].filter(([tag]) => isWanted(tag)))
  const companions = pick((tag) => companionSubject(tag) !== undefined)
  const vanished = unseen === undefined || missingRepositories ? undefined
    : `it may be of a repository that the catalog of ${unseen} does not list any more, as others than those of today may land here; --missing-repositories takes that for an answer`
  const holding = vanished === undefined ? await heldBy(target, destination.repository, unknown, concurrency, io) : new Map([...unknown].map((tag) => [tag, vanished]))
  // What the place would not let go lives, as what the spec wants does.
  const tagged = [...pick((tag) => (companionSubject(tag) === undefined ? !unknown.has(tag) || holding.has(tag) : atSources.has(tag))).values()]
  const roots = [...tagged, ...await view.resolveDigests([...named].filter(isDigest))]
  const living = await livingOf(view, roots, companions)
  const going: Orphan[] = []
  const kept: Array<{ readonly tag: Tag; readonly digest: Digest; readonly why: string }> = []
  const [goingRoots, keptRoots]: [Descriptor[], Descriptor[]] = [[], []]
  for (const [tag, desc] of pick((tag) => unknown.has(tag))) {
    const subject = holding.has(tag) ? undefined : await view.subjectAmong(living.digests, desc.digest)
    const why = subject === undefined ? holding.get(tag) : `it is about ${subject}, which another tag holds`
    if (why !== undefined) {
      kept.push({ tag, digest: desc.digest, why })
      keptRoots.push(desc)
      continue
    }
    going.push({ ...destination, tag, digest: desc.digest, isCompanion: false })
    goingRoots.push(desc)
  }
  // What was kept holds its manifests as well, and what is about them.
  const staying = keptRoots.length === 0 ? living : await livingOf(view, [...roots, ...keptRoots], companions)
  const held = new Set(staying.digests)
  const about = [...(await livingOf(view, goingRoots, companions)).tags].filter((tag) => !staying.tags.has(tag) && !atSources.has(tag))
  const holdingAbout = await heldBy(target, destination.repository, about, concurrency, io)
  for (const tag of about) {
    const desc = companions.get(tag)
    const why = holdingAbout.get(tag)
    if (!desc) continue
    if (why === undefined) going.push({ ...destination, tag, digest: desc.digest, isCompanion: true })
    else {
      kept.push({ tag, digest: desc.digest, why })
      await view.reach(desc, held)
    }
  }
  const leaving = new Set(going.map(({ tag }) => tag))
  const holders = new Map<Digest, Tag[]>()
  for (const [tag, { digest }] of names) if (!leaving.has(tag)) holders.set(digest, [...holders.get(digest) ?? [], tag])
  // Images before what is about them.
  going.sort((a, b) => Number(a.isCompanion) - Number(b.isCompanion) || (a.tag < b.tag ? -1 : 1))
  return { tags: images.length, orphans: going, kept, living: held, holders }
}

/** Tags that the destination would not let go, with its reason: asked where it has such rules, before anything is written. */
async function heldBy(target: Target, repository: RepositoryName, tags: Iterable<Tag>, concurrency: number, { signal }: Io): Promise<ReadonlyMap<Tag, string>> {
  const found = new Map<Tag, string>()
  if (!target.holds) return found
  await forEachLimit(signal, concurrency, tags, async (tag, signal) => {
    const why = await target.holds?.(repository, tag, { signal })
    if (why !== undefined) found.set(tag, why)
  })
  return found
}

/** One of the tags that some source has after all. */
async function findAtSources(tags: ReadonlySet<Tag>, sources: readonly Location[], { transports, concurrency }: FindOptions, { signal }: Io): Promise<string | undefined> {
  let found: string | undefined
  for (const { registry, repository } of sources) {
    const source: Source = transports.source(registry)
    await forEachLimit(signal, concurrency, tags, async (tag, signal) => {
      if (found === undefined && await source.resolve(repository, tag, { signal }) !== undefined) found = formatEnd({ registry, repository, reference: tag })
    })
  }
  return found
}
