// https://github.com/goharbor/harbor/blob/v2.12.0/src/server/v2.0/handler/project.go
import { type Answer, type Call, jsonOf, ok, projectFor, requireAuthenticated } from '../call.ts'
import { badRequest, HarborRefusal, notFound, precondition } from '../harbor-error.ts'
import type { Project } from '../model.ts'
import { createProject as makeProject } from '../project.ts'
import { answerPage, type Columns } from '../query.ts'
import { usedBy } from '../quota.ts'
import { isPublic } from '../security.ts'
import { flagOf, type Json, listOf, numberOf, objectOf, present, textOf } from './json.ts'
import { metadataOf } from './metadata.ts'
import { projectJson } from './project-json.ts'
import { registryJson } from './registries.ts'

const columns: Columns<Project> = {
  fields: {
    name: (project) => project.name, project_id: (project) => project.id, public: isPublic, owner_id: (project) => project.ownerId,
    creation_time: (project) => project.createdAt, update_time: (project) => project.updatedAt,
  },
  sort: 'name',
}

export function listProjects(call: Call): Answer {
  const { state, security, url } = call
  const name = url.searchParams.get('name') ?? ''
  const owner = url.searchParams.get('owner') ?? ''
  const wanted = url.searchParams.get('public')
  const shown = [...state.projects.values()].filter((project) => {
    if (!project.name.includes(name) || (owner !== '' && state.users.get(project.ownerId)?.name !== owner)) return false
    if (wanted !== null && isPublic(project) !== (wanted === 'true')) return false
    return isListed(call, project)
  })
  return answerPage(call, shown, columns, (project) => projectJson(state, security, project))
}

/** Public ones, and those that the caller is a member of, or a robot in. */
function isListed({ security }: Call, project: Project): boolean {
  if (isPublic(project) || security.can('list', { name: 'project' })) return true
  const { user, robot } = security
  if (user) return [...project.members.values()].some((member) => member.userId === user.id)
  return robot?.permissions.some(({ kind, namespace }) => kind === 'project' && (namespace === '*' || namespace === project.name)) === true
}

export function headProject(call: Call): Answer {
  const name = call.url.searchParams.get('project_name') ?? ''
  projectFor({ ...call, params: { project_name: name } }, 'read')
  return ok
}

export async function createProject(call: Call): Promise<Answer> {
  requireAuthenticated(call)
  const { state, security, request, url } = call
  const { configuration } = state
  const isAdmin = security.can('create', { name: 'project' })
  if (security.robot && security.robot.level !== 'system') throw new HarborRefusal('FORBIDDEN', 'Only system level robot can create project')
  if (!isAdmin && (configuration.projectCreation === 'adminonly' || security.robot)) throw new HarborRefusal('FORBIDDEN', 'Only system admin can create project')
  const body = await jsonOf(call)
  const name = textOf(body, 'project_name') ?? ''
  if (name.length > 255) throw new HarborRefusal('UNPROCESSABLE_ENTITY', 'validation failure list:\nvalidation failure list:\nproject_name in body should be at most 255 chars long')
  const registryId = numberOf(body, 'registry_id')
  if (registryId !== undefined && !isAdmin) throw new HarborRefusal('FORBIDDEN', 'Only system admin can create proxy cache project')
  const metadata = { ...metadataOf(objectOf(body, 'metadata') ?? {}) }
  if ((metadata['retention_id'] ?? '') !== '') {
    throw badRequest('bad request: the retention_id in the request\'s payload when creating a project should be omitted, alternatively passing an empty string')
  }
  delete metadata['retention_id']
  metadata['public'] ??= String(flagOf(body, 'public') ?? false)
  if (registryId !== undefined) {
    delete metadata['enable_content_trust']
    if (registryId <= 0) throw badRequest(`bad request: ${registryId} is invalid value of registry_id, it should be geater than 0`)
    if (!state.registries.has(registryId)) throw new HarborRefusal('UNKNOWN', `failed to get the registry ${registryId}`)
  }
  const project = makeProject(state, {
    name, ownerId: security.user?.id ?? 1, metadata, storageLimit: storageLimitOf(call, body, isAdmin), ...(registryId === undefined ? {} : { registryId }),
  })
  const named = request.headers['x-resource-name-in-location'] === 'true'
  return { status: 201, headers: { location: `${url.pathname.replace(/\/$/, '')}/${named ? project.name : project.id}` } }
}

/** Only administrators choose; 0 is the system's own. @throws HarborRefusal 400 */
function storageLimitOf({ state: { configuration } }: Call, body: Json, isAdmin: boolean): number {
  const wanted = numberOf(body, 'storage_limit')
  if (!configuration.quotaPerProject) return -1
  if (wanted === undefined || wanted === 0 || !isAdmin) return configuration.storagePerProject
  checkStorageLimit(wanted)
  return wanted
}

/** @throws HarborRefusal 400 */
export function checkStorageLimit(bytes: number): void {
  if (bytes !== -1 && bytes <= 0) throw badRequest(`bad request: invalid resource limit, the value of storage should be -1 or positive: ${bytes}`)
  if (bytes > 1024 ** 5) throw badRequest('bad request: 1PB limit for the storage quota exceeded')
}

export function getProject(call: Call): Answer {
  return { status: 200, body: projectJson(call.state, call.security, projectFor(call, 'read')) }
}

export async function updateProject(call: Call): Promise<Answer> {
  const project = projectFor(call, 'update')
  const body = await jsonOf(call)
  const metadata = metadataOf(objectOf(body, 'metadata') ?? {})
  const retention = metadata['retention_id']
  if (retention !== undefined && retention !== project.metadata.get('retention_id')) {
    throw badRequest('the retention_id in the request\'s payload when updating a project should be omitted, alternatively passing the one that has already been associated to this project')
  }
  const allowlist = objectOf(body, 'cve_allowlist')
  if (allowlist) {
    const id = numberOf(allowlist, 'project_id') ?? 0
    if (id !== 0 && id !== project.id) throw badRequest(`project_id in cve_allowlist must be ${project.id} but it's ${id}`)
    const items = (listOf(allowlist, 'items') ?? []).map((item) => ({ cve_id: textOf(item, 'cve_id') ?? '' }))
    project.cveAllowlist = { items, expires_at: numberOf(allowlist, 'expires_at') ?? null }
  }
  for (const [key, value] of Object.entries(metadata)) if (!(key === 'enable_content_trust' && project.registryId > 0)) project.metadata.set(key, value)
  project.updatedAt = Date.now()
  return ok
}

export function deleteProject(call: Call): Answer {
  const { state } = call
  const project = projectFor(call, 'delete')
  const { deletable, message } = deletableOf(call, project)
  if (!deletable) throw precondition(`precondition failed: ${message}`)
  state.projects.delete(project.id)
  for (const [id, robot] of state.robots) if (robot.projectId === project.id) state.robots.delete(id)
  for (const table of [state.immutableRules, state.webhooks, state.retentions]) {
    for (const [id, row] of table) if (row.projectId === project.id) table.delete(id)
  }
  return ok
}

export function getProjectDeletable(call: Call): Answer {
  const { deletable, message } = deletableOf(call, projectFor(call, 'delete'))
  return { status: 200, body: present({ deletable, message }) }
}

function deletableOf({ state }: Call, project: Project): { readonly deletable: boolean; readonly message: string } {
  const isEmpty = state.repositoriesOf(project).length === 0
  return { deletable: isEmpty, message: isEmpty ? '' : 'the project contains repositories, can not be deleted' }
}

export function getProjectSummary(call: Call): Answer {
  const project = projectFor(call, 'read')
  const { state, security } = call
  const count = (role: string): number => [...project.members.values()].filter((member) => member.role === role).length
  const registry = state.registries.get(project.registryId)
  return {
    status: 200,
    body: {
      repo_count: state.repositoriesOf(project).length,
      ...(security.can('list', { project, name: 'member' }) ? present({
        project_admin_count: count('projectAdmin'), maintainer_count: count('maintainer'), developer_count: count('developer'), guest_count: count('guest'),
        limited_guest_count: count('limitedGuest'),
      }) : {}),
      ...(security.can('read', { project, name: 'quota' }) && state.configuration.quotaPerProject
        ? { quota: { hard: { storage: project.storageLimit }, used: { storage: usedBy(project) } } } : {}),
      ...(registry ? { registry: registryJson(registry) } : {}),
    },
  }
}

/** @throws HarborRefusal 404 */
export function projectById({ state }: Call, id: number): Project {
  const project = state.projects.get(id)
  if (!project) throw notFound(`project ${id} not found`)
  return project
}
