// What a run came to, for a person: the result on stdout.
import { printable } from '@longshore/oci'
import { formatEnd } from '@longshore/transfer'
import { count, formatBytes, formatDuration, formatNumber } from './format.ts'
import { describeFailure, describeUnlisted } from './image-line.ts'
import type { FailedEntry, Tally } from './tally.ts'
import type { RegistryUse } from './wire.ts'

const shownFailures = 20

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
    row('blobs', [
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

/** Failures with one reason are told together: a registry that is down fails every image in the same way. */
function formatFailures({ failures, unlisted }: Tally, files: readonly string[]): readonly string[] {
  if (failures.length === 0 && unlisted.length === 0) return []
  const groups = Map.groupBy(failures, (failure) => `${describeFailure(failure.error)}\n${failure.hint}`)
  const lines: string[] = []
  let shown = 0
  let told = 0
  for (const group of groups.values()) {
    if (shown >= shownFailures) break
    const [first] = group
    if (!first) continue
    const few = group.slice(0, Math.min(group.length <= 3 ? 3 : 2, shownFailures - shown))
    shown += few.length
    told += group.length
    lines.push(...few.map(nameFailure))
    if (group.length > few.length) lines.push(`  and ${count(group.length - few.length, 'more image')} for the same reason`)
    lines.push(`    ${printable(describeFailure(first.error))}`)
    if (first.hint !== '') lines.push(`    -> ${printable(first.hint)}`)
  }
  if (told < failures.length) lines.push(`  and ${count(failures.length - told, 'more image')} for other reasons`)
  for (const one of unlisted.slice(0, shownFailures)) lines.push(`  ${describeUnlisted(one)}`)
  if (unlisted.length > shownFailures) lines.push(`  and ${formatNumber(unlisted.length - shownFailures)} more that could not be listed`)
  const where = files.length > 0 ? `all of them are in ${files.join(' and ')}` : '--report FILE.json and --failed FILE keep all of them'
  return ['failed:', ...lines, ...(failures.length > shown || unlisted.length > shownFailures ? [`  ${where}`] : []), '']
}

function nameFailure({ image }: FailedEntry): string {
  return printable(`  ${formatEnd(image.source)} -> ${formatEnd(image.destination)}`)
}

function row(name: string, text: string): string { return `${name.padEnd(11)}${text}` }
