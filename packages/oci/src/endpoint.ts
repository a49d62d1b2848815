// `transport:rest`, as containers-transports(5) writes a place to read from or to write to; parsed once at the edge.
import { resolve } from 'node:path'
import { type Digest, isDigest } from './digest.ts'
import { InvalidReferenceError } from './errors.ts'
import { type RepositoryName, splitReference, type Tag } from './reference.ts'

export const transportNames = [
  'docker', 'dir', 'oci', 'oci-archive', 'docker-archive', 'docker-daemon', 'containers-storage', 'registry-storage', 'tarball',
] as const
export type TransportName = (typeof transportNames)[number]

/**
 * One place in the engine's terms. `registry` is what a client is opened for: `host[:port]` for `docker://`, `TRANSPORT:PLACE` for
 * the others (`oci:/absolute/path`), which no host can look like. `repository` is empty where a place holds only one.
 */
export interface Endpoint {
  readonly transport: TransportName
  readonly registry: string
  readonly repository: RepositoryName
  /** `undefined` where none was written. Outside `docker://` it is whatever names an image there, not only what a registry takes as a tag. */
  readonly reference: Tag | Digest | undefined
  /** As it was written. */
  readonly text: string
}

/** The place of a transport that is no registry. */
export function localRegistry(transport: Exclude<TransportName, 'docker'>, place: string): string { return `${transport}:${place}` }

/** The transport of a client's name; `docker` for `host[:port]`. */
export function transportOf(registry: string): TransportName {
  const colon = registry.indexOf(':')
  const name = colon < 0 ? '' : registry.slice(0, colon)
  // A registry with a port, called like a transport, has digits behind the colon and nothing else.
  if (/^[0-9]{1,5}$/.test(registry.slice(colon + 1))) return 'docker'
  return transportNames.find((known) => known === name) ?? 'docker'
}

/** What follows the transport's name in a client's name. */
export function placeOf(registry: string): string { return registry.slice(registry.indexOf(':') + 1) }

/** Whether the text begins with `NAME:` of a transport that we know, or that upstream once had. */
export function namesTransport(text: string): boolean {
  return text.startsWith('docker://') || /^(?:dir|oci|oci-archive|docker-archive|docker-daemon|containers-storage|registry-storage|tarball|ostree|atomic|sif):/.test(text)
}

/**
 * `docker://name[:tag|@digest]`, `dir:path`, `oci:path[:ref|:@index]`, … with relative paths resolved against `cwd`.
 * The wording of the two commonest mistakes is skopeo's.
 * @throws InvalidReferenceError
 */
export function parseEndpoint(text: string, cwd: string): Endpoint {
  const colon = text.indexOf(':')
  if (colon < 0) throw new InvalidReferenceError(text, `Invalid image name "${text}", expected colon-separated transport:reference`)
  const name = text.slice(0, colon)
  const rest = text.slice(colon + 1)
  switch (name) {
    case 'docker': return dockerEndpoint(text, rest)
    case 'dir': return { ...local('dir', at(text, rest, cwd)), reference: undefined, text }
    case 'oci':
    case 'oci-archive': {
      // The path ends at the first colon: the reference may hold more of them.
      const [path, reference] = cut(rest)
      return { ...local(name, at(text, path, cwd)), reference, text }
    }
    case 'docker-archive': {
      const [path, reference] = cut(rest)
      return { ...local(name, at(text, path, cwd)), reference: reference === undefined || reference.startsWith('@') ? reference : dockerName(text, reference), text }
    }
    case 'docker-daemon': return daemonEndpoint(text, rest)
    case 'containers-storage': return storageEndpoint(text, rest)
    case 'registry-storage': {
      const [path, reference] = cut(rest)
      const parts = reference === undefined ? undefined : splitReference(reference)
      if (parts?.registry !== undefined) throw new InvalidReferenceError(text, 'a storage tree holds repositories without a registry: registry-storage:PATH[:REPOSITORY[:TAG]]')
      return { ...local(name, at(text, path, cwd)), ...(parts ? { repository: parts.repository } : {}), reference: parts?.digest ?? parts?.tag, text }
    }
    case 'tarball': {
      if (rest === '') throw new InvalidReferenceError(text, 'name the tar files: tarball:LAYER.tar[:LAYER.tar…]')
      return { ...local('tarball', rest.split(':').map((path) => (path === '-' ? path : resolve(cwd, path))).join(':')), reference: undefined, text }
    }
    case 'ostree': throw new InvalidReferenceError(text, 'the ostree transport was removed from skopeo, and Longshore has none: use oci:PATH or dir:PATH, or ostree itself (ostree container image pull)')
    case 'atomic': throw new InvalidReferenceError(text, 'the atomic transport is long deprecated: name the registry itself with docker://')
    case 'sif': throw new InvalidReferenceError(text, 'the sif transport is not taken: convert the file with apptainer, or give the image as oci-archive:FILE')
    default: throw new InvalidReferenceError(text, `Invalid image name "${text}", unknown transport "${name}"`)
  }
}

type Local = Pick<Endpoint, 'transport' | 'registry' | 'repository'>

function local(transport: Exclude<TransportName, 'docker'>, place: string, repository = ''): Local {
  return { transport, registry: localRegistry(transport, place), repository: repository as RepositoryName }
}

function at(text: string, path: string, cwd: string): string {
  if (path === '') throw new InvalidReferenceError(text, 'the path is missing')
  return resolve(cwd, path)
}

function cut(rest: string): readonly [string, Tag | undefined] {
  const colon = rest.indexOf(':')
  return colon < 0 ? [rest, undefined] : [rest.slice(0, colon), rest.slice(colon + 1) as Tag]
}

function dockerEndpoint(text: string, rest: string): Endpoint {
  if (!rest.startsWith('//')) throw new InvalidReferenceError(text, `docker: image reference ${rest} does not start with //`)
  const { registry, repository, tag, digest } = splitReference(rest.slice(2))
  if (tag !== undefined && digest !== undefined) throw new InvalidReferenceError(text, 'Docker references with both a tag and digest are currently not supported')
  return { transport: 'docker', ...hub(registry, repository), reference: digest ?? tag, text }
}

/** Docker Hub is meant where no registry is named, and its official images live in `library`. */
function hub(registry: string | undefined, repository: RepositoryName): Pick<Endpoint, 'registry' | 'repository'> {
  const isHub = registry === undefined || registry === 'docker.io' || registry === 'index.docker.io'
  if (!isHub) return { registry, repository }
  return { registry: 'docker.io', repository: (repository.includes('/') ? repository : `library/${repository}`) as RepositoryName }
}

/** `name:tag` in full: `docker.io/library/alpine:3.19`. `text` is what is told of it in errors. @throws InvalidReferenceError */
export function dockerName(text: string, reference: string): Tag {
  const { registry, repository, tag, digest } = splitReference(reference)
  if (digest !== undefined) throw new InvalidReferenceError(text, 'an archive names its images by tag, not by digest')
  const named = hub(registry, repository)
  return `${named.registry}/${named.repository}:${tag ?? 'latest'}` as Tag
}

function daemonEndpoint(text: string, rest: string): Endpoint {
  // An image's ID is the digest of its configuration.
  if (isDigest(rest)) return { ...local('docker-daemon', ''), reference: rest, text }
  const { registry, repository, tag, digest } = splitReference(rest)
  const named = hub(registry, repository)
  if (tag === undefined && digest === undefined) throw new InvalidReferenceError(text, 'the image has neither a tag nor a digest; write docker-daemon:NAME:TAG')
  return { ...local('docker-daemon', '', `${named.registry}/${named.repository}`), reference: digest ?? tag, text }
}

function storageEndpoint(text: string, rest: string): Endpoint {
  const store = /^\[([^\]]*)\]/.exec(rest)
  const name = store ? rest.slice(store[0].length) : rest
  if (name === '') throw new InvalidReferenceError(text, 'the image is missing: containers-storage:[STORE]NAME[:TAG], or its ID')
  const place = store?.[1] ?? ''
  if (/^@?[0-9a-f]{64}$/.test(name)) return { ...local('containers-storage', place), reference: `sha256:${name.replace('@', '')}` as Digest, text }
  const { registry, repository, tag, digest } = splitReference(name)
  const named = hub(registry, repository)
  return { ...local('containers-storage', place, `${named.registry}/${named.repository}`), reference: digest ?? tag ?? ('latest' as Tag), text }
}
