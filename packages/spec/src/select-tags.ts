// Which tags of one repository a rule takes, and for each other tag the step that dropped it.
import { companionSubject, type Tag } from '@longshore/oci'
import type { InventoryTag } from '@longshore/transfer'
import semver from 'semver'
import type { Moment, TagRule } from './migration.ts'
import { matcherOf } from './pattern.ts'

/** `references`: the spec names its references, and this is none of them. */
export type DropRule = 'references' | 'anyOf' | 'include' | 'exclude' | 'semver' | 'labels' | 'pushed.newerThan' | 'pushed.olderThan' | 'newerThan' | 'olderThan' | 'latest' | 'companion'
type AgeRule = Extract<DropRule, `${string}erThan`>
export interface DroppedTag { readonly tag: Tag; readonly rule: DropRule; readonly reason: string }
export interface TagSelection { readonly selected: readonly Tag[]; readonly dropped: readonly DroppedTag[] }

export interface SelectContext {
  /** When the tag's image was made; asked only for tags that an age rule looks at. `undefined`: it does not say. */
  readonly createdOf?: (tags: readonly Tag[]) => Promise<ReadonlyMap<Tag, Date | undefined>>
  /** What the source's inventory says; for the rules that look at it. */
  readonly inventory?: ReadonlyMap<Tag, InventoryTag>
  /** What ages are reckoned from. */
  readonly now?: Date
  /** Tags that look like a companion's and are none: rules see them as any other. */
  readonly standalone?: ReadonlySet<Tag>
  /** Referrers stay behind, so companion tags (`sha256-<hex>.sig` …) are reported as dropped; else they travel with their subject. */
  readonly dropCompanions?: boolean
}

/** Keeps the order of `tags`. */
export async function selectTags(tags: readonly Tag[], rule: TagRule, context: SelectContext = {}): Promise<TagSelection> {
  const dropped: DroppedTag[] = []
  let left: readonly Tag[] = tags
  /** Keeps the tags for which `reasonOf` has nothing to say. */
  const step = (name: DropRule, reasonOf: (tag: Tag) => string | undefined): void => {
    left = left.filter((tag) => {
      const reason = reasonOf(tag)
      if (reason !== undefined) dropped.push({ tag, rule: name, reason })
      return reason === undefined
    })
  }

  const isCompanion = (tag: Tag): boolean => companionSubject(tag) !== undefined && context.standalone?.has(tag) !== true
  if (context.dropCompanions === true) step('companion', (tag) => (isCompanion(tag) ? 'holds referrers of another manifest, and referrers is false' : undefined))
  else left = left.filter((tag) => !isCompanion(tag))

  const { anyOf, include, exclude, semver: range, prereleases = false, labels, pushed, newerThan, olderThan, latest } = rule
  if (anyOf) {
    const taken = new Set<Tag>()
    // What is left has no companions any more.
    for (const one of anyOf) for (const tag of (await selectTags(left, one, { standalone: new Set(left) })).selected) taken.add(tag)
    step('anyOf', (tag) => (taken.has(tag) ? undefined : `is taken by none of ${anyOf.length} rules`))
  }
  if (include) {
    const matchers = include.map(matcherOf)
    const taken = new Set(matchers.flatMap((m) => m.filter(left)))
    step('include', (tag) => (taken.has(tag) ? undefined : `matches none of ${matchers.map((m) => m.text).join(', ')}`))
  }
  if (exclude) {
    const matching = new Map<Tag, string>()
    for (const { text, filter } of exclude.map(matcherOf).toReversed()) for (const tag of filter(left)) matching.set(tag, text)
    step('exclude', (tag) => (matching.has(tag) ? `excluded by ${matching.get(tag)}` : undefined))
  }
  if (range !== undefined) {
    const parsed = new semver.Range(range, { includePrerelease: prereleases })
    step('semver', (tag) => {
      const version = versionOf(tag)
      if (!version) return 'is not a version'
      return parsed.test(version) ? undefined : `is not in the range ${range}`
    })
  }

  if (labels) {
    step('labels', (tag) => {
      const lacking = labels.filter((label) => context.inventory?.get(tag)?.labels.includes(label) !== true)
      return lacking.length === 0 ? undefined : `lacks the label${lacking.length === 1 ? '' : 's'} ${lacking.join(', ')}`
    })
  }
  const now = context.now ?? new Date()
  const pushedAt = (tag: Tag): Date | undefined => context.inventory?.get(tag)?.pushedAt
  const age = (name: AgeRule, moment: Moment | undefined, dateOf: (tag: Tag) => Date | undefined): void => {
    if (moment === undefined) return
    const limit = timeOf(moment, now)
    const [done, what] = name.startsWith('pushed.') ? ['pushed', 'push'] : ['created', 'creation']
    const isNewer = name.endsWith('newerThan')
    step(name, (tag) => {
      const date = dateOf(tag)
      if (!date) return `says no ${what} time`
      const isKept = isNewer ? date.getTime() > limit : date.getTime() < limit
      return isKept ? undefined : `was ${done} ${date.toISOString()}, ${isNewer ? 'not after' : 'not before'} ${new Date(limit).toISOString()}`
    })
  }
  age('pushed.newerThan', pushed?.newerThan, pushedAt)
  age('pushed.olderThan', pushed?.olderThan, pushedAt)

  const needsCreated = newerThan !== undefined || olderThan !== undefined || latest?.by === 'created'
  const created = needsCreated && left.length > 0 ? await context.createdOf?.(left) : undefined
  age('newerThan', newerThan, (tag) => created?.get(tag))
  age('olderThan', olderThan, (tag) => created?.get(tag))

  if (latest?.by === 'semver') {
    step('latest', (tag) => (versionOf(tag) ? undefined : 'is not a version'))
    const newest = newestFirst(left, (a, b) => semver.compareBuild(versionOf(b) ?? '0.0.0', versionOf(a) ?? '0.0.0'))
    keepFirst(newest, latest.count, 'by version')
  } else if (latest) {
    const [what, dateOf] = latest.by === 'pushed' ? ['push', pushedAt] as const : ['creation', (tag: Tag) => created?.get(tag)] as const
    step('latest', (tag) => (dateOf(tag) ? undefined : `says no ${what} time`))
    const newest = newestFirst(left, (a, b) => (dateOf(b)?.getTime() ?? 0) - (dateOf(a)?.getTime() ?? 0))
    keepFirst(newest, latest.count, `by ${what} time`)
  }
  return { selected: left, dropped }

  function keepFirst(newest: readonly Tag[], count: number, order: string): void {
    const kept = new Set(newest.slice(0, count))
    step('latest', (tag) => (kept.has(tag) ? undefined : `is not among the latest ${count} ${order}`))
  }
}

/** A tag as a version: a leading `v` is let be, and missing parts are zero (`1.20` is 1.20.0, `1.20-alpine` is its prerelease). */
export function versionOf(tag: string): semver.SemVer | undefined {
  const match = /^v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(-.+)?$/.exec(tag)
  if (!match) return undefined
  const [, major = '0', minor = '0', patch = '0', rest = ''] = match
  const suffix = rest.replaceAll('_', '-')
  return semver.parse(`${Number(major)}.${Number(minor)}.${Number(patch)}${suffix}`) ?? undefined
}

/** Where the order says nothing, the more exact name goes first (`1.20.3` before `1.20` before `1`), then the alphabet. */
function newestFirst(tags: readonly Tag[], order: (a: Tag, b: Tag) => number): readonly Tag[] {
  return tags.toSorted((a, b) => order(a, b) || b.split('.').length - a.split('.').length || (a < b ? -1 : 1))
}

function timeOf(moment: Moment, now: Date): number {
  switch (moment.kind) {
    case 'ago': return now.getTime() - moment.ms
    case 'at': return Date.parse(moment.at)
  }
}
