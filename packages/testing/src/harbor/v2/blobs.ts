// Blobs go through; Harbor counts what a project gets. A proxy cache takes none.
import type { Digest } from '@longshore/oci'
import type { Call } from '../call.ts'
import { HarborRefusal } from '../harbor-error.ts'
import type { Project } from '../model.ts'
import { missingBytes, withRoom } from '../quota.ts'
import { relay } from './registry-behind.ts'

/** @throws HarborRefusal 403 where the project is a proxy cache */
export function projectToPushTo({ state }: Call, repository: string): Project {
  const project = state.projectOf(repository)
  if (!project) throw new HarborRefusal('NOT_FOUND', `project ${repository.split('/')[0]} not found`)
  if (project.registryId > 0) throw new HarborRefusal('DENIED', `denied: can not push artifact to a proxy project: ${project.name}`)
  return project
}

export async function getBlob(call: Call): Promise<void> {
  await relay(call, await call.harbor.behind.forward(call))
}

/** @throws HarborRefusal 403 where a mounted blob is more than the quota has room for */
export async function startUpload(call: Call, repository: string): Promise<void> {
  const { state, harbor, url } = call
  const project = projectToPushTo(call, repository)
  const mounted = url.searchParams.get('mount') as Digest | null
  // What no project has is unknown to Harbor's database.
  const size = mounted === null ? undefined : [...state.projects.values()].map((other) => other.blobs.get(mounted)).find((found) => found !== undefined)
  await withRoom(state, project, mounted === null || size === undefined ? 0 : missingBytes(project, [[mounted, size]]), async () => {
    const answer = await harbor.behind.forward(call)
    if (answer.statusCode === 201 && mounted !== null && size !== undefined) project.blobs.set(mounted, size)
    await relay(call, answer)
  })
}

export async function patchUpload(call: Call, session: string): Promise<void> {
  const answer = await call.harbor.behind.forward(call)
  const [, end] = /^0-(\d+)$/.exec(answer.headers.range ?? '') ?? []
  if (answer.statusCode === 202 && end !== undefined) call.harbor.accepted.set(session, Number(end) + 1)
  await relay(call, answer)
}

/** @throws HarborRefusal 403 where the quota has no room */
export async function finishUpload(call: Call, repository: string, session: string): Promise<void> {
  const { state, harbor, request, url } = call
  const project = state.projectOf(repository)
  const digest = url.searchParams.get('digest') as Digest | null
  const sent = Number(request.headers['content-length'] ?? 0)
  // Harbor looks at one of the two: the size of the body, or, without one, what it has taken before.
  const size = sent > 0 ? sent : harbor.accepted.get(session) ?? 0
  const bytes = !project || digest === null ? 0 : missingBytes(project, [[digest, size]])
  await withRoom(state, project ?? projectToPushTo(call, repository), bytes, async () => {
    const before = harbor.accepted.get(session) ?? 0
    const answer = await harbor.behind.forward(call)
    harbor.accepted.delete(session)
    if (answer.statusCode === 201 && project && digest !== null && !project.blobs.has(digest)) project.blobs.set(digest, before + call.log.bytesIn)
    await relay(call, answer)
  })
}
