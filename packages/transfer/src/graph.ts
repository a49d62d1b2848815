import type { Descriptor, Digest, ImageIndex, Manifest, Tag } from '@longshore/oci'
import type { CopyOptions } from './context.ts'
import type { Location } from './image.ts'
import { blobKey, manifestKey, type NodeKey, type PlanNode, referrersKey, tagKey } from './node.ts'

/** Where content is read and where it goes. */
export interface Route { readonly from: Location; readonly to: Location }

/** The nodes of one image, needs before those that need them, each once. */
export class Graph {
  readonly nodes = new Map<NodeKey, PlanNode>()
  readonly roots: NodeKey[] = []

  addBlob({ from, to }: Route, desc: Descriptor, mayExist: boolean): NodeKey {
    const key = blobKey(to, desc)
    if (!this.nodes.has(key)) this.nodes.set(key, { kind: 'blob', key, ...to, desc, from: [from], mayExist })
    return key
  }

  addManifest({ from, to }: Route, manifest: Manifest, needs: readonly NodeKey[], options: CopyOptions): NodeKey {
    const key = manifestKey(to, manifest.digest)
    if (!this.nodes.has(key)) this.nodes.set(key, { kind: 'manifest', key, ...to, manifest, from, needs, options })
    return key
  }

  addTag({ from, to }: Route, tag: Tag, manifest: Manifest, needs: readonly NodeKey[], options: CopyOptions, seen: { readonly digest: Digest | undefined; readonly atMs: number }): NodeKey {
    const key = tagKey(to, tag)
    if (!this.nodes.has(key)) this.nodes.set(key, { kind: 'tag', key, ...to, tag, manifest, from, needs, options, seen })
    return key
  }

  merge(other: Graph): void {
    for (const [key, node] of other.nodes) if (!this.nodes.has(key)) this.nodes.set(key, node)
  }

  addReferrers({ to }: Route, tag: Tag, subject: Digest, descs: readonly Descriptor[], needs: readonly NodeKey[], list?: ImageIndex): NodeKey {
    const key = referrersKey(to, tag)
    if (!this.nodes.has(key)) this.nodes.set(key, { kind: 'referrers', key, ...to, tag, subject, descs, needs, ...(list ? { list } : {}) })
    return key
  }
}
