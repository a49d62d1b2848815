// Against a real socket and the registry's client. How the embedded Harbor answers is tried in packages/prepare and end to end.
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseRepositoryName, type Tag } from '@longshore/oci'
import { createRegistry, type Registry } from '@longshore/registry'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createProject, findProject, Harbor, HarborError, inventoryOf, listArtifacts, listRepositories, probe, systemInfoOf } from './index.ts'

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

describe('pages that move while they are read', () => {
  const tagged = (n: number): unknown => ({ id: n, digest: `sha256:${n}`, push_time: '2026-01-01T00:00:00.000Z', tags: [{ id: n, name: `v${n}` }], labels: null })

  test('what was deleted before them costs no other a look', async () => {
    let items = Array.from({ length: 350 }, (_, n) => n)
    answer = ({ url }) => {
      if (!url.includes('/artifacts')) return { status: 200, json: { auth_mode: 'db_auth', registry_url: 'r' } }
      const page = Number(new URL(url, 'http://x').searchParams.get('page'))
      const told = { status: 200, json: items.slice((page - 1) * 100, page * 100).map(tagged), headers: { 'x-total-count': String(items.length) } }
      if (asked.length === 3) items = items.slice(130)
      return told
    }
    const inventory = await inventoryOf(harbor, io)
    const tags = new Set((await inventory!.tags(parseRepositoryName('team/app'), io)).map(({ tag }) => tag))
    expect(items.filter((n) => !tags.has(`v${n}` as Tag))).toEqual([])
  })
})

describe('an inventory', () => {
  const info = (more: object): Told => ({ status: 200, json: { auth_mode: 'db_auth', ...more } })

  test('is none where something else answers, a password wanted or not', async () => {
    for (const told of [{ status: 404 }, { status: 401 }, { status: 200, text: '<html>' }]) {
      answer = () => told
      expect(await inventoryOf(harbor, io)).toBeUndefined()
    }
  })

  test('is not that of a stranger: a wrong password would leave all but public projects out, in silence', async () => {
    answer = () => info({ harbor_version: 'v2.12.0' })
    expect(await errorOf(inventoryOf(harbor, io))).toMatchObject({ code: 'HARBOR_UNAUTHORIZED', message: expect.stringContaining('the account robot$team+ci or its secret is not taken') })
    answer = () => info({ registry_url: 'harbor.example.com' })
    expect(await inventoryOf(harbor, io)).toBeDefined()
  })

  test('has tags with their own push time, and the labels of what they name', async () => {
    answer = ({ url }) => (url.includes('/artifacts') ? {
      status: 200, headers: { 'x-total-count': '2' }, json: [
        { id: 1, digest: 'sha256:1', push_time: '2026-01-01T00:00:00.000Z', labels: [{ id: 1, name: 'release' }], tags: [{ id: 1, name: 'v1', push_time: '2026-02-01T00:00:00.000Z' }, { id: 2, name: 'v2' }] },
        { id: 2, digest: 'sha256:2', push_time: '0001-01-01T00:00:00.000Z', tags: null },
      ],
    } : info({ registry_url: 'r' }))
    const inventory = await inventoryOf(harbor, io)
    expect(await inventory?.tags(parseRepositoryName('team/a/b'), io)).toEqual([
      { tag: 'v1', labels: ['release'], pushedAt: new Date('2026-02-01') }, { tag: 'v2', labels: ['release'], pushedAt: new Date('2026-01-01') },
    ])
    expect(asked.at(-1)?.url).toMatch(/^\/api\/v2\.0\/projects\/team\/repositories\/a%252Fb\/artifacts\?with_tag=true&with_label=true&sort=id&page=1&page_size=100$/)
    expect(await inventory?.tags(parseRepositoryName('no-project'), io)).toEqual([])
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
