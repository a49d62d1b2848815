import type { Brand } from './brand.ts'
import { type Digest, isDigest, parseDigest } from './digest.ts'
import { InvalidReferenceError } from './errors.ts'

export type RepositoryName = Brand<string, 'RepositoryName'>
export type Tag = Brand<string, 'Tag'>

/** `registry/repository[:tag][@digest]`, parsed once at the edge. */
export interface Reference {
  readonly registry: string
  readonly repository: RepositoryName
  readonly tag?: Tag
  readonly digest?: Digest
}

// distribution-spec v1.1.1, "Pulling manifests": <name> and <reference as a tag>.
const repositoryPattern = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/
const tagPattern = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/
const registryPattern = /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?|\[[0-9a-fA-F:.]+\])(?::[0-9]{1,5})?$/

export function isRepositoryName(text: string): text is RepositoryName { return text.length <= 255 && repositoryPattern.test(text) }
export function isTag(text: string): text is Tag { return tagPattern.test(text) }

/** @throws InvalidReferenceError */
export function parseRepositoryName(text: string): RepositoryName {
  if (isRepositoryName(text)) return text
  if (text.length > 255) throw new InvalidReferenceError(text, 'a repository name has at most 255 characters')
  if (/[A-Z]/.test(text)) throw new InvalidReferenceError(text, 'a repository name is in lower case')
  throw new InvalidReferenceError(text, 'a repository name is path components of a-z and 0-9, joined inside by ".", "_", "__" or "-"')
}

/** @throws InvalidReferenceError */
export function parseTag(text: string): Tag {
  if (isTag(text)) return text
  throw new InvalidReferenceError(text, 'a tag is up to 128 letters, digits, "_", "." and "-", and starts with a letter, a digit or "_"')
}

/** A name has 253 characters at most, and a port five. */
const longestRegistry = 259

/** `host[:port]`. @throws InvalidReferenceError */
export function parseRegistry(text: string): string {
  if (text.length <= longestRegistry && registryPattern.test(text)) return text
  throw new InvalidReferenceError(text, 'a registry is a host name or address, with a port where needed')
}

/** Whether the first path component names a registry: it has a dot or a port, or is localhost. */
export function looksLikeRegistry(component: string): boolean {
  return component === 'localhost' || component.includes('.') || component.includes(':')
}

/** Splits `[registry/]path[:tag][@digest]`; nothing is defaulted. @throws InvalidReferenceError */
export function splitReference(text: string): { registry?: string; repository: RepositoryName; tag?: Tag; digest?: Digest } {
  const at = text.indexOf('@')
  const digest = at < 0 ? undefined : parseDigest(text.slice(at + 1))
  let name = at < 0 ? text : text.slice(0, at)
  const colon = name.lastIndexOf(':')
  let tag: Tag | undefined
  if (colon > name.lastIndexOf('/')) {
    tag = parseTag(name.slice(colon + 1))
    name = name.slice(0, colon)
  }
  const slash = name.indexOf('/')
  const first = slash < 0 ? '' : name.slice(0, slash)
  const registry = slash > 0 && looksLikeRegistry(first) ? parseRegistry(first) : undefined
  if (name === '') throw new InvalidReferenceError(text, 'the repository name is missing')
  const repository = parseRepositoryName(registry === undefined ? name : name.slice(slash + 1))
  return { ...(registry === undefined ? {} : { registry }), repository, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) }
}

/** Prints a reference as people write it. */
export function formatReference(reference: Reference): string {
  return `${reference.registry}/${reference.repository}`
    + (reference.tag === undefined ? '' : `:${reference.tag}`) + (reference.digest === undefined ? '' : `@${reference.digest}`)
}

/** A tag or a digest, printed behind its repository. */
export function joinReference(repository: string, reference: Tag | Digest): string {
  return isDigest(reference) ? `${repository}@${reference}` : `${repository}:${reference}`
}
