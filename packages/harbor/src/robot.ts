// Robot accounts: `robot$name` of the whole Harbor, `robot$project+name` of one project (the prefix is a setting of Harbor's).
import type { Io } from '@longshore/transfer'
import { z } from 'zod'
import { flag, id, listOf, text } from './fields.ts'
import type { Harbor } from './harbor.ts'

const access = z.object({ resource: z.string(), action: z.string(), effect: text })
const permission = z.object({ kind: z.string(), namespace: z.string(), access: listOf(access) })
const robot = z.object({
  id,
  /** Whole, as it logs in. */
  name: z.string(),
  description: text, level: text, disable: flag,
  /** Seconds since 1970; -1: never. */
  expires_at: z.number().nullish().transform((value) => value ?? -1),
  /** Days; -1: for ever. */
  duration: z.number().nullish().transform((value) => value ?? -1),
  permissions: listOf(permission),
})
export type Robot = z.output<typeof robot>

export interface RobotAccess { readonly resource: string; readonly action: string }

export interface NewRobot {
  /** Without prefix and project. */
  readonly name: string
  readonly description?: string
  readonly level: 'system' | 'project'
  /** -1: for ever. */
  readonly durationDays: number
  readonly permissions: ReadonlyArray<{ readonly kind: 'system' | 'project'; readonly namespace: string; readonly access: readonly RobotAccess[] }>
}

/** The secret is told this once. */
export interface RobotSecret { readonly id: number; readonly name: string; readonly secret: string }

const created = z.object({ id, name: z.string(), secret: z.string() })
type Level = 'system' | 'project'
const needTo = (action: string, level: Level): { readonly permission: string; readonly level: Level } => ({ permission: `robot: ${action}`, level })

/** Of the whole Harbor, or of the project of this number. `name`: without the prefix, in a project `project+name`. */
export function listRobots(harbor: Harbor, { projectId, name }: { readonly projectId?: number; readonly name?: string }, io: Io): AsyncGenerator<Robot, void, void> {
  const terms = [
    ...(projectId === undefined ? [] : [`Level=project,ProjectID=${projectId}`]),
    // Harbor decodes what is in a query once more: a plus would be a space.
    ...(name === undefined ? [] : [`name=${encodeURIComponent(name)}`]),
  ]
  return harbor.list({ path: '/robots', query: { q: terms.length === 0 ? undefined : terms.join(',') }, need: needTo('list', projectId === undefined ? 'system' : 'project') }, robot, io)
}

export async function findRobot(harbor: Harbor, robotId: number, io: Io): Promise<Robot | undefined> {
  return await harbor.find({ path: `/robots/${robotId}`, need: needTo('read', 'system') }, robot, io)
}

/** @throws HarborError HARBOR_CONFLICT: there is one of that name; its secret cannot be had, only made anew */
export async function createRobot(harbor: Harbor, { name, description = '', level, durationDays, permissions }: NewRobot, io: Io): Promise<RobotSecret> {
  return await harbor.make({ path: '/robots', json: { name, description, level, duration: durationDays, disable: false, permissions }, need: needTo('create', level) }, created, io)
}

/** A new secret; the old one is not taken any more. */
export async function refreshRobot(harbor: Harbor, robotId: number, secret: string | undefined, io: Io): Promise<string | undefined> {
  const { secret: made } = await harbor.make({ method: 'PATCH', path: `/robots/${robotId}`, json: { secret: secret ?? '' }, need: needTo('update', 'system') }, z.object({ secret: text }), io)
  return made ?? secret
}

/** `false`: it was not there. */
export async function deleteRobot(harbor: Harbor, robotId: number, io: Io): Promise<boolean> {
  return (await harbor.ask({ method: 'DELETE', path: `/robots/${robotId}`, need: needTo('delete', 'system') }, [200, 404], io)).status === 200
}
