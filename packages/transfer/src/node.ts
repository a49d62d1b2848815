import type { Brand, Descriptor, Digest, ImageIndex, Manifest, RepositoryName, Tag } from '@longshore/oci'
import type { CopyOptions } from './context.ts'
import type { Location } from './image.ts'

/** What must come true, and where: `blob host/repository@digest+size`, `manifest host/repository@digest`, `tag host/repository:tag`, `referrers host/repository:tag`. */
export type NodeKey = Brand<string, 'NodeKey'>

/** The size is part of it: a manifest that lies about a blob's size must not fail the honest ones. */
export function blobKey({ registry, repository }: Location, { digest, size }: Descriptor): NodeKey {
  return `blob ${registry}/${repository}@${digest}+${size}` as NodeKey
}
export function manifestKey({ registry, repository }: Location, digest: Digest): NodeKey {
  return `manifest ${registry}/${repository}@${digest}` as NodeKey
}
export function tagKey({ registry, repository }: Location, tag: Tag): NodeKey {
  return `tag ${registry}/${repository}:${tag}` as NodeKey
}
/** Not that of the tag: who asks for the tag by name gets it, also where a list of referrers is not needed. */
export function referrersKey({ registry, repository }: Location, tag: Tag): NodeKey {
  return `referrers ${registry}/${repository}:${tag}` as NodeKey
}
/** Bytes; -1: not known. */
export function sizeOfBlobKey(key: NodeKey): number { return Number(key.slice(key.lastIndexOf('+') + 1)) }
/** Blobs and manifests wait in queues of their own. */
export function isBlobKey(key: NodeKey): boolean {
  return key.startsWith('blob ')
}

interface NodeBase {
  readonly key: NodeKey
  /** Where it must come true. */
  readonly registry: string
  readonly repository: RepositoryName
}

/** A blob in a repository: a placement. */
export interface BlobNode extends NodeBase {
  readonly kind: 'blob'
  readonly desc: Descriptor
  /** Source repositories known to list it. */
  readonly from: readonly Location[]
  /** The destination repository had content before: it may hold the blob. */
  readonly mayExist: boolean
}

/** A manifest in a repository, put by its digest. */
export interface ManifestNode extends NodeBase {
  readonly kind: 'manifest'
  readonly manifest: Manifest
  readonly from: Location
  readonly needs: readonly NodeKey[]
  /** What its image asked for: decides again what it needs, should it have to be sent again. */
  readonly options: CopyOptions
}

/** A manifest put under a tag: one request makes both true. */
export interface TagNode extends NodeBase {
  readonly kind: 'tag'
  readonly tag: Tag
  readonly manifest: Manifest
  readonly from: Location
  readonly needs: readonly NodeKey[]
  /** What its image asked for: decides again what it needs, should it have to be sent again. */
  readonly options: CopyOptions
  /** What the tag named when the image was resolved, and when that was learnt (ms, monotonic): what P8 compares with. */
  readonly seen: { readonly digest: Digest | undefined; readonly atMs: number }
}

/**
 * The list of a manifest's referrers under the tag schema, for a destination without the referrers API.
 * distribution-spec v1.1.1, "Pushing Manifests with Subject".
 */
export interface ReferrersNode extends NodeBase {
  readonly kind: 'referrers'
  readonly tag: Tag
  readonly subject: Digest
  readonly descs: readonly Descriptor[]
  /** What the source has under the tag: put as it is where nothing has to be added. */
  readonly list?: ImageIndex
  readonly needs: readonly NodeKey[]
}

export type PlanNode = BlobNode | ManifestNode | TagNode | ReferrersNode
export type NodeOutcome = 'pushed' | 'mounted' | 'existed' | 'skipped'

export function needsOf(node: PlanNode): readonly NodeKey[] {
  return node.kind === 'blob' ? [] : node.needs
}
