// distribution-spec v1.1.1, "Pulling manifests", "Pushing Manifests", "Pushing Manifests with Subject", "Deleting Manifests" and "Deleting tags".
import {
  decodeManifest, type Digest, InvalidManifestError, isDigest, isForeign, isManifestType, isTag, type Manifest, maxManifestBytes,
  successors,
} from '@longshore/oci'
import { refuseDelete } from './blobs.ts'
import { answer, type Exchange, readBody, Refusal } from './exchange.ts'
import { locationOf, type RegistryState } from './registry-state.ts'

export async function answerManifest(state: RegistryState, exchange: Exchange, repository: string, reference: string): Promise<void> {
  if (!isDigest(reference) && !isTag(reference)) throw new Refusal(400, 'MANIFEST_INVALID', 'neither a tag nor a digest', { reference })
  const { kind } = exchange.log
  if (kind === 'manifest-put') await putManifest(state, exchange, repository, reference)
  else if (kind === 'manifest-delete') await deleteManifest(state, exchange, repository, reference)
  else await getManifest(state, exchange, repository, reference)
}

async function getManifest(state: RegistryState, exchange: Exchange, repository: string, reference: string): Promise<void> {
  const manifest = state.store.manifest(repository, reference)
  if (!manifest) throw new Refusal(404, 'MANIFEST_UNKNOWN', 'manifest unknown', { reference })
  // docker-registry does so too: what the client cannot take is not there for it.
  const accept = exchange.request.headers.accept
  if (accept !== undefined && !accept.split(',').some((part) => matches((part.split(';')[0] ?? '').trim(), manifest.mediaType))) {
    throw new Refusal(404, 'MANIFEST_UNKNOWN', `the manifest is ${manifest.mediaType}, which the Accept header leaves out`, { reference })
  }
  const digest = isDigest(reference) ? reference : manifest.digest
  const headers = { 'content-type': manifest.mediaType, 'docker-content-digest': digest }
  if (exchange.log.kind === 'manifest-head') await answer(exchange, 200, { ...headers, 'content-length': String(manifest.bytes.byteLength) })
  else await answer(exchange, 200, headers, [manifest.bytes])
}

function matches(range: string, mediaType: string): boolean {
  return range === mediaType || range === '*/*' || (range.endsWith('/*') && mediaType.startsWith(range.slice(0, -1)))
}

async function putManifest(state: RegistryState, exchange: Exchange, repository: string, reference: string): Promise<void> {
  const bytes = await readBody(exchange, Math.min(maxManifestBytes, state.options.maxBody ?? Infinity))
  const mediaType = (exchange.request.headers['content-type'] ?? '').split(';')[0]?.trim() ?? ''
  const manifest = decode(state, bytes, mediaType, isDigest(reference) ? reference : undefined)
  if (isDigest(reference) && manifest.digest !== reference) {
    throw new Refusal(400, 'DIGEST_INVALID', 'provided digest did not match uploaded content', { digest: reference, actual: manifest.digest })
  }
  checkReferences(state, repository, manifest)
  const stored = state.store.repository(repository)
  if (!isDigest(reference) && state.options.immutableTags === true && stored.tags.has(reference)) {
    throw new Refusal(412, 'DENIED', 'the tag is immutable', { tag: reference })
  }
  stored.manifests.set(manifest.digest, manifest)
  if (!isDigest(reference)) stored.tags.set(reference, manifest.digest)
  await answer(exchange, 201, {
    location: locationOf(state, `/v2/${repository}/manifests/${manifest.digest}`),
    'docker-content-digest': manifest.digest,
    ...(manifest.subject && state.options.referrersApi !== false ? { 'oci-subject': manifest.subject.digest } : {}),
  })
}

function decode(state: RegistryState, bytes: Uint8Array, mediaType: string, expected: Digest | undefined): Manifest {
  if (!isManifestType(mediaType)) throw new Refusal(400, 'MANIFEST_INVALID', 'the Content-Type is no manifest\'s', { mediaType })
  let manifest: Manifest
  try {
    manifest = decodeManifest(bytes, mediaType, 'the manifest', expected)
  } catch (error) {
    if (error instanceof InvalidManifestError) throw new Refusal(400, 'MANIFEST_INVALID', error.message)
    throw error
  }
  const declared = (JSON.parse(Buffer.from(bytes).toString()) as { mediaType?: unknown }).mediaType
  if (declared !== undefined && declared !== mediaType) throw new Refusal(400, 'MANIFEST_INVALID', 'mediaType differs from the Content-Type')
  if (manifest.kind === 'schema1' && state.options.schema1 !== true) throw new Refusal(400, 'MANIFEST_INVALID', 'schema 1 manifests are not taken')
  return manifest
}

/** "A registry SHOULD … 404 MANIFEST_BLOB_UNKNOWN"; docker-registry says 400, which is also what clients have to expect. */
function checkReferences(state: RegistryState, repository: string, manifest: Manifest): void {
  if (state.options.requireManifestReferences === false) return
  const stored = state.store.repositories.get(repository)
  const { blobs, manifests } = successors(manifest)
  const missing: Digest[] = blobs.filter((blob) => !isForeign(blob) && stored?.blobs.has(blob.digest) !== true).map((blob) => blob.digest)
  if (state.options.acceptSparse !== true) {
    for (const child of manifests) if (stored?.manifests.has(child.digest) !== true) missing.push(child.digest)
  }
  if (missing.length > 0) throw new Refusal(400, 'MANIFEST_BLOB_UNKNOWN', 'the manifest references content unknown to the repository', missing)
}

async function deleteManifest(state: RegistryState, exchange: Exchange, repository: string, reference: string): Promise<void> {
  refuseDelete(state)
  const stored = state.store.repositories.get(repository)
  if (!isDigest(reference)) {
    if (stored?.tags.delete(reference) !== true) throw new Refusal(404, 'MANIFEST_UNKNOWN', 'tag unknown', { tag: reference })
  } else {
    if (stored?.manifests.delete(reference) !== true) throw new Refusal(404, 'MANIFEST_UNKNOWN', 'manifest unknown', { digest: reference })
    for (const [tag, digest] of stored.tags) if (digest === reference) stored.tags.delete(tag)
  }
  await answer(exchange, 202, {})
}
