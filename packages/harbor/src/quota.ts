import type { Io } from '@longshore/transfer'
import { z } from 'zod'
import { id } from './fields.ts'
import type { Harbor } from './harbor.ts'

const resources = z.object({ storage: z.number().optional() }).nullish().transform((value) => value?.storage)
const quota = z.object({
  id, ref: z.object({ id: z.number().optional(), name: z.string().optional() }).nullish().transform((value) => value ?? {}),
  /** Bytes; -1: no limit. */
  hard: resources, used: resources,
})
export type Quota = z.output<typeof quota>

/** Of the project of this number; `undefined` where quotas are switched off. Administrators and robot accounts with `quota: list` may ask. */
export async function quotaOfProject(harbor: Harbor, projectId: number, io: Io): Promise<Quota | undefined> {
  const quotas = harbor.list({ path: '/quotas', query: { reference: 'project', reference_id: String(projectId) }, need: { permission: 'quota: list', level: 'system' } }, quota, io)
  for await (const found of quotas) return found
  return undefined
}

/** @param bytes -1: no limit */
export async function updateQuota(harbor: Harbor, quotaId: number, bytes: number, io: Io): Promise<void> {
  await harbor.ask({ method: 'PUT', path: `/quotas/${quotaId}`, json: { hard: { storage: bytes } }, idempotent: true, need: { permission: 'quota: update', level: 'system' } }, [200], io)
}
