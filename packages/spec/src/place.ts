// From what people write as a name to a registry and a repository. Here, and nowhere else, a registry is defaulted.
import { InvalidReferenceError, isDigest, namesTransport, parseEndpoint, parseRegistry, parseRepositoryName, type RepositoryName, splitReference } from '@longshore/oci'

/** `HOST[/PREFIX]`, or `registry-storage:PATH[:PREFIX]`. */
export interface Place { readonly registry: string; readonly prefix: string }

export const dockerHub: Place = { registry: 'docker.io', prefix: '' }

const hubAliases = new Set(['index.docker.io', 'registry-1.docker.io', 'registry.hub.docker.com'])

/** @throws InvalidReferenceError */
export function parsePlace(text: string): Place {
  if (namesTransport(text) && !text.startsWith('docker://')) return storagePlace(text)
  const at = text.lastIndexOf('@')
  if (at >= 0) throw new InvalidReferenceError(`…${text.slice(at)}`, 'credentials are not part of a place; use --authfile, --src-creds or --dest-creds')
  const bare = withoutScheme(text).replace(/\/+$/, '')
  const slash = bare.indexOf('/')
  const registry = hubName(parseRegistry(slash < 0 ? bare : bare.slice(0, slash)))
  return { registry, prefix: slash < 0 ? '' : parseRepositoryName(bare.slice(slash + 1)) }
}

/** A docker-registry's own files are named as the registry itself would be; the other transports hold an image each, not repositories. */
function storagePlace(text: string): Place {
  const { transport, registry, repository, reference } = parseEndpoint(text, process.cwd())
  if (transport !== 'registry-storage') throw new InvalidReferenceError(text, `of all transports only registry-storage: holds repositories, as a list or a spec names them; for ${transport}: there are longshore copy and longshore sync`)
  if (reference !== undefined) throw new InvalidReferenceError(text, 'a place has no tag: registry-storage:PATH[:PREFIX]')
  return { registry, prefix: repository }
}

/** The repository at `place` that `path` names there. Docker Hub's official images live in `library`. */
export function repositoryAt(place: Place, path: string): RepositoryName {
  const full = joinPath(place.prefix, path)
  return parseRepositoryName(place.registry === dockerHub.registry && !full.includes('/') ? `library/${full}` : full)
}

export function joinPath(prefix: string, path: string): string {
  return prefix === '' ? path : `${prefix}/${path}`
}

/** `splitReference` with the mistakes that are seen in lists named as such; an image of a storage tree too, as it is printed. @throws InvalidReferenceError */
export function splitName(text: string): ReturnType<typeof splitReference> {
  if (text.startsWith('registry-storage:')) return splitStorageName(text)
  const bare = withoutScheme(text)
  if (/(?:^|\/)\.{1,2}(?:\/|:|@|$)/.test(bare)) throw new InvalidReferenceError(text, '"." and ".." are not path components of a repository')
  const parts = splitReference(bare)
  return parts.registry === undefined ? parts : { ...parts, registry: hubName(parts.registry) }
}

function splitStorageName(text: string): ReturnType<typeof splitReference> {
  const { registry, repository, reference } = parseEndpoint(text, process.cwd())
  if (repository === '') throw new InvalidReferenceError(text, 'the repository is missing: registry-storage:PATH:REPOSITORY[:TAG]')
  if (reference === undefined) return { registry, repository }
  return { registry, repository, ...(isDigest(reference) ? { digest: reference } : { tag: reference }) }
}

function hubName(registry: string): string {
  return hubAliases.has(registry) ? dockerHub.registry : registry
}

function withoutScheme(text: string): string {
  if (text.startsWith('docker://')) return text.slice('docker://'.length)
  if (/^https?:\/\//i.test(text)) throw new InvalidReferenceError(text.replace(/\/\/.*@/, '//…@'), 'leave out http:// and https://; --src-tls-verify=false and --dest-tls-verify=false allow plain HTTP')
  return text
}
