// The units of a migration, and which of them could meet at a destination.
import { Catalog, type CatalogEntry } from './catalog.ts'
import { settingsOf } from './destination-settings.ts'
import { changesNames } from './harbor-name.ts'
import type { Entry, Migration } from './migration.ts'
import { nameRepository } from './naming.ts'
import { PatternTooSlowError } from './pattern-watch.ts'
import { keepsReferences, type Unit } from './unit.ts'

export function keyOf(unit: { readonly registry: string; readonly repository: string }): string {
  return `${unit.registry}/${unit.repository}`
}

/** By `registry/repository`, in the spec's order, with what the catalog entries want of them. */
export function namedUnits(entries: readonly Entry[], catalogs: ReadonlyMap<string, Catalog>): Map<string, Unit> {
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
  for (const unit of units.values()) unit.demands.push(...catalogs.get(unit.registry)?.demandsOn(unit.repository) ?? [])
  return units
}

export function catalogsOf(entries: readonly Entry[]): Map<string, Catalog> {
  const grouped = Map.groupBy(entries.filter((e): e is CatalogEntry => e.source.kind === 'catalog'), (entry) => entry.source.registry)
  return new Map([...grouped].map(([registry, group]) => [registry, new Catalog(registry, group)]))
}

/** The destination repositories that a unit's images go to, `registry/repository`. */
export function placesOf({ demands }: Unit, settings: Migration['destinations']): readonly string[] {
  return demands.flatMap(({ entry, path }) => entry.destinations.flatMap((destination) => {
    // A name that the rules spoil fails when its unit is expanded; it collides with nothing.
    try { return [`${destination.registry}/${nameRepository(destination, path, settings)}`] } catch (error) {
      if (error instanceof PatternTooSlowError) throw error
      return []
    }
  }))
}

/** Units that share a destination repository, that change references, or that write to their own repository. */
export function riskyUnits(units: ReadonlyMap<string, Unit>, settings: Migration['destinations']): Map<string, Unit> {
  const owner = new Map<string, string>()
  const risky = new Map<string, Unit>()
  for (const [key, unit] of units) {
    if (!keepsReferences(unit)) risky.set(key, unit)
    for (const place of placesOf(unit, settings)) {
      const other = owner.get(place)
      if (other === undefined) owner.set(place, key)
      const otherUnit = other === undefined || other === key ? undefined : units.get(other)
      if (other !== undefined && otherUnit) risky.set(other, otherUnit)
      if (otherUnit || place === key) risky.set(key, unit)
    }
  }
  return risky
}

/**
 * Whether no two repositories, found or named, can become one: paths are kept, and what lies below one destination
 * prefix comes from below one source prefix. Then a catalog need not be read to its end before images flow.
 */
export function isInjective({ entries, destinations: settings }: Migration): boolean {
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
