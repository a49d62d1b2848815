import { printable } from '@longshore/oci'
import type { CutoverRecord } from '@longshore/cutover'
import { ExitCode } from '../exit-code.ts'
import { count } from '../format.ts'

type Ended = Pick<CutoverRecord, 'id' | 'phase' | 'decision' | 'freeze' | 'moved' | 'passCount'>

/** What came of it, in the end: for people, and for programs with `isJson`. @param report where it can be read */
export function printSummary(record: Ended, report: string, isJson: boolean): string {
  const { id, phase, decision, freeze, moved, passCount } = record
  if (isJson) return `${JSON.stringify({ cutover: true, type: 'summary', id, phase, ...(decision ? { decision } : {}), moved, passes: passCount, report })}\n`
  const row = (name: string, text: string): string => `${name.padEnd(11)}${printable(text)}\n`
  const verdict = phase === 'delta' ? 'in the deltas; the same command goes on from here' : phase === 'aborted' ? 'aborted' : phase === 'go' ? 'GO' : 'NO-GO'
  return [
    row('cutover', id), row('answer', verdict),
    ...(phase === 'go' || phase === 'no-go' ? decision?.criteria ?? [] : []).flatMap(({ name, met, found, hint }) => [row('', `${met ? 'ok  ' : 'NOT '} ${name}: ${found}`), ...(hint === undefined ? [] : [row('', `     -> ${hint}`)])]),
    row('moved', `${count(moved.copied, 'image')} in ${count(passCount, 'pass', 'passes')}`), row('report', report),
    ...(phase === 'no-go' && freeze?.frozen !== undefined ? [row('', 'the source is still frozen: run the same command again to try again, or longshore cutover unfreeze')] : []),
  ].join('')
}

export function exitCodeOf({ phase }: Pick<CutoverRecord, 'phase'>): ExitCode { return phase === 'go' || phase === 'delta' ? ExitCode.ok : ExitCode.failed }
