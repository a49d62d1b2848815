import { decodeManifest, type Descriptor, type Digest, digestOf, isDigest, type Manifest, MediaType } from '@longshore/oci'
import { LayoutError } from '../errors.ts'
import { isObject, isStrings, parseJson } from '../json.ts'
import type { Compression } from '../tar/compression.ts'
import type { TarFile } from '../tar/tar-file.ts'
import type { TarFileEntry } from '../tar/tar-index.ts'
import type { Item } from './items.ts'

export const uncompressedDockerLayer = 'application/vnd.docker.image.rootfs.diff.tar'

/** A file of the archive whose content is a blob once it is decompressed. */
export interface SavedBlob { readonly entry: TarFileEntry; readonly compression: Compression | undefined; readonly size: number }
/** An item as an image: a manifest of Docker schema 2 that is made up here, its layers named by their diff IDs. */
export interface SavedImage { readonly manifest: Manifest; readonly blobs: ReadonlyMap<Digest, SavedBlob> }

export type Measure = (entry: TarFileEntry, compression: Compression) => Promise<number>

/**
 * @param measure counts what a compressed layer unpacks to
 * @param layerType of the layers in the manifest
 * @throws LayoutError LAYOUT_INVALID, ARCHIVE_HOSTILE
 */
export async function readImage(tar: TarFile, item: Item, layerType: string, measure: Measure): Promise<SavedImage> {
  const bytes = await tar.document(item.config)
  const entry = tar.index.file(item.config)
  if (bytes === undefined || entry === undefined) throw new LayoutError('LAYOUT_INVALID', `${tar.what}: ${item.config} is missing, which manifest.json names as a configuration`)
  const diffIds = diffIdsOf(bytes, `${tar.what}: ${item.config}`)
  if (diffIds.length !== item.layers.length) throw new LayoutError('LAYOUT_INVALID', `${tar.what}: Inconsistent layer count: ${item.layers.length} in manifest, ${diffIds.length} in config`)

  const blobs = new Map<Digest, SavedBlob>()
  const used = new Map<string, Digest>()
  const layers: Descriptor[] = []
  for (const [at, digest] of diffIds.entries()) {
    const path = item.layers[at] ?? ''
    let blob = blobs.get(digest)
    if (blob === undefined) {
      const file = tar.index.file(path)
      if (file === undefined) throw new LayoutError('LAYOUT_INVALID', `${tar.what}: Some layer tarfiles are missing in the tarball: ${path}`)
      const other = used.get(file.path)
      if (other !== undefined) throw new LayoutError('LAYOUT_INVALID', `${tar.what}: Layer tarfile ${JSON.stringify(path)} used for two different DiffID values, ${other} and ${digest}`)
      used.set(file.path, digest)
      const compression = await tar.compressionOf(file)
      blob = { entry: file, compression, size: compression === undefined ? file.size : await measure(file, compression) }
      blobs.set(digest, blob)
    }
    layers.push({ mediaType: layerType, size: blob.size, digest })
  }
  const config = digestOf(bytes)
  blobs.set(config, { entry, compression: undefined, size: bytes.byteLength })
  // The order of the keys is that of containers/image, so that the bytes are the same.
  const json = {
    schemaVersion: 2, mediaType: MediaType.dockerManifest,
    config: { mediaType: MediaType.dockerConfig, size: bytes.byteLength, digest: config },
    layers,
  }
  return { manifest: decodeManifest(Buffer.from(JSON.stringify(json)), MediaType.dockerManifest, tar.what), blobs }
}

/** `rootfs.diff_ids` of a configuration. OCI image-spec v1.1.1, config.md#properties. @throws LayoutError LAYOUT_INVALID */
export function diffIdsOf(config: Uint8Array, what: string): readonly Digest[] {
  const json = parseJson(config, what)
  const rootfs = isObject(json) ? json['rootfs'] : undefined
  if (!isObject(rootfs)) throw new LayoutError('LAYOUT_INVALID', `Invalid image config (rootFS is not set): ${what}`)
  const ids = rootfs['diff_ids'] ?? []
  if (!isStrings(ids) || !ids.every(isDigest)) throw new LayoutError('LAYOUT_INVALID', `${what}: rootfs.diff_ids is no list of digests`)
  return ids
}
