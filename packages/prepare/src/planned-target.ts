// A destination as it will be: a project that is going to be made holds nothing, and is asked for nothing. Without this a plan would show every
// image of it as refused, because Harbor says "not authorised" of what is not there.
import { RegistryError, type RepositoryName } from '@longshore/oci'
import { type Migration, projectOf, settingsOf } from '@longshore/spec'
import type { Io, Target, Transports } from '@longshore/transfer'
import { type DestinationHost, HarborSite } from './harbor-site.ts'

/** For whoever only looks. */
export function plannedTransports(transports: Transports, { destinations }: Pick<Migration, 'destinations'>, hostOf: (registry: string) => DestinationHost | undefined): Transports {
  const targets = new Map<string, Target>()
  return {
    source: (registry) => transports.source(registry),
    target: (registry) => {
      if (settingsOf(destinations, registry).harbor?.createProjects !== true) return transports.target(registry)
      const known = targets.get(registry)
      if (known) return known
      const host = hostOf(registry)
      const target = host ? plannedTarget(transports.target(registry), new HarborSite(host)) : transports.target(registry)
      targets.set(registry, target)
      return target
    },
  }
}

function plannedTarget(target: Target, site: HarborSite): Target {
  /** What `ask` answers; `absent` where it is refused because the project is still to be made. */
  const or = async <T>(absent: T, repository: RepositoryName, { signal }: Io, ask: Promise<T>): Promise<T> => {
    try {
      return await ask
    } catch (error) {
      if (!(error instanceof RegistryError) || ![401, 403, 404].includes(error.status)) throw error
      const state = await site.look(projectOf(repository), repository, { signal }).catch(() => undefined)
      if (state?.kind === 'missing') return absent
      throw error
    }
  }
  return {
    registry: target.registry,
    tags: async (repository, io) => await or(undefined, repository, io, target.tags(repository, io)),
    resolve: async (repository, reference, io) => await or(undefined, repository, io, target.resolve(repository, reference, io)),
    manifest: async (repository, reference, io) => await or(undefined, repository, io, target.manifest(repository, reference, io)),
    exists: async (repository, desc, io) => await or(false, repository, io, target.exists(repository, desc, io)),
    blob: async (repository, desc, options) => await target.blob(repository, desc, options),
    referrers: async (repository, subject, io) => await or(undefined, repository, io, target.referrers(repository, subject, io)),
    catalog: (io) => target.catalog(io),
    push: async (repository, desc, open, options) => await target.push(repository, desc, open, options),
    put: async (repository, manifest, reference, io) => await target.put(repository, manifest, reference, io),
  }
}
