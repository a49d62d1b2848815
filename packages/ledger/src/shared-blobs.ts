import type { RepositoryName } from '@longshore/oci'
import type { BlobNode, NodeKey } from '@longshore/transfer'

/** One digest in one registry: who leads, who waits for the leader, who has it. */
export interface SharedBlob { leader: NodeKey | undefined; readonly followers: NodeKey[]; readonly holders: RepositoryName[] }

/** A few places to mount from are as good as all of them. */
const maxHolders = 3

export class SharedBlobs {
  readonly #blobs = new Map<string, SharedBlob>()

  /** What is known of the digest in the node's registry; `isFresh` when nobody asked for it before. */
  of({ registry, desc }: BlobNode): { readonly shared: SharedBlob; readonly isFresh: boolean } {
    const id = `${registry} ${desc.digest}`
    const known = this.#blobs.get(id)
    if (known) return { shared: known, isFresh: false }
    const shared: SharedBlob = { leader: undefined, followers: [], holders: [] }
    this.#blobs.set(id, shared)
    return { shared, isFresh: true }
  }

  /** The node's repository has the blob now. Answers who waited for that. */
  landed(node: BlobNode): readonly NodeKey[] {
    const { shared } = this.of(node)
    if (shared.holders.length < maxHolders && !shared.holders.includes(node.repository)) shared.holders.push(node.repository)
    shared.leader = undefined
    return shared.followers.splice(0)
  }

  /** The node failed: answers who leads in its place, if it led. */
  succeed(node: BlobNode): NodeKey | undefined {
    const { shared } = this.of(node)
    if (shared.leader !== node.key) return undefined
    shared.leader = shared.followers.shift()
    return shared.leader
  }

  /** The content is bad: answers who waits for it, in vain. */
  abandon(node: BlobNode): readonly NodeKey[] { return this.of(node).shared.followers.splice(0) }

  /** The node's repository turned out not to have it. */
  lost(node: BlobNode): void {
    const { holders } = this.of(node).shared
    const at = holders.indexOf(node.repository)
    if (at >= 0) holders.splice(at, 1)
  }
}
