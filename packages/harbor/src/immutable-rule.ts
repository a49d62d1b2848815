import type { Io } from '@longshore/transfer'
import { z } from 'zod'
import { flag, id, listOf, text } from './fields.ts'
import { type Harbor, segment } from './harbor.ts'

const selector = z.object({ kind: text, decoration: text, pattern: z.string().nullish().transform((value) => value ?? '') })
const rule = z.object({
  id, disabled: flag,
  tag_selectors: listOf(selector),
  scope_selectors: z.record(z.string(), listOf(selector)).nullish().transform((value) => value ?? {}),
})
export type ImmutableRule = z.output<typeof rule>
export type Selector = z.output<typeof selector>

export interface NewImmutableRule {
  /** Doublestar patterns, as Harbor's own. */
  readonly tags: { readonly decoration: 'matches' | 'excludes'; readonly pattern: string }
  readonly repositories: { readonly decoration: 'repoMatches' | 'repoExcludes'; readonly pattern: string }
}

const needTo = (action: string): { readonly permission: string; readonly level: 'project' } => ({ permission: `immutable-tag: ${action}`, level: 'project' })

export function listImmutableRules(harbor: Harbor, project: string, io: Io): AsyncGenerator<ImmutableRule, void, void> {
  return harbor.list({ path: `/projects/${segment(project)}/immutabletagrules`, project, need: needTo('list') }, rule, io)
}

/** @throws HarborError HARBOR_CONFLICT: there is one like it */
export async function createImmutableRule(harbor: Harbor, project: string, { tags, repositories }: NewImmutableRule, io: Io): Promise<void> {
  await harbor.ask({
    method: 'POST', path: `/projects/${segment(project)}/immutabletagrules`, project, need: needTo('create'),
    json: {
      disabled: false, action: 'immutable', template: 'immutable_template', tag_selectors: [{ kind: 'doublestar', ...tags }],
      scope_selectors: { repository: [{ kind: 'doublestar', ...repositories }] },
    },
  }, [201], io)
}

/** `false`: it was not there. */
export async function deleteImmutableRule(harbor: Harbor, project: string, ruleId: number, io: Io): Promise<boolean> {
  return (await harbor.ask({ method: 'DELETE', path: `/projects/${segment(project)}/immutabletagrules/${ruleId}`, project, need: needTo('delete') }, [200, 404], io)).status === 200
}
