// `/service/token`. https://github.com/goharbor/harbor/blob/v2.12.0/src/core/service/token/creator.go
import type { Answer, Call } from './call.ts'
import { HarborRefusal } from './harbor-error.ts'
import type { TokenAccess } from './token-signer.ts'

/** What the caller may do, whatever it asked for; a wrong password gets what anonymous callers get. @throws HarborRefusal 401 without a scope */
export function answerToken(call: Call): Answer {
  const { url, security, harbor } = call
  const scopes = url.searchParams.getAll('scope').flatMap((text) => text.split(' ')).filter((scope) => scope !== '')
  if (!security.isAuthenticated && scopes.length === 0) throw new HarborRefusal('UNAUTHORIZED', 'unauthorized')
  const ttlMs = harbor.options.tokenTtlMs ?? harbor.state.configuration.tokenExpiration * 60_000
  const { token, issuedAt } = harbor.signer.give(security.name, scopes.map((scope) => granted(call, scope)), ttlMs)
  return {
    status: 200,
    body: { token, access_token: '', expires_in: Math.max(1, Math.floor(ttlMs / 1000)), issued_at: issuedAt.toISOString().replace(/\.\d+Z$/, 'Z') },
  }
}

function granted({ security, state }: Call, scope: string): TokenAccess {
  const [, type = scope, name = ''] = /^([^:]*):(.*):[^:]*$/.exec(scope) ?? /^([^:]*):(.*)$/.exec(scope) ?? []
  if (type === 'registry' && name === 'catalog') return { type, name, actions: security.isAdmin ? ['*'] : [] }
  const project = type === 'repository' ? state.projectOf(name) : undefined
  if (!project) return { type, name, actions: [] }
  const actions = ['pull', 'push', 'delete', 'scanner-pull'].filter((action) => security.can(action, { project, name: 'repository' }))
  return { type, name, actions: ['pull', 'push', 'delete'].every((action) => actions.includes(action)) ? [...actions, '*'] : actions }
}
