// Who may do what: each row is one request, and what each caller is answered.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { image } from '../content/image.ts'
import { seed } from '../seed.ts'
import { type EmbeddedHarbor, startEmbeddedHarbor } from './embedded-harbor.ts'
import type { Credentials } from './fixtures.ts'
import { basic, HarborUser } from './harbor-user.fixture.ts'
import type { RoleName } from './model.ts'

const roles: readonly RoleName[] = ['projectAdmin', 'maintainer', 'developer', 'guest', 'limitedGuest']
let harbor: EmbeddedHarbor
const callers = new Map<string, HarborUser>()
const content = image({ seed: 'access', layers: [100] })
const base = '/api/v2.0'

beforeAll(async () => {
  harbor = await startEmbeddedHarbor()
  const call = (name: string, credentials?: Credentials): void => { callers.set(name, new HarborUser(harbor.url, credentials)) }
  for (const role of roles) call(role, harbor.addUser(role))
  harbor.addProject('team', { members: Object.fromEntries(roles.map((role) => [role, role])) })
  harbor.addProject('open', { public: true })
  call('anonymous')
  call('admin', harbor.admin)
  call('stranger', harbor.addUser('stranger'))
  call('wrong password', { name: 'admin', password: 'nonsense' })
  call('robot', harbor.addRobot('ci', { project: 'team' }))
  call('disabled robot', harbor.addRobot('off', { project: 'team', disabled: true }))
  call('expired robot', harbor.addRobot('old', { project: 'team', expired: true }))
  call('system robot', harbor.addRobot('all', { access: ['repository:list', 'artifact:list', 'quota:read'], system: ['project:create', 'project:list', 'catalog:read'] }))
  for (const repository of ['team/app', 'open/app']) await seed(harbor.url, [{ repository, tag: '1', content }], { authorization: basic(harbor.admin) })
})
afterAll(async () => {
  for (const caller of callers.values()) caller[Symbol.dispose]()
  await harbor[Symbol.asyncDispose]()
})

interface Row { readonly what: string; readonly method: string; readonly path: string; readonly body?: unknown; readonly answers: Readonly<Record<string, number>> }

const everyRole = (status: number): Readonly<Record<string, number>> => Object.fromEntries(roles.map((role) => [role, status]))
const nobody = { anonymous: 401, 'wrong password': 401, 'disabled robot': 401, 'expired robot': 401 }

const rows: readonly Row[] = [
  { what: 'a private project is read', method: 'GET', path: '/projects/team', answers: { admin: 200, ...everyRole(200), stranger: 403, robot: 403, ...nobody } },
  { what: 'a public project is read', method: 'GET', path: '/projects/open', answers: { admin: 200, stranger: 200, robot: 200, anonymous: 200, 'wrong password': 200 } },
  { what: 'a project that is none is read', method: 'GET', path: '/projects/none', answers: { admin: 404, stranger: 403, 'system robot': 403, anonymous: 401 } },
  { what: 'a project that is none is looked for', method: 'HEAD', path: '/projects?project_name=none', answers: { admin: 404, stranger: 403, anonymous: 401 } },
  { what: 'a project is looked for', method: 'HEAD', path: '/projects?project_name=team', answers: { admin: 200, stranger: 403, anonymous: 401 } },
  { what: 'projects are listed', method: 'GET', path: '/projects', answers: { admin: 200, stranger: 200, anonymous: 200, 'wrong password': 200 } },
  { what: 'a project is changed', method: 'PUT', path: '/projects/team', body: { metadata: {} }, answers: { admin: 200, ...everyRole(403), projectAdmin: 200, robot: 403, stranger: 403, ...nobody } },
  { what: 'a project with repositories is deleted', method: 'DELETE', path: '/projects/team', answers: { admin: 412, ...everyRole(403), projectAdmin: 412, ...nobody } },
  { what: 'repositories are listed', method: 'GET', path: '/projects/team/repositories', answers: { admin: 200, ...everyRole(200), robot: 403, 'system robot': 200, stranger: 403, ...nobody } },
  { what: 'a repository is deleted', method: 'DELETE', path: '/projects/team/repositories/none', answers: { admin: 404, projectAdmin: 404, maintainer: 404, developer: 403, guest: 403, limitedGuest: 403, ...nobody } },
  { what: 'artifacts are listed', method: 'GET', path: '/projects/team/repositories/app/artifacts', answers: { admin: 200, ...everyRole(200), robot: 403, 'system robot': 200, ...nobody } },
  { what: 'artifacts of a repository that is none are listed', method: 'GET', path: '/projects/team/repositories/none/artifacts', answers: { admin: 200 } },
  { what: 'an artifact is deleted', method: 'DELETE', path: '/projects/team/repositories/app/artifacts/none', answers: { admin: 404, projectAdmin: 404, maintainer: 404, developer: 403, guest: 403 } },
  { what: 'a tag is made', method: 'POST', path: '/projects/team/repositories/app/artifacts/1/tags', body: { name: '1' }, answers: { admin: 409, developer: 409, guest: 403, limitedGuest: 403 } },
  { what: 'members are listed', method: 'GET', path: '/projects/team/members', answers: { admin: 200, ...everyRole(200), limitedGuest: 403, stranger: 403, ...nobody } },
  { what: 'a member is added', method: 'POST', path: '/projects/team/members', body: { role_id: 9 }, answers: { admin: 400, projectAdmin: 400, maintainer: 403, developer: 403 } },
  { what: 'immutability rules are listed', method: 'GET', path: '/projects/team/immutabletagrules', answers: { admin: 200, projectAdmin: 200, maintainer: 200, developer: 403, guest: 403 } },
  { what: 'webhooks are listed', method: 'GET', path: '/projects/team/webhook/policies', answers: { admin: 200, projectAdmin: 200, maintainer: 200, developer: 403 } },
  { what: 'a webhook is made', method: 'POST', path: '/projects/team/webhook/policies', body: { event_types: [] }, answers: { admin: 400, projectAdmin: 400, maintainer: 403 } },
  { what: 'labels of a project are listed', method: 'GET', path: '/labels?scope=p&project_id=2', answers: { admin: 200, ...everyRole(200), limitedGuest: 403, stranger: 403 } },
  { what: 'a global label is made', method: 'POST', path: '/labels', body: { scope: 'g' }, answers: { admin: 400, projectAdmin: 403, anonymous: 401 } },
  { what: 'robots of a project are listed', method: 'GET', path: '/robots?q=Level%3Dproject%2CProjectID%3D2', answers: { admin: 200, ...everyRole(200), limitedGuest: 403, stranger: 403, ...nobody } },
  { what: 'robots of the system are listed', method: 'GET', path: '/robots', answers: { admin: 200, projectAdmin: 403, robot: 403, anonymous: 401 } },
  { what: 'quotas are listed', method: 'GET', path: '/quotas', answers: { admin: 200, projectAdmin: 403, robot: 403, anonymous: 401 } },
  { what: 'users are listed', method: 'GET', path: '/users', answers: { admin: 200, projectAdmin: 403, anonymous: 401 } },
  { what: 'who am I', method: 'GET', path: '/users/current', answers: { admin: 200, stranger: 200, robot: 412, ...nobody } },
  { what: 'registries are listed', method: 'GET', path: '/registries', answers: { admin: 200, projectAdmin: 403, anonymous: 401 } },
  { what: 'the configuration is read', method: 'GET', path: '/configurations', answers: { admin: 200, projectAdmin: 403, robot: 403, anonymous: 401 } },
  { what: 'an operation that is none', method: 'PATCH', path: '/projects/team', answers: { admin: 405 } },
  { what: 'a path that is none', method: 'GET', path: '/nowhere', answers: { admin: 404 } },
]

describe('the REST API', () => {
  test.each(rows.flatMap(({ what, answers, ...row }) => Object.entries(answers).map(([who, status]) => ({ what, who, status, ...row }))))(
    '$what by $who: $status', async ({ who, status, method, path, body }) => {
      const answer = await callers.get(who)!.send(method, `${base}${path}`, body)
      expect(answer.status, JSON.stringify(answer.json)).toBe(status)
    })

  test('projects that are listed are those that may be seen', async () => {
    const names = async (who: string, query = ''): Promise<readonly string[]> => ((await callers.get(who)!.get(`${base}/projects${query}`)).json as { name: string }[]).map(({ name }) => name)
    expect(await names('admin')).toEqual(['library', 'open', 'team'])
    expect(await names('guest')).toEqual(['library', 'open', 'team'])
    expect(await names('stranger')).toEqual(['library', 'open'])
    expect(await names('anonymous')).toEqual(['library', 'open'])
    expect(await names('anonymous', '?public=false')).toEqual([])
    expect(await names('robot')).toEqual(['library', 'open', 'team'])
    expect(await names('admin', '?name=ea')).toEqual(['team'])
  })

  test('a project is made: by users, by robots of the system that may, by nobody else', async () => {
    const make = async (who: string, project_name: string, more = {}): Promise<number> => (await callers.get(who)!.post(`${base}/projects`, { project_name, ...more })).status
    expect(await make('stranger', 'mine')).toBe(201)
    expect(await make('system robot', 'made-by-robot')).toBe(201)
    expect(await make('robot', 'no')).toBe(403)
    expect(await make('anonymous', 'no')).toBe(401)
    expect(await make('stranger', 'mine')).toBe(409)
    expect(await make('admin', 'Capital')).toBe(400)
    expect(await make('admin', 'a/b')).toBe(400)
    expect(await make('stranger', 'cache', { registry_id: 1 })).toBe(403)
    harbor.configure({ projectCreation: 'adminonly' })
    expect(await make('stranger', 'other')).toBe(403)
    expect(await make('admin', 'other')).toBe(201)
    harbor.configure({ projectCreation: 'everyone' })
  })

  test('a number is an id, unless it is said to be a name', async () => {
    const admin = callers.get('admin')!
    await admin.post(`${base}/projects`, { project_name: '42' })
    expect((await admin.get(`${base}/projects/1`)).json).toMatchObject({ name: 'library' })
    expect((await admin.get(`${base}/projects/42`)).status).toBe(404)
    expect((await admin.get(`${base}/projects/42`, { 'x-is-resource-name': 'true' })).json).toMatchObject({ name: '42' })
    const made = await admin.post(`${base}/projects`, { project_name: 'located' }, { 'x-resource-name-in-location': 'true' })
    expect(made.headers['location']).toBe('/api/v2.0/projects/located')
  })

  test('a request keeps its id; one without gets one; a client with Harbor\'s cookie is a browser', async () => {
    const admin = callers.get('admin')!
    expect((await admin.get(`${base}/ping`, { 'x-request-id': 'mine' })).headers['x-request-id']).toBe('mine')
    expect((await admin.get(`${base}/ping`)).headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/)
    const answer = await admin.post(`${base}/projects`, { project_name: 'cookie' }, { cookie: 'sid=1' })
    expect(answer).toMatchObject({ status: 403, code: 'FORBIDDEN', message: 'CSRF token not found in request' })
  })

  test('what is no JSON, no object, or of the wrong type is told', async () => {
    const admin = callers.get('admin')!
    expect((await admin.send('POST', `${base}/projects`, Buffer.from('{'), { 'content-type': 'application/json' })).status).toBe(400)
    expect((await admin.send('POST', `${base}/projects`, Buffer.from('{}'), { 'content-type': 'text/plain' })).status).toBe(415)
    expect((await admin.send('POST', `${base}/projects`)).status).toBe(422)
    expect(await admin.post(`${base}/projects`, { project_name: 'typed', metadata: { auto_scan: true } })).toMatchObject({ status: 400, code: 'BAD_REQUEST' })
  })
})
