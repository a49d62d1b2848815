// Policies are kept and shown; Harbor's job service, which would carry them out, is not here.
// https://github.com/goharbor/harbor/blob/v2.12.0/src/server/v2.0/handler/retention.go
import { type Answer, type Call, jsonOf, ok, requireAuthenticated, requireProject } from '../call.ts'
import { badRequest, conflict, HarborRefusal, notFound } from '../harbor-error.ts'
import type { Project, RetentionPolicy } from '../model.ts'
import { type Json, listOf, numberOf, objectOf, textOf } from './json.ts'

/** @throws HarborRefusal 400, 401, 403, 409 */
function scopeOf(call: Call, body: Json, action: string): Project {
  const rules = listOf(body, 'rules') ?? []
  if (rules.length > 15) throw badRequest('bad request: only 15 rules are allowed at most')
  const texts = rules.map((rule) => JSON.stringify({ ...rule, id: 0 }))
  const twice = texts.findIndex((text, i) => texts.indexOf(text) !== i)
  if (twice !== -1) throw conflict(`resource conflict: rule ${twice} is conflict with rule ${texts.indexOf(texts[twice] ?? '')}`)
  const scope = objectOf(body, 'scope') ?? {}
  const level = textOf(scope, 'level') ?? ''
  if (level !== 'project') throw badRequest(`bad request: scope ${level} is not support`)
  const project = call.state.projects.get(numberOf(scope, 'ref') ?? 0)
  if (!project) throw call.security.isAdmin ? badRequest(`bad request: invalid Project id ${numberOf(scope, 'ref') ?? 0}`) : new HarborRefusal('FORBIDDEN', 'forbidden')
  requireProject(call, project, action, 'tag-retention')
  return project
}

export function getRetention(call: Call): Answer {
  const policy = policyFor(call, 'read')
  return { status: 200, body: { ...policy.value, id: policy.id } }
}

export async function createRetention(call: Call): Promise<Answer> {
  requireAuthenticated(call)
  const { state, url } = call
  const body = await jsonOf(call)
  const project = scopeOf(call, body, 'create')
  const old = project.metadata.get('retention_id')
  if (old !== undefined) throw badRequest(`bad request: project ${project.id} already has retention policy ${old}`)
  const id = state.nextId('retention')
  state.retentions.set(id, { id, projectId: project.id, value: body })
  project.metadata.set('retention_id', String(id))
  return { status: 201, headers: { location: `${url.pathname.replace(/\/$/, '')}/${id}` } }
}

export async function updateRetention(call: Call): Promise<Answer> {
  requireAuthenticated(call)
  const body = await jsonOf(call)
  const project = scopeOf(call, body, 'update')
  const id = Number(call.params['id'])
  const policy = call.state.retentions.get(id)
  if (!policy || project.metadata.get('retention_id') !== String(id)) throw notFound(`resource not found: the retention policy id ${id} does not match`)
  policy.value = body
  return ok
}

export function deleteRetention(call: Call): Answer {
  const policy = policyFor(call, 'delete')
  call.state.retentions.delete(policy.id)
  call.state.projects.get(policy.projectId)?.metadata.delete('retention_id')
  return ok
}

function policyFor(call: Call, action: string): RetentionPolicy {
  requireAuthenticated(call)
  const policy = call.state.retentions.get(Number(call.params['id']))
  const project = policy && call.state.projects.get(policy.projectId)
  if (!policy || !project) throw notFound(`retention policy ${call.params['id'] ?? ''} not found`)
  requireProject(call, project, action, 'tag-retention')
  return policy
}
