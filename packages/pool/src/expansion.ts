// The images of a migration are found and opened, batch by batch, no more at once than the window allows.
import type { PoolLedger } from '@longshore/ledger'
import { type ExpansionNews, wantedOf, wantedOfChanges } from '@longshore/report'
import { type ImageId, imageId, objectsOf, type Wanted } from '@longshore/transfer'
import { enqueue } from './enqueue.ts'
import { failuresOf, failUnready } from './fail-unready.ts'
import { inBatches } from './in-batches.ts'
import type { LeadOptions } from './lead.ts'
import type { Lookout } from './lookout.ts'
import type { MigrationRecord } from './migration-record.ts'

/** Images that one worker resolves together. */
const batchSize = 16
/** The expansion may think about its next image for so long before those it has found are handed out. */
const lingerMs = 10

/**
 * A Redis that was restarted may have forgotten the last second: what it does not know of any more is found once more.
 * @param feeding aborts when the migration is stopped, cancelled, or led by another
 */
export async function expand(record: MigrationRecord, options: LeadOptions, ledger: PoolLedger, lookout: Lookout, feeding: AbortController): Promise<void> {
  await options.preparation?.begin(feeding.signal)
  while (await feed(record, options, ledger, lookout, feeding) > 0);
}

/** Answers how many of the images that were new the ledger has forgotten by now. */
async function feed({ id, spec, options, created }: MigrationRecord, all: LeadOptions, ledger: PoolLedger, lookout: Lookout, feeding: AbortController): Promise<number> {
  const { store, queues, publisher, access, onNews, preparation } = all
  const noted: Promise<void>[] = []
  const onEvent = (event: ExpansionNews): void => {
    noted.push((async () => {
      if (!await store.note(id, event)) return
      publisher.publish(event)
      if (event.type === 'unlisted') onNews(event)
    })())
  }
  const { signal } = feeding
  const expandedAt = { now: new Date(options.agesAt ?? created) }
  const found = options.changes === undefined ? wantedOf(spec, access.transports, onEvent, signal, expandedAt) : wantedOfChanges(spec, options.changes, access.transports, onEvent, signal, expandedAt)
  const chosen = onlyOf(found, options.only)
  let room = 0
  let added = 0
  const { found: before } = await ledger.tally()
  const fed = new AbortController()
  const watching = preparation && lookout.watchForStop(feeding, fed.signal)
  try {
    for await (const batch of inBatches(preparation?.stage(chosen, signal) ?? chosen, batchSize, lingerMs)) {
      if (room < batch.length) {
        const more = await lookout.untilRoom(batch.length, options.window)
        if (more === undefined) feeding.abort(new Error('the migration is not running any more'))
        room = more ?? 0
      }
      if (signal.aborted) break
      room -= batch.length
      // Which line of a list asked for an image matters to whoever verifies; elsewhere it would only take up room.
      const opened = await ledger.open(options.task.kind === 'verify' ? batch : batch.map(({ image, options, ...asked }) => ({ image, options, ...objectsOf(asked) })))
      if (!opened) continue
      added += opened.added
      for (const { image } of batch) publisher.publish({ type: 'found', image })
      // Whoever watches hears of an image before a worker can tell its end.
      void publisher.flush()
      if (await failUnready(opened.batch, failuresOf(batch), { ...all, ledger })) await enqueue(queues, id, [], [opened.batch])
    }
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    fed.abort()
    await watching
  }
  await Promise.all(noted)
  if (signal.aborted) return 0
  const { found: known } = await ledger.tally()
  if (known < before + added) return before + added - known
  await store.setExpanded(id)
  publisher.publish({ type: 'expanded', images: known })
  void publisher.flush()
  return 0
}

async function* onlyOf(wanted: AsyncIterable<Wanted>, only: readonly ImageId[] | undefined): AsyncGenerator<Wanted, void, void> {
  const chosen = only && new Set(only)
  for await (const one of wanted) if (!chosen || chosen.has(imageId(one.image))) yield one
}
