// Which tags an immutability rule holds. https://github.com/goharbor/harbor/tree/v2.12.0/src/pkg/immutable
import { matchesGlob } from './doublestar.ts'
import type { HarborState } from './harbor-state.ts'
import type { Project, Selector } from './model.ts'

/** `name`: with the project's. */
export function isImmutable(state: HarborState, project: Project, name: string, tag: string): boolean {
  const repository = name.slice(project.name.length + 1)
  return [...state.immutableRules.values()].some((rule) => {
    // Harbor looks at the first of each.
    const [scope] = rule.scopeSelectors['repository'] ?? []
    const [tags] = rule.tagSelectors
    return rule.projectId === project.id && !rule.disabled && scope !== undefined && tags !== undefined && selects(scope, repository) && selects(tags, tag)
  })
}

function selects({ decoration, pattern }: Selector, word: string): boolean {
  const isMatch = pattern === '' || matchesGlob(pattern, word)
  return decoration === 'excludes' || decoration === 'repoExcludes' ? !isMatch : isMatch
}
