import type { Tally } from '@longshore/report'
import { describePlace } from '@longshore/report'
import { deletionsOf, type Migration } from '@longshore/spec'
import { formatEnd, isGone, mayPass } from '@longshore/transfer'
import type { PassOutcome } from './mover.ts'
import type { Change, FailedImage } from './record.ts'

/** The record is read and written whole; `--report` of a migration lists all failures. */
const kept = 50

type Counted = Pick<Tally, 'found' | 'copied' | 'present' | 'failures' | 'unlisted' | 'blobs'>

/** What a pass came to, from its tally. Of one by named changes, a tag that is gone is no failure: it was pushed, and deleted again. */
export async function passOutcome(tally: Counted, spec: Migration, changes: readonly Change[] | undefined): Promise<PassOutcome> {
  if (changes === undefined) return outcomeOf(tally, tally.failures)
  const gone = tally.failures.filter(({ image, error }) => isGone(image, error))
  const names = new Set(gone.map(({ image: { source: { registry, repository, reference } } }) => `${registry}/${repository} ${reference}`))
  for (const { registry, repository, tag, digest } of await deletionsOf(spec, changes)) names.add(`${registry}/${repository} ${tag ?? digest ?? ''}`)
  return { ...outcomeOf(tally, tally.failures.filter((failure) => !gone.includes(failure))), gone: names.size }
}

function outcomeOf({ found, copied, present, unlisted, blobs }: Counted, failures: Counted['failures']): PassOutcome {
  const failed = failures.map(({ image, error, hint }): FailedImage => ({ source: formatEnd(image.source), destination: formatEnd(image.destination), error, hint }))
  const places = unlisted.map((event): FailedImage => ({ source: describePlace(event), error: event.error, hint: event.hint }))
  return {
    images: found, copied, present, failed: failures.length, bytes: blobs.pushedBytes, unlisted: unlisted.length,
    failures: [...failed.slice(0, kept), ...places.slice(0, kept)],
    passing: [...failures, ...unlisted].filter(({ error }) => mayPass(error)).length,
  }
}
