// A token server for docker-registry's token auth: it signs JWTs with RS256 and an x5c header, which docker-registry 2.8
// checks against its rootcertbundle. https://distribution.github.io/distribution/spec/auth/jwt/
import { createPrivateKey, randomUUID, sign, X509Certificate } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { signingCertificate } from './certificate.ts'

export interface TokenServerOptions {
  /** Name to password. */
  readonly users: Readonly<Record<string, string>>
  /** Default 60,000; docker-registry itself forgives a minute of clock difference on top. */
  readonly tokenTtlMs?: number
  /** Default: a user gets what it asks for, nobody else anything. `user` undefined: anonymous. */
  readonly grant?: (user: string | undefined, repository: string, actions: readonly string[]) => readonly string[]
}

export interface TokenServer extends AsyncDisposable {
  readonly realm: string
  readonly service: string
  readonly issuer: string
  /** PEM, for `rootcertbundle`. */
  readonly cert: string
  readonly requests: readonly { readonly user: string | undefined; readonly scopes: readonly string[]; readonly status: number }[]
}

export async function startTokenServer({ users, tokenTtlMs = 60_000, grant }: TokenServerOptions): Promise<TokenServer> {
  const { key, cert } = await signingCertificate()
  const privateKey = createPrivateKey(key)
  const header = { typ: 'JWT', alg: 'RS256', x5c: [new X509Certificate(cert).raw.toString('base64')] }
  const [service, issuer] = ['longshore-test-registry', 'longshore-test-issuer']
  const requests: { user: string | undefined; scopes: readonly string[]; status: number }[] = []
  const granted = grant ?? ((user: string | undefined, _: string, actions: readonly string[]) => (user === undefined ? [] : actions))
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://token')
    const scopes = url.searchParams.getAll('scope').flatMap((text) => text.split(' ')).filter((scope) => scope !== '')
    const basic = request.headers.authorization
    const [, name = '', password] = /^([^:]*):([\s\S]*)$/.exec(Buffer.from(basic?.replace(/^Basic /, '') ?? '', 'base64').toString()) ?? []
    const isKnown = Object.hasOwn(users, name) && users[name] === password
    const user = isKnown ? name : undefined
    const status = basic !== undefined && !isKnown ? 401 : 200
    requests.push({ user, scopes, status })
    if (status === 401) {
      response.writeHead(401, { 'content-type': 'application/json' }).end('{"errors":[{"code":"UNAUTHORIZED","message":"wrong user name or password"}]}')
      return
    }
    const access = scopes.map((scope) => {
      const [, type = '', name = '', actions = ''] = /^([^:]+):(.+):([^:]*)$/.exec(scope) ?? []
      return { type, name, actions: granted(user, name, actions.split(',')) }
    })
    const now = Date.now() / 1000
    const claims = { iss: issuer, sub: user ?? '', aud: service, iat: Math.floor(now), nbf: Math.floor(now) - 1, exp: Math.floor(now + tokenTtlMs / 1000), jti: randomUUID(), access }
    const content = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
    const token = `${content}.${sign('sha256', Buffer.from(content), privateKey).toString('base64url')}`
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ token, access_token: token, expires_in: Math.max(1, Math.floor(tokenTtlMs / 1000)), issued_at: new Date().toISOString() }))
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  return {
    realm: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`, service, issuer, cert, requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise<void>((resolve) => { server.close(() => { resolve() }) })
    },
  }
}
