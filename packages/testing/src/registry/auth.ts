// Who may do what. Basic: RFC 7617. Bearer: the Docker token protocol,
// https://distribution.github.io/distribution/spec/auth/token/ , with opaque tokens that this registry gives itself.
import { randomBytes, timingSafeEqual } from 'node:crypto'
import { answerJson, type Exchange, readBody, Refusal } from './exchange.ts'
import type { RegistryAuth, RegistryUser } from './options.ts'
import type { RegistryState } from './registry-state.ts'

interface Token { readonly access: ReadonlyMap<string, ReadonlySet<string>>; readonly expiresAt: number }

/** `type:name` to the actions wanted on it. */
type Wanted = ReadonlyMap<string, readonly string[]>

export class Tokens {
  readonly #tokens = new Map<string, Token>()
  readonly #refresh = new Map<string, string>()
  /** Every one so far, the dead ones too. */
  readonly given: string[] = []

  give(access: Token['access'], ttlMs: number): string {
    const token = randomBytes(24).toString('base64url')
    this.#tokens.set(token, { access, expiresAt: Date.now() + ttlMs })
    this.given.push(token)
    return token
  }

  find(token: string): Token | undefined {
    const found = this.#tokens.get(token)
    return found && found.expiresAt > Date.now() ? found : undefined
  }

  giveRefresh(user: string): string {
    const token = randomBytes(24).toString('base64url')
    this.#refresh.set(token, user)
    return token
  }

  userOf(refreshToken: string): string | undefined {
    return this.#refresh.get(refreshToken)
  }

  expireAll(): void {
    this.#tokens.clear()
  }
}

/** @throws Refusal 401 with a challenge, when the request may not do this */
export function authorize(state: RegistryState, exchange: Exchange): void {
  const { auth } = state.options
  if (!auth) return
  const header = exchange.request.headers.authorization ?? ''
  if (auth.kind === 'basic') {
    if (basicUser(auth.users, header) === undefined) {
      throw new Refusal(401, 'UNAUTHORIZED', 'authentication required', undefined, { 'www-authenticate': 'Basic realm="embedded"' })
    }
    return
  }
  const wanted = accessOf(exchange)
  const token = header.startsWith('Bearer ') ? state.tokens.find(header.slice(7)) : undefined
  if (token && [...wanted].every(([name, actions]) => actions.every((action) => token.access.get(name)?.has(action) === true))) return
  // A push is asked for as pull,push, the form that every token server knows.
  const scope = [...wanted].map(([name, actions]) => `${name}:${actions.includes('push') ? 'pull,push' : actions.join(',')}`).join(' ')
  const error = token ? ',error="insufficient_scope"' : header.startsWith('Bearer ') ? ',error="invalid_token"' : ''
  const challenge = `Bearer realm="${state.url}/token",service="${new URL(state.url).host}"${scope === '' ? '' : `,scope="${scope}"`}${error}`
  throw new Refusal(401, 'UNAUTHORIZED', 'authentication required', undefined, { 'www-authenticate': challenge })
}

function accessOf({ log, url }: Exchange): Wanted {
  const wanted = new Map<string, readonly string[]>()
  if (log.kind === 'catalog') wanted.set('registry:catalog', ['*'])
  if (log.repository === undefined) return wanted
  const action = log.method === 'GET' || log.method === 'HEAD' ? (log.kind === 'upload-status' ? 'push' : 'pull')
    : log.method === 'DELETE' && log.kind !== 'upload-cancel' ? 'delete' : 'push'
  wanted.set(`repository:${log.repository}`, [action])
  const from = url.searchParams.get('from')
  if (log.kind === 'mount' && from !== null && from !== log.repository) wanted.set(`repository:${from}`, ['pull'])
  return wanted
}

/** `GET /token`, and `POST /token` (OAuth 2: `grant_type=password` or `refresh_token`). */
export async function answerToken(state: RegistryState, exchange: Exchange): Promise<void> {
  const { auth } = state.options
  if (auth?.kind !== 'bearer') throw new Refusal(404, 'UNSUPPORTED', 'no token endpoint here')
  const isPost = exchange.log.method === 'POST'
  const form = isPost ? new URLSearchParams(Buffer.from(await readBody(exchange, 65_536)).toString()) : exchange.url.searchParams
  const user = isPost ? formUser(state, auth, form) : queryUser(auth, exchange.request.headers.authorization)
  if (user === null) throw new Refusal(401, 'UNAUTHORIZED', 'wrong user name or password')
  const access = new Map<string, ReadonlySet<string>>()
  for (const scope of form.getAll('scope').flatMap((text) => text.split(' '))) {
    const end = scope.lastIndexOf(':')
    if (end <= 0) continue
    const name = scope.slice(0, end)
    const wanted = scope.slice(end + 1).split(',')
    access.set(name, new Set([...(access.get(name) ?? []), ...granted(auth, user, name, wanted)]))
  }
  const ttlMs = auth.tokenTtlMs ?? 300_000
  const token = state.tokens.give(access, ttlMs)
  const offline = user !== undefined && (form.get('offline_token') === 'true' || form.get('access_type') === 'offline')
  await answerJson(exchange, 200, {
    token, access_token: token, expires_in: Math.max(1, Math.floor((auth.toldTtlMs ?? ttlMs) / 1000)), issued_at: new Date().toISOString(),
    ...(offline ? { refresh_token: state.tokens.giveRefresh(user) } : {}),
  })
}

type Bearer = Extract<RegistryAuth, { kind: 'bearer' }>

/** undefined: anonymous. null: wrong credentials. */
function queryUser(auth: Bearer, header: string | undefined): string | undefined | null {
  return header === undefined ? undefined : basicUser(auth.users ?? {}, header) ?? null
}

function formUser(state: RegistryState, auth: Bearer, form: URLSearchParams): string | undefined | null {
  if (form.get('grant_type') === 'refresh_token') return state.tokens.userOf(form.get('refresh_token') ?? '') ?? null
  const pair = `${form.get('username') ?? ''}:${form.get('password') ?? ''}`
  return basicUser(auth.users ?? {}, `Basic ${Buffer.from(pair).toString('base64')}`) ?? null
}

function granted(auth: Bearer, user: string | undefined, name: string, wanted: readonly string[]): readonly string[] {
  if (!auth.users) return wanted
  if (user === undefined) return auth.anonymous === 'pull' ? wanted.filter((action) => action === 'pull') : []
  const entry = auth.users[user]
  const grant = typeof entry === 'object' ? entry.grant : undefined
  return grant ? grant(name.slice(name.indexOf(':') + 1), wanted) : wanted
}

function basicUser(users: Readonly<Record<string, string | RegistryUser>>, header: string): string | undefined {
  if (!header.startsWith('Basic ')) return undefined
  const [, user = '', password = ''] = /^([^:]*):([\s\S]*)$/.exec(Buffer.from(header.slice(6), 'base64').toString()) ?? []
  const entry = Object.hasOwn(users, user) ? users[user] : undefined
  if (entry === undefined) return undefined
  const [want, got] = [Buffer.from(typeof entry === 'string' ? entry : entry.password), Buffer.from(password)]
  return want.length === got.length && timingSafeEqual(want, got) ? user : undefined
}
