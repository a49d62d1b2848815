import { type Digest, isDigest, joinReference, type RepositoryName, type Tag, transportOf } from '@longshore/oci'

/** A repository in a registry. */
export interface Location { readonly registry: string; readonly repository: RepositoryName }

/** One resolved pair: a source reference and the destination reference it becomes. */
export interface Image {
  readonly source: Location & { readonly reference: Tag | Digest }
  /** A tag, also for content pinned by digest, or the source's digest. */
  readonly destination: Location & { readonly reference: Tag | Digest }
}

export type ImageId = string & { readonly image: unique symbol }

/** Two images with one id are the same work: an image is named by what it becomes. */
export function imageId(image: Image): ImageId {
  return formatEnd(image.destination) as ImageId
}

/** As people write it: `registry/repository`; `oci:/path` for a place that holds only one; `registry-storage:/path:repository`. */
export function formatLocation({ registry, repository }: Location): string {
  if (repository === '') return registry
  return `${registry}${transportOf(registry) === 'registry-storage' ? ':' : '/'}${repository}`
}

/** `registry/repository:tag` or `registry/repository@digest`; a place outside registries may name its only image by nothing. */
export function formatEnd(end: Location & { readonly reference: Tag | Digest }): string {
  return end.reference === '' && transportOf(end.registry) !== 'docker' ? formatLocation(end) : joinReference(formatLocation(end), end.reference)
}

export function tagOf(reference: Tag | Digest): Tag | undefined {
  return isDigest(reference) ? undefined : reference
}
