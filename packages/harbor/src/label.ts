import type { Io } from '@longshore/transfer'
import { z } from 'zod'
import { count, id, text } from './fields.ts'
import type { Harbor } from './harbor.ts'

export const label = z.object({ id, name: z.string(), description: text, color: text, scope: text, project_id: count })
/** `scope`: `g` for all projects, `p` for one. */
export type Label = z.output<typeof label>

/** Those of every project, or those of one. */
export function listLabels(harbor: Harbor, where: { readonly scope: 'g' } | { readonly scope: 'p'; readonly projectId: number }, { name }: { readonly name?: string }, io: Io): AsyncGenerator<Label, void, void> {
  const need = where.scope === 'p' ? { permission: 'label: list', level: 'project' } as const : undefined
  return harbor.list({ path: '/labels', query: { scope: where.scope, ...(where.scope === 'p' ? { project_id: where.projectId } : {}), name, sort: 'name' }, ...(need && { need }) }, label, io)
}
