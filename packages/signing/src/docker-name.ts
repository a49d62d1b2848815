// What a signature claims and what an image is called, in the one form in which they can be compared.
import { type Digest, type Endpoint, isDigest, splitReference, type Tag } from '@longshore/oci'

/** A fully expanded Docker reference. `name` is `docker.io/library/busybox`. */
export interface DockerName { readonly name: string; readonly tag?: Tag; readonly digest?: Digest }

/** Expands as docker/distribution/reference does; nothing is defaulted behind the repository. @throws InvalidReferenceError */
export function parseDockerName(text: string): DockerName {
  const { registry, repository, tag, digest } = splitReference(text)
  const isHub = registry === undefined || registry === 'docker.io' || registry === 'index.docker.io'
  const name = isHub ? `docker.io/${repository.includes('/') ? repository : `library/${repository}`}` : `${registry}/${repository}`
  return { name, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) }
}

export function formatDockerName({ name, tag, digest }: DockerName): string {
  return name + (tag === undefined ? '' : `:${tag}`) + (digest === undefined ? '' : `@${digest}`)
}

export function isNameOnly({ tag, digest }: DockerName): boolean { return tag === undefined && digest === undefined }

/** The identity that an image has by its place; `undefined` where the transport gives none (`dir:`, `oci:`). */
export function dockerNameOf({ transport, registry, repository, reference }: Pick<Endpoint, 'transport' | 'registry' | 'repository' | 'reference'>): DockerName | undefined {
  switch (transport) {
    case 'docker': return named(`${registry}/${repository}`, reference ?? ('latest' as Tag))
    case 'docker-daemon':
    case 'containers-storage': return repository === '' ? undefined : named(repository, reference ?? ('latest' as Tag))
    case 'docker-archive': return reference === undefined || reference.startsWith('@') || reference === '' ? undefined : parseDockerName(reference)
    case 'dir':
    case 'oci':
    case 'oci-archive':
    case 'registry-storage':
    case 'tarball': return undefined
  }
}

function named(name: string, reference: Tag | Digest): DockerName {
  return isDigest(reference) ? { name, digest: reference } : { name, tag: reference }
}
