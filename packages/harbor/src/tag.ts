import type { Io } from '@longshore/transfer'
import { listArtifactTags } from './artifact.ts'
import { HarborError } from './errors.ts'
import { type Harbor, repositorySegment, segment } from './harbor.ts'

/** `held`: an immutability rule keeps the tag. */
export type TagDeletion = 'deleted' | 'absent' | { readonly held: string }

/** The tag alone; what it named stays, for Harbor's garbage collection. @param repository without its project @throws HarborError */
export async function deleteTag(harbor: Harbor, project: string, repository: string, tag: string, io: Io): Promise<TagDeletion> {
  try {
    // Artifacts are found by a tag as by a digest.
    const path = `/projects/${segment(project)}/repositories/${repositorySegment(repository)}/artifacts/${segment(tag)}/tags/${segment(tag)}`
    const answer = await harbor.ask({ method: 'DELETE', path, project, idempotent: true, need: { permission: 'tag: delete', level: 'project' } }, [200, 404], io)
    return answer.status === 200 ? 'deleted' : 'absent'
  } catch (error) {
    if (!(error instanceof HarborError && error.code === 'HARBOR_PRECONDITION')) throw error
    return { held: error.said?.message ?? error.message }
  }
}

/** Whether an immutability rule keeps it; `false` also where there is no such tag. @throws HarborError */
export async function isImmutableTag(harbor: Harbor, project: string, repository: string, tag: string, io: Io): Promise<boolean> {
  try {
    for await (const { name, immutable } of listArtifactTags(harbor, project, repository, tag, io)) if (name === tag) return immutable
    return false
  } catch (error) {
    if (error instanceof HarborError && error.code === 'HARBOR_NOT_FOUND') return false
    throw error
  }
}
