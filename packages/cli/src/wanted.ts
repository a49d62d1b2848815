import { expand, type Migration, type Origin } from '@longshore/spec'
import type { Image, Transports, Wanted } from '@longshore/transfer'
import { type Dropped, fromExpansion, type Unlisted } from './run-event.ts'

/** Repositories that are listed at once. */
const listings = 32

/** The images of a migration for the engine; what else the expansion says goes to `onEvent`. */
export async function* wantedOf(
  migration: Migration, transports: Transports, onEvent: (event: Unlisted | Dropped) => void, signal: AbortSignal,
  onImage?: (image: Image, origin: Origin) => void,
): AsyncGenerator<Wanted, void, void> {
  for await (const event of expand(migration, (registry) => transports.source(registry), { concurrency: listings, signal })) {
    if (event.kind !== 'image') {
      onEvent(fromExpansion(event))
      continue
    }
    onImage?.(event.image, event.origin)
    yield { image: event.image, options: event.options }
  }
}
