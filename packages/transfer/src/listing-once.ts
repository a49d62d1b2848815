// The expansion of a spec lists the repositories in which the search for companions looks, too: one list is enough for both.
import type { Tag } from '@longshore/oci'
import type { Transports } from './context.ts'
import type { Source } from './transport.ts'

/** What is kept: lists, and tags in them all together. Images come repository by repository. */
const maxKept = { lists: 512, tags: 500_000 }

/**
 * Transports whose sources list each repository once, for as long as the list is kept. For one run: what is pushed meanwhile is not in the list.
 */
export function listingOnce(transports: Transports): Transports {
  const lists = new Map<string, Promise<readonly Tag[] | undefined>>()
  const counts = new Map<string, number>()
  let tags = 0
  const keep = (key: string, count: number): void => {
    counts.set(key, count)
    tags += count
    for (const oldest of lists.keys()) {
      if (oldest === key || (lists.size <= maxKept.lists && tags <= maxKept.tags)) break
      lists.delete(oldest)
      tags -= counts.get(oldest) ?? 0
      counts.delete(oldest)
    }
  }
  const sources = new Map<string, Source>()
  // All of it: what a wrapper leaves out, its user takes for something that the registry does not have.
  const once = (source: Source): Required<Source> => ({
    registry: source.registry,
    tags(repository, io) {
      const key = `${source.registry}/${repository}`
      const known = lists.get(key)
      if (known) return known
      const listing = source.tags(repository, io)
      lists.set(key, listing)
      listing.then((list) => keep(key, list?.length ?? 0), () => lists.delete(key))
      return listing
    },
    resolve: (repository, reference, io) => source.resolve(repository, reference, io),
    manifest: (repository, reference, io) => source.manifest(repository, reference, io),
    exists: (repository, desc, io) => source.exists(repository, desc, io),
    blob: (repository, desc, options) => source.blob(repository, desc, options),
    referrers: (repository, subject, io) => source.referrers(repository, subject, io),
    catalog: (io) => source.catalog(io),
    inventory: async (io) => await source.inventory?.(io),
  })
  return {
    source(registry) {
      const known = sources.get(registry) ?? once(transports.source(registry))
      sources.set(registry, known)
      return known
    },
    target: (registry) => transports.target(registry),
  }
}
