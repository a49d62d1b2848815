import type { BatchKey } from '@longshore/ledger'
import type { AddOptions, BullQueues } from '@longshore/queue'
import { isBlobKey, type Job, type NodeKey, sizeOfBlobKey } from '@longshore/transfer'

/** Blobs from this size on are begun before all that waits: the last to begin is the one that everybody waits for at the end. Bytes. */
const largeBytes = 32 * 1024 * 1024

/** Ready work into its queues. */
export async function enqueue(queues: BullQueues, migration: string, nodes: readonly NodeKey[], batches: readonly BatchKey[], options: AddOptions = {}): Promise<void> {
  const { images, blobs, manifests } = queues.of(migration)
  const toJob = (node: NodeKey): Job => ({ id: node, node })
  const isLarge = (node: NodeKey): boolean => sizeOfBlobKey(node) >= largeBytes
  const blobNodes = nodes.filter(isBlobKey)
  const large = blobNodes.filter(isLarge).map(toJob)
  const blobJobs = blobNodes.filter((node) => !isLarge(node)).map(toJob)
  const manifestJobs = nodes.filter((node) => !isBlobKey(node)).map(toJob)
  await Promise.all([
    batches.length > 0 ? images.add(batches.map(toJob), options) : undefined,
    large.length > 0 ? blobs.add(large, { ...options, first: true }) : undefined,
    blobJobs.length > 0 ? blobs.add(blobJobs, options) : undefined,
    manifestJobs.length > 0 ? manifests.add(manifestJobs, options) : undefined,
  ])
}
