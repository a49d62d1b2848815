import { printable } from '@longshore/oci'
import { describeUntagged, type Dropped, type Unlisted, type Untagged } from '@longshore/report'
import { type Amount, describeAskers, formatEnd, type Plan } from '@longshore/transfer'
import { count, formatBytes, formatNumber } from './format.ts'
import { type Failure, failureOf, formatGroups, groupFailures, unlistedFailure } from './failure-group.ts'

const shown = 40

/** What there is to say about the destination itself, a line each. */
export interface DestinationFindings { readonly problems: readonly string[]; readonly notes: readonly string[] }

/** What the spec reaches and does not move. */
export interface Left { readonly dropped: readonly Dropped[]; readonly unlisted: readonly Unlisted[]; readonly untagged: readonly Untagged[] }

/** A plan for a person; `--json` has the whole of it. */
export function formatPlan(plan: Plan, { dropped, unlisted, untagged }: Left, findings: DestinationFindings): string {
  const copies = plan.images.filter((image) => image.state === 'copy')
  const failures = plan.images.filter((image) => image.state === 'failed')
  const present = plan.images.length - copies.length - failures.length
  const lines = [
    ...table(repositories(plan)),
    ...section('asked for by:', plan.images.filter(({ origin }) => origin !== undefined)
      .map(({ image, origin }) => `${formatEnd(image.source)}  ${describeAskers(origin)}`).sort()),
    ...section('tags that rules leave out:', dropped.map((d) => `${d.registry}/${d.repository}:${d.tag}  ${d.reason}`).sort()),
    ...section('destination repositories that do not exist yet:', plan.missingRepositories),
    ...grouped('images that cannot be moved:', failures.map(failureOf), 'image'),
    ...section('repositories without tags:', untagged.map(describeUntagged)),
    ...grouped('what cannot be listed:', unlisted.map(unlistedFailure), 'place'),
    ...section('what stands in the way at the destination:', findings.problems),
    ...section('to know about the destination:', findings.notes),
    row('images', `${formatNumber(plan.images.length)}: ${formatNumber(copies.length)} to copy, ${formatNumber(present)} already there${failures.length > 0 ? `, ${formatNumber(failures.length)} cannot be moved` : ''}`),
    row('distinct blobs', amount(plan.distinctBlobs)),
    row('already there', amount(plan.alreadyThere)),
    row('mountable', amount(plan.mountable)),
    row('to move', amount(plan.toMove)),
    row('manifests', `${formatNumber(plan.manifestsToPut)} to put`),
    ...plan.requests.map(({ registry, side, requests }, i) => row(i === 0 ? 'requests' : '', `about ${formatNumber(requests)} to ${printable(registry)} (${side})`)),
    ...(dropped.length > 0 ? [row('tags', `${formatNumber(dropped.length)} left out by rules`)] : []),
  ]
  return `${lines.join('\n')}\n`
}

interface Row { readonly repository: string; copy: number; present: number; bytes: number }

function repositories(plan: Plan): readonly Row[] {
  const rows = new Map<string, Row>()
  for (const image of plan.images) {
    if (image.state === 'failed') continue
    const { registry, repository } = image.image.destination
    const name = `${registry}/${repository}`
    const row = rows.get(name) ?? { repository: name, copy: 0, present: 0, bytes: 0 }
    rows.set(name, row)
    row[image.state]++
    if (image.state === 'copy') row.bytes += image.bytes
  }
  return [...rows.values()].sort((a, b) => b.bytes - a.bytes || (a.repository < b.repository ? -1 : 1))
}

function table(rows: readonly Row[]): readonly string[] {
  if (rows.length === 0) return []
  const few = rows.slice(0, shown)
  const width = Math.max(...few.map((row) => row.repository.length), 'destination repository'.length)
  return [
    `${'destination repository'.padEnd(width)}  ${'to copy'.padStart(7)}  ${'there'.padStart(7)}  ${'bytes'.padStart(9)}`,
    ...few.map((row) => `${printable(row.repository).padEnd(width)}  ${formatNumber(row.copy).padStart(7)}  ${formatNumber(row.present).padStart(7)}  ${formatBytes(row.bytes).padStart(9)}`),
    ...(rows.length > shown ? [`and ${count(rows.length - shown, 'more repository', 'more repositories')} (--json lists them)`] : []),
    '',
  ]
}

function section(title: string, items: readonly string[]): readonly string[] {
  if (items.length === 0) return []
  const more = items.length > shown ? [`  and ${formatNumber(items.length - shown)} more (--json lists them)`] : []
  return [title, ...items.slice(0, shown).map((item) => `  ${printable(item)}`), ...more, '']
}

function grouped(title: string, failures: readonly Failure[], what: string): readonly string[] {
  return failures.length === 0 ? [] : [title, ...formatGroups(groupFailures(failures), what, { groups: 20, names: 5 }), '']
}

function amount({ count: n, bytes }: Amount): string { return `${formatNumber(n)} (${formatBytes(bytes)})` }
function row(name: string, text: string): string { return `${name.padEnd(16)}${text}` }
