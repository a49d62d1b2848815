// What tests put into Harbor without asking its API: none of it is in the log of requests.
import type { Harbor } from './harbor.ts'
import { artifactIn, type Configuration } from './harbor-state.ts'
import type { Access, Project, RoleName, Severity } from './model.ts'
import { createProject } from './project.ts'
import { usedBy } from './quota.ts'
import { createRobot } from './robot.ts'
import { createUser } from './user.ts'

export interface ProjectFixture {
  /** Default false. */
  readonly public?: boolean
  /** Bytes; default -1: no limit. */
  readonly quota?: number
  readonly metadata?: Readonly<Record<string, string>>
  /** A proxy cache of this registry. */
  readonly proxyOf?: string
  readonly members?: Readonly<Record<string, RoleName>>
}

export interface RobotFixture {
  /** Default: a robot of the system. */
  readonly project?: string
  /** `resource:action` in the project, or, of a system robot, in every project. Default: pull and push. */
  readonly access?: readonly string[]
  /** `resource:action` of the system. */
  readonly system?: readonly string[]
  /** Default false. */
  readonly disabled?: boolean
  /** Its days are over. */
  readonly expired?: boolean
}

export interface Credentials { readonly name: string; readonly password: string }

export interface Fixtures {
  addUser(name: string, options?: { readonly password?: string; readonly admin?: boolean }): Credentials
  /** Returns its id. */
  addProject(name: string, options?: ProjectFixture): number
  addMember(project: string, user: string, role: RoleName): void
  /** Its whole name, `robot$…`, and its secret. */
  addRobot(name: string, options?: RobotFixture): Credentials
  /** A scanner's finding, for the artifact and what it lists. @throws Error when there is no such artifact */
  setScan(repository: string, reference: string, severity: Severity, total?: number): void
  configure(configuration: Partial<Configuration>): void
  /** What counts towards the project's quota, in bytes. */
  used(project: string): number
}

export function fixturesOf(harbor: Harbor): Fixtures {
  const { state } = harbor
  const find = (name: string): Project => {
    const project = state.projectNamed(name)
    if (!project) throw new Error(`there is no project ${name}`)
    return project
  }
  const addMember = (project: string, name: string, role: RoleName): void => {
    const user = state.userNamed(name)
    if (!user) throw new Error(`there is no user ${name}`)
    const id = state.nextId('member')
    find(project).members.set(id, { id, userId: user.id, role })
  }
  return {
    addUser(name, { password = 'Password1', admin = false } = {}) {
      createUser(state, { name, password, email: `${name}@example.com`, realname: name, isAdmin: admin })
      return { name, password }
    },
    addProject(name, { public: isPublic = false, quota = -1, metadata = {}, proxyOf, members = {} } = {}) {
      const registryId = proxyOf === undefined ? 0 : state.nextId('registry')
      if (proxyOf !== undefined) {
        state.registries.set(registryId, { id: registryId, name: `upstream-${registryId}`, url: proxyOf, type: 'docker-registry', description: '', insecure: true, createdAt: Date.now() })
      }
      const project = createProject(state, { name, ownerId: 1, registryId, metadata: { public: String(isPublic), ...metadata }, storageLimit: quota })
      for (const [user, role] of Object.entries(members)) addMember(name, user, role)
      return project.id
    },
    addMember,
    addRobot(name, { project, access = ['repository:pull', 'repository:push'], system = [], disabled = false, expired = false } = {}) {
      const robot = createRobot(state, {
        name, level: project === undefined ? 'system' : 'project', duration: 30, disabled,
        permissions: [
          ...(access.length === 0 ? [] : [{ kind: 'project' as const, namespace: project ?? '*', access: access.map(accessOf) }]),
          ...(system.length === 0 ? [] : [{ kind: 'system' as const, namespace: '/', access: system.map(accessOf) }]),
        ],
      })
      if (expired) robot.expiresAt = Math.floor(Date.now() / 1000) - 1
      return { name: robot.name, password: robot.secret }
    },
    setScan(name, reference, severity, total = 1) {
      const repository = state.repositories.get(name)
      const artifact = repository && artifactIn(repository, reference)
      if (!repository || !artifact) throw new Error(`there is no artifact ${name} ${reference}`)
      for (const one of [artifact, ...artifact.references.flatMap(({ digest }) => repository.artifacts.get(digest) ?? [])]) {
        one.scan = { severity, total, fixable: 0, at: Date.now() }
      }
    },
    configure(configuration) { Object.assign(state.configuration, configuration) },
    used: (project) => usedBy(find(project)),
  }
}

function accessOf(text: string): Access {
  const [resource = '', action = ''] = text.split(':')
  return { resource, action }
}
