import { forEachLimit } from '@longshore/concurrency'
import { attestedDigest, type Descriptor, type Digest, type ImageIndex, isManifestType, type Manifest, MediaType, type Platform } from '@longshore/oci'
import type { Io } from '@longshore/transfer'
import type { Changes, Format } from './changes.ts'
import { refuse } from './errors.ts'
import { encode, targetFormat } from './image.ts'
import { parseObject } from './oci-config.ts'

/** Manifests and configurations are small: what is waited for is the way to them. */
const childrenAtOnce = 8

/**
 * The index of what its children became; the same object when that is what they were. Order, platforms and, within a format, whatever
 * else stands in it are kept.
 * @param change what a child becomes, `undefined` when the source has it not: then it stays as it is
 */
export async function changeIndex(index: ImageIndex, changes: Changes, what: string, change: (child: Descriptor, io: Io) => Promise<Manifest | undefined>, io: Io): Promise<Manifest> {
  if (changes.format === 'v2s1') refuse(what, 'is a list of images, which Docker schema 1 does not have: take the format v2s2 or oci')
  const own: Format = index.mediaType === MediaType.dockerList ? 'v2s2' : 'oci'
  const format = targetFormat(own, changes)
  const became = new Map<Digest, Digest>()
  const children = [...index.manifests]
  await forEachLimit(io.signal, childrenAtOnce, index.manifests.entries(), async ([i, child], signal) => {
    const now = isManifestType(child.mediaType) ? await change(child, { signal }) : undefined
    if (now === undefined || now.digest === child.digest) return
    became.set(child.digest, now.digest)
    children[i] = replaced(child, now)
  })
  const manifests = children.map((child) => pointing(child, became))
  if (format === own) {
    if (manifests.every((child, i) => child === index.manifests[i])) return index
    return encode({ ...parseObject(index.bytes, what), manifests }, index.mediaType, what)
  }
  if (format === 'oci') return encode({ schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: manifests.map((child) => ociChild(child)) }, MediaType.ociIndex, what)
  return encode({ schemaVersion: 2, mediaType: MediaType.dockerList, manifests: manifests.map((child) => dockerChild(child, what)) }, MediaType.dockerList, what)
}

function replaced(child: Descriptor, { mediaType, digest, bytes }: Manifest): Descriptor {
  const { data: _data, ...rest } = child
  return { ...rest, mediaType, digest, size: bytes.byteLength }
}

/** BuildKit's attestations name the image they are about by digest, in an annotation of the index. */
function pointing(child: Descriptor, became: ReadonlyMap<Digest, Digest>): Descriptor {
  const about = attestedDigest(child)
  const now = about === undefined ? undefined : became.get(about as Digest)
  return now === undefined || now === about ? child : { ...child, annotations: { ...child.annotations, 'vnd.docker.reference.digest': now } }
}

type FullPlatform = Platform & { readonly 'os.features'?: readonly string[] }

function platformOf({ architecture, os, variant, ...rest }: FullPlatform): object {
  const features = rest['os.features'] ?? []
  const version = rest['os.version'] ?? ''
  return { architecture, os, ...(version === '' ? {} : { 'os.version': version }), ...(features.length === 0 ? {} : { 'os.features': features }), ...(variant === undefined || variant === '' ? {} : { variant }) }
}

function ociChild({ mediaType, digest, size, urls, annotations, platform }: Descriptor): object {
  return {
    mediaType, digest, size, ...(urls === undefined || urls.length === 0 ? {} : { urls }), ...(annotations === undefined ? {} : { annotations }),
    ...(platform === undefined ? {} : { platform: platformOf(platform) }),
  }
}

function dockerChild({ mediaType, digest, size, urls, platform }: Descriptor, what: string): object {
  if (platform === undefined) refuse(what, `its image ${digest} has no platform, which a Docker manifest list must tell`)
  return { mediaType, size, digest, ...(urls === undefined || urls.length === 0 ? {} : { urls }), platform: platformOf(platform) }
}
