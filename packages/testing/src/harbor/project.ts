// A project's making, for the API and for tests alike.
import { badRequest, conflict } from './harbor-error.ts'
import type { HarborState } from './harbor-state.ts'
import type { Project } from './model.ts'

export interface NewProject {
  readonly name: string
  readonly ownerId: number
  readonly registryId?: number
  readonly metadata?: Readonly<Record<string, string>>
  /** Bytes; -1: no limit. */
  readonly storageLimit: number
}

/** @throws HarborRefusal 400, 409 */
export function createProject(state: HarborState, { name, ownerId, registryId = 0, metadata = {}, storageLimit }: NewProject): Project {
  if (name.length === 0 || name.length > 255) throw badRequest(`Project name ${name} is illegal in length. (greater than 255 or less than 1)`)
  if (!/^[a-z0-9]+(?:[._-][a-z0-9]+)*$/.test(name)) throw badRequest('project name is not in lower case or contains illegal characters')
  if (state.projectNamed(name)) throw conflict(`The project named ${name} already exists`)
  const now = Date.now()
  const memberId = state.nextId('member')
  const project: Project = {
    id: state.nextId('project'), name, ownerId, registryId, metadata: new Map(Object.entries(metadata)), cveAllowlist: { items: [], expires_at: null },
    members: new Map([[memberId, { id: memberId, userId: ownerId, role: 'projectAdmin' }]]), quotaId: state.nextId('quota'), storageLimit,
    blobs: new Map(), reserved: 0, createdAt: now, updatedAt: now,
  }
  state.projects.set(project.id, project)
  return project
}
