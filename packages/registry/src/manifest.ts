// distribution-spec v1.1.1, "Pulling manifests" and "Pushing Manifests".
import {
  decodeManifest, type Descriptor, descriptorOf, type Digest, DigestMismatchError, InvalidManifestError, isDigest, joinReference, type Manifest,
  ManifestTooLargeError, manifestMediaTypes, maxManifestBytes, type RepositoryName, type Tag,
} from '@longshore/oci'
import { type Answer, headerOf } from './answer.ts'
import { deleteScope, pullScope, pushScope } from './scope.ts'
import type { Ask, Host } from './host.ts'
import { manifestPath, wirePath } from './paths.ts'

const accept = ['accept', manifestMediaTypes.join(', ')]

export async function resolveManifest(
  host: Host, repository: RepositoryName, reference: Tag | Digest, signal: AbortSignal,
): Promise<Descriptor | undefined> {
  const ask = askFor(host, 'HEAD', repository, reference)
  const answer = await host.exchange(ask, signal)
  if (answer.status === 404) return undefined
  const digest = headerOf(answer.headers, 'docker-content-digest') ?? (isDigest(reference) ? reference : '')
  const size = Number(headerOf(answer.headers, 'content-length') ?? NaN)
  if (answer.status === 200 && isDigest(digest) && Number.isSafeInteger(size)) {
    if (isDigest(reference) && digest !== reference) throw new DigestMismatchError(nameOf(host, repository, reference), reference, digest)
    return { mediaType: mediaTypeOf(answer), digest, size }
  }
  // A HEAD without the facts, or none at all: only the manifest itself can tell. Refusals of a HEAD have no body either.
  if (answer.status === 200 || answer.status === 405 || answer.status === 400 || answer.status >= 300 && answer.status < 400) {
    const manifest = await fetchManifest(host, repository, reference, signal)
    return manifest && descriptorOf(manifest)
  }
  throw host.refusal(ask, answer)
}

/** A bit that flips on the way is chance; what comes wrong twice is wrong where it is read. */
export async function fetchManifest(
  host: Host, repository: RepositoryName, reference: Tag | Digest, signal: AbortSignal,
): Promise<Manifest | undefined> {
  try {
    return await readManifest(host, repository, reference, signal)
  } catch (error) {
    if (!(error instanceof DigestMismatchError || error instanceof InvalidManifestError)) throw error
    host.stats.retries++
    return await readManifest(host, repository, reference, signal)
  }
}

async function readManifest(
  host: Host, repository: RepositoryName, reference: Tag | Digest, signal: AbortSignal,
): Promise<Manifest | undefined> {
  const ask = askFor(host, 'GET', repository, reference)
  const answer = await host.exchange(ask, signal)
  if (answer.status === 404) return undefined
  if (answer.status !== 200) throw host.refusal(ask, answer)
  const what = nameOf(host, repository, reference)
  if (answer.truncated || answer.body.byteLength > maxManifestBytes) throw new ManifestTooLargeError(what, maxManifestBytes)
  const said = headerOf(answer.headers, 'docker-content-digest')
  const expected = isDigest(reference) ? reference : said !== undefined && isDigest(said) ? said : undefined
  const manifest = decodeManifest(answer.body, mediaTypeOf(answer), what, expected)
  if (expected !== undefined && manifest.digest !== expected) throw new DigestMismatchError(what, expected, manifest.digest)
  return manifest
}

export async function putManifest(
  host: Host, repository: RepositoryName, manifest: Manifest, reference: Tag | Digest, signal: AbortSignal,
): Promise<{ readonly subjectTaken: boolean }> {
  const path = wirePath(host.registry, repository)
  const { bytes } = manifest
  const ask: Ask = {
    method: 'PUT', path: manifestPath(path, reference), scope: pushScope(path), repository,
    headers: ['content-type', manifest.mediaType], body: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    // The same bytes under the same name: once or twice is the same.
    idempotent: true, headersMs: host.timeouts.commitMs,
  }
  const answer = await host.exchange(ask, signal)
  if (answer.status < 200 || answer.status > 299) throw host.refusal(ask, answer)
  host.stats.bytesOut += bytes.byteLength
  return { subjectTaken: answer.headers['oci-subject'] !== undefined }
}

/** distribution-spec v1.1.1, "Deleting Manifests". */
export async function removeManifest(host: Host, repository: RepositoryName, digest: Digest, signal: AbortSignal): Promise<boolean> {
  const path = wirePath(host.registry, repository)
  const ask: Ask = { method: 'DELETE', path: manifestPath(path, digest), scope: deleteScope(path), repository, idempotent: true }
  const answer = await host.exchange(ask, signal)
  if (answer.status === 404) return false
  if (answer.status < 200 || answer.status > 299) throw host.refusal(ask, answer)
  return true
}

/** distribution-spec v1.1.1, "Deleting tags": a registry may allow it, and answers 400 or 405 where it does not. */
export async function removeTag(host: Host, repository: RepositoryName, tag: Tag, signal: AbortSignal): Promise<'deleted' | 'absent' | 'unsupported'> {
  if (host.capabilities.tagDeletes === 'no') return 'unsupported'
  const path = wirePath(host.registry, repository)
  const ask: Ask = { method: 'DELETE', path: manifestPath(path, tag), scope: deleteScope(path), repository, idempotent: true }
  const answer = await host.exchange(ask, signal)
  if (answer.status === 404) return 'absent'
  if (answer.status >= 200 && answer.status < 300) return 'deleted'
  if (![400, 405, 501].includes(answer.status)) throw host.refusal(ask, answer)
  host.capabilities.tagDeletes = 'no'
  return 'unsupported'
}

function askFor(host: Host, method: 'GET' | 'HEAD', repository: RepositoryName, reference: Tag | Digest): Ask {
  const path = wirePath(host.registry, repository)
  return { method, path: manifestPath(path, reference), scope: pullScope(path), repository, headers: accept, limit: maxManifestBytes, follow: true, begins: !isDigest(reference) }
}

function mediaTypeOf(answer: Answer): string {
  return (headerOf(answer.headers, 'content-type') ?? '').split(';', 1)[0]?.trim() ?? ''
}

function nameOf(host: Host, repository: RepositoryName, reference: Tag | Digest): string {
  return `${host.registry}/${joinReference(repository, reference)}`
}
