// What a prune found and did, for a person.
import type { PrunedTag, PruneResult } from '@longshore/cutover'
import { printable } from '@longshore/oci'
import { formatEnd } from '@longshore/transfer'
import { describeFailure } from '@longshore/report'
import { count, formatNumber } from './format.ts'

const shown = 50

export function formatPrune(result: PruneResult): string {
  const { applied, refusal, orphans, untold, repositories, tags } = result
  const of = <S extends PrunedTag['state']>(state: S): ReadonlyArray<PrunedTag & { readonly state: S }> => orphans.filter((tag): tag is PrunedTag & { readonly state: S } => tag.state === state)
  const gone = of('deleted').length
  const images = orphans.filter(({ isCompanion, state }) => !isCompanion && state !== 'kept')
  const share = tags === 0 ? '0.0' : (images.length / tags * 100).toFixed(1)
  const lines = [
    ...section('would be deleted:', of('would-go').map((tag) => `${nameOf(tag)}  ${tag.digest}${tag.isCompanion ? '  (about another of these)' : ''}`), [refusal === undefined ? '-> the same command with --apply deletes them' : `-> the same command with --apply deletes nothing: ${printable(refusal)}`]),
    ...section('deleted:', of('deleted').map((tag) => `${nameOf(tag)}  ${tag.digest}${tag.backup === undefined ? '' : `  (kept as ${tag.backup})`}`)),
    ...section('left alone:', of('kept').map((tag) => `${nameOf(tag)}: ${tag.why}`)),
    ...section('could not be deleted:', of('failed').map((tag) => `${nameOf(tag)}: ${describeFailure(tag.error)}${tag.hint === '' ? '' : `\n    -> ${tag.hint}`}`)),
    ...section('could not be compared, so nothing is deleted there:', untold.map(({ place, why }) => `${place}: ${why}`)),
    ...(repositories === 0 && untold.length === 0 ? ['there is no repository of which the spec takes every tag, and of others it cannot be told what is gone (docs/prune.md)', ''] : []),
    row('compared', `${count(repositories, 'repository', 'repositories')} with ${count(tags, 'tag')}, of which ${formatNumber(images.length)} (${share} %) ${images.length === 1 ? 'is' : 'are'} not at the source`),
    row(applied ? 'deleted' : 'dry run', applied ? count(gone, 'tag') : 'nothing was deleted'),
  ]
  return `${lines.join('\n')}\n`
}

function nameOf(tag: PrunedTag): string { return formatEnd({ ...tag, reference: tag.tag }) }

function section(title: string, items: readonly string[], after: readonly string[] = []): readonly string[] {
  if (items.length === 0) return []
  const more = items.length > shown ? [`  and ${formatNumber(items.length - shown)} more (--json lists them)`] : []
  return [title, ...items.slice(0, shown).flatMap((item) => item.split('\n').map((line, i) => `${i === 0 ? '  ' : ''}${printable(line)}`)), ...more, ...after.map((line) => `  ${line}`), '']
}

function row(name: string, text: string): string { return `${name.padEnd(11)}${text}` }
