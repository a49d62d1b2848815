import { printable } from '@longshore/oci'
import { describeFailure, describeUnlisted, describeUntagged, type RunEvent, type Tally } from '@longshore/report'
import { formatEnd } from '@longshore/transfer'
import { formatBytes, formatDuration } from './format.ts'

/** What became of one image, in words: `copied 34.1 MB, 3 mounted, 2.1 s`. The cure of a failure is in the summary. */
export function describeOutcome(event: Extract<RunEvent, { type: 'done' | 'failed' }>): string {
  if (event.type === 'failed') return `FAILED ${describeFailure(event.error)}`
  if (event.outcome === 'present') return 'already there'
  const { blobs, referrers, ms } = event
  return [
    `copied ${formatBytes(blobs.pushedBytes)}`,
    ...(blobs.mounted > 0 ? [`${blobs.mounted} mounted`] : []),
    ...(blobs.existed > 0 ? [`${blobs.existed} there`] : []),
    ...(referrers > 0 ? [`${referrers} ${referrers === 1 ? 'referrer' : 'referrers'}`] : []),
    ...(event.rewritten === undefined ? [] : [`now ${event.rewritten}`]),
    formatDuration(ms),
  ].join(', ')
}

/** `12/143 docker.io/library/redis:7 -> …`; a `+` behind the total while images are still being found. */
export function formatImageLine(event: Extract<RunEvent, { type: 'done' | 'failed' }>, at: number, total: number, final: boolean): string {
  const { source, destination } = event.image
  return printable(`${at}/${total}${final ? '' : '+'} ${formatEnd(source)} -> ${formatEnd(destination)} ${describeOutcome(event)}`)
}

/** What a log says of an event, if anything. */
export function lineOf(event: RunEvent, tally: Tally): string | undefined {
  switch (event.type) {
    case 'done':
    case 'failed': return formatImageLine(event, tally.settled, tally.total, tally.isTotalKnown)
    case 'unlisted': return `FAILED ${describeUnlisted(event)}`
    case 'untagged': return `warning: ${describeUntagged(event)}`
    case 'warning': return `warning: ${printable(event.message)}`
    case 'found':
    case 'expanded':
    case 'resolved':
    case 'blob':
    case 'manifest':
    case 'dropped': return undefined
  }
}
