// Which tags a project's immutability rules hold. As Harbor: the first selector of each kind counts, a rule without one holds nothing.
// github.com/goharbor/harbor v2.12, src/pkg/immutable/match/rule/match.go and src/lib/selector/selectors/doublestar.
import type { ImmutableRule, Selector } from '@longshore/harbor'
import { globMatcher } from '@longshore/spec'

/** @param repository without its project */
export function ruleHolding(rules: readonly ImmutableRule[], repository: string, tag: string): ImmutableRule | undefined {
  return rules.find(({ disabled, scope_selectors: scopes, tag_selectors: tags }) => {
    const [scope] = scopes['repository'] ?? []
    const [selector] = tags
    return !disabled && scope !== undefined && selector !== undefined && selects(scope, repository) && selects(selector, tag)
  })
}

/** In Harbor's words. */
export function describeRule({ scope_selectors: scopes, tag_selectors: tags }: ImmutableRule): string {
  const [scope] = scopes['repository'] ?? []
  const [tag] = tags
  return `repositories ${scope?.decoration === 'repoExcludes' ? 'excluding' : 'matching'} ${scope?.pattern ?? ''}, tags ${tag?.decoration === 'excludes' ? 'excluding' : 'matching'} ${tag?.pattern ?? ''}`
}

function selects({ decoration, pattern }: Selector, word: string): boolean {
  const isMatch = pattern === '' || globMatcher(pattern).test(word)
  return decoration === 'excludes' || decoration === 'repoExcludes' ? !isMatch : isMatch
}
