// The day of the switch, in one process: what it has to remember is in a folder, so that the same command goes on after any stop.
import { printable } from '@longshore/oci'
import { CutoverHeldError, isBetweenSame, type CutoverEvent, type CutoverRecord, FileStore, request, runCutover } from '@longshore/cutover'
import { defaultCutover, type Migration } from '@longshore/spec'
import { AtomicFile } from '../atomic-file.ts'
import { readConfig } from '../config.ts'
import { CutoverView } from '../cutover/cutover-view.ts'
import { openParts } from '../cutover/open-cutover.ts'
import { withKeys } from '../cutover/read-keys.ts'
import { holderName, stateFolder } from '../cutover/state-folder.ts'
import { writeReports } from '../cutover/write-reports.ts'
import { ExitCode } from '../exit-code.ts'
import type { CutoverFlags } from '../flags.ts'
import { formatNumber } from '../format.ts'
import { Interrupt, InterruptedError } from '../interrupt.ts'
import { printWarnings, readSpecs } from '../read-specs.ts'
import { UsageError } from '../usage-error.ts'

/** @throws SpecError, UsageError, CutoverStateError, CutoverHeldError, CollisionError */
export async function cutoverCommand(specs: readonly string[], given: CutoverFlags): Promise<ExitCode> {
  if (given.report !== undefined && given.report === given.reportMd) throw new UsageError('--report and --report-md name the same file')
  const config = readConfig()
  const { migration, warnings, hints } = await readSpecs(specs, given, process.stdin)
  if (migration.entries.length === 0) throw new UsageError('the spec names no images, so there is nothing to cut over')
  const flags = { ...given, hints }
  const spec: Migration = { ...migration, cutover: await withKeys(migration.cutover ?? await defaultCutover()) }
  await using json = flags.report === undefined ? undefined : await AtomicFile.begin(flags.report, '--report')
  await using markdown = flags.reportMd === undefined ? undefined : await AtomicFile.begin(flags.reportMd, '--report-md')
  printWarnings(migration, warnings)

  const folder = stateFolder(specs, flags)
  const store = new FileStore(folder)
  const over = flags.again === true ? undefined : await ended(store, spec)
  if (over) return await finish(over, store, { json, markdown }, flags)
  for (const { id } of await store.list()) {
    const holder = await store.holder(id)
    if (holder !== undefined) throw new CutoverHeldError(id, holder)
  }
  const { record, resumed } = await store.begin(spec, { srcTlsVerify: flags.srcTlsVerify ?? true, destTlsVerify: flags.destTlsVerify ?? true, ...(flags.name === undefined ? {} : { name: flags.name }) })
  const { id } = record
  await using hold = await store.hold(id, holderName())
  if (!hold) throw new CutoverHeldError(id, await store.holder(id) ?? 'another process')

  const where = flags.state === undefined ? specs.filter((one) => one !== '-').slice(0, 1).join('') : `--state ${flags.state}`
  const view = new CutoverView(flags, `longshore cutover freeze ${where === '' ? `--state ${folder}` : where}`)
  view.say(resumed ? `going on with cutover ${id}, at ${record.phase} since ${record.since.slice(0, 19).replace('T', ' ')} UTC` : `cutover ${id} begins; its state is in ${folder}`)
  if (record.phase === 'no-go' && !record.request) {
    view.say('it was a no-go: the last pass, the verification and the decision are tried again, with the source still frozen')
    await request(store, id, 'retry')
  }

  const abort = new AbortController()
  using interrupt = new Interrupt(
    () => view.say('stopping: what is on its way may arrive; again to stop at once'),
    () => { abort.abort(new InterruptedError()) },
  )
  let deltas = 0
  const onEvent = (event: CutoverEvent): void => {
    if (event.type === 'pass' && event.pass.kind === 'delta') deltas++
    view.onEvent(event)
  }
  const parts = openParts({ store, id, flags, config, abort: abort.signal, onEvent, onSeen: view.onSeen })
  const { untilDelta } = flags
  try {
    const rested = await runCutover(id, parts, AbortSignal.any([interrupt.stop, hold.signal]), untilDelta === undefined ? {} : { until: ({ phase }) => phase === 'delta' && deltas >= untilDelta })
    return await finish(rested, store, { json, markdown }, flags)
  } catch (error) {
    if (!interrupt.interrupted) {
      // Whatever was moved is moved: this is no longer an error of usage.
      if (error instanceof Error && (await store.get(id))?.moved.copied !== 0) Object.assign(error, { exitCode: ExitCode.failed })
      throw error
    }
    const left = await store.get(id)
    view.say(`stopped at ${left?.phase ?? 'its beginning'}; the same command goes on from here`)
    return ExitCode.interrupted
  }
}

/** The latest one, where it was a go between the same registries: begun again, it would carry the source's older content over what has been pushed since. */
async function ended(store: FileStore, spec: Migration): Promise<CutoverRecord | undefined> {
  const [latest] = await store.list()
  const record = latest?.phase === 'go' ? await store.get(latest.id) : undefined
  if (!record || !isBetweenSame(record.spec, spec)) return undefined
  process.stderr.write(`longshore: cutover ${record.id} has ended; nothing is moved (--again begins another one, which may overwrite what has been pushed to the destination since)\n`)
  return record
}

async function finish(record: CutoverRecord, store: FileStore, files: { readonly json: AtomicFile | undefined; readonly markdown: AtomicFile | undefined }, flags: CutoverFlags): Promise<ExitCode> {
  const { path, isWritten } = await writeReports(record, store, files)
  const { phase, decision } = record
  if (flags.json === true) process.stdout.write(`${JSON.stringify({ cutover: true, type: 'summary', id: record.id, phase, ...(decision ? { decision } : {}), moved: record.moved, passes: record.passCount, report: path })}\n`)
  else process.stdout.write(summarise(record, path))
  if (phase === 'go' || phase === 'delta') return isWritten ? ExitCode.ok : ExitCode.failed
  return ExitCode.failed
}

function summarise({ id, phase, decision, freeze, moved, passCount }: CutoverRecord, report: string): string {
  const row = (name: string, text: string): string => `${name.padEnd(11)}${printable(text)}\n`
  const verdict = phase === 'delta' ? 'in the deltas; the same command goes on from here' : phase === 'aborted' ? 'aborted' : phase === 'go' ? 'GO' : 'NO-GO'
  return [
    row('cutover', id), row('answer', verdict),
    ...(phase === 'go' || phase === 'no-go' ? decision?.criteria ?? [] : []).flatMap(({ name, met, found, hint }) => [row('', `${met ? 'ok  ' : 'NOT '} ${name}: ${found}`), ...(hint === undefined ? [] : [row('', `     -> ${hint}`)])]),
    row('moved', `${formatNumber(moved.copied)} images in ${formatNumber(passCount)} passes`), row('report', report),
    ...(phase === 'no-go' && freeze?.frozen !== undefined ? [row('', 'the source is still frozen: run the same command again to try again, or longshore cutover unfreeze')] : []),
  ].join('')
}
