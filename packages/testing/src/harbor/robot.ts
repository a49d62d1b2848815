// A robot's making, for the API and for tests alike. https://github.com/goharbor/harbor/blob/v2.12.0/src/controller/robot/controller.go
import { randomBytes } from 'node:crypto'
import { badRequest, conflict, notFound } from './harbor-error.ts'
import type { HarborState } from './harbor-state.ts'
import type { Robot, RobotPermission } from './model.ts'
import { isGrantable } from './robot-policies.ts'

export interface NewRobot {
  /** Without prefix and project. */
  readonly name: string
  readonly level: 'system' | 'project'
  readonly permissions: readonly RobotPermission[]
  /** Days; -1: for ever. */
  readonly duration: number
  readonly description?: string
  readonly disabled?: boolean
}

/** @throws HarborRefusal 400 */
export function checkRobot({ level, permissions, duration }: Omit<NewRobot, 'name'>): void {
  if (duration !== -1 && !(duration > 0 && duration < 2 ** 31 - 1)) {
    throw badRequest(`bad request error duration input: ${duration}, duration must be either -1(Never) or a positive integer`)
  }
  if (!['system', 'project'].includes(level)) throw badRequest(`bad request error level input: ${level}`)
  if (permissions.length === 0) throw badRequest('bad request empty permission')
  if (permissions.some(({ access }) => access.length === 0)) throw badRequest('bad request empty access')
  if (level === 'project' && permissions.length > 1) throw badRequest('bad request permission')
  for (const { kind, access } of permissions) {
    if (!['system', 'project'].includes(kind)) throw badRequest(`bad request permission level: ${kind}`)
    for (const { resource, action } of access) if (!isGrantable(kind, resource, action)) throw badRequest(`bad request permission: ${resource}:${action}`)
  }
}

/** @throws HarborRefusal 400, 404 for a project that is none, 409 */
export function createRobot(state: HarborState, robot: NewRobot): Robot {
  const { name, level, permissions, duration, description = '', disabled = false } = robot
  if (!/^[a-z0-9]+(?:[._-][a-z0-9]+)*$/.test(name)) throw badRequest('robot name is not in lower case or contains illegal characters')
  checkRobot(robot)
  checkNamespaces(state, permissions)
  const project = level === 'project' ? state.projectNamed(permissions[0]?.namespace ?? '') : undefined
  const whole = `${state.configuration.robotPrefix}${project ? `${project.name}+` : ''}${name}`
  if (state.robotNamed(whole)) throw conflict(`robot account ${name} already exists`)
  const now = Date.now()
  const created: Robot = {
    id: state.nextId('robot'), name: whole, description, secret: newSecret(), level, projectId: project?.id, duration, expiresAt: expiryOf(now, duration), disabled,
    permissions, createdAt: now, updatedAt: now,
  }
  state.robots.set(created.id, created)
  return created
}

/** @throws HarborRefusal 400, 404 */
export function checkNamespaces(state: HarborState, permissions: readonly RobotPermission[]): void {
  for (const { kind, namespace } of permissions) {
    if (kind === 'system' ? namespace !== '/' : false) throw badRequest('unknown namespace')
    if (kind === 'project' && namespace !== '*' && !state.projectNamed(namespace)) throw notFound(`project ${namespace} not found`)
  }
}

/** Seconds since 1970. */
export function expiryOf(fromMs: number, days: number): number {
  return days === -1 ? -1 : Math.floor(fromMs / 1000) + days * 86_400
}

/** 32 letters and digits, of each kind one. */
export function newSecret(): string {
  for (;;) {
    const secret = randomBytes(48).toString('base64').replace(/[+/=]/g, '').slice(0, 32)
    if (secret.length === 32 && isGoodSecret(secret)) return secret
  }
}

export function isGoodSecret(secret: string): boolean {
  return secret.length >= 8 && secret.length <= 128 && /[a-z]/.test(secret) && /[A-Z]/.test(secret) && /\d/.test(secret)
}
