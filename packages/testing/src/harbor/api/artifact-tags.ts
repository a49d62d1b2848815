// https://github.com/goharbor/harbor/blob/v2.12.0/src/server/v2.0/handler/artifact.go
import { isTag } from '@longshore/oci'
import { ensureTag } from '../artifact.ts'
import { type Answer, artifactFor, type Call, jsonOf, ok, projectFor } from '../call.ts'
import { checkTagDeletable } from '../delete-artifact.ts'
import { badRequest, conflict, HarborRefusal, notFound } from '../harbor-error.ts'
import { tagsOn } from '../harbor-state.ts'
import { answerPage } from '../query.ts'
import { tagJson } from './artifact-json.ts'
import { textOf } from './json.ts'

export function listTags(call: Call): Answer {
  const project = projectFor(call, 'list', 'tag')
  const { repository, artifact } = artifactFor(call, project)
  return answerPage(call, tagsOn(repository, artifact.digest), {
    fields: { id: (tag) => tag.id, name: (tag) => tag.name, push_time: (tag) => tag.pushedAt, pull_time: (tag) => tag.pulledAt }, sort: '-push_time,-id',
  }, (tag) => tagJson(call, project, repository, tag))
}

/** In the database alone: the registry behind is asked by digest anyway. */
export async function createTag(call: Call): Promise<Answer> {
  const project = projectFor(call, 'create', 'tag')
  if (project.registryId > 0) throw new HarborRefusal('METHOD_NOT_ALLOWED', 'the operation isn\'t supported for a proxy cache project')
  const { repository, artifact } = artifactFor(call, project)
  const name = textOf(await jsonOf(call), 'name') ?? ''
  if (!isTag(name)) throw badRequest(`invalid tag name: ${name}`)
  if (repository.tags.has(name)) throw conflict(`tag ${name} already exists under the repository ${repository.id}`)
  ensureTag(call.state, repository, artifact, name)
  return { status: 201 }
}

export function deleteTag(call: Call): Answer {
  const project = projectFor(call, 'delete', 'tag')
  const { repository, artifact } = artifactFor(call, project)
  const name = call.params['tag_name'] ?? ''
  const tag = repository.tags.get(name)
  if (!tag || tag.digest !== artifact.digest) throw notFound(`tag ${name} attached to artifact ${artifact.id} not found`)
  checkTagDeletable(call, project, repository, tag)
  repository.tags.delete(name)
  return ok
}
