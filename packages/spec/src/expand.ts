// From a migration to its images. Two images may not land on one destination reference, and that has to be known before
// the first one moves; waiting for every tag list would throw the streaming away. So destination *repositories* are
// computed first, which takes no request where the source repositories are named: only those in which two sources
// could meet are expanded ahead and checked, all others stream.
import type { Io, Source } from '@longshore/transfer'
import { Catalog, type CatalogEntry } from './catalog.ts'
import { checkPlaces, type Placed } from './collision.ts'
import { settingsOf } from './destination-settings.ts'
import { changesNames } from './harbor-name.ts'
import type { Entry, Migration } from './migration.ts'
import { nameRepository } from './naming.ts'
import { type ExpandContext, type ExpandEvent, expandUnit, keepsReferences, type Unit } from './unit.ts'
import { workStream } from '@longshore/concurrency'

export interface ExpandOptions extends Io {
  /** How many repositories are listed at once, and how many creation times are read at once in each. */
  readonly concurrency: number
  /** What the ages in rules are reckoned from; the present moment where absent. */
  readonly now?: Date
}

/**
 * The images of a migration. Repositories come in the order in which their tags are known: named ones are begun in the
 * spec's order, those of a catalog in its own. What fails alone is an event.
 * @throws CollisionError, SelfCopyError before the first event; the signal's reason.
 */
export async function* expand(migration: Migration, sourceFor: (registry: string) => Source, options: ExpandOptions): AsyncGenerator<ExpandEvent, void, void> {
  const { signal } = options
  const context: ExpandContext = { sourceFor, destinations: migration.destinations, concurrency: options.concurrency, now: options.now ?? new Date() }
  const catalogs = catalogsOf(migration.entries)
  const units = namedUnits(migration.entries)
  for (const [key, unit] of units) {
    const wanted = catalogs.get(unit.registry)?.demandsOn(unit.repository) ?? []
    units.set(key, { ...unit, demands: [...unit.demands, ...wanted] })
  }

  const found = async function* (io: Io): AsyncGenerator<Unit | ExpandEvent, void, void> {
    const known = new Set(units.keys())
    for (const catalog of catalogs.values()) yield* catalog.units(context, known, io)
  }
  const streamsCatalogs = isInjective(migration)
  const early: ExpandEvent[] = []
  if (!streamsCatalogs) {
    for await (const item of found({ signal })) {
      if ('kind' in item) early.push(item)
      else units.set(keyOf(item), item)
    }
  }

  const risky = riskyUnits(units, migration.destinations)
  const expandOne = async (item: Unit | ExpandEvent, scoped: AbortSignal): Promise<readonly ExpandEvent[]> => (
    'kind' in item ? [item] : expandUnit(item, context, { signal: scoped }))
  for await (const events of workStream(signal, options.concurrency, each(risky.values()), expandOne)) for (const event of events) early.push(event)
  const checked = checkPlaces(early.filter((event): event is ExpandEvent & Placed => event.kind === 'image'))
  for (const event of early) if (event.kind !== 'image' || checked.has(event.image)) yield event

  const rest = async function* (): AsyncGenerator<Unit | ExpandEvent, void, void> {
    for (const [key, unit] of units) if (!risky.has(key)) yield unit
    if (streamsCatalogs) yield* found({ signal })
  }
  for await (const events of workStream(signal, options.concurrency, rest(), expandOne)) yield* events
}

function keyOf(unit: { readonly registry: string; readonly repository: string }): string {
  return `${unit.registry}/${unit.repository}`
}

function namedUnits(entries: readonly Entry[]): Map<string, Unit> {
  const units = new Map<string, Unit>()
  for (const entry of entries) {
    const { source } = entry
    if (source.kind !== 'repository') continue
    const key = keyOf(source)
    const unit = units.get(key)
    const demand = { entry, path: source.path }
    if (unit) unit.demands.push(demand)
    else units.set(key, { registry: source.registry, repository: source.repository, demands: [demand] })
  }
  return units
}

function catalogsOf(entries: readonly Entry[]): Map<string, Catalog> {
  const grouped = Map.groupBy(entries.filter((e): e is CatalogEntry => e.source.kind === 'catalog'), (entry) => entry.source.registry)
  return new Map([...grouped].map(([registry, group]) => [registry, new Catalog(registry, group)]))
}

/** Units that share a destination repository, that change references, or that write to their own repository. */
function riskyUnits(units: ReadonlyMap<string, Unit>, destinations: Migration['destinations']): Map<string, Unit> {
  const owner = new Map<string, string>()
  const risky = new Map<string, Unit>()
  for (const [key, unit] of units) {
    if (!keepsReferences(unit)) risky.set(key, unit)
    for (const { entry, path } of unit.demands) {
      for (const destination of entry.destinations) {
        let place: string
        // A name that the rules spoil fails when its unit is expanded; it collides with nothing.
        try { place = `${destination.registry}/${nameRepository(destination, path, destinations)}` } catch { continue }
        const other = owner.get(place)
        if (other === undefined) owner.set(place, key)
        const otherUnit = other === undefined || other === key ? undefined : units.get(other)
        if (other !== undefined && otherUnit) risky.set(other, otherUnit)
        if (otherUnit || place === key) risky.set(key, unit)
      }
    }
  }
  return risky
}

/**
 * Whether no two repositories, found or named, can become one: paths are kept, and what lies below one destination
 * prefix comes from below one source prefix. Then a catalog need not be read to its end before images flow.
 */
function isInjective({ entries, destinations: settings }: Migration): boolean {
  if (!entries.some((entry) => entry.source.kind === 'catalog')) return true
  const bases = new Map<string, string>()
  for (const { source, destinations } of entries) {
    const base = source.kind === 'catalog' ? join(source.registry, source.prefix)
      : join(source.registry, source.repository.slice(0, source.repository.length - source.path.length).replace(/\/$/, ''))
    for (const destination of destinations) {
      if (destination.kind === 'exact' || destination.rename.length > 0 || destination.keepComponents !== undefined) return false
      const { harbor } = settingsOf(settings, destination.registry)
      if (harbor && changesNames(harbor)) return false
      const below = join(destination.registry, destination.prefix)
      if (below === base || (bases.get(below) ?? base) !== base) return false
      bases.set(below, base)
    }
  }
  const places = [...bases.keys()]
  return places.every((a) => places.every((b) => a === b || !b.startsWith(a)))
}

/** With a slash behind it, so that `a/b` is no beginning of `a/bc`. */
function join(registry: string, prefix: string): string {
  return prefix === '' ? `${registry}/` : `${registry}/${prefix}/`
}

async function* each<T>(items: Iterable<T>): AsyncGenerator<T, void, void> { yield* items }
