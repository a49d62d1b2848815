// The registry API and its tokens, over bare HTTP.
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hexOf } from '@longshore/oci'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { image } from '../content/image.ts'
import { seed } from '../seed.ts'
import { type EmbeddedHarbor, startEmbeddedHarbor } from './embedded-harbor.ts'
import { basic, HarborUser } from './harbor-user.fixture.ts'

let harbor: EmbeddedHarbor
let admin: HarborUser
let anybody: HarborUser
let folder: string
const content = image({ seed: 'v2', layers: [1000] })
const layer = [...content.blobs.keys()].at(-1)!

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longshore-harbor-'))
  harbor = await startEmbeddedHarbor({ rootDirectory: folder })
  admin = new HarborUser(harbor.url, harbor.admin)
  anybody = new HarborUser(harbor.url)
  harbor.addProject('team')
  harbor.addProject('other')
  for (const tag of ['b', 'a', 'c']) await seed(harbor.url, [{ repository: 'team/app', tag, content }], { authorization: basic(harbor.admin) })
  await seed(harbor.url, [{ repository: 'library/open', tag: '1', content }], { authorization: basic(harbor.admin) })
})
afterAll(async () => {
  admin[Symbol.dispose]()
  anybody[Symbol.dispose]()
  await harbor[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

async function tokenFor(user: HarborUser, ...scopes: readonly string[]): Promise<string> {
  const answer = await user.get(`/service/token?service=harbor-registry&${scopes.map((scope) => `scope=${encodeURIComponent(scope)}`).join('&')}`)
  return (answer.json as { token: string }).token
}

function accessIn(token: string): unknown {
  return (JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { access: unknown }).access
}

describe('the registry API', () => {
  test.each([
    ['GET', '/v2/', '', 'unauthorized'],
    ['GET', '/v2/team/app/manifests/a', ',scope="repository:team/app:pull"', 'authorize header needed to send HEAD to repository'],
    ['HEAD', '/v2/library/open/manifests/1', ',scope="repository:library/open:pull"', undefined],
    ['POST', '/v2/team/app/blobs/uploads/', ',scope="repository:team/app:pull,push"', 'unauthorized to access repository: team/app, action: push'],
    ['POST', '/v2/team/app/blobs/uploads/?mount=sha256:1&from=other/x', ',scope="repository:team/app:pull,push repository:other/x:pull"', 'unauthorized to access repository: team/app, action: push'],
    ['DELETE', '/v2/team/app/manifests/sha256:1', ',scope="repository:team/app:delete"', 'unauthorized to access repository: team/app, action: delete'],
  ])('%s %s by anybody is challenged for a token', async (method, path, scope, message) => {
    const answer = await anybody.send(method, path)
    expect(answer.status).toBe(401)
    expect(answer.headers['www-authenticate']).toBe(`Bearer realm="${harbor.url}/service/token",service="harbor-registry"${scope}`)
    if (message !== undefined) expect(answer).toMatchObject({ code: 'UNAUTHORIZED', message: `${message}: ${message}` })
  })

  test('whoever comes with something that does not do is asked for a password', async () => {
    using token = new HarborUser(harbor.url, `Bearer ${await tokenFor(anybody, 'repository:team/app:pull')}`)
    using wrong = new HarborUser(harbor.url, { name: 'admin', password: 'nonsense' })
    using made = new HarborUser(harbor.url, 'Bearer a.b.c')
    for (const user of [token, wrong, made]) {
      const answer = await user.get('/v2/team/app/manifests/a')
      expect(answer.status).toBe(401)
      expect(answer.headers['www-authenticate']).toBe('Basic realm="harbor"')
    }
  })

  test('a project that is none is said to be none, without a challenge', async () => {
    const answer = await admin.send('POST', '/v2/none/app/blobs/uploads/')
    expect(answer).toMatchObject({ status: 401, code: 'UNAUTHORIZED', message: 'project none not found: project none not found' })
    expect(answer.headers['www-authenticate']).toBe('')
    expect((await admin.send('POST', '/v2/single/blobs/uploads/')).status).toBe(400)
  })

  test('a token says what its owner may do, whatever was asked for; a wrong password is nobody\'s', async () => {
    using wrong = new HarborUser(harbor.url, { name: 'admin', password: 'nonsense' })
    using guest = new HarborUser(harbor.url, harbor.addUser('guest'))
    harbor.addMember('team', 'guest', 'guest')
    expect(accessIn(await tokenFor(admin, 'repository:team/app:pull'))).toEqual([{ type: 'repository', name: 'team/app', actions: ['pull', 'push', 'delete', 'scanner-pull', '*'] }])
    expect(accessIn(await tokenFor(guest, 'repository:team/app:pull,push'))).toMatchObject([{ actions: ['pull'] }])
    expect(accessIn(await tokenFor(wrong, 'repository:team/app:pull', 'repository:library/open:pull,push'))).toMatchObject([{ actions: [] }, { actions: ['pull'] }])
    expect(accessIn(await tokenFor(admin, 'registry:catalog:*'))).toMatchObject([{ actions: ['*'] }])
    expect((await wrong.get('/service/token?service=harbor-registry')).status).toBe(401)
    expect((await admin.get('/service/token?service=harbor-registry')).status).toBe(200)
  })

  test('a token opens its projects and nothing else, until it dies', async () => {
    const { name, password } = harbor.addRobot('puller', { project: 'team', access: ['repository:pull'] })
    using robot = new HarborUser(harbor.url, { name, password })
    using bearer = new HarborUser(harbor.url, `Bearer ${await tokenFor(robot, 'repository:team/app:pull,push')}`)
    expect((await bearer.get('/v2/team/app/manifests/a')).status).toBe(200)
    expect((await bearer.send('POST', '/v2/team/app/blobs/uploads/')).status).toBe(401)
    expect((await bearer.get('/v2/library/open/manifests/1')).status).toBe(401)
    expect((await bearer.get('/api/v2.0/users/current')).status).toBe(401)
    harbor.expireTokens()
    expect((await bearer.get('/v2/team/app/manifests/a')).status).toBe(401)
  })

  test('a blob is mounted by whoever may pull it there and push it here', async () => {
    const users = Object.fromEntries((['both', 'push-only'] as const).map((name) => [name, harbor.addUser(name)]))
    harbor.addMember('other', 'both', 'developer')
    harbor.addMember('team', 'both', 'guest')
    harbor.addMember('other', 'push-only', 'developer')
    using both = new HarborUser(harbor.url, users['both'])
    using pushOnly = new HarborUser(harbor.url, users['push-only'])
    const path = `/v2/other/copy/blobs/uploads/?mount=${layer}&from=team/app`
    expect((await pushOnly.send('POST', path)).status).toBe(401)
    expect((await both.send('POST', path)).status).toBe(201)
    expect(harbor.used('other')).toBe(content.blobs.get(layer)!.size)
    using bearer = new HarborUser(harbor.url, `Bearer ${await tokenFor(both, 'repository:other/second:pull,push', 'repository:team/app:pull')}`)
    expect((await bearer.send('POST', path.replace('copy', 'second'))).status).toBe(201)
  })

  test('tags come from the database, sorted, in pages; a repository that is none is not there', async () => {
    expect((await admin.get('/v2/team/app/tags/list')).json).toEqual({ name: 'team/app', tags: ['a', 'b', 'c'] })
    const first = await admin.get('/v2/team/app/tags/list?n=2')
    expect(first.json).toMatchObject({ tags: ['a', 'b'] })
    expect(first.headers['link']).toBe('</v2/team/app/tags/list?n=2&last=b>; rel="next"')
    expect((await admin.get('/v2/team/app/tags/list?n=2&last=b')).json).toMatchObject({ tags: ['c'] })
    expect(await admin.get('/v2/team/none/tags/list')).toMatchObject({ status: 404, code: 'NOT_FOUND', message: 'repository team/none not found' })
    expect(await admin.get('/v2/team/app/manifests/none')).toMatchObject({ status: 404, code: 'NOT_FOUND', message: 'artifact team/app:none not found' })
    expect((await admin.get('/v2/team/app/tags/list?n=x')).status).toBe(400)
  })

  test('the catalog is for administrators, and for robots that are given it', async () => {
    expect((await admin.get('/v2/_catalog')).json).toEqual({ repositories: ['library/open', 'team/app'] })
    using user = new HarborUser(harbor.url, harbor.addUser('plain'))
    using robot = new HarborUser(harbor.url, harbor.addRobot('lister', { system: ['catalog:read'], access: [] }))
    const answer = await user.get('/v2/_catalog')
    expect(answer).toMatchObject({ status: 401, message: 'unauthorized to list catalog: unauthorized to list catalog' })
    expect((await anybody.get('/v2/_catalog')).headers['www-authenticate']).toBe('Basic realm="harbor"')
    expect((await robot.get('/v2/_catalog')).status).toBe(200)
  })

  test('a manifest is deleted by its digest, with its tags, and from the registry behind', async () => {
    const gone = image({ seed: 'gone', layers: [100] })
    await seed(harbor.url, [{ repository: 'team/gone', tag: 'x', content: gone }], { authorization: basic(harbor.admin) })
    const kept = join(folder, 'docker/registry/v2/repositories/team/gone/_manifests/revisions/sha256', hexOf(gone.root.digest), 'link')
    expect(existsSync(kept)).toBe(true)
    expect(await admin.send('DELETE', '/v2/team/gone/manifests/x')).toMatchObject({ status: 400, code: 'UNSUPPORTED' })
    expect((await admin.send('DELETE', `/v2/team/gone/manifests/${gone.root.digest}`)).status).toBe(202)
    expect((await admin.get('/v2/team/gone/manifests/x')).status).toBe(404)
    expect((await admin.get('/v2/team/gone/tags/list')).json).toMatchObject({ tags: [] })
    expect(existsSync(kept)).toBe(false)
    await seed(harbor.url, [{ repository: 'team/gone', tag: 'x', content: gone }], { authorization: basic(harbor.admin) })
    expect((await admin.get('/v2/team/gone/manifests/x')).status).toBe(200)
  })

  test('in read-only mode nothing is taken, by nobody', async () => {
    harbor.configure({ readOnly: true })
    const refused = { status: 403, code: 'DENIED', message: 'The system is in read only mode. Any modification is prohibited.' }
    expect(await admin.send('POST', '/v2/team/app/blobs/uploads/')).toMatchObject(refused)
    expect(await anybody.send('PUT', '/v2/team/app/manifests/z')).toMatchObject(refused)
    expect(await admin.post('/api/v2.0/projects', { project_name: 'later' })).toMatchObject(refused)
    expect((await admin.get('/v2/team/app/manifests/a')).status).toBe(200)
    expect((await admin.send('PUT', '/api/v2.0/configurations', { read_only: false })).status).toBe(200)
    expect((await admin.send('POST', '/v2/team/app/blobs/uploads/')).status).toBe(202)
  })

  test('faults are scripted and requests are counted, by what they are', async () => {
    harbor.clearRequests()
    harbor.fail({ match: { operation: 'listProjects' }, times: 2, how: { kind: 'status', status: 503, headers: { 'retry-after': '1' } } })
    harbor.fail({ match: { kind: 'manifest-get' }, how: { kind: 'status', status: 429 } })
    harbor.fail({ match: { operation: 'getProject' }, how: { kind: 'drop' } })
    harbor.fail({ match: { operation: 'createProject' }, how: { kind: 'drop-after-commit' } })
    expect((await admin.get('/api/v2.0/projects')).headers['retry-after']).toBe('1')
    expect((await admin.get('/api/v2.0/projects')).status).toBe(503)
    expect((await admin.get('/api/v2.0/projects')).status).toBe(200)
    expect((await admin.get('/v2/team/app/manifests/a')).status).toBe(429)
    await expect(admin.get('/api/v2.0/projects/team')).rejects.toThrow()
    await expect(admin.post('/api/v2.0/projects', { project_name: 'silent' })).rejects.toThrow()
    expect((await admin.get('/api/v2.0/projects/silent')).status).toBe(200)
    expect(harbor.count({ operation: 'listProjects' })).toBe(3)
    expect(harbor.count({ kind: 'manifest-get', repository: 'team/app', user: 'admin' })).toBe(1)
    expect(harbor.count({ status: 503 })).toBe(2)
  })
})
