import { PruneCeilingError, pruneOrphans, type PruneResult, PruneUnsafeError } from '@longshore/cutover'
import { printable } from '@longshore/oci'
import { codeOf } from '@longshore/report'
import { checkBackupTag, type Migration } from '@longshore/spec'
import { formatEnd } from '@longshore/transfer'
import { readConfig } from '../config.ts'
import { CountView } from '../count-view.ts'
import { ExitCode } from '../exit-code.ts'
import type { PruneFlags } from '../flags.ts'
import { Interrupt } from '../interrupt.ts'
import { formatPrune } from '../prune-table.ts'
import { printWarnings, readSpecs } from '../read-specs.ts'
import { UsageError } from '../usage-error.ts'
import { refuseToPrunePlaces, wire } from '../wire.ts'

const defaultCeilingPercent = 10

/** Says which tags of the destination no longer exist at the source, and with --apply deletes them. @throws SpecError, UsageError, PruneCeilingError, PruneUnsafeError */
export async function pruneCommand(specs: readonly string[], given: PruneFlags): Promise<ExitCode> {
  try { if (given.backupTag !== undefined) checkBackupTag(given.backupTag) } catch (error) { throw new UsageError(`--backup-tag: ${(error as Error).message}`) }
  const { migration, warnings, hints } = await readSpecs(specs, given, process.stdin)
  printWarnings(migration, warnings)
  return await pruneHere(migration, { ...given, hints })
}

/** Flags come before what the spec's `cutover: { prune: … }` says. @throws UsageError, PruneCeilingError, PruneUnsafeError */
export async function pruneHere(migration: Migration, flags: PruneFlags): Promise<ExitCode> {
  refuseToPrunePlaces(migration)
  const plan = migration.cutover?.prune
  const backupTag = flags.backupTag ?? plan?.backupTag
  await using wiring = await wire(migration, flags, readConfig(), () => {})
  using interrupt = new Interrupt(() => {})
  using progress = new CountView(process.stderr, 'repositories compared', flags.json !== true && flags.quiet !== true)
  const deleted: string[] = []
  const result = await pruneOrphans(migration, {
    transports: wiring.transports, apply: flags.apply ?? plan?.apply ?? false, ceilingPercent: flags.ceiling ?? plan?.ceilingPercent ?? defaultCeilingPercent,
    missingRepositories: flags.missingRepositories ?? false, ...(backupTag === undefined ? {} : { backupTag }), onRepository: () => progress.add(),
    onOrphan: (tag) => { if (tag.state === 'deleted') deleted.push(formatEnd({ ...tag, reference: tag.tag })) },
  }, interrupt.stop).catch((error: unknown) => {
    progress[Symbol.dispose]()
    if (deleted.length > 0) process.stderr.write(`longshore: deleted before it ended:\n${deleted.map((name) => `  ${printable(name)}\n`).join('')}`)
    // The spec is right, and something is wrong all the same.
    throw error instanceof PruneCeilingError || error instanceof PruneUnsafeError ? Object.assign(error, { exitCode: ExitCode.failed }) : error
  })
  progress[Symbol.dispose]()
  process.stdout.write(flags.json === true ? printJson(result) : formatPrune(result))
  return result.untold.length > 0 || result.orphans.some(({ state }) => state === 'failed') ? ExitCode.failed : ExitCode.ok
}

function printJson({ orphans, ...rest }: PruneResult): string {
  return `${JSON.stringify({ ...rest, orphans: orphans.map((tag) => ({ destination: formatEnd({ ...tag, reference: tag.tag }), ...tag, ...(tag.state === 'failed' ? { code: codeOf(tag.error) } : {}) })) })}\n`
}
