// Images whose destination could not be made ready come to their end with the leader, which alone knows why. What is retried later is a worker's, who
// does try to move it: by then somebody may have made by hand what was missing.
import type { BatchKey, PoolLedger } from '@longshore/ledger'
import { hintFor, imageId, type Wanted } from '@longshore/transfer'
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

/** Answers whether the batch holds anything for workers. */
export async function failUnready(key: BatchKey, batch: readonly Wanted[], { ledger, publisher, onNews, self }: FailUnreadyOptions): Promise<boolean> {
  const failures = new Map(batch.flatMap(({ image, failure }) => (failure === undefined ? [] : [[imageId(image), failure] as const])))
  if (failures.size === 0) return true
  const lease = await ledger.claimBatch(key, self)
  // Somebody took it already, or the migration is paused: whoever comes to it finds out for himself.
  if (!lease) return true
  for (const { id, wanted: { image } } of lease.images) {
    const error = failures.get(id)
    if (!error) continue
    await ledger.failImage(lease, id, error)
    // What may pass is tried once more at the end; it is told then.
    if (isToldLate(error)) continue
    const news = { type: 'failed', image, error, hint: hintFor(error) } as const
    publisher.publish(news)
    onNews(news)
  }
  await ledger.releaseBatch(lease)
  return failures.size < batch.length
}
