// Against a real socket and the registry's client. How the embedded Harbor answers is tried in packages/prepare and end to end.
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createRegistry, type Registry } from '@longshore/registry'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createProject, findProject, Harbor, HarborError, listArtifacts, listRepositories, probe, systemInfoOf } from './index.ts'

interface Asked { readonly method: string; readonly url: string; readonly headers: IncomingMessage['headers']; readonly body: string }
interface Told { readonly status: number; readonly json?: unknown; readonly text?: string; readonly headers?: Record<string, string> }

let server: Server
let registry: Registry
let harbor: Harbor
let asked: Asked[]
let answer: (asked: Asked) => Told

const io = { signal: new AbortController().signal }

beforeEach(async () => {
  asked = []
  answer = () => ({ status: 200, json: {} })
  server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      if (request.url === '/v2/') return void response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${request.headers.host}/service/token",service="harbor-registry"` }).end()
      const one = { method: request.method ?? '', url: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks).toString() }
      asked.push(one)
      const { status, json, text, headers } = answer(one)
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text ?? (json === undefined ? undefined : JSON.stringify(json)))
    })
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  registry = createRegistry({
    registry: `127.0.0.1:${(server.address() as AddressInfo).port}`, tlsVerify: false, credentials: { kind: 'basic', username: 'robot$team+ci', password: 'not-to-be-seen' },
    retries: { attempts: 3, baseMs: 1, capMs: 2 },
  })
  harbor = new Harbor(registry)
})
afterEach(async () => {
  await registry[Symbol.asyncDispose]()
  server.closeAllConnections()
  await new Promise((resolve) => { server.close(resolve) })
})

async function errorOf(promise: Promise<unknown>): Promise<HarborError> {
  const error: unknown = await promise.then(() => undefined, (reason: unknown) => reason)
  if (!(error instanceof HarborError)) throw new Error(`no HarborError but ${String(error)}`)
  return error
}

async function all<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

describe('a request', () => {
  test('shows the credentials as they are, and no token', async () => {
    answer = () => ({ status: 200, json: { auth_mode: 'db_auth', harbor_version: 'v2.12.0', read_only: null, something_new: 1 } })
    expect(await systemInfoOf(harbor, io)).toMatchObject({ auth_mode: 'db_auth', harbor_version: 'v2.12.0', read_only: false })
    expect(asked).toMatchObject([{ method: 'GET', url: '/api/v2.0/systeminfo', headers: { authorization: `Basic ${Buffer.from('robot$team+ci:not-to-be-seen').toString('base64')}` } }])
  })

  test('names a project by its name, though it looks like a number', async () => {
    answer = () => ({ status: 200, json: { project_id: 7, name: '42', registry_id: 0, metadata: { public: 'true', retention_id: 3 } } })
    expect(await findProject(harbor, '42', io)).toMatchObject({ project_id: 7, registry_id: undefined, metadata: { public: 'true' } })
    expect(asked[0]).toMatchObject({ url: '/api/v2.0/projects/42', headers: { 'x-is-resource-name': 'true' } })
  })

  test('encodes a repository within its project twice', async () => {
    answer = () => ({ status: 200, json: null })
    expect(await all(listArtifacts(harbor, 'team', 'a/b', { withTag: true, q: 'tags=~v 1' }, io))).toEqual([])
    expect(asked[0]?.url).toBe('/api/v2.0/projects/team/repositories/a%252Fb/artifacts?q=tags%3D~v%201&with_tag=true&page=1&page_size=100')
  })

  test('makes a project with what is asked for, and nothing else', async () => {
    answer = () => ({ status: 201, headers: { location: '/api/v2.0/projects/9' } })
    expect(await createProject(harbor, { name: 'team', public: false, storageLimit: 1024, autoScan: true, preventVulnerable: 'high' }, io)).toBe('created')
    expect(JSON.parse(asked[0]?.body ?? '')).toEqual({ project_name: 'team', storage_limit: 1024, metadata: { public: 'false', auto_scan: 'true', prevent_vul: 'true', severity: 'high' } })
  })

  test('that is told "conflict" when making finds it made', async () => {
    answer = () => ({ status: 409, json: { errors: [{ code: 'CONFLICT', message: 'The project named team already exists' }] } })
    expect(await createProject(harbor, { name: 'team', public: false }, io)).toBe('existed')
  })
})

describe('pages', () => {
  const repository = (n: number): unknown => ({ id: n, project_id: 1, name: `team/r${n}` })
  const pages = (total: number, withTotal: boolean) => ({ url }: Asked): Told => {
    const page = Number(new URL(url, 'http://x').searchParams.get('page'))
    const items = Array.from({ length: total }, (_, i) => repository(i)).slice((page - 1) * 100, page * 100)
    return { status: 200, json: items, ...(withTotal ? { headers: { 'x-total-count': String(total) } } : {}) }
  }

  test.each([[250, true, 3], [200, true, 2], [200, false, 3], [0, true, 1], [99, false, 1]])('%i items (total told: %s) take %i requests', async (total, withTotal, requests) => {
    answer = pages(total, withTotal)
    const found = await all(listRepositories(harbor, 'team', {}, io))
    expect(new Set(found.map(({ name }) => name)).size).toBe(total)
    expect(asked).toHaveLength(requests)
  })
})

describe('a refusal', () => {
  test.each([
    [401, 'HARBOR_UNAUTHORIZED', 'the account robot$team+ci or its secret is not taken'],
    [403, 'HARBOR_FORBIDDEN', 'robot$team+ci needs the permission "project: create" (a system permission of a robot account, or an administrator)'],
    [404, 'HARBOR_NOT_FOUND', 'check the name'],
    [412, 'HARBOR_PRECONDITION', 'what Harbor says names the rule'],
    [400, 'HARBOR_REFUSED', 'Harbor does not take this request'],
  ])('%i is %s', async (status, code, hint) => {
    answer = () => ({ status, json: { errors: [{ code: 'SOME', message: 'in its own words' }] } })
    const error = await errorOf(createProject(harbor, { name: 'team', public: true }, io))
    expect(error).toMatchObject({ code, status, registry: harbor.registry, request: 'POST /api/v2.0/projects', said: { code: 'SOME', message: 'in its own words' } })
    expect(error.message).toContain(hint)
    expect(error.message).not.toContain('not-to-be-seen')
  })

  test('by a read-only Harbor says so', async () => {
    answer = () => ({ status: 403, json: { errors: [{ code: 'DENIED', message: 'The system is in read only mode. Any modification is prohibited.' }] } })
    expect((await errorOf(createProject(harbor, { name: 'team', public: true }, io))).hint).toContain('Harbor is read-only')
  })

  test('that passes is waited out', async () => {
    answer = () => (asked.length < 3 ? { status: 503 } : { status: 200, json: { auth_mode: 'db_auth' } })
    expect(await systemInfoOf(harbor, io)).toMatchObject({ auth_mode: 'db_auth' })
  })

  test('a web page is told by its title', async () => {
    answer = () => ({ status: 400, text: '<html><title>Bad gateway of somebody</title></html>' })
    expect((await errorOf(createProject(harbor, { name: 'team', public: true }, io))).message).toContain('Bad gateway of somebody')
  })

  test('what is no JSON is no Harbor', async () => {
    answer = () => ({ status: 200, text: 'hello' })
    expect((await errorOf(systemInfoOf(harbor, io))).code).toBe('HARBOR_UNREADABLE')
  })

  test.each([['404', { status: 404 }], ['a page', { status: 200, text: '<html>' }], ['another API', { status: 200, json: { ok: true } }], ['403', { status: 403 }]])('a probe that is answered by %s finds no Harbor', async (_, told) => {
    answer = () => told
    expect(await probe(harbor, io)).toBeUndefined()
    expect(asked).toHaveLength(1)
  })
})
