// A unit of the expansion: everything that a migration wants of one source repository.
import { isDeepStrictEqual } from 'node:util'
import { companionSubject, type Digest, MigrationError, printable, type RepositoryName, type Tag } from '@longshore/oci'
import { formatEnd, type Image, imageId, type InventoryTag, type Io, type Source } from '@longshore/transfer'
import { workStream } from '@longshore/concurrency'
import { createdTime } from './created.ts'
import { type ContentOptions, type Entry, type Migration, needsInventory, type Origin, type Requested } from './migration.ts'
import { nameReference, nameRepository, renamesReference } from './naming.ts'
import { inventoryFrom } from './repository-listing.ts'
import type { DropRule } from './select-tags.ts'
import { standaloneTags } from './standalone.ts'

/** What the expansion has to say. Image events of one source repository come together. */
export type ExpandEvent =
  /** `tag` is what it was called by, where it is read by digest. */
  | { readonly kind: 'image'; readonly image: Image; readonly options: ContentOptions; readonly origin: Origin; readonly tag?: Tag }
  | { readonly kind: 'dropped'; readonly registry: string; readonly repository: RepositoryName; readonly tag: Tag; readonly rule: DropRule; readonly reason: string }
  /** Of one registry, when all was looked at: repositories that its catalog lists and that have no tag list. `repositories` are the first of them. */
  | { readonly kind: 'untagged'; readonly registry: string; readonly count: number; readonly repositories: readonly RepositoryName[] }
  | { readonly kind: 'failed'; readonly location: FailedLocation; readonly origin: Origin; readonly error: unknown }

/** A registry's catalog, a repository, or one tag or digest in it. */
export interface FailedLocation { readonly registry: string; readonly repository?: string; readonly reference?: Tag | Digest }

/** An entry, and how it names this repository. */
export interface Demand { readonly entry: Entry; readonly path: string }
export interface Unit { readonly registry: string; readonly repository: RepositoryName; readonly demands: Demand[] }

export interface ExpandContext {
  readonly sourceFor: (registry: string) => Source
  /** The tags that rules choose from; `undefined` when there is no such repository. */
  readonly listTags: (unit: Unit, io: Io) => Promise<readonly Tag[] | undefined>
  readonly destinations: Migration['destinations']
  /** How many requests for creation times one repository may have open. */
  readonly concurrency: number
  readonly now: Date
  /** Hears of repositories that a catalog lists and that have no tag list. */
  readonly onUntagged?: (unit: Unit) => void
}

/** A rule was to choose among the tags of a repository that is not there. */
export class RepositoryMissingError extends MigrationError {
  override readonly name = 'RepositoryMissingError'
  override readonly code = 'REPOSITORY_MISSING'
  constructor(location: { readonly registry: string; readonly repository: string }) {
    super(printable(`${location.registry} has no repository ${location.repository}; check its name, and whether these credentials may see it`))
  }
}

/** Two entries want one image differently. The first is carried; the second is told. */
export class OptionsConflictError extends MigrationError {
  override readonly name = 'OptionsConflictError'
  override readonly code = 'OPTIONS_CONFLICT'
  constructor(image: string, first: Origin, second: Origin) {
    super(printable(`${image} is wanted with other platforms, referrers or foreign layers at ${second.file}:${second.line} than at ${first.file}:${first.line}; name it once, with all that it needs`))
  }
}

/** All events of the unit; a request that fails becomes an event, an abort is thrown. */
export async function expandUnit(unit: Unit, context: ExpandContext, io: Io): Promise<readonly ExpandEvent[]> {
  const events: ExpandEvent[] = []
  const seen = new Map<string, { readonly end: string; readonly entry: Entry }>()
  const location = { registry: unit.registry, repository: unit.repository }
  /** Tags that were told as dropped: two entries may drop one. */
  const left = new Set<Tag>()
  /** Tags that an entry took, by where it puts them: that another one for the same place did not take them is no news. */
  const taken = new Map<string, Set<Tag | Digest>>()
  const placeOfDrop = new Map<ExpandEvent, string>()
  let listing: Promise<readonly Tag[] | undefined> | undefined
  let inventory: Promise<ReadonlyMap<Tag, InventoryTag>> | undefined
  let standing: Promise<ReadonlySet<Tag>> | undefined
  let isUntagged = false

  const place = (demand: Demand, requested: readonly Requested[]): void => {
    const { entry } = demand
    for (const destination of entry.destinations) {
      let repository: RepositoryName
      try { repository = nameRepository(destination, demand.path, context.destinations) } catch (error) {
        events.push({ kind: 'failed', location, origin: entry.origin, error })
        continue
      }
      for (const want of requested) {
        const image: Image = {
          source: { ...location, reference: want.reference },
          destination: { registry: destination.registry, repository, reference: nameReference(destination, want) },
        }
        const id = imageId(image)
        const end = formatEnd(image.source)
        const former = seen.get(id)
        if (former?.end === end) {
          if (!isDeepStrictEqual(former.entry.content, entry.content)) {
            events.push({ kind: 'failed', location: { ...location, reference: want.reference }, origin: entry.origin, error: new OptionsConflictError(end, former.entry.origin, entry.origin) })
          }
          continue
        }
        seen.set(id, { end, entry })
        events.push({ kind: 'image', image, options: entry.content, origin: entry.origin, ...(want.tag === undefined ? {} : { tag: want.tag }) })
      }
    }
  }

  for (const demand of unit.demands) {
    const { selection, origin, content } = demand.entry
    place(demand, selection.references)
    const there = JSON.stringify(demand.entry.destinations)
    taken.set(there, (taken.get(there) ?? new Set<Tag | Digest>()).union(new Set(selection.references.map(({ reference }) => reference))))
    if (selection.kind === 'references') continue
    try {
      const source = context.sourceFor(unit.registry)
      const told = needsInventory(selection.rule) ? await (inventory ??= inventoryTags(source, unit.repository, io)) : undefined
      // That an inventory has no tags of it does not tell whether it is there.
      const found = told && told.size > 0 ? [...told.keys()] : await (listing ??= context.listTags(unit, io))
      // docker-registry's catalog has repositories that never had a tag, or, on S3, have none any more: it says of them that it does not know them.
      if (!found && demand.entry.source.kind === 'catalog') {
        isUntagged = true
        continue
      }
      if (!found) throw new RepositoryMissingError(location)
      const tags = told ? [...told.keys()] : found
      const judge = (): Promise<ReadonlySet<Tag>> => standaloneTags(source, unit.repository, tags, context.concurrency, io)
      // An inventory has other tags than the list.
      const standalone = tags.some((tag) => companionSubject(tag) !== undefined) ? await (told ? judge() : standing ??= judge()) : undefined
      const createdOf = (asked: readonly Tag[]): Promise<ReadonlyMap<Tag, Date | undefined>> => createdTimes(source, unit, asked, context.concurrency, origin, events, io)
      // Loaded where there are rules: most lists name their tags.
      const { selectTags } = await import('./select-tags.ts')
      const { selected, dropped } = await selectTags(tags, selection.rule, { createdOf, now: context.now, dropCompanions: !content.referrers, ...(standalone ? { standalone } : {}), ...(told ? { inventory: told } : {}) })
      for (const drop of dropped) {
        const event = { kind: 'dropped' as const, ...location, ...drop }
        placeOfDrop.set(event, there)
        events.push(event)
      }
      taken.set(there, (taken.get(there) ?? new Set<Tag | Digest>()).union(new Set(selected)))
      place(demand, selected.map((reference) => ({ reference })))
    } catch (error) {
      io.signal.throwIfAborted()
      events.push({ kind: 'failed', location, origin, error })
    }
  }
  if (isUntagged) context.onUntagged?.(unit)
  return events.filter((event) => {
    if (event.kind !== 'dropped') return true
    if (left.has(event.tag) || taken.get(placeOfDrop.get(event) ?? '')?.has(event.tag) === true) return false
    left.add(event.tag)
    return true
  })
}

/** @throws NotAHarborError */
async function inventoryTags(source: Source, repository: RepositoryName, io: Io): Promise<ReadonlyMap<Tag, InventoryTag>> {
  const inventory = await inventoryFrom(source, io)
  return new Map((await inventory.tags(repository, io)).map((one) => [one.tag, one]))
}

/** A tag whose time cannot be read fails alone; the others are still judged. */
async function createdTimes(
  source: Source, unit: Unit, tags: readonly Tag[], limit: number, origin: Origin, events: ExpandEvent[], io: Io,
): Promise<ReadonlyMap<Tag, Date | undefined>> {
  const times = new Map<Tag, Date | undefined>()
  const items = async function* (): AsyncGenerator<Tag> { yield* tags }
  const read = async (tag: Tag, signal: AbortSignal): Promise<readonly [Tag, Date | undefined]> => {
    try { return [tag, await createdTime(source, unit.repository, tag, { signal })] } catch (error) {
      signal.throwIfAborted()
      events.push({ kind: 'failed', location: { registry: unit.registry, repository: unit.repository, reference: tag }, origin, error })
      return [tag, undefined]
    }
  }
  for await (const [tag, date] of workStream(io.signal, limit, items(), read)) times.set(tag, date)
  return times
}

/** Whether every image keeps the reference by which it is read; then one repository cannot collide with itself. */
export function keepsReferences(unit: Unit): boolean {
  return unit.demands.every(({ entry }) => entry.destinations.every((d) => !renamesReference(d, entry.selection.references)))
}
