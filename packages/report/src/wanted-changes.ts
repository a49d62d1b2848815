import { expandChanges, type Migration, type NamedChange } from '@longshore/spec'
import type { Transports, Wanted } from '@longshore/transfer'
import { type ExpansionNews, fromExpansion } from './run-event.ts'

/** Creation times that are read at once, where a rule asks for ages. */
const concurrency = 32

/** The images of a migration that changes at its sources name, for a run that asks `named`; what else there is to say goes to `onEvent`. */
export async function* wantedOfChanges(
  migration: Migration, changes: readonly NamedChange[], transports: Transports, onEvent: (event: ExpansionNews) => void, signal: AbortSignal,
  { now }: { readonly now?: Date } = {},
): AsyncGenerator<Wanted, void, void> {
  const ends = { source: (registry: string) => transports.source(registry), target: (registry: string) => transports.target(registry) }
  for await (const event of expandChanges(migration, changes, ends, { concurrency, signal, ...(now === undefined ? {} : { now }) })) {
    if (event.kind === 'image') yield { image: event.image, options: event.options, origin: event.origin }
    else onEvent(fromExpansion(event))
  }
}
