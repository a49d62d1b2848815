import type { AccessOptions } from '@longshore/access'
import { printable } from '@longshore/oci'
import { buildReport, countNamed, printFailedList, printReport, type RunEvent, Tally, wantedOf } from '@longshore/report'
import type { Migration } from '@longshore/spec'
import { type ImageId, imageId, type InFlight, migrate, type MigrationResult, type RegistryUse, type Wanted } from '@longshore/transfer'
import { AtomicFile } from '../atomic-file.ts'
import { type Config, readConfig } from '../config.ts'
import { createView } from '../create-view.ts'
import { traceError } from '../explain-error.ts'
import { ExitCode } from '../exit-code.ts'
import { isPool, type MigrateFlags, type OutputFlags } from '../flags.ts'
import { formatNumber } from '../format.ts'
import { Interrupt, InterruptedError } from '../interrupt.ts'
import { printWarnings, readSpecs } from '../read-specs.ts'
import { formatJsonSummary, formatSummary } from '../summary.ts'
import { UsageError } from '../usage-error.ts'
import { readVersion } from '../version.ts'
import type { View } from '../view.ts'
import { createRuntime, refuseVainTrust, wire } from '../wire.ts'

/** Images that may be open at once, and jobs of a kind; the clients adapt below these to what each registry takes. */
const window = 512
const jobs = { images: 128, blobs: 256, manifests: 128 } as const
/** What is in flight when a run is stopped may take this long to arrive. */
const graceMs = 10_000
/** What a registry may need to come back after a restart; the client's own retries have had some seconds before. */
const respiteMs = 5_000

export async function migrateCommand(specs: readonly string[], flags: MigrateFlags): Promise<ExitCode> {
  if (flags.dryRun === true) {
    if (flags.report !== undefined || flags.failed !== undefined) throw new UsageError('--dry-run moves nothing, so there is nothing for --report and --failed to tell; leave them out')
    const { planCommand } = await import('./plan.ts')
    return await planCommand(specs, flags)
  }
  if (flags.report !== undefined && flags.report === flags.failed) throw new UsageError('--report and --failed name the same file')
  const config = readConfig()
  const { migration, warnings, hints } = await readSpecs(specs, flags, process.stdin)
  if (flags.trustStorage === true) refuseVainTrust(migration)
  await using report = flags.report === undefined ? undefined : await AtomicFile.begin(flags.report, '--report')
  await using failed = flags.failed === undefined ? undefined : await AtomicFile.begin(flags.failed, '--failed')
  printWarnings(migration, warnings)

  const move = isPool(flags) ? (await import('../pool-run.ts')).runInPool : runMigration
  const run = await move(migration, { ...flags, hints }, config, { keepsEntries: report !== undefined })
  const { tally, result, ms } = run
  const files = [flags.report, flags.failed].filter((file) => file !== undefined)
  const written = [
    await write(report, () => printReport(buildReport(tally, { ...run, version: readVersion(), stopped: result.stopped }))),
    await write(failed, () => printFailedList(tally)),
  ].every(Boolean)
  if (flags.json === true) {
    process.stdout.write(formatJsonSummary(tally, { ms, stopped: result.stopped, registries: run.registries }))
  } else if (!run.aborted) {
    process.stdout.write(formatSummary(tally, { ms, stopped: result.stopped, registries: run.registries, files }))
  }
  if (run.interrupted) return ExitCode.interrupted
  return tally.failed > 0 || tally.unlisted.length > 0 || result.stopped || !written ? ExitCode.failed : ExitCode.ok
}

/** What was moved is moved: a disk that is full by now must not hide the summary. */
async function write(file: AtomicFile | undefined, print: () => Iterable<string>): Promise<boolean> {
  if (!file) return true
  try {
    await file.commit(print())
    return true
  } catch (error) {
    process.stderr.write(`longshore: ${printable(`${file.path} could not be written: ${error instanceof Error ? error.message : String(error)}`)}\n`)
    return false
  }
}

export interface MigrationRun {
  readonly tally: Tally
  readonly result: MigrationResult
  readonly registries: readonly RegistryUse[]
  readonly started: Date
  readonly ended: Date
  readonly ms: number
  readonly interrupted: boolean
  /** Nothing on its way was waited for. */
  readonly aborted: boolean
}

export interface RunOptions {
  readonly keepsEntries: boolean
  /** Take nothing at the destination as present. */
  readonly distrust?: boolean
  /** Only these images of the migration. */
  readonly only?: ReadonlySet<ImageId>
}

/** Moves a migration while somebody watches. */
export async function runMigration(
  migration: Migration, flags: AccessOptions & OutputFlags & Pick<MigrateFlags, 'keepGoing' | 'trustStorage'>, config: Config, options: RunOptions,
): Promise<MigrationRun> {
  const inFlight = new Set<InFlight>()
  const tally = new Tally({ keepsEntries: options.keepsEntries, named: options.only?.size ?? countNamed(migration) })
  const abort = new AbortController()
  await using wiring = await wire(migration, flags, config, (registry, ms) => {
    if (flags.debug === true) view.say(`${registry} asks to wait for ${Math.round(ms)} ms`)
  })
  const view: View = await createView(flags, config, tally, inFlight)
  if (flags.debug === true && wiring.registriesConf.length > 0) view.say(`registries.conf: ${wiring.registriesConf.join(', ')}`)
  const onEvent = (event: RunEvent): void => {
    tally.add(event)
    view.event(event)
    if (flags.debug === true && 'error' in event) for (const line of traceError(event.error)) view.say(line)
  }
  using interrupt = new Interrupt(
    () => view.say('stopping: what is on its way may arrive, nothing new is begun; again to stop at once'),
    () => {
      view.say(`stopped at once: ${formatNumber(tally.copied + tally.present)} of ${formatNumber(tally.total)} images are there; the same command goes on from here`)
      abort.abort(new InterruptedError())
    },
  )
  const started = new Date()
  const startedMs = performance.now()
  try {
    const result = await migrate(onlyOf(wantedOf(migration, wiring.transports, onEvent, interrupt.stop), options.only), {
      transports: wiring.transports, ...createRuntime(), onEvent, inFlight, window, jobs, graceMs, respiteMs,
      keepGoing: flags.keepGoing ?? true, stop: interrupt.stop, ...(options.distrust === true ? { distrust: true } : {}),
    }, abort.signal)
    return {
      tally, result, registries: wiring.uses(), started, ended: new Date(), ms: performance.now() - startedMs, interrupted: interrupt.interrupted, aborted: interrupt.aborted,
    }
  } catch (error) {
    // An error that ends a run which has moved something is no longer one of usage.
    if (error instanceof Error && tally.blobs.pushed + tally.manifests > 0) Object.assign(error, { exitCode: ExitCode.failed })
    throw error
  } finally {
    view.close()
  }
}

async function* onlyOf(wanted: AsyncIterable<Wanted>, only: ReadonlySet<ImageId> | undefined): AsyncGenerator<Wanted, void, void> {
  for await (const one of wanted) if (only === undefined || only.has(imageId(one.image))) yield one
}
