// What one image becomes: layers first, then the configuration, then the manifest that names them.
import { group } from '@longshore/concurrency'
import { decodeManifest, type Descriptor, type ImageManifest, isForeign, type Manifest, MediaType, type RepositoryName, type Schema1Manifest } from '@longshore/oci'
import { type Content, type Io, type Source, Verifier } from '@longshore/transfer'
import type { Changes, Format } from './changes.ts'
import { ChangeError, refuse } from './errors.ts'
import { goJson } from './go-json.ts'
import type { Goal, Layers } from './layers.ts'
import { layerType, mediaTypeOf } from './media-types.ts'
import { ociConfigOf, parseObject } from './oci-config.ts'
import { parseSchema1, schema2ConfigOf } from './schema1.ts'
import type { Spool } from './spool.ts'

export interface ImageContext { readonly inner: Source; readonly changes: Changes; readonly layers: Layers; readonly spool: Spool }

/** What a configuration may weigh: containers/image's limit too. Bytes. */
const maxConfigBytes = 4 * 1024 * 1024

/** The format that an image or an index of this format becomes. zstd, which Docker's format has no word for, makes it OCI's. */
export function targetFormat(own: Format, { format, compress }: Changes): Format {
  if (format === 'oci' || format === 'v2s2') return format
  return compress?.algorithm === 'zstd' ? 'oci' : own
}

/** @returns the same object where nothing changes. @throws ChangeError */
export async function changeImage(manifest: ImageManifest, repository: RepositoryName, what: string, context: ImageContext, io: Io): Promise<Manifest> {
  const { changes, spool } = context
  if (changes.format === 'v2s1') refuse(what, 'is not made a Docker schema 1 manifest, which today\'s registries refuse: take the format v2s2 or oci')
  const own: Format = manifest.mediaType === MediaType.dockerManifest ? 'v2s2' : 'oci'
  const format = targetFormat(own, changes)
  const { config } = manifest
  const isImage = config?.mediaType === (own === 'oci' ? MediaType.ociConfig : MediaType.dockerConfig) && manifest.mediaType !== MediaType.ociArtifact
  if (!isImage) {
    // Signatures, charts and other artifacts are no images: nothing of them is compressed, and only OCI has a format for them.
    if (format === own || (changes.format === undefined && own === 'v2s2')) return manifest
    refuse(what, `is an artifact of the type "${manifest.artifactType ?? config?.mediaType ?? manifest.mediaType}" and no image: it cannot become ${nameOf(format)}`)
  }
  const layers = await changeLayers(manifest.layers, own, format, repository, what, context, io)
  if (format === own && !layers.some((layer, i) => layer !== manifest.layers[i])) return manifest
  const json = parseObject(manifest.bytes, what)
  if (format === own) return encode({ ...json, layers }, manifest.mediaType, what)
  const bare = layers.map((layer) => descriptor(format, layer))
  if (format === 'v2s2') {
    return encode({ schemaVersion: 2, mediaType: MediaType.dockerManifest, config: descriptor(format, { ...config, mediaType: MediaType.dockerConfig }), layers: bare }, MediaType.dockerManifest, what)
  }
  return ociManifest(ociConfigOf(await readConfig(config, repository, context, io), `${what}: configuration ${config.digest}`), bare, spool, what)
}

/** Schema 1 becomes what was asked for; without a wish for a format it stays. @throws ChangeError */
export async function changeSchema1(manifest: Schema1Manifest, repository: RepositoryName, what: string, context: ImageContext, io: Io): Promise<Manifest> {
  const { changes, spool } = context
  if (changes.format === 'v2s1') return manifest
  if (changes.format === undefined && changes.compress?.algorithm !== 'zstd') {
    if (changes.compress?.algorithm === 'none') refuse(what, 'is in the outdated format Docker schema 1, whose layers are always compressed: ask for the format v2s2 or oci too')
    return manifest
  }
  const format = targetFormat('v2s2', changes)
  const schema1 = parseSchema1(manifest.bytes, what)
  const kept = schema1.layers.filter((layer) => !layer.isEmpty)
  const measured = await group(io.signal, kept.map(({ digest }) => (signal) => context.layers.measure(repository, { mediaType: MediaType.dockerLayer, digest, size: -1 }, { signal })))
  const described = kept.map(({ digest }, i): Descriptor => ({ mediaType: MediaType.dockerLayer, digest, size: measured[i]?.size ?? 0 }))
  const layers = (await changeLayers(described, 'v2s2', format, repository, what, context, io)).map((layer) => descriptor(format, layer))
  const config = schema2ConfigOf(schema1, measured.map(({ diffId }) => diffId), what)
  if (format === 'oci') return ociManifest(ociConfigOf(config, what), layers, spool, what)
  const configured = descriptor(format, { mediaType: MediaType.dockerConfig, digest: await spool.put(config), size: config.byteLength })
  return encode({ schemaVersion: 2, mediaType: MediaType.dockerManifest, config: configured, layers }, MediaType.dockerManifest, what)
}

export function encode(json: object, mediaType: string, what: string): Manifest {
  return decodeManifest(Buffer.from(goJson(json)), mediaType, `what ${what} becomes`)
}

async function ociManifest(config: Uint8Array, layers: readonly object[], spool: Spool, what: string): Promise<Manifest> {
  const configured = { mediaType: MediaType.ociConfig, digest: await spool.put(config), size: config.byteLength }
  return encode({ schemaVersion: 2, mediaType: MediaType.ociManifest, config: configured, layers }, MediaType.ociManifest, what)
}

/** Layer by layer; one that stays is the same object. */
async function changeLayers(
  descs: readonly Descriptor[], own: Format, format: Format, repository: RepositoryName, what: string, { changes, layers }: ImageContext, io: Io,
): Promise<readonly Descriptor[]> {
  const goal = goalOf(changes)
  return await group(io.signal, descs.map((desc, i) => async (signal): Promise<Descriptor> => {
    const type = layerType(desc.mediaType)
    if (type?.format !== own) {
      if (format === own) return desc
      refuse(what, `layer ${i} has the media type "${desc.mediaType}", which has no counterpart in ${nameOf(format)}`)
    }
    // What is kept elsewhere is not fetched to be changed: its URLs would name other bytes.
    const made = goal === undefined || isForeign(desc) ? undefined : await layers.make(repository, desc, goal, { signal })
    const compression = made?.isNew === true ? made.compression : type.compression
    const mediaType = mediaTypeOf({ ...type, format, compression })
      ?? refuse(what, `zstd compression is not supported for docker images, and layer ${i} has it: add gzip as the compression, or ask for the format oci`)
    if (made?.isNew !== true) return mediaType === desc.mediaType ? desc : { ...desc, mediaType }
    const { urls: _urls, data: _data, annotations, ...rest } = desc
    const stillTrue = Object.entries(annotations ?? {}).filter(([name]) => !aboutTheBytes.test(name))
    return { ...rest, mediaType, digest: made.digest, size: made.size, ...(stillTrue.length === 0 ? {} : { annotations: Object.fromEntries(stillTrue) }) }
  }))
}

/** Tables of contents of zstd:chunked and of eStargz: where in the compressed bytes a file is. */
const aboutTheBytes = /^(?:io\.(?:github\.)?containers\.zstd-chunked\.|containerd\.io\/snapshot\/stargz\/)/

function goalOf({ compress, gzipPlain }: Changes): Goal | undefined {
  if (!compress) return gzipPlain === true ? { to: 'gzip', only: 'plain' } : undefined
  const { algorithm, level } = compress
  return { to: algorithm === 'none' ? 'plain' : algorithm, ...(level === undefined ? {} : { level }) }
}

/** Only what the other format knows, in the order in which containers/image writes it: then the digests are its own, too. */
function descriptor(format: Format, { mediaType, digest, size, urls }: Descriptor): object {
  const rest = urls === undefined || urls.length === 0 ? {} : { urls }
  return format === 'oci' ? { mediaType, digest, size, ...rest } : { mediaType, size, digest, ...rest }
}

async function readConfig(desc: Descriptor, repository: RepositoryName, { inner }: ImageContext, io: Io): Promise<Uint8Array> {
  const what = `configuration ${desc.digest} of ${inner.registry}`
  if (desc.size > maxConfigBytes) throw new ChangeError('CHANGE_REFUSED', `${what}: ${desc.size} bytes are more than the ${maxConfigBytes} that a configuration may have`)
  await using content: Content = await inner.blob(repository, desc, io)
  const chunks: Uint8Array[] = []
  for await (const chunk of new Verifier(desc, what).check(content, 0)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

export function nameOf(format: Format): string { return format === 'oci' ? 'an OCI image' : 'a Docker image (v2s2)' }
