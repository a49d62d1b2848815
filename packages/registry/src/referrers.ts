// distribution-spec v1.1.1, "Listing Referrers": a registry with the API answers 200 whatever the subject; one without, 404. Some
// proxies and products refuse it instead (401, 403, 406): then the fallback tags have to do, for whom it concerns.
import { type Descriptor, type Digest, isDigest, MediaType, RegistryError, type RepositoryName } from '@longshore/oci'
import { headerOf } from './answer.ts'
import { pullScope } from './scope.ts'
import type { Host } from './host.ts'
import { wirePath } from './paths.ts'
import { pages } from './tags.ts'

export async function listReferrers(
  host: Host, repository: RepositoryName, subject: Digest, signal: AbortSignal,
): Promise<readonly Descriptor[] | undefined> {
  const { capabilities } = host
  if (capabilities.referrers === 'unknown' && !capabilities.hasRefusedReferrers(repository)) {
    using _turn = await capabilities.referrersTurn.acquire(signal)
    // Somebody else may have found out meanwhile.
    if ((capabilities.referrers as string) === 'unknown') return await ask(host, repository, subject, signal)
  }
  return capabilities.referrers === 'no' ? undefined : await ask(host, repository, subject, signal)
}

async function ask(
  host: Host, repository: RepositoryName, subject: Digest, signal: AbortSignal,
): Promise<readonly Descriptor[] | undefined> {
  const { capabilities } = host
  const path = wirePath(host.registry, repository)
  const found = new Map<string, Descriptor>()
  let missing = false
  try {
    for await (const { json, answer } of pages(host, `/v2/${path}/referrers/${subject}`, pullScope(path), repository, () => { missing = true }, signal)) {
      // A page that says 200 to every path is not the API.
      const type = headerOf(answer.headers, 'content-type') ?? ''
      if (!type.startsWith(MediaType.ociIndex) || !Array.isArray(json['manifests'])) {
        missing = true
        break
      }
      for (const each of json['manifests'] as unknown[]) if (isDescriptor(each)) found.set(each.digest, each)
    }
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error
    switch (error.status) {
      case 401: case 403: case 406:
        capabilities.referrersRefused(repository)
        return undefined
      // Some answer "no such route" or "not allowed" with other refusals than 404.
      case 405: case 501:
        if (capabilities.referrers === 'yes') return undefined
        break
      case 400:
        if (capabilities.referrers === 'yes') throw error
        break
      default: throw error
    }
    missing = true
  }
  if (missing) {
    // Once it has answered, a 404 is about this repository only.
    if (capabilities.referrers === 'yes') return []
    capabilities.referrers = 'no'
    return undefined
  }
  capabilities.referrers = 'yes'
  return [...found.values()]
}

function isDescriptor(value: unknown): value is Descriptor {
  return typeof value === 'object' && value !== null && 'digest' in value && typeof value.digest === 'string' && isDigest(value.digest)
    && 'size' in value && Number.isSafeInteger(value.size) && 'mediaType' in value && typeof value.mediaType === 'string'
}
