// The day of the switch, in one process: what it has to remember is in a folder, so that the same command goes on after any stop.
import { existsSync } from 'node:fs'
import type { serveNotifications } from '@longshore/coordinator'
import { checkHooks, type CutoverEvent, CutoverHeldError, type CutoverRecord, endPhases, FileStore, isBetweenSame, request, required, runCutover } from '@longshore/cutover'
import { defaultCutover, type Migration } from '@longshore/spec'
import { AtomicFile } from '../atomic-file.ts'
import { type Config, readConfig } from '../config.ts'
import type { GivenSpec } from '../cutover/cutover-at-server.ts'
import { CutoverView } from '../cutover/cutover-view.ts'
import { openParts } from '../cutover/open-cutover.ts'
import { exitCodeOf, printSummary } from '../cutover/cutover-summary.ts'
import { withKeys } from '../cutover/read-keys.ts'
import { refuseUnmovable } from '../cutover/refuse-unmovable.ts'
import { holderName, stateFolder } from '../cutover/state-folder.ts'
import { type ReportFiles, writeReports } from '../cutover/write-reports.ts'
import { ExitCode } from '../exit-code.ts'
import { type CutoverFlags, isPool } from '../flags.ts'
import { Interrupt, InterruptedError } from '../interrupt.ts'
import { printWarnings, readSpecs } from '../read-specs.ts'
import { UsageError } from '../usage-error.ts'
import { refuseToPrunePlaces } from '../wire.ts'

/** @throws SpecError, UsageError, CutoverStateError, CutoverHeldError, CollisionError */
export async function cutoverCommand(specs: readonly string[], given: CutoverFlags): Promise<ExitCode> {
  if (given.report !== undefined && given.report === given.reportMd) throw new UsageError('--report and --report-md name the same file')
  if (given.prune === true && given.untilDelta !== undefined) throw new UsageError('--prune is for after a go, and --until-delta leaves before: give one of them')
  if (given.prune === true && given.server !== undefined) throw new UsageError('--prune is done by this process, and with --server a coordinator does the rest: run longshore prune with the same spec after the go')
  const config = readConfig()
  refuseMixedPlaces(given)
  refuseUnknownVerb(specs)
  const { migration, warnings, cutoverAt, inputs, objects, hints } = await readSpecs(specs, given, process.stdin)
  if (migration.entries.length === 0) throw new UsageError('the spec names no images, so there is nothing to cut over')
  if (given.prune === true) refuseToPrunePlaces(migration)
  const flags = { ...given, hints }
  const plan = migration.cutover ?? await defaultCutover()
  const spec: Migration = { ...migration, cutover: await withKeys(plan) }
  await using json = flags.report === undefined ? undefined : await AtomicFile.begin(flags.report, '--report')
  await using markdown = flags.reportMd === undefined ? undefined : await AtomicFile.begin(flags.reportMd, '--report-md')
  printWarnings(migration, warnings)
  const { when } = plan.freeze
  // Where it is gone on with that may well be.
  if (when.kind === 'at' && Date.parse(when.at) <= Date.now()) process.stderr.write(`warning: freeze: { when: ${when.at} } is in the past: the source is frozen right after bulk, unless it was before\n`)
  const files = { json, markdown }
  const code = await cutOver(spec, specs, flags, config, files, { inputs, objects, hints, plan, ...(cutoverAt && { cutoverAt }) })
  // Without --until-delta it ends well with a go alone.
  if (flags.prune !== true || code !== ExitCode.ok) return code
  const { pruneHere } = await import('./prune.ts')
  return await pruneHere(spec, flags)
}

/** By a coordinator, over Redis, or in this process. */
async function cutOver(spec: Migration, specs: readonly string[], flags: CutoverFlags, config: Config, files: ReportFiles, given: GivenSpec): Promise<ExitCode> {
  if (flags.server !== undefined) return await (await import('../cutover/cutover-at-server.ts')).cutoverAtServer(given, flags, files)
  if (isPool(flags)) return await (await import('../cutover/cutover-in-pool.ts')).cutoverInPool(spec, flags, config, files, given)

  const folder = stateFolder(specs, flags)
  const store = new FileStore(folder)
  const over = flags.again === true ? undefined : await ended(store, spec)
  if (over) return await finish(over, store, files, flags)
  if (given.cutoverAt) await checkHooks(given.plan, given.cutoverAt, config.env)
  const known = (await store.list()).find(({ phase }) => !endPhases.has(phase))
  const holder = known && await store.holder(known.id)
  if (known && holder !== undefined) throw new CutoverHeldError(known.id, holder)
  await using listener = await listenTo(flags, config, store, spec)
  if (!known) await refuseUnmovable(spec, flags, config)
  const { record, resumed, hold: held } = await store.beginHeld(spec, { srcTlsVerify: flags.srcTlsVerify ?? true, destTlsVerify: flags.destTlsVerify ?? true, ...(flags.name === undefined ? {} : { name: flags.name }) }, holderName())
  await using hold = held
  const { id } = record

  const where = flags.state === undefined ? specs.filter((one) => one !== '-').slice(0, 1).join('') : `--state ${flags.state}`
  const view = new CutoverView(flags, `longshore cutover freeze ${where === '' ? `--state ${folder}` : where}`)
  view.say(resumed ? `going on with cutover ${id}, at ${record.phase} since ${record.since.slice(0, 19).replace('T', ' ')} UTC` : `cutover ${id} begins; its state is in ${folder}`)
  if (record.phase === 'no-go' && !record.request) {
    view.say('it was a no-go: the last pass, the verification and the decision are tried again, with the source still frozen')
    await request(store, id, 'retry')
  }

  if (listener) view.say(`registries tell what has changed at ${listener.notificationsUrl(id)}`)
  else if (spec.cutover?.delta.events) view.say('the spec goes by events, and nobody listens for them: give --listen HOST:PORT, or what is pushed waits for the next pass over everything')
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
    return await finish(rested, store, files, flags)
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

/** Registries tell what has changed, where the flags say so. @throws UsageError, SettingsError, ListenError */
async function listenTo({ listen }: CutoverFlags, { env }: Config, store: FileStore, spec: Migration): Promise<Awaited<ReturnType<typeof serveNotifications>> | undefined> {
  if (listen === undefined) return undefined
  if (!spec.cutover?.delta.events) throw new UsageError('--listen: the spec does not go by events; write "cutover: { delta: { events: true } }" in it')
  return await (await import('@longshore/coordinator')).serveNotifications({
    env, listen, cutover: async (cutover) => await required(store, cutover), addChanges: async (cutover, changes) => { await store.addChanges(cutover, changes) }, onHeard: () => {},
  })
}

/** A verb that is misspelt, or that there is none of, would be taken for a spec. @throws UsageError */
function refuseUnknownVerb([first = '']: readonly string[]): void {
  if (!/^[a-z]+(?:-[a-z]+)*$/.test(first) || existsSync(first)) return
  throw new UsageError(`"${first}" is neither a file nor something to say to a cutover: freeze, unfreeze, abort, status and report are (a no-go is tried again by longshore cutover SPEC)`)
}

/** @throws UsageError */
function refuseMixedPlaces({ server, redis, workers, state, untilDelta, listen }: CutoverFlags): void {
  if (server !== undefined && (redis !== undefined || workers !== undefined)) throw new UsageError('--server hands the cutover to a coordinator, --redis leads it here: give one of them')
  const shared = server !== undefined ? '--server' : redis !== undefined || workers !== undefined ? '--redis' : undefined
  if (shared === undefined) return
  if (state !== undefined) throw new UsageError(`--state is for a cutover of one process; with ${shared} it is in Redis`)
  if (untilDelta !== undefined) throw new UsageError(`--until-delta is for a cutover of one process; with ${shared} it goes on by itself, until it is frozen or aborted`)
  if (listen !== undefined) throw new UsageError(`--listen is for a cutover of one process; with ${shared} registries tell a coordinator what has changed (docs/api.md)`)
}

/** The latest one, where it was a go between the same registries: begun again, it would carry the source's older content over what has been pushed since. */
async function ended(store: FileStore, spec: Migration): Promise<CutoverRecord | undefined> {
  const [latest] = await store.list()
  const record = latest?.phase === 'go' ? await store.get(latest.id) : undefined
  if (!record || !isBetweenSame(record.spec, spec)) return undefined
  process.stderr.write(`longshore: cutover ${record.id} has ended; nothing is moved (--again begins another one, which may overwrite what has been pushed to the destination since)\n`)
  return record
}

async function finish(record: CutoverRecord, store: FileStore, files: ReportFiles, flags: CutoverFlags): Promise<ExitCode> {
  const { path, isWritten } = await writeReports(record, store, files)
  process.stdout.write(printSummary(record, path, flags.json === true))
  return isWritten ? exitCodeOf(record) : ExitCode.failed
}
