// What a run came to, for a person: the result on stdout.
import { printable } from '@longshore/oci'
import type { Tally } from '@longshore/report'
import type { RegistryUse } from '@longshore/transfer'
import { count, formatBytes, formatDuration, formatNumber } from './format.ts'
import { failureOf, formatGroups, groupFailures, unlistedFailure } from './failure-group.ts'

const shown = { groups: 20, names: 3 } as const

export interface SummaryFacts {
  readonly ms: number
  readonly stopped: boolean
  readonly registries: readonly RegistryUse[]
  /** Where the whole of the failures can be read. */
  readonly files: readonly string[]
}

export function formatSummary(tally: Tally, facts: SummaryFacts): string {
  const { blobs, copied, present, failed } = tally
  const images = [
    `${formatNumber(copied)} copied`, `${formatNumber(present)} already there`, `${formatNumber(failed)} failed`,
    ...(tally.openCount > 0 ? [`${formatNumber(tally.openCount)} not finished`] : []),
  ]
  const lines = [
    ...formatFailures(tally, facts.files),
    row('images', `${images.join(', ')}${facts.stopped ? ' (stopped)' : ''}`),
    row('blobs', blobs.pushed + blobs.mounted + blobs.existed === 0 ? failed === 0 && tally.openCount === 0 ? 'none had to be moved' : 'none were moved' : [
      `${formatNumber(blobs.pushed)} copied (${formatBytes(blobs.pushedBytes)})`, `${formatNumber(blobs.mounted)} mounted (${formatBytes(blobs.mountedBytes)})`,
      `${formatNumber(blobs.existed)} already there (${formatBytes(blobs.existedBytes)})`,
    ].join(', ')),
    row('manifests', `${formatNumber(tally.manifests)} put${tally.referrers > 0 ? `, ${count(tally.referrers, 'referrer')} among them` : ''}`),
    ...(tally.rewritten > 0 ? [row('', `${count(tally.rewritten, 'index', 'indexes')} rewritten: their digests changed (--report lists them)`)] : []),
    ...(tally.droppedTags > 0 ? [row('tags', `${formatNumber(tally.droppedTags)} left out by rules (longshore plan says which)`)] : []),
    ...facts.registries.map((use, i) => row(i === 0 ? 'requests' : '', `${formatNumber(use.requests)} to ${printable(use.registry)} (${use.side})${
      use.pauses > 0 ? `, which asked to wait ${count(use.pauses, 'time')}` : ''}`)),
    row('elapsed', `${formatDuration(facts.ms)}${blobs.pushedBytes > 0 && facts.ms > 0 ? `, ${formatBytes(blobs.pushedBytes / facts.ms * 1000)}/s` : ''}`),
  ]
  return `${lines.join('\n')}\n`
}

/** The same for programs: one line. */
export function formatJsonSummary(tally: Tally, { ms, stopped, registries }: Omit<SummaryFacts, 'files'>): string {
  const { found, copied, present, failed, openCount: abandoned, blobs, manifests, unlisted, droppedTags } = tally
  return `${JSON.stringify({
    type: 'summary', images: { found, copied, present, failed, abandoned }, blobs, manifests, unlisted: unlisted.length, droppedTags, registries, ms: Math.round(ms), stopped,
  })}\n`
}

function formatFailures({ failures, unlisted }: Tally, files: readonly string[]): readonly string[] {
  if (failures.length === 0 && unlisted.length === 0) return []
  const groups = groupFailures(failures.map(failureOf))
  const places = groupFailures(unlisted.map(unlistedFailure))
  const isWhole = [...groups, ...places].every((group) => group.failures.length <= shown.names + 1) && Math.max(groups.length, places.length) <= shown.groups
  const where = files.length > 0 ? `all of them are in ${files.join(' and ')}` : '--report FILE.json and --failed FILE keep all of them'
  return [
    ...(groups.length > 0 ? ['failed:', ...formatGroups(groups, 'image', shown)] : []),
    ...(places.length > 0 ? ['could not be listed:', ...formatGroups(places, 'place', shown)] : []),
    ...(isWhole ? [] : [`  ${where}`]), '',
  ]
}

function row(name: string, text: string): string { return `${name.padEnd(11)}${text}` }
