import { createServer } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type HttpServer, type HttpServerOptions, serveHttp } from './http-server.ts'
import { isLoopback, parseListen } from './listen.ts'
import { createLogger } from './logger.ts'
import { createMetrics } from './metrics.ts'
import { readSecret, secretsIn, unknownVariables } from './secret.ts'

let lines: string[] = []
let server: HttpServer | undefined
beforeEach(() => { lines = [] })
afterEach(async () => { await server?.[Symbol.asyncDispose](); server = undefined })

async function serve(options: Partial<HttpServerOptions> = {}): Promise<HttpServer> {
  server = await serveHttp({
    listen: { host: '127.0.0.1', port: 0 }, log: createLogger({ level: 'debug', destination: { write: (line: string) => { lines.push(line) } } }), metrics: createMetrics(),
    guard: { kind: 'token', tokens: ['the-token'] }, metricsGuard: { kind: 'token', tokens: ['the-token', 'the-scraper'] }, ready: async () => undefined, ...options,
  })
  return server
}
const ask = async (path: string, token?: string, init: RequestInit = {}): Promise<Response> => fetch(`${server?.url}${path}`, { ...init, headers: new Headers([...new Headers(init.headers), ...(token === undefined ? [] : [['authorization', `Bearer ${token}`] as [string, string]])]) })

describe('health', () => {
  test('is told to everyone', async () => {
    await serve()
    const answer = await ask('/healthz')
    expect([answer.status, await answer.json()]).toEqual([200, { status: 'ok' }])
    expect(await (await ask('/readyz')).json()).toEqual({ status: 'ready' })
  })

  test.each<[string, () => Promise<string | undefined>, RegExp]>([
    ['says why not', async () => 'Redis is away', /^Redis is away$/],
    ['does not wait for Redis', async () => new Promise(() => {}), /does not answer/],
    ['survives an error', async () => { throw new Error('x') }, /cannot be found out/],
  ])('readyz %s', async (_, ready, reason) => {
    await serve({ ready })
    const answer = await ask('/readyz')
    expect([answer.status, await answer.json()]).toEqual([503, { status: 'not ready', reason: expect.stringMatching(reason) }])
  })
})

describe('who may ask', () => {
  test.each<[path: string, token: string | undefined, status: number]>([
    ['/healthz', undefined, 200], ['/readyz', 'wrong', 200],
    ['/metrics', undefined, 401], ['/metrics', 'wrong', 401], ['/metrics', 'the-token', 200], ['/metrics', 'the-scraper', 200],
    ['/thing', undefined, 401], ['/thing', 'the-scraper', 401], ['/thing', 'the-token', 200], ['/nothing', undefined, 401], ['/nothing', 'the-token', 404],
  ])('%s with %s is %i', async (path, token, status) => {
    await serve({ extend: async (app) => { app.get('/thing', async () => ({ a: 1 })) } })
    expect((await ask(path, token)).status).toBe(status)
  })

  test('a refusal is a problem that says how to ask', async () => {
    await serve()
    const missing = await ask('/metrics')
    expect(missing.headers.get('www-authenticate')).toBe('Bearer realm="longshore"')
    expect(missing.headers.get('content-type')).toMatch(/^application\/problem\+json\b/)
    expect(await missing.json()).toEqual({ type: 'urn:longshore:error:TOKEN_REFUSED', title: 'Unauthorized', status: 401, code: 'TOKEN_REFUSED', detail: expect.stringContaining('Bearer') })
    expect((await ask('/metrics', 'wrong')).headers.get('www-authenticate')).toContain('invalid_token')
  })

  test('without any token nobody may, unless it is said that everybody may', async () => {
    await serve({ metricsGuard: { kind: 'token', tokens: [] } })
    const answer = await ask('/metrics', '')
    expect([answer.status, await answer.json()]).toEqual([401, expect.objectContaining({ detail: expect.stringContaining('LONGSHORE_METRICS_OPEN') })])
    await server?.[Symbol.asyncDispose]()
    await serve({ metricsGuard: { kind: 'open' } })
    expect((await ask('/metrics')).status).toBe(200)
  })
})

test('every answer has security headers, and none tells of what is inside', async () => {
  await serve({ extend: async (app) => { app.get('/boom', async () => { throw new Error('a secret of ours') }) } })
  const [ok, lost, broken] = await Promise.all([ask('/healthz'), ask('/none', 'the-token'), ask('/boom', 'the-token')])
  for (const answer of [ok, lost, broken]) {
    expect(Object.fromEntries(answer.headers)).toMatchObject({ 'x-content-type-options': 'nosniff', 'cache-control': 'no-store', 'content-security-policy': expect.stringContaining("default-src 'none'") })
    expect(answer.headers.has('server')).toBe(false)
  }
  expect(broken.status).toBe(500)
  expect(await broken.text()).not.toContain('a secret of ours')
  expect(lines.join('')).toContain('a secret of ours')
})

test('requests are logged by their route, without what they carried', async () => {
  await serve({ extend: async (app) => { app.get('/things/:id', async () => ({})) } })
  await ask('/things/pass-w0rd?x=pass-w0rd', 'the-token')
  await ask('/none/pass-w0rd', 'the-token')
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
    expect.objectContaining({ level: 'debug', method: 'GET', route: '/things/:id', status: 200, msg: 'request answered' }), expect.objectContaining({ route: '-', status: 404 }),
  ])
  expect(lines.join('')).not.toMatch(/pass-w0rd|the-token/)
})

test.each<[string, RequestInit & { path?: string }, number]>([
  ['a body that is too large', { method: 'POST', body: 'x'.repeat(100_000), headers: { 'content-type': 'application/json' } }, 413],
  ['a content type that nobody reads', { method: 'POST', body: 'x', headers: { 'content-type': 'image/png' } }, 415],
  ['a path with a broken code', { path: '/%zz' }, 400],
])('%s is a problem', async (_, { path = '/thing', ...init }, status) => {
  await serve({ extend: async (app) => { app.post('/thing', async () => ({})) } })
  const answer = await ask(path, 'the-token', init)
  expect([answer.status, answer.headers.get('content-type'), await answer.json()]).toEqual([status, expect.stringMatching(/^application\/problem\+json\b/), expect.objectContaining({ code: 'REQUEST_INVALID', status })])
})

describe('addresses', () => {
  test.each([
    ['0.0.0.0:8080', '0.0.0.0', 8080], [':8081', '0.0.0.0', 8081], ['[::1]:80', '::1', 80], ['localhost:0', 'localhost', 0],
  ])('%s', (text, host, port) => { expect(parseListen(text, '--listen')).toEqual({ host, port }) })
  test.each(['8080', 'host', 'host:', 'host:99999', 'http://host:80', '::1:80', 'a b:80', ''])('%j is none', (text) => {
    expect(() => parseListen(text, 'LONGSHORE_LISTEN')).toThrow(/^LONGSHORE_LISTEN: .*write HOST:PORT/)
  })
  test.each([['127.0.0.1', true], ['127.1.2.3', true], ['::1', true], ['localhost', true], ['0.0.0.0', false], ['10.0.0.1', false], ['127.example.com', false]])('%s is loopback: %s', (host, yes) => {
    expect(isLoopback({ host, port: 1 })).toBe(yes)
  })

  test('one that is taken, or is not ours, is said so', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => { other.listen(0, '127.0.0.1', resolve) })
    const { port } = other.address() as { port: number }
    await expect(serve({ listen: { host: '127.0.0.1', port } })).rejects.toThrow(new RegExp(`^127.0.0.1:${port}: something listens there already`))
    await expect(serve({ listen: { host: '203.0.113.7', port: 1234 } })).rejects.toThrow(/does not have that address/)
    await new Promise((resolve) => { other.close(resolve) })
  })
})

describe('secrets from the environment', () => {
  const files: Readonly<Record<string, string>> = { '/t': 'from-file\n', '/empty': '\n', '/lines': 'a\nb' }
  const read = (path: string): string => {
    const text = files[path]
    if (text === undefined) throw Object.assign(new Error('no'), { code: 'ENOENT' })
    return text
  }
  test.each<[Record<string, string>, string | undefined, string | undefined]>([
    [{}, undefined, undefined], [{ T: '' }, undefined, undefined], [{ T: 'x' }, undefined, 'x'], [{ T_FILE: '/t' }, undefined, 'from-file'], [{ T: 'x' }, '/t', 'from-file'],
  ])('%j with the flag %s', (env, flag, secret) => { expect(readSecret(env, 'T', read, { name: '--token-file', path: flag })).toBe(secret) })
  test.each<[Record<string, string>, RegExp]>([
    [{ T: 'x', T_FILE: '/t' }, /T_FILE: T is set too/], [{ T_FILE: '/none' }, /T_FILE: \/none cannot be read \(ENOENT\)/], [{ T_FILE: '/empty' }, /is empty/], [{ T_FILE: '/lines' }, /openssl/],
  ])('%j is refused', (env, says) => { expect(() => readSecret(env, 'T', read)).toThrow(says) })
})

test('variables that nothing reads are found, those of Kubernetes are not ours', () => {
  const env = { LONGSHORE_LISTEN: '', LONGSHORE_TOKNE: 'x', LONGSHORE_COORDINATOR_SERVICE_HOST: '', LONGSHORE_COORDINATOR_PORT_8080_TCP_ADDR: '', LONGSHORE_COORDINATOR_PORT: '', LONGSHORE_COORDINATOR_SERVICE_PORT_HTTP: '', PATH: '' }
  expect(unknownVariables(env)).toEqual(['LONGSHORE_TOKNE'])
})

test('secrets among options are found by their names', () => {
  expect(secretsIn({ srcCreds: 'user:pa:ss', destPassword: 'pw', srcRegistryToken: 'tok', authfile: '/a', concurrency: 3, destCreds: 'user' })).toEqual(['pa:ss', 'pw', 'tok'])
})
