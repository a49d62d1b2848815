import { printable } from '@longshore/oci'
import { type Finding, formatEnd, type Verification } from '@longshore/transfer'
import { formatBytes, formatNumber } from './format.ts'
import { describeFailure, describeUnlisted } from './image-line.ts'
import type { Unlisted } from './run-event.ts'

const shown = 50

export function formatVerification(v: Verification, unlisted: readonly Unlisted[], deep: boolean, wrongExtra: number): string {
  const of = (problem: Finding['problem']): readonly string[] => v.findings.filter((f) => f.problem === problem).map(describe)
  const lines = [
    ...section('missing at the destination:', of('missing')),
    ...section('different at the destination:', of('differs')),
    ...section('corrupt at the destination:', of('corrupt')),
    ...section('could not be checked:', [...of('failed'), ...unlisted.map(describeUnlisted)]),
    ...section(wrongExtra > 0 ? 'at the destination, and not at the source:' : 'at the destination beside what was asked for (not counted as wrong):',
      v.extra.map((tag) => `${tag.registry}/${tag.repository}:${tag.tag}`)),
    row('images', `${formatNumber(v.sound)} of ${formatNumber(v.images)} are as they should be`),
    row('checked', `${formatNumber(v.manifests)} manifests, ${formatNumber(v.blobs)} blobs${deep ? `, ${formatBytes(v.bytesRead)} read and hashed` : ''}`),
    ...(v.extra.length > 0 ? [row('extra', `${formatNumber(v.extra.length)} tags`)] : []),
  ]
  return `${lines.join('\n')}\n`
}

function describe({ image, what, expected, actual, error, hint }: Finding): string {
  const digests = expected === undefined ? '' : actual === undefined ? ` (${expected})` : `: ${actual} in place of ${expected}`
  const end = formatEnd(image.destination)
  const why = error === undefined ? '' : `: ${describeFailure(error)}${hint === undefined || hint === '' ? '' : ` (${hint})`}`
  return `${end}${what === end ? '' : ` ${what}`}${digests}${why}`
}

function section(title: string, items: readonly string[]): readonly string[] {
  if (items.length === 0) return []
  const more = items.length > shown ? [`  and ${formatNumber(items.length - shown)} more (--json lists them)`] : []
  return [title, ...items.slice(0, shown).map((item) => `  ${printable(item)}`), ...more, '']
}

function row(name: string, text: string): string { return `${name.padEnd(11)}${text}` }
