// distribution v2.8, registry/storage/paths.go.
import { algorithmOf, type Digest, hexOf, type RepositoryName, type Tag } from '@longshore/oci'

const base = 'docker/registry/v2'
export const repositoriesFolder = `${base}/repositories`

export function dataPath(digest: Digest): string { return `${base}/blobs/${algorithmOf(digest)}/${hexOf(digest).slice(0, 2)}/${hexOf(digest)}/data` }
export function repositoryFolder(repository: RepositoryName): string { return `${repositoriesFolder}/${repository}` }
export function layerLink(repository: RepositoryName, digest: Digest): string { return `${repositoryFolder(repository)}/_layers/${algorithmOf(digest)}/${hexOf(digest)}/link` }
export function revisionsFolder(repository: RepositoryName, algorithm: string): string { return `${repositoryFolder(repository)}/_manifests/revisions/${algorithm}` }
export function revisionLink(repository: RepositoryName, digest: Digest): string { return `${revisionsFolder(repository, algorithmOf(digest))}/${hexOf(digest)}/link` }
export function tagsFolder(repository: RepositoryName): string { return `${repositoryFolder(repository)}/_manifests/tags` }
export function tagLink(repository: RepositoryName, tag: Tag): string { return `${tagsFolder(repository)}/${tag}/current/link` }
export function tagHistoryLink(repository: RepositoryName, tag: Tag, digest: Digest): string {
  return `${tagsFolder(repository)}/${tag}/index/${algorithmOf(digest)}/${hexOf(digest)}/link`
}
