import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type EmbeddedHarbor, startEmbeddedHarbor } from './embedded-harbor.ts'
import { type HarborAnswer, HarborUser } from './harbor-user.fixture.ts'

let harbor: EmbeddedHarbor
let admin: HarborUser

beforeAll(async () => {
  harbor = await startEmbeddedHarbor()
  admin = new HarborUser(harbor.url, harbor.admin)
  harbor.addProject('team')
})
afterAll(async () => {
  admin[Symbol.dispose]()
  await harbor[Symbol.asyncDispose]()
})

const robots = '/api/v2.0/robots'
const pushPull = [{ resource: 'repository', action: 'push' }, { resource: 'repository', action: 'pull' }]
const ofTeam = { kind: 'project', namespace: 'team', access: pushPull }
const good = { name: 'ci', level: 'project', duration: 30, permissions: [ofTeam] }

async function mayPush(name: string, password: string): Promise<number> {
  using robot = new HarborUser(harbor.url, { name, password })
  return (await robot.send('POST', '/v2/team/app/blobs/uploads/')).status
}

describe('robots', () => {
  test.each([
    ['a capital in its name', { name: 'CI' }, 400], ['a plus in its name', { name: 'a+b' }, 400], ['no days', { duration: 0 }, 400], ['less than for ever', { duration: -2 }, 400],
    ['no level', { level: '' }, 400], ['no permission', { permissions: [] }, 400], ['no access', { permissions: [{ ...ofTeam, access: [] }] }, 400],
    ['two projects', { permissions: [ofTeam, ofTeam] }, 400],
    ['an action that is none', { permissions: [{ ...ofTeam, access: [{ resource: 'repository', action: 'paint' }] }] }, 400],
    ['a right of the system in a project', { permissions: [{ ...ofTeam, access: [{ resource: 'catalog', action: 'read' }] }] }, 400],
    ['a project that is none', { permissions: [{ ...ofTeam, namespace: 'none' }] }, 404],
  ])('one with %s is refused', async (_, change, status) => {
    expect((await admin.post(robots, { ...good, ...change })).status).toBe(status)
  })

  test('one is made, works, is switched off, gets a new secret, goes', async () => {
    const made: HarborAnswer = await admin.post(robots, good)
    expect(made).toMatchObject({ status: 201, json: { name: 'robot$team+ci', secret: expect.stringMatching(/^\w{32}$/) as unknown, expires_at: expect.any(Number) as unknown } })
    const { id, name, secret } = made.json as { id: number; name: string; secret: string }
    expect(made.headers['location']).toBe(`${robots}/${id}`)
    expect((await admin.post(robots, good)).status).toBe(409)
    expect(await mayPush(name, secret)).toBe(202)
    expect((await admin.get(`${robots}/${id}`)).json).toMatchObject({ name, level: 'project', disable: false, editable: true, permissions: [ofTeam] })
    expect((await admin.get(`${robots}/${id}`)).json).not.toHaveProperty('secret')
    const same = { ...good, name }
    expect((await admin.send('PUT', `${robots}/${id}`, { ...same, disable: true })).status).toBe(200)
    expect(await mayPush(name, secret)).toBe(401)
    expect((await admin.send('PUT', `${robots}/${id}`, { ...same, disable: false })).status).toBe(200)
    expect((await admin.send('PUT', `${robots}/${id}`, { ...same, name: 'other' })).status).toBe(400)
    expect((await admin.send('PATCH', `${robots}/${id}`, { secret: 'weak' })).status).toBe(400)
    expect((await admin.send('PATCH', `${robots}/${id}`, { secret: 'Stronger-1' })).json).toEqual({})
    expect(await mayPush(name, secret)).toBe(401)
    expect(await mayPush(name, 'Stronger-1')).toBe(202)
    const { secret: third } = (await admin.send('PATCH', `${robots}/${id}`, { secret: '' })).json as { secret: string }
    expect(await mayPush(name, third)).toBe(202)
    expect((await admin.send('DELETE', `${robots}/${id}`)).status).toBe(200)
    expect(await mayPush(name, third)).toBe(401)
  })

  test('push is pull for robots of a project; a robot of the system has what it is given', async () => {
    const onlyPush = { ...ofTeam, access: [{ resource: 'repository', action: 'push' }] }
    const make = async (change: object): Promise<HarborUser> => {
      const { name, secret } = (await admin.post(robots, { ...good, ...change })).json as { name: string; secret: string }
      return new HarborUser(harbor.url, { name, password: secret })
    }
    using project = await make({ name: 'p', permissions: [onlyPush] })
    using system = await make({ name: 's', level: 'system', permissions: [{ ...onlyPush, namespace: '*' }] })
    // 404: allowed to look.
    expect((await project.get('/v2/team/app/manifests/1')).status).toBe(404)
    expect((await system.get('/v2/team/app/manifests/1')).status).toBe(401)
    expect((await system.send('POST', '/v2/library/app/blobs/uploads/')).status).toBe(202)
    expect((await project.send('POST', '/v2/library/app/blobs/uploads/')).status).toBe(401)
  })

  test('a robot makes none that may do more than itself', async () => {
    const { name, secret } = (await admin.post(robots, {
      name: 'maker', level: 'project', duration: -1, permissions: [{ ...ofTeam, access: [...pushPull, { resource: 'robot', action: 'create' }] }],
    })).json as { name: string; secret: string }
    using maker = new HarborUser(harbor.url, { name, password: secret })
    expect((await maker.post(robots, { ...good, name: 'child' })).status).toBe(201)
    const more = { ...ofTeam, access: [...pushPull, { resource: 'artifact', action: 'delete' }] }
    expect(await maker.post(robots, { ...good, name: 'worse', permissions: [more] })).toMatchObject({ status: 403, code: 'DENIED' })
  })

  test('those of a project are asked for by its id', async () => {
    const { project_id: id } = (await admin.get('/api/v2.0/projects/team')).json as { project_id: number }
    const list = async (q: string): Promise<HarborAnswer> => admin.get(`${robots}?q=${encodeURIComponent(q)}`)
    expect((await list(`Level=project,ProjectID=${id}`)).json).toContainEqual(expect.objectContaining({ name: 'robot$team+maker', expires_at: -1 }))
    // Harbor decodes twice: once is a space.
    expect((await list(`Level=project,ProjectID=${id},name=team+maker`)).headers['x-total-count']).toBe('0')
    expect((await list(encodeURIComponent(`Level=project,ProjectID=${id},name=team+maker`))).headers['x-total-count']).toBe('1')
    expect((await list('Level=project')).status).toBe(400)
    expect((await list('Level=galaxy')).status).toBe(400)
    expect((await list('Level=system')).json).toMatchObject([{ name: 'robot$s' }])
  })
})
