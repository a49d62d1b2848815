// Which tags a project's retention policy would delete. As Harbor: a repository that no rule covers is left alone; in one that some do, what no rule
// retains goes, be it of other tags than the rules speak of. Rules select tags, and artifacts are retained with all their tags.
// github.com/goharbor/harbor v2.12, src/pkg/retention/launcher.go, policy/alg/or/processor.go and policy/rule.
import type { RetentionPolicy } from '@longshore/harbor'
import { globMatcher } from '@longshore/spec'

type Rule = RetentionPolicy['rules'][number]
type Selector = Rule['tag_selectors'][number]

/** A tag that will be there. */
export interface Kept {
  /** Without its project. */
  readonly repository: string
  readonly tag: string
  readonly digest: string
}

/** `unretained`: no rule keeps it. `beyond`: a rule keeps the latest so many only. `unpulled`: a rule keeps what was pulled lately. `later`: it is kept for so many days. */
export type Fate = 'unretained' | 'beyond' | 'unpulled' | 'later'

/** Those that are not kept for good, each with what becomes of it; the worst that any of an artifact's tags escapes counts for all of them. */
export function fatesOf({ rules }: RetentionPolicy, tags: readonly Kept[]): ReadonlyMap<Kept, Fate> {
  const active = rules.filter(({ disabled }) => !disabled)
  const fates = new Map<Kept, Fate>()
  for (const [repository, there] of Map.groupBy(tags, (one) => one.repository)) {
    const covering = active.filter(({ scope_selectors: scopes }) => (scopes['repository'] ?? []).every((scope) => selects(scope, repository)))
    if (covering.length === 0) continue
    const best = new Map<string, Fate | 'kept'>()
    for (const rule of covering) {
      const selected = there.filter(({ tag }) => rule.tag_selectors.every((selector) => selects(selector, tag)))
      const fate = fateBy(rule, new Set(selected.map(({ digest }) => digest)).size)
      for (const { digest } of selected) if (severity[fate] < severity[best.get(digest) ?? 'unretained']) best.set(digest, fate)
    }
    for (const one of there) {
      const fate = best.get(one.digest) ?? 'unretained'
      if (fate !== 'kept') fates.set(one, fate)
    }
  }
  return fates
}

const severity = { kept: 0, later: 1, beyond: 2, unpulled: 3, unretained: 4 } as const

/** What was moved is pushed now, and was never pulled. @param artifacts how many the rule selects in one repository */
function fateBy({ template = '', params }: Rule, artifacts: number): Fate | 'kept' {
  const count = Number(params[template] ?? Number.NaN)
  switch (template) {
    case 'always': return 'kept'
    case 'latestPushedK': case 'latestActiveK': case 'latestPulledN': return artifacts > count ? 'beyond' : 'kept'
    case 'nDaysSinceLastPush': case 'lastXDays': return 'later'
    case 'nDaysSinceLastPull': return 'unpulled'
    // A template of a later Harbor: what is not known is not held against the project.
    default: return 'kept'
  }
}

function selects({ decoration, pattern = '' }: Selector, word: string): boolean {
  const isMatch = pattern === '' || globMatcher(pattern).test(word)
  return decoration === 'excludes' || decoration === 'repoExcludes' ? !isMatch : isMatch
}
