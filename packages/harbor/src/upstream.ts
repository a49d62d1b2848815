// Registries that Harbor itself knows: what its proxy caches stand for.
import type { Io } from '@longshore/transfer'
import { z } from 'zod'
import { id, text } from './fields.ts'
import type { Harbor } from './harbor.ts'

const upstream = z.object({ id, name: z.string(), type: text, url: text, status: text })
export type Upstream = z.output<typeof upstream>

export async function findUpstream(harbor: Harbor, registryId: number, io: Io): Promise<Upstream | undefined> {
  return await harbor.find({ path: `/registries/${registryId}`, need: { permission: 'registry: read', level: 'system' } }, upstream, io)
}
