// The images of a migration that changes at the source name. What a name alone decides is decided without a request; only a rule that compares
// the tags of a repository with one another (`latest`) has that repository listed, and only repositories that could meet at one destination are
// expanded together, as `expand` does.
import { companionSubject, type Digest, type Tag } from '@longshore/oci'
import { type Image, imageId, type Io, type Source } from '@longshore/transfer'
import { type ChangedUnit, changedUnits, type NamedChange, namesIn } from './changes.ts'
import { checkPlaces, type Placed } from './collision.ts'
import type { ExpandOptions } from './expand.ts'
import type { Migration } from './migration.ts'
import { nameRepository } from './naming.ts'
import { type Demand, type ExpandContext, type ExpandEvent, expandUnit, keepsReferences, type Unit } from './unit.ts'
import { catalogsOf, isInjective, keyOf, namedUnits, placesOf } from './units.ts'

/** Clients by registry. The destination is asked only whether it has what a companion or a referrer is about. */
export interface ChangeEnds {
  readonly source: (registry: string) => Source
  readonly target: (registry: string) => Pick<Source, 'resolve'>
}

type ImageEvent = Extract<ExpandEvent, { kind: 'image' }>

/**
 * The images that were pushed, as far as the migration selects them; a tag that it does not select is dropped, with the rule. Deletions are
 * passed over (`deletionsOf` tells them). A companion tag (`sha256-HEX.sig`) and a referrer that was pushed by its digest are selected where
 * what they are about is: at the destination, or among these images.
 * @throws CollisionError, SelfCopyError before the first event; the signal's reason
 */
export async function* expandChanges(migration: Migration, changes: readonly NamedChange[], ends: ChangeEnds, options: ExpandOptions): AsyncGenerator<ExpandEvent, void, void> {
  const changed = changedUnits(migration, changes.filter(({ action }) => action === 'push'))
  if (changed.size === 0) return
  const { signal, concurrency, now = new Date() } = options
  const listed: ExpandContext = { sourceFor: ends.source, destinations: migration.destinations, listTags: ({ registry, repository }, io) => ends.source(registry).tags(repository, io), concurrency, now }
  const events: ExpandEvent[] = []
  const met = await meeting(migration, changed, listed, events, { signal })
  const all = new Map<Unit, readonly ExpandEvent[]>()
  for (const unit of met) all.set(unit, await expandUnit(unit, listed, { signal }))
  const checked = checkPlaces([...all.values()].flat().filter((event): event is ExpandEvent & Placed => event.kind === 'image'))
  for (const one of changed.values()) {
    const { unit } = one
    const tags = one.changes.flatMap(({ tag }) => (tag === undefined ? [] : [tag as Tag]))
    const expanded = all.get(unit)?.filter((event) => event.kind !== 'image' || checked.has(event.image))
      ?? await expandUnit(unit, isRelative(unit) ? listed : { ...listed, listTags: async () => tags }, { signal })
    const wanted = isRelative(unit) ? expanded : namedAmong(expanded, one)
    events.push(...wanted, ...unnamed(one, wanted))
  }
  yield* events
  for (const one of changed.values()) yield* about(one, events, ends, migration.destinations, { signal })
}

/** Whether a tag's own name and age do not decide alone. */
function isRelative({ demands }: Unit): boolean {
  return demands.some(({ entry: { selection } }) => selection.kind === 'rule' && selection.rule.latest !== undefined)
}

/** The changed units whose images might land where another's do, and those others. A catalog is read only where names alone do not part them. */
async function meeting(migration: Migration, changed: ReadonlyMap<string, ChangedUnit>, context: ExpandContext, events: ExpandEvent[], io: Io): Promise<ReadonlySet<Unit>> {
  const catalogs = catalogsOf(migration.entries)
  const units = namedUnits(migration.entries, catalogs)
  for (const [key, { unit }] of changed) units.set(key, unit)
  if (!isInjective(migration)) {
    const known = new Set(units.keys())
    for (const catalog of catalogs.values()) {
      for await (const found of catalog.units(context, known, io)) {
        if ('kind' in found) events.push(found)
        else units.set(keyOf(found), found)
      }
    }
  }
  const byPlace = new Map<string, Set<Unit>>()
  for (const unit of units.values()) for (const place of placesOf(unit, migration.destinations)) byPlace.set(place, (byPlace.get(place) ?? new Set()).add(unit))
  const met = new Set<Unit>()
  for (const [key, { unit }] of changed) {
    const places = placesOf(unit, migration.destinations)
    const others = places.flatMap((place) => [...byPlace.get(place) ?? []]).filter((other) => other !== unit)
    if (others.length > 0 || !keepsReferences(unit) || places.includes(key)) for (const one of [unit, ...others]) met.add(one)
  }
  return met
}

function namedAmong(events: readonly ExpandEvent[], { changes }: ChangedUnit): readonly ExpandEvent[] {
  const names = namesIn(changes)
  return events.filter((event) => {
    switch (event.kind) {
      case 'image': return names.has(event.image.source.reference)
      case 'dropped': return names.has(event.tag)
      case 'untagged': return true
      case 'failed': return event.location.reference === undefined || names.has(event.location.reference)
    }
  })
}

/** Tags that a list of references does not name. Companions are looked at apart. */
function unnamed({ unit: { registry, repository }, changes }: ChangedUnit, events: readonly ExpandEvent[]): readonly ExpandEvent[] {
  if (events.some(({ kind }) => kind === 'failed')) return []
  const told = new Set<string>(events.flatMap((event) => (event.kind === 'image' ? [event.image.source.reference] : event.kind === 'dropped' ? [event.tag] : [])))
  return changes.flatMap(({ tag }) => (tag === undefined || told.has(tag) || companionSubject(tag) !== undefined ? []
    : [{ kind: 'dropped', registry, repository, tag: tag as Tag, rule: 'references', reason: 'is not among the references that the spec names' } as const]))
}

/** What is about an image rather than an image: companion tags, and manifests with a subject that have no tag. */
async function* about({ unit, changes }: ChangedUnit, events: readonly ExpandEvent[], ends: ChangeEnds, settings: Migration['destinations'], io: Io): AsyncGenerator<ExpandEvent, void, void> {
  const { registry, repository } = unit
  const demands = unit.demands.filter(({ entry }) => entry.content.referrers)
  const images = events.filter((event): event is ImageEvent => event.kind === 'image' && event.image.source.registry === registry && event.image.source.repository === repository)
  const ids = new Set(images.map(({ image }) => imageId(image)))
  /** Of the tags that were pushed, by what the registry said of them. */
  const digests = new Map(changes.flatMap(({ tag, digest }) => (tag === undefined || digest === undefined ? [] : [[tag, digest] as const])))
  const moving = (place: string, subject: Digest): boolean => images.some(({ image: { source, destination } }) => (
    `${destination.registry}/${destination.repository}` === place && (source.reference === subject || digests.get(source.reference) === subject)))
  for (const { tag, digest } of changes) {
    const isTagged = tag !== undefined
    if (isTagged && (companionSubject(tag) === undefined || images.some(({ image }) => image.source.reference === tag))) continue
    if (!isTagged && (digest === undefined || demands.length === 0)) continue
    const [first = unit.demands[0]] = demands
    try {
      const subject = isTagged ? companionSubject(tag) : digest && (await ends.source(registry).manifest(repository, digest, io))?.subject?.digest
      if (subject === undefined) continue
      let isWanted = false
      for (const { demand, destination } of placesAbout(demands, settings)) {
        const isMoving = moving(`${destination.registry}/${destination.repository}`, subject)
        // An image that moves brings its referrers along, but not the tags that nobody listed.
        if (isMoving && !isTagged) continue
        if (!isMoving && await ends.target(destination.registry).resolve(destination.repository, subject, io) === undefined) continue
        isWanted = true
        const reference = isTagged ? tag as Tag : subject
        const image: Image = { source: { registry, repository, reference }, destination: { ...destination, reference } }
        if (ids.has(imageId(image))) continue
        ids.add(imageId(image))
        const { content, origin } = demand.entry
        // Platforms do not apply to what is about an image.
        yield { kind: 'image', image, options: isTagged ? { ...content, platforms: [] } : content, origin }
      }
      if (isTagged && !isWanted && !events.some((event) => event.kind === 'dropped' && event.repository === repository && event.tag === tag)) {
        const reason = demands.length === 0 ? 'holds referrers of another manifest, and referrers is false' : `is about ${subject}, which is not at the destination`
        yield { kind: 'dropped', registry, repository, tag: tag as Tag, rule: 'companion', reason }
      }
    } catch (error) {
      io.signal.throwIfAborted()
      const reference = isTagged ? tag as Tag : digest
      if (first) yield { kind: 'failed', location: { registry, repository, ...(reference === undefined ? {} : { reference }) }, origin: first.entry.origin, error }
    }
  }
}

function placesAbout(demands: readonly Demand[], settings: Migration['destinations']): ReadonlyArray<{ readonly demand: Demand; readonly destination: Omit<Image['destination'], 'reference'> }> {
  return demands.flatMap((demand) => demand.entry.destinations.flatMap((destination) => {
    // A name that the rules spoil was told with the unit.
    try { return [{ demand, destination: { registry: destination.registry, repository: nameRepository(destination, demand.path, settings) } }] } catch { return [] }
  }))
}
