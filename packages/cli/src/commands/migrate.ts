import type { AccessOptions } from '@longshore/access'
import { printable } from '@longshore/oci'
import { buildReport, countNamed, printFailedList, printReport } from '@longshore/report'
import type { Migration } from '@longshore/spec'
import { type ImageId, imageId } from '@longshore/transfer'
import { AtomicFile } from '../atomic-file.ts'
import { type Config, readConfig } from '../config.ts'
import { ExitCode } from '../exit-code.ts'
import { isPool, type MigrateFlags, type OutputFlags } from '../flags.ts'
import { formatNumber } from '../format.ts'
import { Interrupt, InterruptedError } from '../interrupt.ts'
import { type Moved, moveHere, type Seen } from '../move-here.ts'
import { printWarnings, readSpecs } from '../read-specs.ts'
import { formatJsonSummary, formatSummary } from '../summary.ts'
import { UsageError } from '../usage-error.ts'
import { readVersion } from '../version.ts'
import { refuseVainTrust } from '../wire.ts'

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

export interface MigrationRun extends Moved {
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
  const abort = new AbortController()
  const { only } = options
  let seen: Seen | undefined
  using interrupt = new Interrupt(
    () => seen?.view.say('stopping: what is on its way may arrive, nothing new is begun; again to stop at once'),
    () => {
      seen?.view.say(`stopped at once: ${formatNumber(seen.tally.copied + seen.tally.present)} of ${formatNumber(seen.tally.total)} images are there; the same command goes on from here`)
      abort.abort(new InterruptedError())
    },
  )
  const moved = await moveHere(migration, flags, config, {
    keepsEntries: options.keepsEntries, stop: interrupt.stop, abort: abort.signal, named: only?.size ?? countNamed(migration), onSeen: (found) => { seen = found },
    ...(options.distrust === true ? { distrust: true } : {}), ...(only === undefined ? {} : { takes: ({ image }) => only.has(imageId(image)) }),
  })
  return { ...moved, interrupted: interrupt.interrupted, aborted: interrupt.aborted }
}
