// Moves a migration in this process, while somebody watches: what migrate does once, and a cutover again and again.
import type { AccessOptions } from '@longshore/access'
import { type RunEvent, Tally, wantedOf, wantedOfChanges } from '@longshore/report'
import type { Migration, NamedChange } from '@longshore/spec'
import { type Asks, type InFlight, listingOnce, migrate, type MigrationResult, type RegistryUse, type Wanted } from '@longshore/transfer'
import type { Config } from './config.ts'
import { createView } from './create-view.ts'
import { traceError } from './explain-error.ts'
import { ExitCode } from './exit-code.ts'
import type { MigrateFlags, OutputFlags } from './flags.ts'
import { prepare } from './prepare.ts'
import type { View } from './view.ts'
import { createRuntime, wire } from './wire.ts'

/** Images that may be open at once, and jobs of a kind; the clients adapt below these to what each registry takes. */
const window = 512
const jobs = { images: 128, blobs: 256, manifests: 128 } as const
/** What is in flight when a run is stopped may take this long to arrive. */
const graceMs = 10_000
/** What a registry may need to come back after a restart; the client's own retries have had some seconds before. */
const respiteMs = 5_000

export type MoveFlags = AccessOptions & OutputFlags & Pick<MigrateFlags, 'keepGoing' | 'trustStorage'>

export interface Seen { readonly view: View; readonly tally: Tally }

export interface MoveOptions {
  readonly keepsEntries: boolean
  /** Nothing new is begun; what is on its way may arrive. */
  readonly stop: AbortSignal
  /** Drops everything. */
  readonly abort: AbortSignal
  /** How many images there are, where it is known. */
  readonly named: number | undefined
  /** Take nothing at the destination as present. */
  readonly distrust?: boolean
  /** Only what these name, without a list of tags being asked for. */
  readonly changes?: readonly NamedChange[]
  /** What ages in rules are reckoned from; the present where absent. */
  readonly now?: Date
  /** Default: all. */
  readonly asks?: Asks
  /** Which images of the migration; absent: all. */
  readonly takes?: (wanted: Wanted) => boolean
  /** Events that are counted and not shown. */
  readonly hides?: (event: RunEvent) => boolean
  readonly onSeen?: (seen: Seen) => void
}

export interface Moved {
  readonly tally: Tally
  readonly result: MigrationResult
  readonly registries: readonly RegistryUse[]
  readonly started: Date
  readonly ended: Date
  readonly ms: number
}

/** @throws what ends a migration as a whole, the reason of `abort` */
export async function moveHere(migration: Migration, flags: MoveFlags, config: Config, options: MoveOptions): Promise<Moved> {
  const { keepsEntries, stop, abort, named, changes, now, asks, takes, hides, onSeen } = options
  const inFlight = new Set<InFlight>()
  const tally = new Tally({ keepsEntries, named })
  await using wiring = await wire(migration, flags, config, (registry, ms) => {
    if (flags.debug === true) view.say(`${registry} asks to wait for ${Math.round(ms)} ms`)
  })
  const view: View = await createView(flags, config, tally, inFlight)
  onSeen?.({ view, tally })
  if (flags.debug === true && wiring.registriesConf.length > 0) view.say(`registries.conf: ${wiring.registriesConf.join(', ')}`)
  const onEvent = (event: RunEvent): void => {
    tally.add(event)
    if (hides?.(event) !== true) view.event(event)
    if (flags.debug === true && 'error' in event) for (const line of traceError(event.error)) view.say(line)
  }
  const started = new Date()
  const startedMs = performance.now()
  const transports = listingOnce(wiring.transports)
  try {
    const preparation = await prepare(migration, wiring, config.env, (message) => view.say(message))
    await preparation?.begin(stop)
    const expandedAt = now === undefined ? {} : { now }
    const expanded = changes === undefined ? wantedOf(migration, transports, onEvent, stop, expandedAt) : wantedOfChanges(migration, changes, transports, onEvent, stop, expandedAt)
    const wanted = only(expanded, takes)
    const result = await migrate(preparation?.stage(wanted, stop) ?? wanted, {
      transports, ...createRuntime(), onEvent, inFlight, window, jobs, graceMs, respiteMs,
      keepGoing: flags.keepGoing ?? true, stop, ...(options.distrust === true ? { distrust: true } : {}), ...(asks === undefined ? {} : { asks }),
    }, abort)
    return { tally, result, registries: wiring.uses(), started, ended: new Date(), ms: performance.now() - startedMs }
  } catch (error) {
    // An error that ends a run which has moved something is no longer one of usage.
    if (error instanceof Error && tally.blobs.pushed + tally.manifests > 0) Object.assign(error, { exitCode: ExitCode.failed })
    throw error
  } finally {
    view.close()
  }
}

async function* only(wanted: AsyncIterable<Wanted>, takes: ((wanted: Wanted) => boolean) | undefined): AsyncGenerator<Wanted, void, void> {
  for await (const one of wanted) if (takes === undefined || takes(one)) yield one
}
