import type { Tally } from '@longshore/report'
import { describePlace } from '@longshore/report'
import { formatEnd, mayPass } from '@longshore/transfer'
import type { PassOutcome } from './mover.ts'
import type { FailedImage } from './record.ts'

/** The record is read and written whole; `--report` of a migration lists all failures. */
const kept = 50

/** What a pass came to, from its tally. */
export function passOutcome({ found, copied, present, failures, unlisted, blobs }: Tally): PassOutcome {
  const failed = failures.map(({ image, error, hint }): FailedImage => ({ source: formatEnd(image.source), destination: formatEnd(image.destination), error, hint }))
  const places = unlisted.map((event): FailedImage => ({ source: describePlace(event), error: event.error, hint: event.hint }))
  return {
    images: found, copied, present, failed: failures.length, bytes: blobs.pushedBytes, unlisted: unlisted.length,
    failures: [...failed.slice(0, kept), ...places.slice(0, kept)],
    passing: [...failures, ...unlisted].filter(({ error }) => mayPass(error)).length,
  }
}
