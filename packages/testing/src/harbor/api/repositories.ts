// https://github.com/goharbor/harbor/blob/v2.12.0/src/server/v2.0/handler/repository.go
import { type Answer, type Call, jsonOf, ok, projectFor, repositoryFor, repositoryIn } from '../call.ts'
import { deleteArtifact } from '../delete-artifact.ts'
import type { Artifact, Repository } from '../model.ts'
import { answerPage, type Columns } from '../query.ts'
import { isPublic } from '../security.ts'
import { listedArtifacts } from './artifact-json.ts'
import { type Json, present, textOf, time } from './json.ts'

function repositoryJson(repository: Repository): Json {
  return {
    artifact_count: listedArtifacts(repository).length, creation_time: time(repository.createdAt), id: repository.id, name: repository.name,
    project_id: repository.projectId, pull_count: repository.pullCount, update_time: time(repository.updatedAt), ...present({ description: repository.description }),
  }
}

const columns: Columns<Repository> = {
  fields: {
    repository_id: (repository) => repository.id, name: (repository) => repository.name, project_id: (repository) => repository.projectId,
    description: (repository) => repository.description, pull_count: (repository) => repository.pullCount, creation_time: (repository) => repository.createdAt,
    update_time: (repository) => repository.updatedAt,
  },
  sort: '-creation_time,-repository_id',
}

/** All of them for an administrator; else those of public projects and of one's own. */
export function listAllRepositories(call: Call): Answer {
  const { state, security } = call
  const shown = [...state.repositories.values()].filter((repository) => {
    const project = state.projects.get(repository.projectId)
    if (!project || security.isAdmin) return project !== undefined
    return isPublic(project) || (security.user !== undefined && [...project.members.values()].some((member) => member.userId === security.user?.id))
  })
  return answerPage(call, shown, columns, repositoryJson)
}

export function listRepositories(call: Call): Answer {
  const project = projectFor(call, 'list', 'repository')
  return answerPage(call, call.state.repositoriesOf(project), columns, repositoryJson)
}

export function getRepository(call: Call): Answer {
  return { status: 200, body: repositoryJson(repositoryFor(call, 'list', 'repository')) }
}

export async function updateRepository(call: Call): Promise<Answer> {
  const repository = repositoryFor(call, 'update', 'repository')
  repository.description = textOf(await jsonOf(call), 'description') ?? ''
  repository.updatedAt = Date.now()
  return ok
}

/** One artifact after the other, from the latest, those that others list after these; what may not be deleted stops it half-way. @throws HarborRefusal 412 */
export async function deleteRepository(call: Call): Promise<Answer> {
  const project = projectFor(call, 'delete', 'repository')
  const repository = repositoryIn(call, project)
  const { artifacts } = repository
  const isListedByAnother = (digest: string): boolean => [...artifacts.values()].some((parent) => parent.references.some((reference) => reference.digest === digest))
  const remove = async (candidates: readonly Artifact[]): Promise<void> => {
    for (let left = candidates, before = Infinity; left.length > 0 && left.length < before;) {
      before = left.length
      for (const artifact of left) {
        if (artifacts.has(artifact.digest) && !isListedByAnother(artifact.digest)) await deleteArtifact(call, project, repository, artifact)
      }
      left = left.filter(({ digest }) => artifacts.has(digest))
    }
  }
  await remove(listedArtifacts(repository).toSorted((a, b) => b.pushedAt - a.pushedAt || b.id - a.id))
  // Signatures of what never came.
  await remove([...artifacts.values()])
  call.state.repositories.delete(repository.name)
  return ok
}
