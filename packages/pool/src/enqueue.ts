import type { BatchKey } from '@longshore/ledger'
import type { AddOptions, BullQueues } from '@longshore/queue'
import { isBlobKey, type Job, type NodeKey } from '@longshore/transfer'

/** Ready work into its queues. */
export async function enqueue(queues: BullQueues, migration: string, nodes: readonly NodeKey[], batches: readonly BatchKey[], options: AddOptions = {}): Promise<void> {
  const { images, blobs, manifests } = queues.of(migration)
  const toJob = (node: NodeKey): Job => ({ id: node, node })
  const blobJobs = nodes.filter(isBlobKey).map(toJob)
  const manifestJobs = nodes.filter((node) => !isBlobKey(node)).map(toJob)
  await Promise.all([
    batches.length > 0 ? images.add(batches.map(toJob), options) : undefined,
    blobJobs.length > 0 ? blobs.add(blobJobs, options) : undefined,
    manifestJobs.length > 0 ? manifests.add(manifestJobs, options) : undefined,
  ])
}
