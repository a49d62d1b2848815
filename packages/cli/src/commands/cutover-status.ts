import { printable } from '@longshore/oci'
import { type CutoverRecord, FileStore, nextPassAt, planOf, restPhases } from '@longshore/cutover'
import { codeOf, describeFailure } from '@longshore/report'
import { clock, describePass } from '../cutover/cutover-lines.ts'
import { stateFolder, theCutover } from '../cutover/state-folder.ts'
import { ExitCode } from '../exit-code.ts'
import type { CutoverStateFlags } from '../flags.ts'
import { count, formatDuration } from '../format.ts'

const shownPasses = 5
/** More are not counted. */
const countedChanges = 10_000

/** @throws UsageError, CutoverNotFoundError */
export async function cutoverStatusCommand(specs: readonly string[], flags: CutoverStateFlags & { readonly json?: boolean }): Promise<ExitCode> {
  const store = new FileStore(stateFolder(specs, flags))
  const record = await theCutover(store)
  const standing: Standing = { record, holder: await store.holder(record.id), waiting: (await store.changes(record.id, countedChanges)).length, now: new Date() }
  process.stdout.write(flags.json === true ? `${JSON.stringify(toJson(standing))}\n` : format(standing))
  return ExitCode.ok
}

interface Standing { readonly record: CutoverRecord; readonly holder: string | undefined; readonly waiting: number; readonly now: Date }

/** What was pushed before this is at the destination: the beginning of the latest pass over everything in which nothing failed. */
function caughtUpTo({ passes }: CutoverRecord): string | undefined {
  return passes.findLast(({ kind, failed, unlisted }) => kind !== 'events' && failed === 0 && unlisted === 0)?.started
}

function nextPass(record: CutoverRecord): string | undefined {
  return record.phase === 'delta' && !record.current ? nextPassAt(record, planOf(record))?.toISOString() : undefined
}

function toJson({ record, holder, waiting, now }: Standing): object {
  const { spec: _spec, passes, ...rest } = record
  const upTo = caughtUpTo(record)
  const next = nextPass(record)
  return {
    ...rest, passes: passes.slice(-shownPasses), ...(holder === undefined ? {} : { holder }), waitingChanges: waiting,
    ...(upTo === undefined ? {} : { caughtUpTo: upTo, lagMs: now.getTime() - Date.parse(upTo) }), ...(next === undefined ? {} : { nextPass: next }),
  }
}

function format(standing: Standing): string {
  const { record, holder, waiting, now } = standing
  const { id, options: { name }, phase, since, current, freeze, request, trouble, decision, passes } = record
  const upTo = caughtUpTo(record)
  const next = nextPass(record)
  const ago = (iso: string): string => `${clock(iso)}, ${formatDuration(now.getTime() - Date.parse(iso))} ago`
  const rows: ReadonlyArray<readonly [string, string]> = [
    ['cutover', name === undefined ? id : `${id}, ${name}`],
    ['phase', `${phase} since ${ago(since)}`],
    ['run by', holder ?? (restPhases.has(phase) ? 'nobody, as it rests' : 'nobody: the longshore cutover command goes on with it')],
    ...(current ? [['now', `pass ${current.number} (${current.kind}) since ${ago(current.started)}`] as const] : []),
    ...(next === undefined ? [] : [['next pass', clock(next)] as const]),
    ['caught up', upTo === undefined ? 'not yet: no pass over everything without a failure so far' : `what was pushed before ${ago(upTo)}, is there`],
    ...(waiting > 0 ? [['waiting', `${count(waiting, 'change')} that events named`] as const] : []),
    ...(freeze ? [['freeze', describeFreeze(record)] as const] : []),
    ...(request ? [['asked for', `${request.kind}, at ${clock(request.requested)}`] as const] : []),
    ...passes.slice(-shownPasses).map((pass, i) => [i === 0 ? 'passes' : '', describePass(pass)] as const),
    ...(trouble ? [['trouble', `${ago(trouble.at)}: ${describeFailure(trouble.error)} (${codeOf(trouble.error)})`] as const] : []),
    ...(decision?.criteria ?? []).map(({ name: criterion, met, found }, i) => [i === 0 ? 'criteria' : '', `${met ? 'ok ' : 'NOT'} ${criterion}: ${found}`] as const),
  ]
  return rows.map(([title, text]) => `${title.padEnd(11)}${printable(text)}\n`).join('')
}

function describeFreeze({ freeze }: CutoverRecord): string {
  if (!freeze) return ''
  const { requested, by, frozen, deadline, caughtUp } = freeze
  return [
    `asked for by ${by === 'person' ? 'a person' : 'the spec'} at ${clock(requested)}`, ...(frozen === undefined ? [] : [`frozen at ${clock(frozen)}`]),
    ...(deadline === undefined ? [] : [`the last pass has until ${clock(deadline)}`]), ...(caughtUp === undefined ? [] : [`was through at ${clock(caughtUp)}`]),
  ].join(', ')
}
