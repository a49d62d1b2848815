import { type Digest, type Endpoint, isDigest, type RepositoryName, type Tag, transportOf } from '@longshore/oci'
import { formatEnd, type Image, type Location } from '@longshore/transfer'

export type End = Location & { readonly reference: Tag | Digest }

/** One image that `copy` or `sync` was asked for. */
export interface CopyRequest { readonly source: End; readonly destination: End }

/** `docker://` takes `latest` where no tag is written; elsewhere nothing names the only image that there is. */
export function endOf({ transport, registry, repository, reference }: Endpoint): End {
  return { registry, repository, reference: reference ?? ((transport === 'docker' ? 'latest' : '') as Tag) }
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
