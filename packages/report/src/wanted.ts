import { expand, type Migration, nameReference, nameRepository } from '@longshore/spec'
import type { Transports, Wanted } from '@longshore/transfer'
import { type ExpansionNews, fromExpansion } from './run-event.ts'

/** Repositories that are listed at once. */
const listings = 32

/** The images of a migration for the engine; what else the expansion says goes to `onEvent`. */
export async function* wantedOf(
  migration: Migration, transports: Transports, onEvent: (event: ExpansionNews) => void, signal: AbortSignal,
  { now }: { readonly now?: Date } = {},
): AsyncGenerator<Wanted, void, void> {
  for await (const event of expand(migration, (registry) => transports.source(registry), { concurrency: listings, signal, ...(now === undefined ? {} : { now }) })) {
    if (event.kind !== 'image') {
      onEvent(fromExpansion(event))
      continue
    }
    yield { image: event.image, options: event.options, origin: event.origin }
  }
}

/** How many images a migration has whose images are all named; `undefined` when tags or repositories have to be listed first. */
export function countNamed({ entries, destinations: settings }: Migration): number | undefined {
  const names = new Set<string>()
  for (const { source, selection, destinations } of entries) {
    if (source.kind !== 'repository' || selection.kind !== 'references') return undefined
    for (const destination of destinations) {
      let repository: string
      // A name that the rules spoil is no image; the expansion says so.
      try { repository = nameRepository(destination, source.path, settings) } catch { continue }
      for (const requested of selection.references) names.add(`${destination.registry}/${repository} ${nameReference(destination, requested)}`)
    }
  }
  return names.size
}
