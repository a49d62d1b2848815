// What a request to /v2/ needs, and the challenge where it has it not.
// https://github.com/goharbor/harbor/blob/v2.12.0/src/server/middleware/v2auth/auth.go
import type { Call } from '../call.ts'
import { badRequest, HarborRefusal } from '../harbor-error.ts'
import { tokenService } from '../token-signer.ts'

const actions: Readonly<Record<string, string>> = { POST: 'push', PATCH: 'push', PUT: 'push', GET: 'pull', HEAD: 'pull', DELETE: 'delete' }
const scopes: Readonly<Record<string, string>> = { pull: 'pull', push: 'pull,push', delete: 'delete' }

/** @throws HarborRefusal 401 with a challenge, 400 for a repository without a project */
export function checkAccess(call: Call): void {
  const { log, url, security, state, request } = call
  if (log.kind === 'ping') {
    if (!security.isAuthenticated) refuse(call, [], 'unauthorized')
    return
  }
  if (log.kind === 'catalog') {
    if (!security.can('read', { name: 'catalog' })) refuse(call, [], 'unauthorized to list catalog')
    return
  }
  const action = actions[log.method]
  if (log.repository === undefined || action === undefined) refuse(call, undefined, `un-recognized request: ${log.method} ${url.pathname}`)
  const from = request.method === 'POST' ? url.searchParams.get('from') : null
  const needs = [{ name: log.repository, action }, ...(from === null || from === '' ? [] : [{ name: from, action: 'pull' }])]
  for (const { name } of needs) {
    if (!name.includes('/')) throw badRequest(`bad request: invalid repository name: ${name}`)
  }
  for (const need of needs) {
    if (request.headers.authorization === undefined && (log.method === 'HEAD' || log.method === 'GET')) {
      refuse(call, needs, 'authorize header needed to send HEAD to repository')
    }
    const project = state.projectOf(need.name)
    // Whether a project exists is told to anybody, without a challenge.
    if (!project) refuse(call, undefined, `project ${need.name.split('/')[0]} not found`)
    if (!security.can(need.action, { project, name: 'repository' })) {
      refuse(call, needs, `unauthorized to access repository: ${need.name}, action: ${need.action}`)
    }
  }
}

/** `needs` undefined: without a challenge. */
function refuse({ request, harbor, log }: Call, needs: readonly { readonly name: string; readonly action: string }[] | undefined, message: string): never {
  const scope = (needs ?? []).map(({ name, action }) => `repository:${name}:${scopes[action] ?? ''}`).join(' ')
  // Whoever came with something is asked for a password: to a token that has died, too.
  const challenge = needs === undefined ? '' : request.headers.authorization !== undefined || log.kind === 'catalog' ? 'Basic realm="harbor"'
    : `Bearer realm="${harbor.url}/service/token",service="${tokenService}"${scope === '' ? '' : `,scope="${scope}"`}`
  throw new HarborRefusal('UNAUTHORIZED', `${message}: ${message}`, { 'www-authenticate': challenge, 'docker-distribution-api-version': 'registry/2.0' })
}
