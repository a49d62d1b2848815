import type { Io } from '@longshore/transfer'
import { z } from 'zod'
import { flag, listOf, text } from './fields.ts'
import type { Harbor } from './harbor.ts'
import type { Project } from './project.ts'

const selector = z.object({ kind: text, decoration: text, pattern: text })
const rule = z.object({
  disabled: flag,
  /** `always`, `latestPushedK`, `nDaysSinceLastPush`, … */
  template: text, action: text,
  params: z.record(z.string(), z.unknown()).nullish().transform((value) => value ?? {}),
  tag_selectors: listOf(selector), scope_selectors: z.record(z.string(), listOf(selector)).nullish().transform((value) => value ?? {}),
})
const policy = z.object({
  id: z.number().optional(), rules: listOf(rule),
  trigger: z.object({ kind: text, settings: z.record(z.string(), z.unknown()).nullish().transform((value) => value ?? {}) }).nullish().transform((value) => value ?? undefined),
})
export type RetentionPolicy = z.output<typeof policy>

/** What removes tags of a project by and by; `undefined`: nothing does. */
export async function retentionOf(harbor: Harbor, { name, metadata }: Pick<Project, 'name' | 'metadata'>, io: Io): Promise<RetentionPolicy | undefined> {
  const retentionId = metadata['retention_id']
  if (retentionId === undefined || !/^\d+$/.test(retentionId)) return undefined
  return await harbor.find({ path: `/retentions/${retentionId}`, project: name, need: { permission: 'tag-retention: read', level: 'project' } }, policy, io)
}
