// https://github.com/goharbor/harbor/blob/v2.12.0/src/server/v2.0/handler/label.go
import { type Answer, type Call, jsonOf, ok, requireProject, requireSystem } from '../call.ts'
import { badRequest, conflict, HarborRefusal, notFound } from '../harbor-error.ts'
import type { Label } from '../model.ts'
import { answerPage } from '../query.ts'
import { type Json, numberOf, present, textOf, time } from './json.ts'

export function labelJson(label: Label): Json {
  const { id, name, description, color, scope, projectId, createdAt, updatedAt } = label
  return { creation_time: time(createdAt), id, name, scope, update_time: time(updatedAt), ...present({ color, description, project_id: projectId }) }
}

/** @throws HarborRefusal 401, 403; 400 for a scope that is none */
function requireScope(call: Call, scope: string, projectId: number, action: string): void {
  if (scope === 'g') requireSystem(call, action, 'label')
  else if (scope === 'p') {
    const project = call.state.projects.get(projectId)
    if (!project) throw new HarborRefusal(call.security.isAuthenticated ? 'FORBIDDEN' : 'UNAUTHORIZED', call.security.isAuthenticated ? 'forbidden' : 'unauthorized')
    requireProject(call, project, action, 'label')
  } else throw badRequest('unsupported label scope')
}

export function ListLabels(call: Call): Answer {
  const { url, state } = call
  const scope = url.searchParams.get('scope') ?? ''
  const name = url.searchParams.get('name') ?? ''
  const projectId = Number(url.searchParams.get('project_id') ?? 0)
  if (scope !== 'g' && scope !== 'p') throw badRequest(`invalid scope: ${scope}`)
  if (scope === 'p') {
    if (projectId === 0) throw badRequest('must with project ID when to query project labels')
    requireScope(call, scope, projectId, 'list')
  }
  const shown = [...state.labels.values()].filter((label) => label.scope === scope && label.name.includes(name) && (scope === 'g' || label.projectId === projectId))
  return answerPage(call, shown, { fields: { id: (label) => label.id, name: (label) => label.name, creation_time: (label) => label.createdAt }, sort: '-creation_time' }, labelJson)
}

export async function CreateLabel(call: Call): Promise<Answer> {
  const { state, url } = call
  const body = await jsonOf(call)
  const scope = textOf(body, 'scope') ?? ''
  const projectId = scope === 'g' ? 0 : numberOf(body, 'project_id') ?? 0
  requireScope(call, scope, projectId, 'create')
  const name = nameOf(body)
  if ([...state.labels.values()].some((label) => label.name === name && label.scope === scope && label.projectId === projectId)) {
    throw conflict(`label ${name} already exists`)
  }
  const id = state.nextId('label')
  const now = Date.now()
  state.labels.set(id, {
    id, name, description: textOf(body, 'description') ?? '', color: textOf(body, 'color') ?? '', scope: scope === 'g' ? 'g' : 'p', projectId, createdAt: now, updatedAt: now,
  })
  return { status: 201, headers: { location: `${url.pathname.replace(/\/$/, '')}/${id}` } }
}

export function GetLabelByID(call: Call): Answer {
  return { status: 200, body: labelJson(labelFor(call, 'read')) }
}

export async function UpdateLabel(call: Call): Promise<Answer> {
  const label = labelFor(call, 'update')
  const body = await jsonOf(call)
  label.name = nameOf(body)
  label.description = textOf(body, 'description') ?? ''
  label.color = textOf(body, 'color') ?? ''
  label.updatedAt = Date.now()
  return ok
}

export function DeleteLabel(call: Call): Answer {
  const { id } = labelFor(call, 'delete')
  for (const repository of call.state.repositories.values()) for (const artifact of repository.artifacts.values()) artifact.labels.delete(id)
  call.state.labels.delete(id)
  return ok
}

function nameOf(body: Json): string {
  const name = textOf(body, 'name') ?? ''
  if (name.trim() === '') throw badRequest('label name cannot be empty')
  if (name.length > 128) throw badRequest('max length of label name is 128')
  return name
}

function labelFor(call: Call, action: string): Label {
  const label = call.state.labels.get(Number(call.params['label_id']))
  if (!label) throw notFound(`label ${call.params['label_id'] ?? ''} not found`)
  requireScope(call, label.scope, label.projectId, action)
  return label
}
