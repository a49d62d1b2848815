import { type Digest, type ImageIndex, isManifestType, type Manifest, MediaType } from '@longshore/oci'

/**
 * Whether what has a fallback tag is a list of referrers. It may as well be an image whose tag only looks like one: mirrors tag so what
 * was asked for by digest. distribution-spec v1.1.1, "Referrers Tag Schema".
 */
export function isReferrersList(manifest: Manifest, subject: Digest): manifest is ImageIndex {
  return manifest.kind === 'index' && manifest.mediaType === MediaType.ociIndex && manifest.digest !== subject
    && manifest.manifests.every((desc) => isManifestType(desc.mediaType))
}
