import { printable } from '@longshore/oci'
import { type CutoverRecord, isWhole } from '@longshore/cutover'
import { ExitCode } from '../exit-code.ts'
import { count } from '../format.ts'

type Ended = Pick<CutoverRecord, 'id' | 'phase' | 'decision' | 'freeze' | 'moved' | 'passCount' | 'passes'>

/** What came of it, in the end: for people, and for programs with `isJson`. @param report where it can be read */
export function printSummary(record: Ended, report: string, isJson: boolean): string {
  const { id, phase, decision, freeze, moved, passCount, passes } = record
  if (isJson) return `${JSON.stringify({ cutover: true, type: 'summary', id, phase, ...(decision ? { decision } : {}), moved, passes: passCount, report })}\n`
  const row = (name: string, text: string): string => `${name.padEnd(11)}${printable(text)}\n`
  const verdict = phase === 'delta' ? `in the deltas${isSound(passes) ? '' : ', and not everything is there'}; the same command goes on from here` : phase === 'aborted' ? 'aborted' : phase === 'go' ? 'GO' : 'NO-GO'
  return [
    row('cutover', id), row('answer', verdict),
    ...(phase === 'go' || phase === 'no-go' ? decision?.criteria ?? [] : []).flatMap(({ name, met, found, hint }) => [row('', `${met ? 'ok  ' : 'NOT '} ${name}: ${found}`), ...(hint === undefined ? [] : [row('', `     -> ${hint}`)])]),
    row('moved', `${count(moved.copied, 'image')} in ${count(passCount, 'pass', 'passes')}`), row('report', report),
    ...(phase === 'no-go' && freeze?.frozen !== undefined ? [row('', 'the source is still frozen: run the same command again to try again, or longshore cutover unfreeze')] : []),
  ].join('')
}

export function exitCodeOf({ phase, passes }: Pick<CutoverRecord, 'phase' | 'passes'>): ExitCode {
  return phase === 'go' || (phase === 'delta' && isSound(passes)) ? ExitCode.ok : ExitCode.failed
}

/** Nothing failed in the latest pass over everything, nor in what events named since. */
function isSound(passes: CutoverRecord['passes']): boolean {
  return passes.slice(passes.findLastIndex(isWhole)).every(({ failed, unlisted }) => failed === 0 && unlisted === 0)
}
