// Images, indexes and artifacts from a seed, as plain data: same options, same bytes.
import { type KeyObject, sign } from 'node:crypto'
import { type Descriptor, type Digest, digestOf, hexOf, MediaType, type Platform, referrersTag, type Tag } from '@longshore/oci'
import { blobOf, bytesOf, layer, type SyntheticBlob, tarLayer } from './blob.ts'

export interface SyntheticManifest { readonly digest: Digest; readonly mediaType: string; readonly bytes: Uint8Array }

/** A root and everything it needs, in one repository. */
export interface SyntheticContent {
  readonly root: SyntheticManifest
  /** Children before what lists them; the root is the last. */
  readonly manifests: readonly SyntheticManifest[]
  readonly blobs: ReadonlyMap<Digest, SyntheticBlob>
  /** Of an image: for the index that will list it. */
  readonly platform?: Platform
}

export type ImageFormat = 'oci' | 'docker'
export type LayerKind = 'opaque' | 'tar'

export interface ImageOptions {
  readonly seed: number | string
  /** Sizes in bytes, or layers made before, to be shared. */
  readonly layers: readonly (number | SyntheticBlob)[]
  /** Default `oci`. */
  readonly format?: ImageFormat
  /**
   * `opaque`: random bytes that begin as gzip does, with made up diff IDs. `tar`: plain tar files, for those who open layers (engines,
   * docker-archive); layers that are handed in have to be of that kind, too. Default `opaque`.
   */
  readonly layerKind?: LayerKind
  /** Default linux/amd64. */
  readonly platform?: Platform
  readonly annotations?: Readonly<Record<string, string>>
  /** Default 2021-06-01T00:00:00Z. */
  readonly created?: Date
  /** The last layer is foreign: it has this URL, and is not among the blobs. */
  readonly foreignUrl?: string
}

const amd64: Platform = { os: 'linux', architecture: 'amd64' }

export function image(options: ImageOptions): SyntheticContent {
  const { seed, format = 'oci', layerKind = 'opaque', platform = amd64, annotations, foreignUrl } = options
  const isTar = layerKind === 'tar'
  const make = isTar ? tarLayer : layer
  const layers = options.layers.map((entry, i) => (typeof entry === 'number' ? make({ seed: `${seed}#${i}`, size: entry }) : entry))
  const config = blobOf(json({
    created: (options.created ?? new Date(Date.UTC(2021, 5, 1))).toISOString(), ...platform,
    config: { Env: [`SEED=${seed}`], Cmd: ['/bin/true'] },
    rootfs: { type: 'layers', diff_ids: layers.map((blob) => (isTar ? blob.digest : digestOf(Buffer.from(`uncompressed ${blob.digest}`)))) },
    history: layers.map((_, i) => ({ created_by: `step ${i}` })),
  }))
  const isOci = format === 'oci'
  const layerType = isTar ? isOci ? MediaType.ociLayer : 'application/vnd.docker.image.rootfs.diff.tar' : isOci ? `${MediaType.ociLayer}+gzip` : MediaType.dockerLayer
  const foreignType = isOci ? 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip' : 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip'
  const isForeign = (i: number): boolean => foreignUrl !== undefined && i === layers.length - 1
  const root = manifestOf({
    schemaVersion: 2,
    mediaType: isOci ? MediaType.ociManifest : MediaType.dockerManifest,
    config: { mediaType: isOci ? MediaType.ociConfig : MediaType.dockerConfig, digest: config.digest, size: config.size },
    layers: layers.map((blob, i) => ({
      mediaType: isForeign(i) ? foreignType : layerType, digest: blob.digest, size: blob.size, ...(isForeign(i) ? { urls: [foreignUrl] } : {}),
    })),
    ...(annotations ? { annotations } : {}),
  })
  return { root, manifests: [root], blobs: blobMap([config, ...layers.filter((_, i) => !isForeign(i))]), platform }
}

export interface IndexOptions {
  /** Images or indexes. */
  readonly children: readonly SyntheticContent[]
  /** As BuildKit does: a child with provenance for each image. Default false. */
  readonly attestations?: boolean
  /** Default `oci`. */
  readonly format?: ImageFormat
  readonly annotations?: Readonly<Record<string, string>>
}

export function index({ children, attestations = false, format = 'oci', annotations }: IndexOptions): SyntheticContent {
  const about = attestations ? children.map((child) => attestation(child.root.digest)) : []
  const root = manifestOf({
    schemaVersion: 2,
    mediaType: format === 'oci' ? MediaType.ociIndex : MediaType.dockerList,
    manifests: [
      ...children.map((child) => ({ ...descriptor(child.root), ...(child.platform ? { platform: child.platform } : {}) })),
      ...about.map((child, i) => ({
        ...descriptor(child.root),
        annotations: { 'vnd.docker.reference.digest': children[i]?.root.digest, 'vnd.docker.reference.type': 'attestation-manifest' },
        platform: { architecture: 'unknown', os: 'unknown' },
      })),
    ],
    ...(annotations ? { annotations } : {}),
  })
  return gather(root, [...children, ...about])
}

/** https://github.com/moby/buildkit/blob/v0.12.0/docs/attestations/attestation-storage.md */
function attestation(subject: Digest): SyntheticContent {
  const statement = blobOf(json({
    _type: 'https://in-toto.io/Statement/v0.1', predicateType: 'https://slsa.dev/provenance/v0.2',
    subject: [{ name: 'pkg:docker/image', digest: { sha256: hexOf(subject) } }], predicate: { builder: { id: '' }, buildType: 'synthetic' },
  }))
  const config = blobOf(json({
    architecture: 'unknown', os: 'unknown', config: {}, rootfs: { type: 'layers', diff_ids: [statement.digest] },
  }))
  const root = manifestOf({
    schemaVersion: 2, mediaType: MediaType.ociManifest,
    config: { mediaType: MediaType.ociConfig, digest: config.digest, size: config.size },
    layers: [{
      mediaType: 'application/vnd.in-toto+json', digest: statement.digest, size: statement.size,
      annotations: { 'in-toto.io/predicate-type': 'https://slsa.dev/provenance/v0.2' },
    }],
  })
  return { root, manifests: [root], blobs: blobMap([config, statement]) }
}

export interface ArtifactOptions {
  readonly seed: number | string
  readonly artifactType: string
  /** Of the only layer. */
  readonly mediaType: string
  /** Of the only layer, in bytes. */
  readonly size: number
  /** Of the config; default the empty one of OCI image-spec v1.1.1, manifest.md#guidance-for-an-empty-descriptor. */
  readonly configMediaType?: string
  readonly subject?: SyntheticManifest
  readonly annotations?: Readonly<Record<string, string>>
}

export function artifact({ seed, artifactType, mediaType, size, configMediaType, subject, annotations }: ArtifactOptions): SyntheticContent {
  const config = blobOf(json({}))
  const content = layer({ seed: `artifact ${seed}`, size })
  const root = manifestOf({
    schemaVersion: 2, mediaType: MediaType.ociManifest, artifactType,
    config: { mediaType: configMediaType ?? MediaType.ociEmpty, digest: config.digest, size: config.size },
    layers: [{ mediaType, digest: content.digest, size: content.size }],
    ...(subject ? { subject: descriptor(subject) } : {}),
    ...(annotations ? { annotations } : {}),
  })
  return { root, manifests: [root], blobs: blobMap([config, content]) }
}

/** The index under the fallback tag. distribution-spec v1.1.1, "Referrers Tag Schema". */
export function referrersFallback(subject: Digest, referrers: readonly SyntheticContent[]): { readonly tag: Tag; readonly content: SyntheticContent } {
  const root = manifestOf({
    schemaVersion: 2, mediaType: MediaType.ociIndex,
    manifests: referrers.map(({ root }) => {
      const { artifactType, annotations } = JSON.parse(Buffer.from(root.bytes).toString()) as { artifactType?: string; annotations?: object }
      return { ...descriptor(root), ...(artifactType === undefined ? {} : { artifactType }), ...(annotations ? { annotations } : {}) }
    }),
  })
  return { tag: referrersTag(subject), content: gather(root, referrers) }
}

/** What cosign pushes to sign `subject`, and the tag it pushes it to. @param key makes the signature; without one it is made up */
export function cosignSignature(subject: Digest, key?: KeyObject): { readonly tag: Tag; readonly content: SyntheticContent } {
  const payload = blobOf(json({
    critical: { identity: { 'docker-reference': '' }, image: { 'docker-manifest-digest': subject }, type: 'cosign container image signature' },
    optional: null,
  }))
  const config = blobOf(json({ architecture: '', created: '0001-01-01T00:00:00Z', os: '', rootfs: { type: 'layers', diff_ids: [payload.digest] }, config: {} }))
  const root = manifestOf({
    schemaVersion: 2, mediaType: MediaType.ociManifest,
    config: { mediaType: MediaType.ociConfig, digest: config.digest, size: config.size },
    layers: [{
      mediaType: 'application/vnd.dev.cosign.simplesigning.v1+json', digest: payload.digest, size: payload.size,
      annotations: { 'dev.cosignproject.cosign/signature': (key ? sign('sha256', bytesOf(payload), key) : Buffer.from(`signature of ${subject}`)).toString('base64') },
    }],
  })
  return { tag: `${referrersTag(subject)}.sig` as Tag, content: { root, manifests: [root], blobs: blobMap([config, payload]) } }
}

export function descriptor(manifest: SyntheticManifest): Descriptor {
  return { mediaType: manifest.mediaType, digest: manifest.digest, size: manifest.bytes.byteLength }
}

export function json(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value))
}

export function manifestOf(value: { readonly mediaType: string } & Readonly<Record<string, unknown>>): SyntheticManifest {
  const bytes = json(value)
  return { digest: digestOf(bytes), mediaType: value.mediaType, bytes }
}

export function blobMap(blobs: readonly SyntheticBlob[]): ReadonlyMap<Digest, SyntheticBlob> {
  return new Map(blobs.map((blob) => [blob.digest, blob]))
}

/** `root` with all that its parts bring along. */
export function gather(root: SyntheticManifest, parts: readonly SyntheticContent[]): SyntheticContent {
  const manifests = new Map(parts.flatMap((part) => part.manifests).map((manifest) => [manifest.digest, manifest]))
  return { root, manifests: [...manifests.values(), root], blobs: new Map(parts.flatMap((part) => [...part.blobs])) }
}
