// From a migration to its images. Two images may not land on one destination reference, and that has to be known before
// the first one moves; waiting for every tag list would throw the streaming away. So destination *repositories* are
// computed first, which takes no request where the source repositories are named: only those in which two sources
// could meet are expanded ahead and checked, all others stream.
import type { Io, Source } from '@longshore/transfer'
import { workStream } from '@longshore/concurrency'
import { checkPlaces, type Placed } from './collision.ts'
import type { Migration } from './migration.ts'
import { type ExpandContext, type ExpandEvent, expandUnit, type Unit } from './unit.ts'
import { catalogsOf, isInjective, keyOf, namedUnits, riskyUnits } from './units.ts'

/** Catalogs may list thousands of them. */
const toldUntagged = 5

type UntaggedEvent = Extract<ExpandEvent, { kind: 'untagged' }>

export interface ExpandOptions extends Io {
  /** How many repositories are listed at once, and how many creation times are read at once in each. */
  readonly concurrency: number
  /** What the ages in rules are reckoned from; the present moment where absent. */
  readonly now?: Date
}

/**
 * The images of a migration. Repositories come in the order in which their tags are known: named ones are begun in the
 * spec's order, those of a catalog in its own. What fails alone is an event.
 * @throws CollisionError, SelfCopyError before the first event; PatternTooSlowError of a pattern of names; the signal's reason.
 */
export async function* expand(migration: Migration, sourceFor: (registry: string) => Source, options: ExpandOptions): AsyncGenerator<ExpandEvent, void, void> {
  const { signal } = options
  const untagged = new Map<string, Pick<UntaggedEvent, 'count' | 'repositories'>>()
  const context: ExpandContext = {
    sourceFor, destinations: migration.destinations, listTags: ({ registry, repository }, io) => sourceFor(registry).tags(repository, io), concurrency: options.concurrency, now: options.now ?? new Date(),
    onUntagged: ({ registry, repository }) => {
      const { count, repositories } = untagged.get(registry) ?? { count: 0, repositories: [] }
      untagged.set(registry, { count: count + 1, repositories: repositories.length < toldUntagged ? [...repositories, repository] : repositories })
    },
  }
  const catalogs = catalogsOf(migration.entries)
  const units = namedUnits(migration.entries, catalogs)

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
  for (const [registry, told] of untagged) yield { kind: 'untagged', registry, ...told }
}

async function* each<T>(items: Iterable<T>): AsyncGenerator<T, void, void> { yield* items }
