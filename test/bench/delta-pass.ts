// One pass of a cutover, as a process that runs anyway does it: the expansion of the spec, or of what events named, and the engine.
import { openAccess } from '@longshore/access'
import { MemoryLedger } from '@longshore/ledger/memory'
import { MemoryQueue } from '@longshore/queue/memory'
import { type RunEvent, Tally, wantedOf, wantedOfChanges } from '@longshore/report'
import { type Migration, type NamedChange, registriesOf } from '@longshore/spec'
import { type Asks, listingOnce, migrate } from '@longshore/transfer'

export interface PassOptions { readonly asks: Asks; readonly changes?: readonly NamedChange[] }

/** Milliseconds, from before the first connection to after the last answer. */
export async function runPass(migration: Migration, { asks, changes }: PassOptions): Promise<{ readonly tally: Tally; readonly ms: number }> {
  const started = performance.now()
  const stop = new AbortController()
  const tally = new Tally({ keepsEntries: false })
  const onEvent = (event: RunEvent): void => tally.add(event)
  await using access = await openAccess(registriesOf(migration), { srcTlsVerify: false, destTlsVerify: false }, { env: {}, home: '/nonexistent', uid: 0, platform: 'linux' }, () => {})
  const transports = listingOnce(access.transports)
  const wanted = changes === undefined ? wantedOf(migration, transports, onEvent, stop.signal) : wantedOfChanges(migration, changes, transports, onEvent, stop.signal)
  await migrate(wanted, {
    transports, asks, ledger: new MemoryLedger(), queues: { blobs: new MemoryQueue(), manifests: new MemoryQueue() }, onEvent, inFlight: new Set(),
    window: 512, jobs: { images: 128, blobs: 256, manifests: 128 }, keepGoing: true, stop: stop.signal, graceMs: 10_000, respiteMs: 5_000,
  }, stop.signal)
  return { tally, ms: performance.now() - started }
}
