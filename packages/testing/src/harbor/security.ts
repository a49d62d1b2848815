// Who asks, and what that one may do: Harbor's security contexts. A wrong password is no error here: whoever is not known is anonymous,
// and what is then refused is refused with 401. https://github.com/goharbor/harbor/tree/v2.12.0/src/server/middleware/security
import { timingSafeEqual } from 'node:crypto'
import type { HarborState } from './harbor-state.ts'
import type { Project, Robot, RobotPermission, User } from './model.ts'
import { publicPolicies, rolePolicies } from './role-policies.ts'
import type { TokenAccess, TokenSigner } from './token-signer.ts'

/** `project` undefined: of the system. */
export interface Resource { readonly project?: Project; readonly name: string }

export interface Security {
  readonly kind: 'anonymous' | 'user' | 'robot' | 'token'
  readonly name: string
  readonly isAuthenticated: boolean
  readonly isAdmin: boolean
  readonly user?: User
  readonly robot?: Robot
  can(action: string, resource: Resource): boolean
}

export const anonymous: Security = {
  kind: 'anonymous', name: '', isAuthenticated: false, isAdmin: false,
  can: (action, { project, name }) => project !== undefined && isPublic(project) && publicPolicies.has(`${name}:${action}`),
}

export function securityOf(state: HarborState, signer: TokenSigner, authorization: string | undefined, path: string): Security {
  const [, scheme = '', value = ''] = /^(\S+) (.*)$/.exec(authorization ?? '') ?? []
  if (scheme.toLowerCase() === 'bearer' && path.startsWith('/v2')) {
    const claims = signer.verify(value)
    return claims ? tokenSecurity(claims.sub, claims.access) : anonymous
  }
  if (scheme.toLowerCase() !== 'basic') return anonymous
  const [, name = '', secret = ''] = /^([^:]*):([\s\S]*)$/.exec(Buffer.from(value, 'base64').toString()) ?? []
  if (name.startsWith(state.configuration.robotPrefix)) {
    const robot = state.robotNamed(name)
    const isGood = robot && isSame(robot.secret, secret) && !robot.disabled && (robot.expiresAt === -1 || robot.expiresAt > Date.now() / 1000)
    if (isGood === true) return robotSecurity(robot)
  }
  const user = state.userNamed(name)
  return user && isSame(user.password, secret) ? userSecurity(user) : anonymous
}

export function userSecurity(user: User): Security {
  return {
    kind: 'user', name: user.name, isAuthenticated: true, isAdmin: user.isAdmin, user,
    can(action, { project, name }) {
      if (user.isAdmin) return true
      if (!project) return false
      const role = [...project.members.values()].find((member) => member.userId === user.id)?.role
      return (isPublic(project) && publicPolicies.has(`${name}:${action}`)) || (role !== undefined && rolePolicies[role].has(`${name}:${action}`))
    },
  }
}

function robotSecurity(robot: Robot): Security {
  return {
    kind: 'robot', name: robot.name, isAuthenticated: true, isAdmin: false, robot,
    can(action, resource) {
      if (resource.project && isPublic(resource.project) && publicPolicies.has(`${resource.name}:${action}`)) return true
      return robot.permissions.some((permission) => covers(permission, resource) && permission.access.some((access) => {
        // A project itself is the empty resource of its namespace, and `project` where a robot is given it.
        if (access.effect === 'deny' || access.resource !== (resource.project && resource.name === '' ? 'project' : resource.name)) return false
        // Push is pull too, but for robots of a project alone.
        return access.action === action || access.action === '*' || (robot.level === 'project' && access.action === 'push' && action === 'pull')
      }))
    },
  }
}

function covers(permission: RobotPermission, { project }: Resource): boolean {
  if (!project) return permission.kind === 'system'
  return permission.kind === 'project' && (permission.namespace === '*' || permission.namespace === project.name)
}

/** A token knows projects, not repositories. */
function tokenSecurity(name: string, access: readonly TokenAccess[]): Security {
  const actions = new Map(access.filter(({ type }) => type === 'repository').map((entry) => [entry.name.split('/')[0], entry.actions]))
  return {
    kind: 'token', name, isAuthenticated: name !== '', isAdmin: false,
    can: (action, resource) => resource.name === 'repository' && actions.get(resource.project?.name)?.includes(action) === true,
  }
}

export function isPublic(project: Project): boolean {
  return project.metadata.get('public') === 'true'
}

function isSame(want: string, got: string): boolean {
  const [a, b] = [Buffer.from(want), Buffer.from(got)]
  return a.length === b.length && timingSafeEqual(a, b)
}
