// One tag is taken away, and nothing else. Registries differ: some delete tags, as the specification allows; docker-registry deletes manifests
// alone, and with them every tag that names them. Where a manifest has to stay, the tag is first made to name one of its own.
import { randomUUID } from 'node:crypto'
import { decodeManifest, type Digest, digestOf, type Manifest, MediaType, type Tag } from '@longshore/oci'
import { formatEnd, type Io, type Opener, type Target } from '@longshore/transfer'
import { PruneUnsafeError } from './errors.ts'
import type { Orphan } from './find-orphans.ts'

export interface RemoveOptions {
  readonly target: Target
  /** Whether something else holds the manifest: other tags, an index, a backup. */
  readonly isHeld: boolean
  /** Tags that name the same manifest and are to stay. */
  readonly siblings: readonly Tag[]
}

/** What a tag names until it is deleted together with its manifest. */
const placeholderType = 'application/vnd.longshore.deleted.v1'

/** `manifest`: the tag was deleted with its manifest, which nothing else held. */
export type Removal = 'tag' | 'manifest' | 'absent'

/** A rule of the destination keeps the tag. */
export interface Held { readonly held: string }

/**
 * @throws RegistryError where nothing may be deleted (405) or this account may not, PruneUnsafeError
 */
export async function removeTag(orphan: Orphan, { target, isHeld, siblings }: RemoveOptions, io: Io): Promise<Removal | Held> {
  const { repository, tag, digest } = orphan
  const manifest = siblings.length === 0 ? undefined : await target.manifest(repository, digest, io)
  const untagged = await target.untag?.(repository, tag, io) ?? 'unsupported'
  if (untagged === 'absent' || typeof untagged === 'object') return untagged
  if (untagged === 'deleted') {
    if (manifest) await restoreSiblings(orphan, manifest, siblings, target, io)
    return 'tag'
  }
  if (!isHeld) return await remove(target, orphan, digest, io) ? 'manifest' : 'absent'
  return await replaceAndRemove(orphan, target, io)
}

/** A registry that takes the manifest away with one of its tags breaks the specification; what it took is put back. @throws PruneUnsafeError */
async function restoreSiblings(orphan: Orphan, manifest: Manifest, siblings: readonly Tag[], target: Target, io: Io): Promise<void> {
  const gone: string[] = []
  const lost: string[] = []
  for (const tag of siblings) {
    if (await target.resolve(orphan.repository, tag, io) !== undefined) continue
    const name = formatEnd({ ...orphan, reference: tag })
    gone.push(name)
    try { await target.put(orphan.repository, manifest, tag, io) } catch { lost.push(name) }
  }
  if (gone.length > 0) throw new PruneUnsafeError(target.registry, formatEnd({ ...orphan, reference: orphan.tag }), gone, lost)
}

async function replaceAndRemove(orphan: Orphan, target: Target, io: Io): Promise<Removal> {
  const { repository, tag, digest } = orphan
  const empty = Buffer.from('{}')
  const config = { mediaType: MediaType.ociConfig, digest: digestOf(empty), size: empty.byteLength }
  const bytes = Buffer.from(JSON.stringify({
    schemaVersion: 2, mediaType: MediaType.ociManifest, config, layers: [config], annotations: { [placeholderType]: `${tag} was ${digest}`, [`${placeholderType}.id`]: randomUUID() },
  }))
  const placeholder = decodeManifest(bytes, MediaType.ociManifest, 'a placeholder')
  // Before anything changes: whether manifests can be deleted at all. This one is not there yet.
  await remove(target, orphan, placeholder.digest, io)
  const before = await target.manifest(repository, digest, io)
  if (!before) return 'absent'
  await target.push(repository, config, opener(empty), { ...io, mayExist: true })
  await target.put(repository, placeholder, tag, io)
  try {
    await remove(target, orphan, placeholder.digest, io)
  } catch (error) {
    // The tag names again what it named, whatever comes of the error.
    await target.put(repository, before, tag, io)
    throw error
  }
  return 'tag'
}

async function remove(target: Target, { repository }: Orphan, digest: Digest, io: Io): Promise<boolean> {
  if (!target.remove) throw new Error(`${target.registry} is a place in which nothing can be deleted`)
  return await target.remove(repository, digest, io)
}

function opener(bytes: Uint8Array): Opener {
  return async (offset) => ({ async *[Symbol.asyncIterator]() { yield bytes.subarray(offset) }, async [Symbol.asyncDispose]() { /* nothing is open */ } })
}
