import type { Tally } from '@longshore/report'
import { describePlace } from '@longshore/report'
import { deletionsOf, type Migration } from '@longshore/spec'
import { formatEnd, type Image, isGone, mayPass } from '@longshore/transfer'
import type { PassOutcome } from './mover.ts'
import type { Change, FailedImage } from './record.ts'

/** The record is read and written whole; `--report` of a migration lists all failures. */
const kept = 50

type Counted = Pick<Tally, 'found' | 'copied' | 'present' | 'failures' | 'unlisted' | 'blobs'>

/**
 * What a pass came to, from its tally. A tag that is gone is no failure, where a rule chose it or a change named it: people delete tags between the list
 * of them and the reading, and what was pushed and told of. One that the spec names has to be there.
 */
export async function passOutcome(tally: Counted, spec: Migration, changes: readonly Change[] | undefined): Promise<PassOutcome> {
  const gone = tally.failures.filter(({ image, error }) => isGone(image, error) && (changes !== undefined || !isNamed(spec, image)))
  const names = new Set(gone.map(({ image: { source: { registry, repository, reference } } }) => `${registry}/${repository} ${reference}`))
  if (changes === undefined) {
    if (gone.length === 0) return outcomeOf(tally, tally.failures)
    // What is verified in the end is held against what was there.
    return { ...outcomeOf({ ...tally, found: tally.found - gone.length }, tally.failures.filter((failure) => !gone.includes(failure))), gone: names.size }
  }
  for (const { registry, repository, tag, digest } of await deletionsOf(spec, changes)) names.add(`${registry}/${repository} ${tag ?? digest ?? ''}`)
  return { ...outcomeOf(tally, tally.failures.filter((failure) => !gone.includes(failure))), gone: names.size }
}

function isNamed({ entries }: Migration, { source: { registry, repository, reference } }: Image): boolean {
  return entries.some(({ source, selection }) => source.registry === registry && (source.kind === 'catalog' || source.repository === repository)
    && selection.references.some((named) => named.reference === reference))
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
