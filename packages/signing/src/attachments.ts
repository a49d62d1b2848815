// sigstore signatures in the registry itself, as cosign has them: the tag `sha256-HEX.sig` is an image whose layers are the signed payloads.
// https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md
import { pause } from '@longshore/concurrency'
import { algorithmOf, decodeManifest, type Descriptor, type Digest, digestOf, hexOf, type Manifest, MediaType, parseTag, type RepositoryName, type Tag } from '@longshore/oci'
import { type Content, type Io, type Opener, type Source, type Target } from '@longshore/transfer'
import { SigningError } from './errors.ts'
import type { SigstoreSignature } from './sigstore.ts'

const maxPayload = 4 * 1024 * 1024

export function attachmentTag(manifest: Digest): Tag { return parseTag(`${algorithmOf(manifest)}-${hexOf(manifest)}.sig`) }

/** @throws SigningError SIGNATURE_STORE when what has the tag holds no such signatures */
export async function readAttachments(source: Source, repository: RepositoryName, manifest: Digest, io: Io): Promise<readonly SigstoreSignature[]> {
  const found: SigstoreSignature[] = []
  for (const layer of layersOf(await source.manifest(repository, attachmentTag(manifest), io), manifest)) {
    found.push({ kind: 'sigstore', mediaType: layer.mediaType, payload: await readAttachedBlob(source, repository, layer, io), annotations: layer.annotations ?? {} })
  }
  return found
}

/** How often one writer looks again because another one wrote meanwhile. */
const maxRounds = 20
/** Milliseconds from a writing to the look at what became of it: another that had compared before it has written by then. */
const settleMs = 150

/** Writers of this process, by the tag that they write: they take turns. */
const turns = new WeakMap<Target, Map<string, Promise<unknown>>>()

/**
 * Adds those that are not there yet, behind those that are. Registries have no way to write a tag only where it has not changed. So what is there is
 * compared just before it is written over, and read again afterwards: a writer whose signatures another one has written over merges and writes again.
 * @throws SigningError SIGNATURE_STORE when others never cease to write, or what has the tag holds no signatures
 */
export async function writeAttachments(target: Target, repository: RepositoryName, manifest: Digest, signatures: readonly SigstoreSignature[], io: Io): Promise<void> {
  const mine = turns.get(target) ?? new Map<string, Promise<unknown>>()
  turns.set(target, mine)
  const key = `${repository} ${manifest}`
  const before = mine.get(key)
  const turn = (async () => {
    // Its failure is its own caller's.
    await before?.catch(() => {})
    await addAttachments(target, repository, manifest, signatures, io)
  })()
  mine.set(key, turn)
  try {
    await turn
  } finally {
    if (mine.get(key) === turn) mine.delete(key)
  }
}

async function addAttachments(target: Target, repository: RepositoryName, manifest: Digest, signatures: readonly SigstoreSignature[], io: Io): Promise<void> {
  const tag = attachmentTag(manifest)
  for (let round = 0; round < maxRounds; round++) {
    const existing = await target.manifest(repository, tag, io)
    const layers = [...layersOf(existing, manifest)]
    const added = signatures.filter((signature) => {
      const layer = { mediaType: signature.mediaType, digest: digestOf(signature.payload), size: signature.payload.byteLength, annotations: signature.annotations }
      if (layers.some((other) => isSame(other, layer))) return false
      return layers.push(layer) > 0
    })
    if (added.length === 0) return
    const config = Buffer.from(JSON.stringify({ architecture: '', os: '', config: {}, rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) } }))
    const configDescriptor = { mediaType: MediaType.ociConfig, digest: digestOf(config), size: config.byteLength }
    for (const { payload, mediaType } of added) await target.push(repository, { mediaType, digest: digestOf(payload), size: payload.byteLength }, opener(payload), io)
    await target.push(repository, configDescriptor, opener(config), io)
    const rest = existing === undefined ? {} : JSON.parse(Buffer.from(existing.bytes).toString()) as Record<string, unknown>
    const bytes = Buffer.from(JSON.stringify({ ...rest, schemaVersion: 2, mediaType: MediaType.ociManifest, config: configDescriptor, layers }))
    const compared = performance.now()
    if ((await target.resolve(repository, tag, io))?.digest !== existing?.digest) continue
    await target.put(repository, decodeManifest(bytes, MediaType.ociManifest, `the signatures of ${manifest}`), tag, io)
    // Another is as slow as this one was; not all wait for the same moment.
    await pause((settleMs + 2 * (performance.now() - compared)) * (1 + Math.random() / 2), io.signal)
  }
  throw new SigningError('SIGNATURE_STORE', `the signatures of ${repository}@${manifest} could not be attached: others write ${tag} all the time; run it again when they are done`)
}

function layersOf(attached: Manifest | undefined, manifest: Digest): readonly Descriptor[] {
  if (!attached) return []
  if (attached.kind !== 'image' || attached.mediaType !== MediaType.ociManifest) throw new SigningError('SIGNATURE_STORE', `${attachmentTag(manifest)} is a ${attached.mediaType}, which holds no signatures`)
  return attached.layers
}

function isSame(a: Descriptor, b: Descriptor): boolean {
  const sorted = (annotations: Descriptor['annotations']): string => JSON.stringify(Object.entries(annotations ?? {}).sort(([x], [y]) => (x < y ? -1 : 1)))
  return a.mediaType === b.mediaType && a.digest === b.digest && sorted(a.annotations) === sorted(b.annotations)
}

/** A small blob, whole and checked. @throws SigningError SIGNATURE_STORE */
export async function readAttachedBlob(source: Source, repository: RepositoryName, layer: Descriptor, io: Io): Promise<Uint8Array> {
  if (layer.size > maxPayload) throw new SigningError('SIGNATURE_STORE', `a signature of ${layer.size} bytes: at most ${maxPayload} are read`)
  const chunks: Uint8Array[] = []
  let size = 0
  await using content = await source.blob(repository, layer, io)
  for await (const chunk of content) {
    size += chunk.byteLength
    if (size > layer.size) break
    chunks.push(chunk)
  }
  const bytes = Buffer.concat(chunks)
  if (size !== layer.size || digestOf(bytes, algorithmOf(layer.digest)) !== layer.digest) throw new SigningError('SIGNATURE_STORE', `the signature ${layer.digest} arrived with other content`)
  return bytes
}

function opener(bytes: Uint8Array): Opener {
  return async (offset) => content(bytes.subarray(offset))
}

function content(bytes: Uint8Array): Content {
  return { async *[Symbol.asyncIterator]() { yield bytes }, async [Symbol.asyncDispose]() { /* nothing is open */ } }
}
