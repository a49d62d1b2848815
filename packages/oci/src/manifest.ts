// Manifests are carried as the bytes that were served; what is decoded here is only what the graph needs.
import type { Descriptor } from './descriptor.ts'
import { digestOf, type Digest, isDigest } from './digest.ts'
import { InvalidManifestError } from './errors.ts'
import { isForeignLayerType, isIndexType, isManifestType, isSchema1Type, MediaType } from './media-type.ts'
import { schema1Payload } from './schema1.ts'

/** distribution-spec v1.1.1, "Pushing manifests": registries SHOULD take at least 4 MiB; more is refused. */
export const maxManifestBytes = 4 * 1024 * 1024

interface ManifestBase {
  /** The bytes as served. Digests are over these; a manifest is never re-serialised. */
  readonly bytes: Uint8Array
  readonly mediaType: string
  /** sha256 over `bytes` (over the payload, for a signed schema 1). */
  readonly digest: Digest
  readonly artifactType?: string
  readonly annotations?: Readonly<Record<string, string>>
  readonly subject?: Descriptor
}
/** Docker schema 2, OCI image manifests, and the short-lived OCI artifact manifest (`layers` are its blobs). */
export interface ImageManifest extends ManifestBase { readonly kind: 'image'; readonly config?: Descriptor; readonly layers: readonly Descriptor[] }
export interface ImageIndex extends ManifestBase { readonly kind: 'index'; readonly manifests: readonly Descriptor[] }
/** Docker schema 1: blobs of unknown size (`size` is -1). */
export interface Schema1Manifest extends ManifestBase { readonly kind: 'schema1'; readonly layers: readonly Descriptor[] }
export type Manifest = ImageManifest | ImageIndex | Schema1Manifest

/** The descriptor of a manifest itself. */
export function descriptorOf(manifest: Manifest): Descriptor {
  return { mediaType: manifest.mediaType, digest: manifest.digest, size: manifest.bytes.byteLength }
}

/**
 * Content this manifest cannot be pushed without. `subject` is not among them: the specification lets it be absent.
 * A descriptor that names one digest twice is given once.
 */
export function successors(manifest: Manifest): { readonly blobs: readonly Descriptor[]; readonly manifests: readonly Descriptor[] } {
  switch (manifest.kind) {
    case 'image': return { blobs: unique(manifest.config ? [manifest.config, ...manifest.layers] : manifest.layers), manifests: [] }
    case 'schema1': return { blobs: unique(manifest.layers), manifests: [] }
    case 'index': {
      // An index may list plain blobs; a media type that is no manifest's is taken for one.
      const listed = unique(manifest.manifests)
      return { blobs: listed.filter((d) => !isManifestType(d.mediaType)), manifests: listed.filter((d) => isManifestType(d.mediaType)) }
    }
  }
}

export function isForeign(desc: Descriptor): boolean {
  return isForeignLayerType(desc.mediaType) && (desc.urls?.length ?? 0) > 0
}

function unique(descs: readonly Descriptor[]): readonly Descriptor[] {
  const seen = new Set<string>()
  return descs.filter((d) => !seen.has(d.digest) && seen.add(d.digest))
}

/**
 * Decodes the bytes of a manifest. `mediaType` is the Content-Type they were served with, parameters removed;
 * `what` names it in errors; `expected` picks the digest's algorithm.
 * @throws InvalidManifestError when it is not JSON, of no known kind, or names something that is not a descriptor.
 */
export function decodeManifest(bytes: Uint8Array, mediaType: string, what: string, expected?: Digest): Manifest {
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    throw new InvalidManifestError(what, `is not JSON (${(error as Error).message})`)
  }
  if (!isObject(json)) throw new InvalidManifestError(what, 'is not a JSON object')
  const type = kindOf(json, mediaType)
  if (type === undefined) throw new InvalidManifestError(what, `has the media type "${mediaType}", which is no manifest's`)
  const algorithm = expected?.startsWith('sha512:') === true ? 'sha512' : 'sha256'
  if (isSchema1Type(type)) {
    const base = { bytes, mediaType: type, digest: digestOf(schema1Payload(bytes, json), algorithm) }
    const layers = list(json, 'fsLayers', what).map((layer): Descriptor => {
      const digest = isObject(layer) ? layer['blobSum'] : undefined
      if (typeof digest !== 'string' || !isDigest(digest)) throw new InvalidManifestError(what, 'an entry of fsLayers has no valid blobSum')
      return { mediaType: MediaType.dockerLayer, digest, size: -1 }
    })
    return { kind: 'schema1', ...base, layers }
  }
  const subject = json['subject'] === undefined || json['subject'] === null ? undefined : descriptor(json['subject'], 'subject', what)
  const artifactType = typeof json['artifactType'] === 'string' ? json['artifactType'] : undefined
  const annotations = isObject(json['annotations']) ? json['annotations'] as Record<string, string> : undefined
  const base = {
    bytes, mediaType: type, digest: digestOf(bytes, algorithm),
    ...(subject ? { subject } : {}), ...(artifactType === undefined ? {} : { artifactType }), ...(annotations ? { annotations } : {}),
  }
  if (isIndexType(type)) {
    // Go writes an empty list as null.
    return { kind: 'index', ...base, manifests: (json['manifests'] === null ? [] : list(json, 'manifests', what)).map((d, i) => descriptor(d, `manifests[${i}]`, what)) }
  }
  if (type === MediaType.ociArtifact) {
    return { kind: 'image', ...base, layers: optionalList(json, 'blobs', what).map((d, i) => descriptor(d, `blobs[${i}]`, what)) }
  }
  return {
    kind: 'image', ...base,
    config: descriptor(json['config'], 'config', what),
    layers: optionalList(json, 'layers', what).map((d, i) => descriptor(d, `layers[${i}]`, what)),
  }
}

/** The media type that the content itself declares wins only where the Content-Type says nothing useful. */
function kindOf(json: Record<string, unknown>, contentType: string): string | undefined {
  if (isManifestType(contentType)) return contentType
  const declared = json['mediaType']
  if (typeof declared === 'string' && isManifestType(declared)) return declared
  if (json['schemaVersion'] === 1) return 'signatures' in json ? MediaType.dockerSchema1Signed : MediaType.dockerSchema1
  if (json['schemaVersion'] === 2 && declared === undefined) {
    if (Array.isArray(json['manifests'])) return MediaType.ociIndex
    if (isObject(json['config'])) return MediaType.ociManifest
  }
  return undefined
}

function descriptor(value: unknown, field: string, what: string): Descriptor {
  if (!isObject(value)) throw new InvalidManifestError(what, `${field} is not a descriptor`)
  const { digest, size, mediaType } = value
  if (typeof digest !== 'string' || !isDigest(digest)) throw new InvalidManifestError(what, `${field}.digest is not a valid digest`)
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) throw new InvalidManifestError(what, `${field}.size is not a size`)
  if (typeof mediaType !== 'string') throw new InvalidManifestError(what, `${field}.mediaType is missing`)
  return value as unknown as Descriptor
}

function list(json: Record<string, unknown>, field: string, what: string): readonly unknown[] {
  const value = json[field]
  if (!Array.isArray(value)) throw new InvalidManifestError(what, `${field} is not a list`)
  return value
}
function optionalList(json: Record<string, unknown>, field: string, what: string): readonly unknown[] {
  return json[field] === undefined || json[field] === null ? [] : list(json, field, what)
}
function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
