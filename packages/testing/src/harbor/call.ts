// One request to Harbor and what answers it. Handlers of the API get a `Call` and return an `Answer`.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { badRequest, HarborRefusal, notFound, unprocessable } from './harbor-error.ts'
import type { HarborState } from './harbor-state.ts'
import type { Artifact, Project, Repository } from './model.ts'
import { artifactIn, isDigestLike } from './harbor-state.ts'
import type { Harbor } from './harbor.ts'
import type { HarborRequest } from './request.ts'
import type { Security } from './security.ts'

export interface Call {
  readonly harbor: Harbor
  readonly state: HarborState
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly url: URL
  readonly log: HarborRequest
  readonly security: Security
  /** From the path, decoded once. */
  readonly params: Readonly<Record<string, string>>
}

export interface Answer {
  readonly status: number
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export type Handler = (call: Call) => Answer | Promise<Answer>

export const ok: Answer = { status: 200 }

/** @throws HarborRefusal 401 */
export function requireAuthenticated({ security }: Call): void {
  if (!security.isAuthenticated) throw new HarborRefusal('UNAUTHORIZED', 'unauthorized')
}

/** @throws HarborRefusal 401 for anonymous callers, else 403 with the caller's name for a message */
export function requireSystem(call: Call, action: string, name: string): void {
  requireAuthenticated(call)
  if (!call.security.can(action, { name })) throw new HarborRefusal('FORBIDDEN', call.security.name)
}

/** @throws HarborRefusal 401 for anonymous callers, else 403 */
export function requireProject(call: Call, project: Project, action: string, name = ''): void {
  if (!call.security.can(action, { project, name })) refuse(call)
}

function refuse(call: Call): never {
  requireAuthenticated(call)
  throw new HarborRefusal('FORBIDDEN', 'forbidden')
}

/**
 * `project_name_or_id`, which is an id where it is a number, unless `X-Is-Resource-Name: true`; `project_name`, always a name.
 * A project that does not exist is refused as one that may not be seen, but to an administrator: https://github.com/goharbor/harbor/issues/21800
 *
 * @throws HarborRefusal
 */
export function projectFor(call: Call, action: string, name = ''): Project {
  const { project_name_or_id: either, project_name: only } = call.params
  const isName = only !== undefined || call.request.headers['x-is-resource-name'] === 'true' || !/^\d+$/.test(either ?? '')
  const given = only ?? either ?? ''
  const project = isName ? call.state.projectNamed(given) : call.state.projects.get(Number(given))
  if (!project) {
    if (call.security.isAdmin) throw notFound(`project ${given} not found`)
    refuse(call)
  }
  requireProject(call, project, action, name)
  return project
}

/** Repository names are encoded twice, since they hold slashes: `a%252Fb`. @throws HarborRefusal */
export function repositoryFor(call: Call, action: string, name: string): Repository {
  const project = projectFor(call, action, name)
  return repositoryIn(call, project)
}

/** @throws HarborRefusal 404 */
export function repositoryIn(call: Call, project: Project): Repository {
  const full = repositoryName(call, project)
  const repository = call.state.repositories.get(full)
  if (!repository) throw notFound(`repository ${full} not found`)
  return repository
}

export function repositoryName(call: Call, project: Project): string {
  const name = call.params['repository_name'] ?? ''
  try {
    return `${project.name}/${decodeURIComponent(name)}`
  } catch {
    throw badRequest(`invalid URL escape in ${name}`)
  }
}

/** @throws HarborRefusal 404 */
export function artifactFor(call: Call, project: Project): { readonly repository: Repository; readonly artifact: Artifact } {
  const full = repositoryName(call, project)
  const { reference = '' } = call.params
  const repository = call.state.repositories.get(full)
  const artifact = repository && artifactIn(repository, reference)
  if (!repository || !artifact) throw artifactNotFound(full, reference)
  return { repository, artifact }
}

export function artifactNotFound(repository: string, reference: string): HarborRefusal {
  return notFound(`artifact ${repository}${isDigestLike(reference) ? '@' : ':'}${reference} not found`)
}

/** The JSON of the request's body. @throws HarborRefusal 400, 422 */
export async function jsonOf(call: Call): Promise<Readonly<Record<string, unknown>>> {
  const chunks: Buffer[] = []
  for await (const chunk of call.request) chunks.push(chunk as Buffer)
  const text = Buffer.concat(chunks).toString()
  if (text === '') throw unprocessable('body in body is required')
  if (!/json/.test(call.request.headers['content-type'] ?? '')) {
    throw new UnsupportedMediaRefusal(`unsupported media type "${call.request.headers['content-type'] ?? ''}", only [application/json] are allowed`)
  }
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  } catch {
    // Told below.
  }
  throw new HarborRefusal('BAD_REQUEST', 'parsing body body from "" failed, because invalid JSON')
}

/** 415 has no code of its own in Harbor: its name is made of the status. */
class UnsupportedMediaRefusal extends HarborRefusal {
  override readonly status = 415
  constructor(message: string) {
    super('UNSUPPORTED', message)
  }
}
