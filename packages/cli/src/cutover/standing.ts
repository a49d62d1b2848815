// How a cutover stands, in words and as JSON, wherever it is kept.
import { printable } from '@longshore/oci'
import { type CutoverRecord, restPhases } from '@longshore/cutover'
import { codeOf, describeFailure } from '@longshore/report'
import { count, formatDuration } from '../format.ts'
import { clock, describePass } from './cutover-lines.ts'

export interface Standing {
  readonly record: Omit<CutoverRecord, 'spec'>
  readonly holder: string | undefined
  /** Changes that events named. */
  readonly waiting: number
  readonly caughtUpTo: string | undefined
  readonly nextPass: string | undefined
}

const shownPasses = 5

export function standingToJson({ record: { passes, ...rest }, holder, waiting, caughtUpTo, nextPass }: Standing, now: Date): object {
  return {
    ...rest, passes: passes.slice(-shownPasses), ...(holder === undefined ? {} : { holder }), waitingChanges: waiting,
    ...(caughtUpTo === undefined ? {} : { caughtUpTo, lagMs: now.getTime() - Date.parse(caughtUpTo) }), ...(nextPass === undefined ? {} : { nextPass }),
  }
}

/** @param whoGoesOn who takes it up where nobody runs it */
export function formatStanding({ record, holder, waiting, caughtUpTo, nextPass }: Standing, now: Date, whoGoesOn: string): string {
  const { id, options: { name }, phase, since, current, freeze, request, trouble, decision, passes } = record
  const ago = (iso: string): string => `${clock(iso)}, ${formatDuration(now.getTime() - Date.parse(iso))} ago`
  const rows: ReadonlyArray<readonly [string, string]> = [
    ['cutover', name === undefined ? id : `${id}, ${name}`],
    ['phase', `${phase} since ${ago(since)}`],
    ['run by', holder ?? (restPhases.has(phase) ? 'nobody, as it rests' : `nobody: ${whoGoesOn}`)],
    ...(current ? [['now', `pass ${current.number} (${current.kind}) since ${ago(current.started)}`] as const] : []),
    ...(nextPass === undefined ? [] : [['next pass', clock(nextPass)] as const]),
    ['caught up', caughtUpTo === undefined ? 'not yet: no pass over everything without a failure so far' : `what was pushed before ${ago(caughtUpTo)}, is there`],
    ...(waiting > 0 ? [['waiting', `${count(waiting, 'change')} that events named`] as const] : []),
    ...(freeze ? [['freeze', describeFreeze(freeze)] as const] : []),
    ...(request ? [['asked for', `${request.kind}, at ${clock(request.requested)}`] as const] : []),
    ...passes.slice(-shownPasses).map((pass, i) => [i === 0 ? 'passes' : '', describePass(pass)] as const),
    ...(trouble ? [['trouble', `${ago(trouble.at)}: ${describeFailure(trouble.error)} (${codeOf(trouble.error)})`] as const] : []),
    ...(decision?.criteria ?? []).map(({ name: criterion, met, found }, i) => [i === 0 ? 'criteria' : '', `${met ? 'ok ' : 'NOT'} ${criterion}: ${found}`] as const),
  ]
  return rows.map(([title, text]) => `${title.padEnd(11)}${printable(text)}\n`).join('')
}

function describeFreeze({ requested, by, frozen, deadline, caughtUp }: NonNullable<CutoverRecord['freeze']>): string {
  return [
    `asked for by ${by === 'person' ? 'a person' : 'the spec'} at ${clock(requested)}`, ...(frozen === undefined ? [] : [`frozen at ${clock(frozen)}`]),
    ...(deadline === undefined ? [] : [`the last pass has until ${clock(deadline)}`]), ...(caughtUp === undefined ? [] : [`was through at ${clock(caughtUp)}`]),
  ].join(', ')
}
