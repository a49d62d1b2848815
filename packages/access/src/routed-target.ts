// A registry of which registries.conf says something, to write to. As in containers/image, neither `location` nor mirrors count
// here: what is written goes to the name itself, unless it is blocked. What is read of a destination is read there, too.
import type { RepositoryName } from '@longshore/oci'
import type { PullSource, RegistriesConf } from '@longshore/registries-conf'
import type { Target } from '@longshore/transfer'

export function routedTarget(registry: string, conf: RegistriesConf, open: (place: Pick<PullSource, 'registry' | 'insecure' | 'proxy'>) => Target): Target {
  const at = (repository: RepositoryName): Target => {
    const place = { registry, repository }
    const blocked = conf.isBlocked(place)
    if (blocked) throw blocked
    const proxy = conf.proxy(place)
    return open({ registry, insecure: conf.insecure(place), ...(proxy === undefined ? {} : { proxy }) })
  }
  return {
    registry,
    tags: async (repository, io) => at(repository).tags(repository, io),
    resolve: async (repository, reference, io) => at(repository).resolve(repository, reference, io),
    manifest: async (repository, reference, io) => at(repository).manifest(repository, reference, io),
    exists: async (repository, desc, io) => at(repository).exists(repository, desc, io),
    blob: async (repository, desc, options) => at(repository).blob(repository, desc, options),
    referrers: async (repository, subject, io) => at(repository).referrers(repository, subject, io),
    async* catalog(io) { yield* at('' as RepositoryName).catalog(io) },
    push: async (repository, desc, opener, options) => at(repository).push(repository, desc, opener, options),
    put: async (repository, manifest, reference, io) => at(repository).put(repository, manifest, reference, io),
    untag: async (repository, tag, io) => await at(repository).untag?.(repository, tag, io) ?? 'unsupported',
    holds: async (repository, tag, io) => await at(repository).holds?.(repository, tag, io),
    remove: async (repository, digest, io) => await at(repository).remove?.(repository, digest, io) ?? false,
  }
}
