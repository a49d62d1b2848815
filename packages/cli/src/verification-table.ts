import { type ErrorRecord, printable } from '@longshore/oci'
import { describeFailure, type Unlisted } from '@longshore/report'
import type { SignatureReport } from '@longshore/signing'
import { describeAskers, type Finding, formatEnd, type Origin, type Sample, type Verification } from '@longshore/transfer'
import { type Failure, failureOf, formatGroups, groupFailures, unlistedFailure } from './failure-group.ts'
import { count, formatBytes, formatNumber } from './format.ts'

const shown = 50
const groups = { groups: 20, names: 5 } as const

/** @param unsearched why the destination could not be looked through for other tags */
export function formatVerification(v: Verification, unlisted: readonly Unlisted[], deep: Sample | undefined, wrongExtra: number, unsearched?: ErrorRecord, signatures?: SignatureReport): string {
  const atSource = v.findings.filter(isMissingAtSource)
  const corrupt = v.findings.filter(isCorrupt)
  const untold = v.findings.filter((f) => f.problem === 'failed' || (f.problem === 'corrupt' && !isCorrupt(f)))
  const failures: readonly Failure[] = [
    ...untold.map(({ image, problem, error, hint, origin }) => ({ ...failureOf({ image, error: error ?? unknown, hint: problem === 'corrupt' ? '' : hint ?? '' }), label: `${formatEnd(image.destination)}${askedFor(origin)}` })),
    // A destination that fails the images fails this for the same reason.
    ...(unsearched === undefined || untold.length > 0 ? [] : [{ label: 'other tags at the destination', names: [], error: unsearched, hint: '' }]),
  ]
  const lines = [
    ...section('missing at the destination:', describeByContent(v.findings.filter((f) => f.problem === 'missing' && !isMissingAtSource(f)), (what, needing, { origin }) => (what === needing ? `${what}${askedFor(origin)}` : `${what} of ${needing}`))),
    ...section('missing at the source:', atSource.map(({ image, origin }) => `${formatEnd(image.source)}${askedFor(origin)}`)),
    ...section('different at the destination:', v.findings.filter((f) => f.problem === 'differs')
      .map(({ what, expected, actual, origin }) => `${what}${askedFor(origin)}: is ${actual}, where the source makes it ${expected}`)),
    ...section('corrupt at the destination:', describeByContent(corrupt, (what, needing, { error }) => `${what}${what === needing ? '' : ` (needed by ${needing})`}: ${describeLie(error)}`), cureOf(corrupt)),
    ...(failures.length + unlisted.length === 0 ? [] : [
      'could not be checked:', ...formatGroups(groupFailures(failures), 'image', groups), ...formatGroups(groupFailures(unlisted.map(unlistedFailure)), 'place', groups), '',
    ]),
    ...section(wrongExtra > 0 ? 'at the destination, and not at the source:' : 'at the destination beside what was asked for (not counted as wrong):',
      v.extra.map((tag) => `${tag.registry}/${tag.repository}:${tag.tag}`)),
    ...section('without a signature by one of the keys:', signatures?.unsigned.map(({ destination, why }) => `${destination}: ${why}`) ?? []),
    row('images', `${formatNumber(v.sound)} of ${formatNumber(v.images)} are as they should be`),
    ...(unsearched === undefined ? [row('checked', `${count(v.manifests, 'manifest')}, ${count(v.blobs, 'blob')}${deep?.percent === 100 ? `, ${formatBytes(v.bytesRead)} read and hashed` : ''}`)] : []),
    ...(unsearched === undefined && deep !== undefined && deep.percent < 100 ? [row('', formatSample(v, deep))] : []),
    ...(signatures ? [row('signatures', `${formatNumber(signatures.verified)} of ${count(signatures.checked, 'image')} ${signatures.checked === 1 ? 'is' : 'are'} signed by one of the keys`)] : []),
    ...(v.extra.length > 0 ? [row('extra', count(v.extra.length, 'tag'))] : []),
  ]
  return `${lines.join('\n')}\n`
}

/** What was read of what there is, and how the same can be read again. */
function formatSample({ contentsRead, contents, bytesRead, contentBytes }: Verification, { percent, salt }: Sample): string {
  const share = (part: number, whole: number): string => `${(whole === 0 ? 0 : part / whole * 100).toFixed(1)} %`
  return `${formatNumber(contentsRead)} of ${count(contents, 'distinct blob')} (${share(contentsRead, contents)}), ${formatBytes(bytesRead)} of ${formatBytes(contentBytes)} (${share(bytesRead, contentBytes)}), read and hashed; --deep=${percent}%:${salt} reads the same ones`
}

const unknown: ErrorRecord = { name: 'Error', code: 'UNKNOWN', message: 'unknown' }

export function isMissingAtSource({ problem, what }: Finding): boolean { return problem === 'missing' && what.endsWith(' (at the source)') }

/** Bytes were read, and they lie. Content that could not be read to its end is no proof of that. */
function isCorrupt({ problem, error }: Finding): boolean { return problem === 'corrupt' && isReadable(error) }
function isReadable(error: ErrorRecord | undefined): boolean { return error?.name === 'DigestMismatchError' || error?.name === 'SizeMismatchError' }

/** One line for each reference, manifest or blob, however many images need it. */
function describeByContent(findings: readonly Finding[], line: (what: string, needing: string, finding: Finding) => string): readonly string[] {
  const byContent = Map.groupBy(findings, ({ image, what, expected }) => (isReference(what) ? what : `${image.destination.registry} ${expected}`))
  return [...byContent.values()].flatMap((same) => {
    const [first] = same
    if (!first) return []
    const images = [...new Set(same.map(({ image }) => formatEnd(image.destination)))]
    const needing = images.length <= 3 ? images.join(', ') : `${images.slice(0, 2).join(', ')} and ${formatNumber(images.length - 2)} more images`
    const { what, expected } = first
    return [isReference(what) ? line(what, what, first) : line(`${what.startsWith('blob ') ? 'blob' : 'manifest'} ${expected}`, needing, first)]
  })
}

/** Behind a name: the objects that asked for it. */
function askedFor(origin: Origin | undefined): string {
  const askers = describeAskers(origin)
  return askers === '' ? '' : ` (${askers})`
}

/** A reference that was asked for, rather than something under one. */
function isReference(what: string): boolean { return !what.startsWith('blob ') && !what.includes('@') }

/** `its bytes hash to sha256:…`: what was expected is in front of it. */
function describeLie(error: ErrorRecord | undefined): string {
  if (error === undefined) return describeFailure(unknown)
  const [, actual] = /: the bytes hash to (\S+), not to /.exec(error.message) ?? []
  if (actual !== undefined) return `its bytes hash to ${actual}`
  const [, sizes] = /: (\d+ bytes arrived where .*)$/.exec(error.message) ?? []
  return sizes ?? describeFailure(error)
}

function cureOf(corrupt: readonly Finding[]): readonly string[] {
  const [first] = corrupt
  if (!first) return []
  return [
    '-> registries do not replace content that they have, so neither migrate nor --repair cures this: delete the images there',
    `   (skopeo delete docker://${formatEnd(first.image.destination)}), let the registry collect its garbage, then migrate again`,
  ]
}

function section(title: string, items: readonly string[], cure: readonly string[] = []): readonly string[] {
  if (items.length === 0) return []
  const more = items.length > shown ? [`  and ${formatNumber(items.length - shown)} more (--json lists them)`] : []
  return [title, ...items.slice(0, shown).map((item) => `  ${printable(item)}`), ...more, ...cure.map((line) => `  ${printable(line)}`), '']
}

function row(name: string, text: string): string { return `${name.padEnd(10)} ${text}` }
