import type { BatchKey } from '@longshore/ledger'
import type { AddOptions, BullQueues, Work } from '@longshore/queue'
import { isBlobKey, type NodeKey, sizeOfBlobKey } from '@longshore/transfer'

/** Blobs from this size on are begun before all that waits: the last to begin is the one that everybody waits for at the end. Bytes. */
const largeBytes = 32 * 1024 * 1024
/** What a job takes together, when it may: a queue asks more of Redis for a job than a small blob asks of its registry. */
const together = { nodes: 16, bytes: 8 * 1024 * 1024 }

export interface EnqueueOptions extends AddOptions {
  /**
   * Small work may share jobs. Not for what may be waiting already: the queue knows a job that it has by its nodes, all of them, and would take
   * the same ones in other company as new.
   */
  readonly together?: boolean
}

/** Ready work into its queues. */
export async function enqueue(queues: Pick<BullQueues, 'of'>, migration: string, nodes: readonly NodeKey[], batches: readonly BatchKey[], options: EnqueueOptions = {}): Promise<void> {
  const { images, blobs, manifests } = queues.of(migration)
  const { together: mayShare = false, ...how } = options
  const toWork = (list: readonly NodeKey[]): readonly Work[] => (mayShare ? [...groupsOf(list)] : list.map((node) => ({ node })))
  const isLarge = (node: NodeKey): boolean => sizeOfBlobKey(node) >= largeBytes
  const blobNodes = nodes.filter(isBlobKey)
  const large = blobNodes.filter(isLarge)
  const small = blobNodes.filter((node) => !isLarge(node))
  const rest = nodes.filter((node) => !isBlobKey(node))
  await Promise.all([
    batches.length > 0 ? images.add(batches.map((node) => ({ node })), how) : undefined,
    large.length > 0 ? blobs.add(large.map((node) => ({ node })), { ...how, first: true }) : undefined,
    small.length > 0 ? blobs.add(toWork(small), how) : undefined,
    rest.length > 0 ? manifests.add(toWork(rest), how) : undefined,
  ])
}

function* groupsOf(nodes: readonly NodeKey[]): Generator<Work> {
  let group: NodeKey[] = []
  let bytes = 0
  for (const node of nodes) {
    const size = isBlobKey(node) ? Math.max(0, sizeOfBlobKey(node)) : 0
    if (group.length > 0 && (group.length === together.nodes || bytes + size > together.bytes)) {
      yield workOf(group)
      group = []
      bytes = 0
    }
    group.push(node)
    bytes += size
  }
  if (group.length > 0) yield workOf(group)
}

function workOf(nodes: readonly NodeKey[]): Work {
  const [node] = nodes
  return nodes.length === 1 && node !== undefined ? { node } : { nodes }
}
