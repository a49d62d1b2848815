export const MediaType = {
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  ociLayer: 'application/vnd.oci.image.layer.v1.tar',
  ociEmpty: 'application/vnd.oci.empty.v1+json',
  ociArtifact: 'application/vnd.oci.artifact.manifest.v1+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerLayer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
  dockerSchema1: 'application/vnd.docker.distribution.manifest.v1+json',
  dockerSchema1Signed: 'application/vnd.docker.distribution.manifest.v1+prettyjws',
} as const

/** What a manifest request accepts: everything that Longshore can carry. */
export const manifestMediaTypes: readonly string[] = [
  MediaType.ociManifest, MediaType.ociIndex, MediaType.dockerManifest, MediaType.dockerList,
  MediaType.ociArtifact, MediaType.dockerSchema1Signed, MediaType.dockerSchema1,
]

const indexes = new Set<string>([MediaType.ociIndex, MediaType.dockerList])
const images = new Set<string>([MediaType.ociManifest, MediaType.dockerManifest, MediaType.ociArtifact])
const schema1 = new Set<string>([MediaType.dockerSchema1, MediaType.dockerSchema1Signed])

export function isIndexType(mediaType: string): boolean { return indexes.has(mediaType) }
export function isSchema1Type(mediaType: string): boolean { return schema1.has(mediaType) }
export function isManifestType(mediaType: string): boolean {
  return indexes.has(mediaType) || images.has(mediaType) || schema1.has(mediaType)
}

/**
 * Foreign (non-distributable) layers: their bytes live at `urls`, not in the registry.
 * OCI image-spec v1.1.1, layer.md#non-distributable-layers; Docker image-spec v2.2.
 */
export function isForeignLayerType(mediaType: string): boolean {
  return mediaType.startsWith('application/vnd.oci.image.layer.nondistributable.')
    || mediaType.startsWith('application/vnd.docker.image.rootfs.foreign.')
}
