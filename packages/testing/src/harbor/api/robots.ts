// https://github.com/goharbor/harbor/blob/v2.12.0/src/server/v2.0/handler/robot.go
import { type Answer, type Call, jsonOf, ok, projectFor, requireAuthenticated, requireProject, requireSystem } from '../call.ts'
import { badRequest, HarborRefusal, notFound } from '../harbor-error.ts'
import type { Access, Robot, RobotPermission } from '../model.ts'
import { answerPage, type Columns, matchesPattern, parseQuery } from '../query.ts'
import { checkNamespaces, checkRobot, createRobot as makeRobot, expiryOf, isGoodSecret, type NewRobot, newSecret } from '../robot.ts'
import { flagOf, type Json, listOf, numberOf, present, textOf, time } from './json.ts'
import { projectById } from './projects.ts'

function robotJson(robot: Robot): Json {
  return {
    creation_time: time(robot.createdAt), disable: robot.disabled, duration: robot.duration, editable: true, expires_at: robot.expiresAt, id: robot.id,
    level: robot.level, name: robot.name, permissions: robot.permissions, update_time: time(robot.updatedAt), ...present({ description: robot.description }),
  }
}

/** @throws HarborRefusal */
function requireRobots(call: Call, action: string, level: string, namespace: string | number): void {
  if (level === 'system') requireSystem(call, action, 'robot')
  else if (typeof namespace === 'string') projectFor({ ...call, params: { project_name: namespace } }, action, 'robot')
  else requireProject(call, projectById(call, namespace), action, 'robot')
}

export async function createRobot(call: Call): Promise<Answer> {
  const { state, security, url } = call
  const robot = robotOf(await jsonOf(call), state.configuration.robotDuration)
  if (!/^[a-z0-9]+(?:[._-][a-z0-9]+)*$/.test(robot.name)) throw badRequest('robot name is not in lower case or contains illegal characters')
  checkRobot(robot)
  requireRobots(call, 'create', robot.level, robot.permissions[0]?.namespace ?? '')
  if (security.robot && !isWithin(robot.permissions, security.robot.permissions)) {
    throw new HarborRefusal('DENIED', `permission scope is invalid. It must be equal to or more restrictive than the creator robot's permissions: ${security.name}`)
  }
  const { id, name, secret, createdAt, expiresAt } = makeRobot(state, robot)
  return {
    status: 201, headers: { location: `${url.pathname.replace(/\/$/, '')}/${id}` },
    body: { creation_time: time(createdAt), expires_at: expiresAt, id, name, secret },
  }
}

/** A robot makes none that may do more than itself. */
function isWithin(wanted: readonly RobotPermission[], own: readonly RobotPermission[]): boolean {
  return wanted.every(({ kind, namespace, access }) => access.every(({ resource, action }) => own.some((permission) => permission.kind === kind
    && (permission.namespace === namespace || permission.namespace === '*')
    && permission.access.some((entry) => entry.resource === resource && entry.action === action))))
}

function robotOf(body: Json, fallbackDays: number): NewRobot {
  const duration = numberOf(body, 'duration')
  return {
    name: textOf(body, 'name') ?? '', description: textOf(body, 'description') ?? '', level: (textOf(body, 'level') ?? '') as NewRobot['level'],
    duration: duration === undefined ? fallbackDays : duration, disabled: flagOf(body, 'disable') ?? false,
    permissions: (listOf(body, 'permissions') ?? []).map((permission): RobotPermission => ({
      kind: (textOf(permission, 'kind') ?? '') as RobotPermission['kind'], namespace: textOf(permission, 'namespace') ?? '',
      access: (listOf(permission, 'access') ?? []).map((entry): Access => {
        const effect = textOf(entry, 'effect')
        return { resource: textOf(entry, 'resource') ?? '', action: textOf(entry, 'action') ?? '', ...(effect === undefined ? {} : { effect }) }
      }),
    })),
  }
}

const columns: Columns<Robot> = {
  fields: {
    id: (robot) => robot.id, name: (robot) => robot.name.replace(/^[^$]*\$/, ''), disabled: (robot) => robot.disabled, creation_time: (robot) => robot.createdAt,
    expires_at: (robot) => robot.expiresAt,
  },
  filters: {
    Level: (robot, pattern) => matchesPattern(pattern, robot.level),
    ProjectID: (robot, pattern) => matchesPattern(pattern, robot.projectId ?? 0),
  },
  sort: '-creation_time',
}

export function listRobot(call: Call): Answer {
  requireAuthenticated(call)
  const query = parseQuery(call.url.searchParams.get('q') ?? '')
  const level = query.get('Level')
  const project = query.get('ProjectID')
  if (level && (level.kind !== 'exact' || !['system', 'project'].includes(level.value))) throw badRequest('bad request error level input')
  if (level?.kind === 'exact' && level.value === 'project') {
    if (!project) throw badRequest('must with project ID when to query project robots')
    if (project.kind !== 'exact' || !/^\d+$/.test(project.value)) throw badRequest('Project ID must be int type.')
    requireRobots(call, 'list', 'project', Number(project.value))
    return answerPage(call, [...call.state.robots.values()], columns, robotJson)
  }
  requireRobots(call, 'list', 'system', 0)
  return answerPage(call, [...call.state.robots.values()].filter((robot) => robot.level === 'system'), columns, robotJson)
}

export function getRobotByID(call: Call): Answer {
  return { status: 200, body: robotJson(robotFor(call, 'read')) }
}

export async function updateRobot(call: Call): Promise<Answer> {
  requireAuthenticated(call)
  const robot = found(call)
  const wanted = robotOf(await jsonOf(call), robot.duration)
  checkRobot(wanted)
  requireRobots(call, 'update', wanted.level, wanted.permissions[0]?.namespace ?? '')
  if (wanted.level !== robot.level || wanted.name !== robot.name) throw badRequest('cannot update the level or name of robot')
  checkNamespaces(call.state, wanted.permissions)
  if (wanted.duration !== robot.duration) {
    robot.duration = wanted.duration
    robot.expiresAt = expiryOf(robot.createdAt, wanted.duration)
  }
  robot.description = wanted.description ?? ''
  robot.disabled = wanted.disabled ?? false
  robot.permissions = wanted.permissions
  robot.updatedAt = Date.now()
  return ok
}

export async function refreshSec(call: Call): Promise<Answer> {
  const robot = robotFor(call, 'update')
  const wanted = textOf(await jsonOf(call), 'secret') ?? ''
  if (wanted !== '' && !isGoodSecret(wanted)) {
    throw badRequest('the secret must be 8-128, inclusively, characters long with at least 1 uppercase letter, 1 lowercase letter and 1 number')
  }
  robot.secret = wanted === '' ? newSecret() : wanted
  robot.updatedAt = Date.now()
  // What the caller knows is not told again.
  return { status: 200, body: wanted === '' ? { secret: robot.secret } : {} }
}

export function deleteRobot(call: Call): Answer {
  call.state.robots.delete(robotFor(call, 'delete').id)
  return ok
}

function robotFor(call: Call, action: string): Robot {
  requireAuthenticated(call)
  const robot = found(call)
  requireRobots(call, action, robot.level, robot.projectId ?? 0)
  return robot
}

/** @throws HarborRefusal 404 */
function found({ state, params }: Call): Robot {
  const robot = state.robots.get(Number(params['robot_id']))
  if (!robot) throw notFound(`robot ${params['robot_id'] ?? ''} not found`)
  return robot
}
