// Manifests as files: their type is told by their content, and what they reference is looked for before they are written.
import { algorithmOf, decodeManifest, type Descriptor, type Digest, DigestMismatchError, digestOf, isForeign, type Manifest, successors } from '@longshore/oci'
import { LayoutError } from './errors.ts'
import { contentMissing } from './problem.ts'

/**
 * @param mediaType what the place says of it, where it says anything
 * @throws InvalidManifestError, DigestMismatchError when `expected` is another
 */
export function readManifest(bytes: Uint8Array, what: string, { mediaType = '', expected }: { readonly mediaType?: string; readonly expected?: Digest } = {}): Manifest {
  const manifest = decodeManifest(bytes, mediaType, what, expected)
  if (expected !== undefined && manifest.digest !== expected) throw new DigestMismatchError(what, expected, manifest.digest)
  return manifest
}

export interface Holdings {
  readonly blob: (desc: Descriptor) => Promise<boolean>
  readonly manifest: (digest: Digest) => Promise<boolean>
}

/** @throws RegistryError MANIFEST_BLOB_UNKNOWN when something that the manifest references is not there */
export async function checkComplete(place: string, manifest: Manifest, there: Holdings, sparse: boolean): Promise<void> {
  const { blobs, manifests } = successors(manifest)
  for (const desc of blobs) {
    if (!isForeign(desc) && !await there.blob(desc)) throw contentMissing(place, manifest.digest, desc.digest)
  }
  if (sparse) return
  for (const desc of manifests) {
    if (!await there.manifest(desc.digest)) throw contentMissing(place, manifest.digest, desc.digest)
  }
}

/** A referrer, as the referrers API tells it. distribution-spec v1.1.1, "Listing Referrers". */
export function referrerOf(manifest: Manifest): Descriptor {
  const artifactType = manifest.artifactType ?? (manifest.kind === 'image' ? manifest.config?.mediaType : undefined)
  return {
    mediaType: manifest.mediaType, digest: manifest.digest, size: manifest.bytes.byteLength,
    ...(artifactType === undefined ? {} : { artifactType }), ...(manifest.annotations ? { annotations: manifest.annotations } : {}),
  }
}

/** @throws LayoutError for a manifest that does not hash to its own digest: a signed Docker schema 1, whose digest is over a part of it */
export function checkAddressable(place: string, manifest: Manifest): void {
  if (digestOf(manifest.bytes, algorithmOf(manifest.digest)) === manifest.digest) return
  throw new LayoutError('LAYOUT_REFUSED', `${place}: ${manifest.digest} is a signed manifest of Docker schema 1, which cannot be kept where content is named by its digest: use dir:, or convert the image`)
}

/** @throws LayoutError for a manifest that would be read as something else, because its bytes do not say what it is and no place is left to note it */
export function checkTyped(place: string, manifest: Manifest): void {
  const { mediaType } = decodeManifest(manifest.bytes, '', place, manifest.digest)
  if (mediaType === manifest.mediaType) return
  throw new LayoutError('LAYOUT_REFUSED', `${place}: nothing in ${manifest.digest} says that it is a ${manifest.mediaType}, and it would be read as a ${mediaType}: rebuild the image, or keep it in a registry`)
}
