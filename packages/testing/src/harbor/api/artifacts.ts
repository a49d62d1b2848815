// https://github.com/goharbor/harbor/blob/v2.12.0/src/server/v2.0/handler/artifact.go
import { type Answer, artifactFor, type Call, jsonOf, ok, projectFor, repositoryName } from '../call.ts'
import { deleteArtifact as remove } from '../delete-artifact.ts'
import { badRequest, conflict, notFound } from '../harbor-error.ts'
import { accessoriesOf, tagsOn } from '../harbor-state.ts'
import type { Artifact, Label, Project, Repository } from '../model.ts'
import { answerPage, type Columns, type Pattern } from '../query.ts'
import { accessoryJson, artifactJson, listedArtifacts } from './artifact-json.ts'
import { numberOf } from './json.ts'

function columnsOf(repository: Repository): Columns<Artifact> {
  const tags = (artifact: Artifact, pattern: Pattern): boolean => {
    const names = tagsOn(repository, artifact.digest).map(({ name }) => name)
    if (pattern.kind === 'fuzzy') return names.some((name) => name.includes(pattern.value))
    if (pattern.kind === 'exact') return pattern.value === '*' ? names.length > 0 : pattern.value === 'nil' ? names.length === 0 : names.includes(pattern.value)
    throw badRequest('the value of "tags" query can only be fuzzy match value or exact match value')
  }
  return {
    fields: {
      id: (artifact) => artifact.id, type: (artifact) => artifact.type, media_type: (artifact) => artifact.mediaType, digest: (artifact) => artifact.digest,
      manifest_media_type: (artifact) => artifact.manifestMediaType, artifact_type: (artifact) => artifact.artifactType, size: (artifact) => artifact.size,
      push_time: (artifact) => artifact.pushedAt, pull_time: (artifact) => artifact.pulledAt,
    },
    filters: {
      tags, Tags: tags,
      labels(artifact, pattern) {
        if (pattern.kind !== 'and' || pattern.values.some((id) => !/^\d+$/.test(id))) throw badRequest('the value of "labels" query can only be integer list with intersetion relationship')
        return pattern.values.every((id) => artifact.labels.has(Number(id)))
      },
    },
    sort: '-push_time,-id',
  }
}

/** Of a repository that is none: an empty list. */
export function listArtifacts(call: Call): Answer {
  const project = projectFor(call, 'list', 'artifact')
  const repository = call.state.repositories.get(repositoryName(call, project))
  if (!repository) return answerPage<Artifact>(call, [], { fields: {}, sort: '' }, () => ({}))
  const { searchParams } = call.url
  // base=*: with what indexes list.
  const all = /(?:^|,)base=\*(?:,|$)/.test(searchParams.get('q') ?? '') ? [...repository.artifacts.values()].filter(({ digest }) => !repository.accessories.has(digest)) : listedArtifacts(repository)
  return answerPage(call, all, columnsOf(repository), (artifact) => artifactJson(call, project, repository, artifact))
}

export function getArtifact(call: Call): Answer {
  const project = projectFor(call, 'read', 'artifact')
  const { repository, artifact } = artifactFor(call, project)
  return { status: 200, body: artifactJson(call, project, repository, artifact) }
}

export async function deleteArtifact(call: Call): Promise<Answer> {
  const project = projectFor(call, 'delete', 'artifact')
  const { repository, artifact } = artifactFor(call, project)
  await remove(call, project, repository, artifact)
  return ok
}

export function listAccessories(call: Call): Answer {
  const { repository, artifact } = artifactFor(call, projectFor(call, 'list', 'accessory'))
  return answerPage(call, accessoriesOf(repository, artifact.digest), {
    fields: { id: (accessory) => accessory.id, type: (accessory) => accessory.type, digest: (accessory) => accessory.digest, creation_time: (accessory) => accessory.createdAt },
    sort: 'id',
  }, (accessory) => accessoryJson(repository, accessory))
}

export async function addLabel(call: Call): Promise<Answer> {
  const project = projectFor(call, 'create', 'artifact-label')
  const id = numberOf(await jsonOf(call), 'id') ?? 0
  const label = labelIn(call, project, id)
  const { artifact } = artifactFor(call, project)
  if (artifact.labels.has(label.id)) throw conflict(`label ${label.id} is already added to the artifact ${artifact.id}`)
  artifact.labels.add(label.id)
  return ok
}

export function removeLabel(call: Call): Answer {
  const project = projectFor(call, 'delete', 'artifact-label')
  const label = labelIn(call, project, Number(call.params['label_id']))
  const { artifact } = artifactFor(call, project)
  if (!artifact.labels.delete(label.id)) throw notFound(`reference with label ${label.id} and artifact ${artifact.id} not found`)
  return ok
}

/** Global, or the project's own. @throws HarborRefusal 404 */
function labelIn({ state }: Call, project: Project, id: number): Label {
  const label = state.labels.get(id)
  if (!label) throw notFound(`label ${id} not found`)
  if (label.scope === 'p' && label.projectId !== project.id) throw notFound(`resource not found: project id:${project.id}, label ${id} not found`)
  return label
}
