// Token services: https://github.com/distribution/distribution/blob/v2.8.2/docs/spec/auth/token.md and oauth.md beside it.
import { ConnectionError, RegistryError } from '@longshore/oci'
import type { Answer } from './answer.ts'
import { basicHeader, type Scope } from './scope.ts'
import type { Challenge } from './challenge.ts'
import { connectionError, isTransient, isTransientStatus, registryError } from './failure.ts'
import type { Credentials } from './options.ts'
import type { Call, Wire } from './wire.ts'

export interface Token {
  readonly header: string
  /** On the monotonic clock: a new one is fetched from then on. */
  readonly staleAtMs: number
}

export interface TokenRequest {
  readonly registry: string
  /** Of the registry that named the realm. */
  readonly origin: string
  readonly challenge: Challenge & { readonly scheme: 'bearer' }
  readonly scope: Scope
  readonly credentials: Credentials | undefined
}

/** The specification's default where `expires_in` is missing. */
const defaultLifeSeconds = 60
const maxTokenBytes = 1024 * 1024
const attempts = 3

/** @throws RegistryError when the service refuses, ConnectionError when its realm is not to be trusted or does not answer */
export async function fetchToken(wire: Wire, request: TokenRequest, signal: AbortSignal): Promise<Token> {
  const realm = checkedRealm(request)
  const call = tokenCall(realm, request)
  const asked = performance.now()
  const answer = await ask(wire, realm, call, request, signal)
  if (answer.status !== 200) throw registryError(realm.host, call.method, call.path, answer)
  let json: Record<string, unknown>
  try {
    json = JSON.parse(answer.body.toString('utf8')) as Record<string, unknown>
  } catch {
    throw new ConnectionError('NOT_A_REGISTRY', request.registry, `${request.registry}: its token service ${realm.host} answered something that is not JSON; check host and port`)
  }
  const token = json['token'] ?? json['access_token']
  if (typeof token !== 'string' || token === '') {
    throw new ConnectionError('NOT_A_REGISTRY', request.registry, `${request.registry}: its token service ${realm.host} answered without a token; check the credentials`)
  }
  const lifeMs = (typeof json['expires_in'] === 'number' && json['expires_in'] > 0 ? json['expires_in'] : defaultLifeSeconds) * 1000
  // Counted from before the question: the two clocks need not agree, and the answer was on its way for a while.
  return { header: `Bearer ${token}`, staleAtMs: asked + lifeMs - Math.min(10_000, lifeMs / 3) }
}

async function ask(wire: Wire, realm: URL, call: Call, request: TokenRequest, signal: AbortSignal): Promise<Answer> {
  for (let attempt = 1; ; attempt++) {
    try {
      const answer = await wire.send(realm.origin, call, signal)
      if (!isTransientStatus(answer.status) || attempt === attempts) return answer
    } catch (cause) {
      signal.throwIfAborted()
      const error = connectionError(realm.host, `the token service of ${request.registry}`, cause)
      if (!isTransient(error, true) || attempt === attempts) throw error
    }
  }
}

function tokenCall(realm: URL, { challenge, scope, credentials }: TokenRequest): Call {
  const scopes = scope === '' ? [] : scope.split(' ')
  const common = { limit: maxTokenBytes, headersMs: 30_000 }
  if (credentials?.kind === 'identity-token') {
    const form = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: credentials.token, client_id: 'longshore' })
    if (challenge.service !== undefined) form.set('service', challenge.service)
    if (scopes.length > 0) form.set('scope', scopes.join(' '))
    const headers = ['content-type', 'application/x-www-form-urlencoded', 'accept', 'application/json']
    return { ...common, method: 'POST', path: realm.pathname + realm.search, headers, body: Buffer.from(form.toString()) }
  }
  const query = realm.searchParams
  if (challenge.service !== undefined) query.set('service', challenge.service)
  for (const each of scopes) query.append('scope', each)
  const authorization = basicHeader(credentials)
  return {
    ...common, method: 'GET', path: realm.pathname + realm.search,
    headers: authorization === undefined ? ['accept', 'application/json'] : ['accept', 'application/json', 'authorization', authorization],
  }
}

/** The realm comes from a stranger: it must be a URL of the web, and must not lead credentials from TLS into the open. */
function checkedRealm({ registry, origin, challenge, credentials }: TokenRequest): URL {
  const realm = URL.canParse(challenge.realm) ? new URL(challenge.realm) : undefined
  if (!realm || (realm.protocol !== 'https:' && realm.protocol !== 'http:')) {
    throw new ConnectionError('NOT_A_REGISTRY', registry, `${registry}: names a token service that is no http(s) URL`)
  }
  const loopback = realm.hostname === 'localhost' || realm.hostname === '[::1]' || realm.hostname.startsWith('127.')
  if (realm.protocol === 'http:' && origin.startsWith('https:') && credentials && !loopback) {
    throw new RegistryError({
      status: 401, registry, request: 'GET /v2/',
      details: [{ code: 'UNAUTHORIZED', message: `its token service at ${realm.host} is plain HTTP; credentials are not sent there` }],
    })
  }
  return realm
}
