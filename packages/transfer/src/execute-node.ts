// Makes one node true at the destination.
import {
  algorithmOf, CopyError, decodeManifest, type Descriptor, type Digest, isForeign, type Manifest, MediaType, RegistryError, type RepositoryName, type Tag,
} from '@longshore/oci'
import { atSide } from './at-side.ts'
import type { Transports } from './context.ts'
import { ContentRefusedError, ImmutableTagError, TagConflictError } from './errors.ts'
import type { InFlight } from './event.ts'
import { formatEnd } from './image.ts'
import type { Lease } from './ledger.ts'
import type { BlobNode, ManifestNode, NodeOutcome, ReferrersNode, TagNode } from './node.ts'
import { readBlob } from './read-blob.ts'
import type { Checkpoint, Io, PushOutcome } from './transport.ts'
import type { Uploads, UploadTurn } from './uploads.ts'

export interface ExecuteContext extends Io {
  readonly transports: Transports
  readonly inFlight: Set<InFlight>
  /** Where several processes write to one registry. */
  readonly uploads?: Uploads
}

/** How old what was learnt of a tag may be before the tag is asked for again. */
const staleMs = 60_000

/** @throws CopyError, TagConflictError, ImmutableTagError */
export async function executeNode({ node, holders, again }: Lease, context: ExecuteContext): Promise<NodeOutcome> {
  switch (node.kind) {
    case 'blob': return await pushBlob(node, holders, again, context)
    case 'manifest': {
      await put(node, node.manifest.digest, context)
      return 'pushed'
    }
    case 'tag': return await putTag(node, context)
    case 'referrers': return await putReferrers(node, context)
  }
}

/** A placement that others wait for may have been sent by another migration; what one process left half sent, the next goes on with. */
async function pushBlob(node: BlobNode, holders: readonly RepositoryName[], again: boolean, context: ExecuteContext): Promise<PushOutcome> {
  const { signal, uploads } = context
  if (!uploads || holders.length > 0) return await send(node, holders, context)
  const turn = await uploads.enter(node.registry, node.repository, node.desc, { signal })
  let outcome: PushOutcome | undefined
  try {
    const { holder, checkpoint } = turn
    outcome = holder === undefined ? await send(node, [], context, checkpoint)
      : await send({ ...node, mayExist: node.mayExist || holder === node.repository }, holder === node.repository ? [] : [holder], context, checkpoint)
    if (outcome === 'existed' && !again) outcome = madeBefore(node, turn)
    return outcome
  } finally {
    // It goes with what the ledger is told next. Should it be lost, the turn ends by itself.
    turn.end(outcome).catch(() => {})
  }
}

/** What is there may be there by an earlier delivery of this job, which did not come to tell: a report says what the migration did, not what its last try met. */
function madeBefore({ mayExist }: BlobNode, { before, checkpoint: { saved } }: UploadTurn): PushOutcome {
  if (before !== 'begun') return before ?? 'existed'
  // It asked before it sent: with a session, or in a repository that was empty, the blob was not there.
  return saved !== undefined || !mayExist ? 'pushed' : 'existed'
}

async function send(node: BlobNode, holders: readonly RepositoryName[], context: ExecuteContext, checkpoint?: Checkpoint): Promise<PushOutcome> {
  const { signal, transports, inFlight } = context
  const target = transports.target(node.registry)
  // Within one registry nothing has to cross the wire at all.
  const near = node.from.filter((from) => from.registry === node.registry).map((from) => from.repository)
  const entry: InFlight = { registry: node.registry, repository: node.repository, desc: node.desc, startedMs: performance.now(), sent: 0 }
  inFlight.add(entry)
  try {
    return await atSide('destination', 'push', node.desc, signal, target.push(node.repository, node.desc, readBlob(node, holders, transports, signal), {
      signal, mountFrom: [...holders, ...near], mayExist: node.mayExist, onSent: (bytes) => { entry.sent += bytes },
      ...(checkpoint === undefined ? {} : { checkpoint }),
    }))
  } finally {
    inFlight.delete(entry)
  }
}

/** P8: what the tag names now is compared with what it named when the image was resolved, and only then is it moved. */
async function putTag(node: TagNode, context: ExecuteContext): Promise<NodeOutcome> {
  const { signal, transports } = context
  const { tag, manifest, seen, repository } = node
  const target = transports.target(node.registry)
  if (seen.digest !== undefined || performance.now() - seen.atMs > staleMs) {
    const now = await atSide('destination', 'resolve', undefined, signal, target.resolve(repository, tag, { signal }))
    if (now?.digest === manifest.digest && seen.digest !== manifest.digest) return 'existed'
    if (now && now.digest !== seen.digest) throw new TagConflictError(formatEnd({ ...node, reference: tag }), seen.digest, now.digest)
  }
  try {
    await put(node, tag, context)
    return 'pushed'
  } catch (error) {
    return await kept(node, error, context)
  }
}

async function put(node: ManifestNode | TagNode, reference: Tag | Digest, { signal, transports }: ExecuteContext): Promise<void> {
  const { manifest, repository, registry } = node
  try {
    await atSide('destination', node.kind === 'tag' ? 'tag' : 'push', undefined, signal, transports.target(registry).put(repository, manifest, reference, { signal }))
  } catch (error) {
    const peculiarity = peculiarityOf(manifest)
    const refusal = error instanceof CopyError ? error.cause : undefined
    if (peculiarity === undefined || !(refusal instanceof RegistryError) || !contentRefusals.has(refusal.status)) throw error
    throw new CopyError('destination', node.kind === 'tag' ? 'tag' : 'push', undefined, new ContentRefusedError(registry, peculiarity, refusal))
  }
}

/** Answers that may be about what a manifest is. docker-registry answers 500 to a format or a URL that it was not set up for. */
const contentRefusals = new Set([400, 405, 406, 415, 422, 500, 501])

function peculiarityOf(manifest: Manifest): string | undefined {
  if (manifest.kind === 'schema1') return 'is in the outdated format Docker schema 1'
  if (algorithmOf(manifest.digest) === 'sha512') return 'is named by its sha512'
  if (manifest.kind === 'image' && manifest.layers.some(isForeign)) return 'has foreign layers: layers that live at other URLs'
  return undefined
}

/** A registry that keeps tags from moving may refuse even what changes nothing. */
async function kept(node: TagNode, error: unknown, { signal, transports }: ExecuteContext): Promise<NodeOutcome> {
  const cause = error instanceof Error ? error.cause : undefined
  if (!(cause instanceof RegistryError) || ![400, 403, 405, 409, 412].includes(cause.status) || cause.code === 'MANIFEST_BLOB_UNKNOWN') throw error
  const now = await transports.target(node.registry).resolve(node.repository, node.tag, { signal }).catch(() => undefined)
  if (now?.digest === node.manifest.digest) return 'existed'
  if (now && /immutable/i.test(cause.message)) throw new ImmutableTagError(formatEnd({ ...node, reference: node.tag }), now.digest, error)
  throw error
}

/**
 * Adds to the list under the fallback tag, unless the registry keeps its referrers itself, all of them.
 * distribution-spec v1.1.1, "Pushing Manifests with Subject": the list is read, completed, and put again.
 */
async function putReferrers({ registry, repository, tag, subject, descs, list }: ReferrersNode, { signal, transports }: ExecuteContext): Promise<NodeOutcome> {
  const target = transports.target(registry)
  const known = await atSide('destination', 'list', undefined, signal, target.referrers(repository, subject, { signal }))
  // A list may name what is about nothing, or about something else: no API gives that back.
  if (known !== undefined && lacking(known, list?.manifests ?? []).length === 0) return 'skipped'
  const there = await atSide('destination', 'fetch', undefined, signal, target.manifest(repository, tag, { signal }))
  const listed = there?.kind === 'index' ? there.manifests : []
  const missing = lacking(listed, descs)
  const isWhole = list !== undefined && lacking(list.manifests, [...listed, ...descs]).length === 0
  if (isWhole ? there?.digest === list.digest : there && missing.length === 0) return 'existed'
  const index = { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [...listed, ...missing] satisfies readonly Descriptor[] }
  const manifest = isWhole ? list : decodeManifest(Buffer.from(JSON.stringify(index)), MediaType.ociIndex, `${registry}/${repository}:${tag}`)
  await atSide('destination', 'tag', undefined, signal, target.put(repository, manifest, tag, { signal }))
  return 'pushed'
}

/** Those of `wanted` that `have` does not name. */
function lacking(have: readonly Descriptor[], wanted: readonly Descriptor[]): readonly Descriptor[] {
  const digests = new Set<Digest>(have.map((desc) => desc.digest))
  return wanted.filter((desc) => !digests.has(desc.digest))
}
