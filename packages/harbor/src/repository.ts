import type { Io } from '@longshore/transfer'
import { z } from 'zod'
import { count, id, text, time } from './fields.ts'
import { type Harbor, repositorySegment, segment } from './harbor.ts'

const repository = z.object({
  id, project_id: id,
  /** With its project in front. */
  name: z.string(),
  description: text, artifact_count: count, pull_count: count, creation_time: time, update_time: time,
})
export type HarborRepository = z.output<typeof repository>

export interface RepositoryFilter {
  /** Harbor's own filter, such as `name=~app`: `q` of the API. */
  readonly q?: string
}

const need = { permission: 'repository: list', level: 'project' } as const

/** @throws HarborError HARBOR_NOT_FOUND, HARBOR_FORBIDDEN */
export function listRepositories(harbor: Harbor, project: string, { q }: RepositoryFilter, io: Io): AsyncGenerator<HarborRepository, void, void> {
  return harbor.list({ path: `/projects/${segment(project)}/repositories`, project, query: { q, sort: 'name' }, need }, repository, io)
}

/** `name` without the project. */
export async function findRepository(harbor: Harbor, project: string, name: string, io: Io): Promise<HarborRepository | undefined> {
  return await harbor.find({ path: `/projects/${segment(project)}/repositories/${repositorySegment(name)}`, project, need: { permission: 'repository: read', level: 'project' } }, repository, io)
}

/** `false`: it was not there. */
export async function deleteRepository(harbor: Harbor, project: string, name: string, io: Io): Promise<boolean> {
  const answer = await harbor.ask({
    method: 'DELETE', path: `/projects/${segment(project)}/repositories/${repositorySegment(name)}`, project, need: { permission: 'repository: delete', level: 'project' },
  }, [200, 404], io)
  return answer.status === 200
}
