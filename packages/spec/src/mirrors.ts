// Destination repositories that a migration makes like their sources: every tag is wanted there. They are what a prune may look at.
import type { Digest, RepositoryName, Tag } from '@longshore/oci'
import { formatLocation, type Io, type Location, type Source } from '@longshore/transfer'
import type { Catalog } from './catalog.ts'
import { settingsOf } from './destination-settings.ts'
import { changesNames } from './harbor-name.ts'
import type { Destination, Entry, Migration } from './migration.ts'
import { nameReference, nameRepository } from './naming.ts'
import { PatternTooSlowError } from './pattern-watch.ts'
import { joinPath } from './place.ts'
import type { ExpandEvent, Unit } from './unit.ts'
import { catalogsOf, keyOf, namedUnits } from './units.ts'

export interface Mirror {
  readonly destination: Location
  /** Repositories of which every tag is wanted there, under its own name. */
  readonly sources: readonly Location[]
  /** What else of the spec goes there, by name. */
  readonly named: ReadonlySet<Tag | Digest>
  /** A registry whose catalog may have had another repository that landed here, and does not list it: what came of that is not known any more. */
  readonly unseen?: string
  /** The migration reads from it as well: it is a source, and nothing may be taken away there. */
  readonly isSource: boolean
}

export interface Mirrors {
  readonly mirrors: readonly Mirror[]
  /** Catalogs that could not be read, or in which nothing matched: then there may be sources that nobody knows of. */
  readonly failed: ReadonlyArray<Extract<ExpandEvent, { kind: 'failed' }>>
}

interface Place { readonly destination: Location; readonly sources: Map<string, Location>; readonly named: Set<Tag | Digest>; isChosen: boolean }

/** A repository into which a rule chooses among the tags of a source is no mirror of it. @throws PatternTooSlowError, the signal's reason */
export async function mirrorsOf({ entries, destinations }: Migration, sourceFor: (registry: string) => Source, io: Io): Promise<Mirrors> {
  const catalogs = catalogsOf(entries)
  const units = namedUnits(entries, catalogs)
  const failed: Array<Extract<ExpandEvent, { kind: 'failed' }>> = []
  const context = { sourceFor, destinations, listTags: async () => undefined, concurrency: 1, now: new Date() }
  const named = new Set(units.keys())
  for (const catalog of catalogs.values()) {
    for await (const found of catalog.units(context, named, io)) {
      if (!('kind' in found)) units.set(keyOf(found), found)
      else if (found.kind === 'failed') failed.push(found)
    }
  }
  const places = new Map<string, Place>()
  for (const unit of units.values()) collect(unit, places, destinations)
  const known = { entries: entries.filter(({ source }) => source.kind === 'catalog'), destinations, units, catalogs }
  const mirrors = [...places.values()].filter(({ sources, isChosen }) => sources.size > 0 && !isChosen).map(({ destination, sources, named }): Mirror => {
    const unseen = unseenAt(destination, known)
    return { destination, sources: [...sources.values()], named, isSource: units.has(keyOf(destination)), ...(unseen === undefined ? {} : { unseen }) }
  })
  return { mirrors, failed }
}

interface Known { readonly entries: readonly Entry[]; readonly destinations: Migration['destinations']; readonly units: ReadonlyMap<string, Unit>; readonly catalogs: ReadonlyMap<string, Catalog> }

function unseenAt(place: Location, known: Known): string | undefined {
  return known.entries.find((entry) => entry.destinations.some((destination) => destination.registry === place.registry && mayLandUnseen(place.repository, entry, destination, known)))?.source.registry
}

/** Whether a repository that the entry's catalog does not list would land there. */
function mayLandUnseen(there: RepositoryName, entry: Entry, destination: Destination, { destinations: settings, units, catalogs }: Known): boolean {
  const { source } = entry
  if (source.kind !== 'catalog') return false
  if (destination.kind === 'exact') return destination.repository === there
  const { prefix, rename, keepComponents } = destination
  const { harbor } = settingsOf(settings, destination.registry)
  if (harbor && changesNames(harbor)) return true
  if (prefix !== '' && !there.startsWith(`${prefix}/`)) return false
  const path = prefix === '' ? there : there.slice(prefix.length + 1)
  // Which names the rules make this one of cannot be told: there may be many.
  if (rename.length > 0 || keepComponents !== undefined) return keepComponents === undefined || path.split('/').length <= keepComponents
  const repository = joinPath(source.prefix, path)
  return !units.has(`${source.registry}/${repository}`) && catalogs.get(source.registry)?.demandsOn(repository).some((demand) => demand.entry === entry) === true
}

function collect({ registry, repository, demands }: Unit, places: Map<string, Place>, settings: Migration['destinations']): void {
  for (const { entry: { destinations, selection }, path } of demands) {
    for (const destination of destinations) {
      let name: RepositoryName
      // A name that the rules spoil is no place. Which one a rule that was stopped would have made, nobody knows.
      try { name = nameRepository(destination, path, settings) } catch (error) {
        if (error instanceof PatternTooSlowError) throw error
        continue
      }
      const to: Location = { registry: destination.registry, repository: name }
      const key = formatLocation(to)
      const place = places.get(key) ?? { destination: to, sources: new Map<string, Location>(), named: new Set<Tag | Digest>(), isChosen: false }
      places.set(key, place)
      for (const requested of selection.references) place.named.add(nameReference(destination, requested))
      if (selection.kind === 'references') continue
      const isWhole = Object.keys(selection.rule).length === 0 && !(destination.kind === 'exact' && destination.reference !== undefined)
      if (isWhole) place.sources.set(keyOf({ registry, repository }), { registry, repository })
      else place.isChosen = true
    }
  }
}
