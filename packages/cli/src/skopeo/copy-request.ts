import { type Digest, type Endpoint, InvalidReferenceError, isDigest, type RepositoryName, type Tag, transportOf } from '@longshore/oci'
import { formatEnd, type Image, type Location } from '@longshore/transfer'

export type End = Location & { readonly reference: Tag | Digest }

/** One image that `copy` or `sync` was asked for. */
export interface CopyRequest { readonly source: End; readonly destination: End }

/** Where no reference was written: a repository takes `latest`; a place without repositories takes nothing, for the only image that there is. */
export function referenceOf({ transport, reference }: Endpoint): Tag | Digest {
  return reference ?? ((transport === 'docker' || transport === 'registry-storage' ? 'latest' : '') as Tag)
}

export function endOf(endpoint: Endpoint): End { return { registry: endpoint.registry, repository: endpoint.repository, reference: referenceOf(endpoint) } }

/** A storage tree without a repository is no image. @throws InvalidReferenceError */
export function refuseWholeTree({ transport, repository, text }: Endpoint): void {
  if (transport === 'registry-storage' && repository === '') throw new InvalidReferenceError(text, 'the repository is missing: registry-storage:PATH:REPOSITORY[:TAG]; only sync and migrate take a whole tree')
}

/** As skopeo writes an image: `docker://host/name:tag`, `dir:/path`. */
export function formatImageName(end: End): string {
  const transport = transportOf(end.registry)
  if (transport === 'docker') return `docker://${formatEnd(end)}`
  // The name holds the registry itself: docker-daemon:docker.io/library/alpine:3.
  if (transport === 'docker-daemon' || transport === 'containers-storage') return `${end.registry}${isDigest(end.reference) ? `${end.repository}@` : `${end.repository}:`}${end.reference}`
  return formatEnd(end)
}

export function toImage({ source, destination }: CopyRequest): Image { return { source, destination } }

export function withReference(end: End, reference: Tag | Digest): End { return { ...end, reference } }
export function atRepository(registry: string, repository: string, reference: Tag | Digest): End { return { registry, repository: repository as RepositoryName, reference } }
