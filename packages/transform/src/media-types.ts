// Media types of layers, by what they say: whose they are, whether the layer may be distributed, and how it is compressed.
// OCI image-spec v1.1.1, layer.md; Docker image manifest v2, schema 2.
import type { Format } from './changes.ts'

export type Compression = 'plain' | 'gzip' | 'zstd'
export interface LayerType { readonly format: Format; readonly foreign: boolean; readonly compression: Compression }

const types: ReadonlyMap<string, LayerType> = new Map([
  ['application/vnd.docker.image.rootfs.diff.tar', { format: 'v2s2', foreign: false, compression: 'plain' }],
  ['application/vnd.docker.image.rootfs.diff.tar.gzip', { format: 'v2s2', foreign: false, compression: 'gzip' }],
  // No builder writes it, but it was seen: it becomes OCI's, and is never made.
  ['application/vnd.docker.image.rootfs.diff.tar.zstd', { format: 'v2s2', foreign: false, compression: 'zstd' }],
  ['application/vnd.docker.image.rootfs.foreign.diff.tar', { format: 'v2s2', foreign: true, compression: 'plain' }],
  ['application/vnd.docker.image.rootfs.foreign.diff.tar.gzip', { format: 'v2s2', foreign: true, compression: 'gzip' }],
  ['application/vnd.oci.image.layer.v1.tar', { format: 'oci', foreign: false, compression: 'plain' }],
  ['application/vnd.oci.image.layer.v1.tar+gzip', { format: 'oci', foreign: false, compression: 'gzip' }],
  ['application/vnd.oci.image.layer.v1.tar+zstd', { format: 'oci', foreign: false, compression: 'zstd' }],
  ['application/vnd.oci.image.layer.nondistributable.v1.tar', { format: 'oci', foreign: true, compression: 'plain' }],
  ['application/vnd.oci.image.layer.nondistributable.v1.tar+gzip', { format: 'oci', foreign: true, compression: 'gzip' }],
  ['application/vnd.oci.image.layer.nondistributable.v1.tar+zstd', { format: 'oci', foreign: true, compression: 'zstd' }],
])

/** `undefined` for what is no layer of a file system: attestations, signatures, charts, encrypted layers. */
export function layerType(mediaType: string): LayerType | undefined { return types.get(mediaType) }

/** The media type that says so; `undefined` where the format has none: Docker has no zstd. */
export function mediaTypeOf({ format, foreign, compression }: LayerType): string | undefined {
  if (format === 'v2s2' && compression === 'zstd') return undefined
  for (const [mediaType, type] of types) if (type.format === format && type.foreign === foreign && type.compression === compression) return mediaType
  return undefined
}
