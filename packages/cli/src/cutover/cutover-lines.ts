// What happens in a cutover, in words: a line each.
import { printable } from '@longshore/oci'
import type { CutoverEvent, Pass, Phase } from '@longshore/cutover'
import { describeFailure } from '@longshore/report'
import { count, formatBytes, formatDuration, formatNumber } from '../format.ts'

const phases: Readonly<Record<Phase, string>> = {
  bulk: 'bulk: everything, once', delta: 'deltas: what has changed, again and again, until the freeze', freezing: 'freezing the source',
  final: 'the last pass', verifying: 'verifying every image', deciding: 'deciding', go: 'go', 'no-go': 'no-go', aborted: 'aborted',
}

/** @param freezeWith the command that freezes it */
export function lineOfCutover(event: CutoverEvent, freezeWith: string): string | undefined {
  switch (event.type) {
    case 'phase': return `phase ${phases[event.phase]}`
    case 'pass-begins': return `pass ${event.number} (${event.kind})${event.changes === undefined ? '' : `: ${count(event.changes, 'change')}`}${event.again ? ', gone on with' : ''} ...`
    case 'pass': return describePass(event.pass)
    case 'waiting': return event.until === undefined ? `waiting for events, or the freeze (${freezeWith})` : `waiting until ${clock(event.until)}, or the freeze (${freezeWith})`
    case 'hook': return `calling the ${event.hook} hook`
    case 'frozen': return `the source is frozen; the last pass has until ${clock(event.freeze.deadline ?? '')}`
    case 'cut': return `pass ${event.number} (${event.kind}) was cut off: ${event.why === 'deadline' ? 'the deadline has passed' : `${event.why} was asked for`}`
    case 'verified': {
      const { images, sound, missing, differing, corrupt, failed, unlisted } = event.verification
      const wrong = ([['missing', missing], ['different', differing], ['corrupt', corrupt], ['not to be checked', failed + unlisted]] as const).filter(([, n]) => n > 0)
      return `${formatNumber(sound)} of ${formatNumber(images)} images are as they should be${wrong.map(([what, n]) => `, ${formatNumber(n)} ${what}`).join('')}`
    }
    case 'decided': return undefined
    case 'trouble': return `trouble: ${printable(describeFailure(event.error))}; tried again${event.retryMs === undefined ? '' : ` in ${formatDuration(event.retryMs)}`}${event.hint === '' ? '' : ` (${event.hint})`}`
  }
}

export function describePass({ number, kind, images, copied, present, failed, unlisted, bytes, gone = 0, started, ended }: Pass): string {
  return [
    `pass ${number} (${kind}): ${count(images, 'image')}`, `${formatNumber(copied)} copied (${formatBytes(bytes)})`, `${formatNumber(present)} already there`, `${formatNumber(failed)} failed`,
    ...(unlisted > 0 ? [`${count(unlisted, 'place')} not listed`] : []), ...(gone > 0 ? [`${formatNumber(gone)} gone at the source`] : []), formatDuration(Date.parse(ended) - Date.parse(started)),
  ].join(', ')
}

/** `22:41:07 UTC` */
export function clock(iso: string): string { return `${iso.slice(11, 19)} UTC` }
