// Images whose destination could not be made ready come to their end with the leader, which alone knows why. A retry sees to their destinations
// again; what a worker comes to before that, he does try to move.
import type { BatchKey, PoolLedger } from '@longshore/ledger'
import type { ErrorRecord } from '@longshore/oci'
import { hintFor, imageId, type ImageId, type Wanted } from '@longshore/transfer'
import type { EventPublisher } from './event-stream.ts'
import type { LeaderNews } from './lead.ts'
import { isToldLate } from './told-late.ts'

export interface FailUnreadyOptions {
  readonly ledger: PoolLedger
  readonly publisher: EventPublisher
  readonly onNews: (news: LeaderNews) => void
  /** The leading process, as the ledger's leases know it. */
  readonly self: string
}

export function failuresOf(images: readonly Wanted[]): ReadonlyMap<ImageId, ErrorRecord> {
  return new Map(images.flatMap(({ image, failure }) => (failure === undefined ? [] : [[imageId(image), failure] as const])))
}

/** Answers whether the batch holds anything for workers. @param failures of its images, and maybe of others */
export async function failUnready(key: BatchKey, failures: ReadonlyMap<ImageId, ErrorRecord>, { ledger, publisher, onNews, self }: FailUnreadyOptions): Promise<boolean> {
  if (failures.size === 0) return true
  const lease = await ledger.claimBatch(key, self)
  // Somebody took it already, or the migration is paused: whoever comes to it finds out for himself.
  if (!lease) return true
  let forWorkers = 0
  for (const { id, wanted: { image } } of lease.images) {
    const error = failures.get(id)
    if (!error) {
      forWorkers++
      continue
    }
    await ledger.failImage(lease, id, error)
    // What may pass is tried once more at the end; it is told then.
    if (isToldLate(error)) continue
    const news = { type: 'failed', image, error, hint: hintFor(error) } as const
    publisher.publish(news)
    onNews(news)
  }
  await ledger.releaseBatch(lease)
  return forWorkers > 0
}
