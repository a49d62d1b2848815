import type { ErrorRecord } from '@longshore/oci'
import { type BlobTally, formatEnd, type RegistryUse } from '@longshore/transfer'
import { askedBy } from './asked-by.ts'
import { codeOf } from './error-code.ts'
import type { Report } from './report-schema.ts'
import type { Unlisted } from './run-event.ts'
import type { ImageEntry, Tally } from './tally.ts'

export interface RunFacts {
  readonly version: string
  readonly started: Date
  readonly ended: Date
  readonly ms: number
  readonly stopped: boolean
  readonly registries: readonly RegistryUse[]
}

/** What became of everything; the order is that of the names, so that two reports can be compared. */
export function buildReport(tally: Tally, facts: RunFacts): Report {
  const images = [...tally.entries, ...[...tally.open].map((image): ImageEntry => ({ image, outcome: 'abandoned' }))].map(toImage)
  const { copied, present, failed, found, openCount: abandoned } = tally
  return {
    version: 1, tool: { name: 'longshore', version: facts.version },
    started: facts.started.toISOString(), ended: facts.ended.toISOString(), ms: Math.round(facts.ms),
    outcome: facts.stopped ? 'stopped' : failed > 0 || tally.unlisted.length > 0 ? 'failed' : 'complete',
    totals: {
      images: { found, copied, present, failed, abandoned },
      blobs: toBlobs(tally.blobs), manifests: tally.manifests, referrers: tally.referrers,
      unlisted: tally.unlisted.length, droppedTags: tally.droppedTags,
    },
    registries: [...facts.registries].sort(by((use) => `${use.side} ${use.registry}`)),
    images: images.sort(by((image) => image.destination)),
    digestMap: Object.fromEntries(tally.entries.flatMap((e) => (e.digest === undefined || e.rewritten === undefined ? [] : [[e.digest, e.rewritten] as const])).sort(by(([from]) => from))),
    unlisted: tally.unlisted.map(toUnlisted).sort(by((u) => `${u.registry}/${u.repository ?? ''}:${u.reference ?? ''}`)),
    ...(tally.untagged.length === 0 ? {} : { untagged: tally.untagged.map(({ registry, count, repositories }) => ({ registry, count, repositories: [...repositories] })).sort(by((u) => u.registry)) }),
    dropped: tally.dropped.map(({ registry, repository, tag, rule, reason }) => ({ registry, repository, tag, rule, reason })).sort(by((d) => `${d.registry}/${d.repository}:${d.tag}`)),
  }
}

/** JSON with an image a line: it can be searched by line, and is never one string of a hundred megabytes. */
export function* printReport(report: Report): Generator<string> {
  const { images, digestMap, unlisted, untagged = [], dropped, ...head } = report
  yield `${JSON.stringify(head, undefined, 2).slice(0, -2)},\n`
  yield '  "images": ['
  yield* printItems(images)
  yield `],\n  "digestMap": ${JSON.stringify(digestMap)},\n  "unlisted": [`
  yield* printItems(unlisted)
  if (untagged.length > 0) {
    yield '],\n  "untagged": ['
    yield* printItems(untagged)
  }
  yield '],\n  "dropped": ['
  yield* printItems(dropped)
  yield ']\n}\n'
}

function* printItems(items: readonly unknown[]): Generator<string> {
  for (const [i, item] of items.entries()) yield `${i === 0 ? '' : ','}\n    ${JSON.stringify(item)}`
  if (items.length > 0) yield '\n  '
}

function toImage(entry: ImageEntry): Report['images'][number] {
  const ends = { source: formatEnd(entry.image.source), destination: formatEnd(entry.image.destination), ...askedBy(entry.origin) }
  if (entry.outcome === 'abandoned') return { ...ends, outcome: 'abandoned' }
  if (entry.outcome === 'failed' || entry.digest === undefined || entry.blobs === undefined) {
    const error = entry.error ?? { name: 'Error', code: 'UNKNOWN', message: 'unknown' }
    return { ...ends, outcome: 'failed', code: codeOf(error), error: toError(error), hint: entry.hint ?? '' }
  }
  return {
    ...ends, outcome: entry.outcome, digest: entry.digest, ...(entry.rewritten === undefined ? {} : { rewritten: entry.rewritten }),
    blobs: toBlobs(entry.blobs), referrers: entry.referrers ?? 0, ms: Math.round(entry.ms ?? 0),
  }
}

function toBlobs(tally: BlobTally): Report['images'][number] extends infer I ? I extends { blobs: infer B } ? B : never : never {
  return {
    pushed: { count: tally.pushed, bytes: tally.pushedBytes }, mounted: { count: tally.mounted, bytes: tally.mountedBytes },
    existed: { count: tally.existed, bytes: tally.existedBytes },
  }
}

function toUnlisted({ registry, repository, reference, file, line, object, error, hint }: Unlisted): Report['unlisted'][number] {
  return {
    registry, ...(repository === undefined ? {} : { repository }), ...(reference === undefined ? {} : { reference }), file, line, ...(object === undefined ? {} : { object }), code: codeOf(error), error: toError(error), hint,
  }
}

type ReportError = Report['unlisted'][number]['error']

/** Field by field: what the schema does not know does not get into a report. */
function toError({ name, code, message, side, status, registry, cause }: ErrorRecord): ReportError {
  return {
    name, code, message, ...(side === undefined ? {} : { side }), ...(status === undefined ? {} : { status }),
    ...(registry === undefined ? {} : { registry }), ...(cause === undefined ? {} : { cause: toError(cause) }),
  }
}

function by<T>(key: (item: T) => string): (a: T, b: T) => number {
  return (a, b) => {
    const [x, y] = [key(a), key(b)]
    return x < y ? -1 : x > y ? 1 : 0
  }
}
