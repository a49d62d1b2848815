// What belongs to a project: members, metadata, labels, retention, the registry it caches.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type EmbeddedHarbor, startEmbeddedHarbor } from './embedded-harbor.ts'
import { HarborUser } from './harbor-user.fixture.ts'

let harbor: EmbeddedHarbor
let admin: HarborUser
let id: number

beforeAll(async () => {
  harbor = await startEmbeddedHarbor()
  admin = new HarborUser(harbor.url, harbor.admin)
  id = harbor.addProject('team')
})
afterAll(async () => {
  admin[Symbol.dispose]()
  await harbor[Symbol.asyncDispose]()
})

const base = '/api/v2.0'
const team = `${base}/projects/team`

describe('a project', () => {
  test('is made with its settings, shown, changed, deleted while it is empty', async () => {
    const body = { project_name: 'full', metadata: { public: 'true', auto_scan: 'true', auto_sbom_generation: 'true', prevent_vul: 'true', severity: 'critical', unknown: 'x' }, storage_limit: 1024 }
    const made = await admin.post(`${base}/projects`, body)
    expect(made.status).toBe(201)
    const { json } = await admin.get(`${base}/projects/full`)
    expect(json).toMatchObject({ name: 'full', owner_name: 'admin', current_user_role_id: 1, repo_count: 0, metadata: { public: 'true', auto_scan: 'true', severity: 'critical', prevent_vul: 'true' } })
    expect(json).not.toHaveProperty('metadata.unknown')
    expect(json).not.toHaveProperty('registry_id')
    expect((await admin.get(`${base}/projects/full/summary`)).json).toMatchObject({ repo_count: 0, project_admin_count: 1, quota: { hard: { storage: 1024 }, used: { storage: 0 } } })
    expect((await admin.send('PUT', `${base}/projects/full`, { metadata: { public: 'false' }, cve_allowlist: { items: [{ cve_id: 'CVE-1' }] } })).status).toBe(200)
    expect((await admin.get(`${base}/projects/full`)).json).toMatchObject({ metadata: { public: 'false', auto_scan: 'true' }, cve_allowlist: { items: [{ cve_id: 'CVE-1' }] } })
    expect((await admin.post(`${base}/projects`, { project_name: 'bad', metadata: { public: 'maybe' } })).status).toBe(400)
    expect((await admin.post(`${base}/projects`, { project_name: 'bad', storage_limit: -2 })).status).toBe(400)
    expect((await admin.get(`${base}/projects/full/_deletable`)).json).toEqual({ deletable: true })
    expect((await admin.send('DELETE', `${base}/projects/full`)).status).toBe(200)
    expect((await admin.get(`${base}/projects/full`)).status).toBe(404)
  })

  test('its metadata is changed word by word', async () => {
    const metadatas = `${team}/metadatas/`
    expect((await admin.post(metadatas, { auto_scan: 'true' })).status).toBe(200)
    expect((await admin.post(metadatas, { auto_scan: 'true' })).status).toBe(409)
    expect((await admin.post(metadatas, { auto_scan: 'true', severity: 'low' })).status).toBe(400)
    expect((await admin.post(metadatas, { severity: 'awful' })).status).toBe(400)
    expect((await admin.post(metadatas, { nonsense: 'x' })).status).toBe(400)
    expect((await admin.send('PUT', `${metadatas}auto_scan`, { auto_scan: 'F' })).status).toBe(200)
    expect((await admin.get(metadatas)).json).toEqual({ public: 'false', auto_scan: 'false' })
    expect((await admin.send('DELETE', `${metadatas}auto_scan`)).status).toBe(200)
    expect((await admin.get(`${metadatas}auto_scan`)).status).toBe(404)
  })

  test('members come, change, go', async () => {
    harbor.addUser('ann')
    const made = await admin.post(`${team}/members`, { role_id: 2, member_user: { username: 'ann' } })
    expect(made.status).toBe(201)
    const member = String(made.headers['location'])
    expect((await admin.get(member)).json).toMatchObject({ entity_name: 'ann', role_id: 2, role_name: 'developer' })
    expect((await admin.post(`${team}/members`, { role_id: 2, member_user: { username: 'ann' } })).status).toBe(409)
    expect((await admin.post(`${team}/members`, { role_id: 2, member_user: { username: 'nobody' } })).status).toBe(404)
    expect((await admin.send('PUT', member, { role_id: 4 })).status).toBe(200)
    expect((await admin.get(`${team}/members?entityname=an`)).json).toMatchObject([{ role_name: 'maintainer' }])
    expect((await admin.send('DELETE', member)).status).toBe(200)
    expect((await admin.get(member)).status).toBe(404)
  })

  test('labels are global or of a project', async () => {
    expect((await admin.post(`${base}/labels`, { name: 'own', scope: 'p', project_id: id, color: '#fff' })).status).toBe(201)
    expect((await admin.post(`${base}/labels`, { name: 'own', scope: 'p', project_id: id })).status).toBe(409)
    expect((await admin.post(`${base}/labels`, { name: 'own', scope: 'x' })).status).toBe(400)
    expect((await admin.get(`${base}/labels?scope=g`)).json).toEqual([])
    const [label] = (await admin.get(`${base}/labels?scope=p&project_id=${id}`)).json as { id: number }[]
    expect(label).toMatchObject({ name: 'own', color: '#fff', project_id: id })
    expect((await admin.send('PUT', `${base}/labels/${label!.id}`, { name: 'renamed' })).status).toBe(200)
    expect((await admin.get(`${base}/labels/${label!.id}`)).json).toMatchObject({ name: 'renamed' })
    expect((await admin.send('DELETE', `${base}/labels/${label!.id}`)).status).toBe(200)
    expect((await admin.get(`${base}/labels`)).status).toBe(400)
  })

  test('has one retention policy, and says which', async () => {
    const policy = { algorithm: 'or', rules: [{ action: 'retain', template: 'always', tag_selectors: [], scope_selectors: {} }], scope: { level: 'project', ref: id }, trigger: { kind: 'Schedule' } }
    const made = await admin.post(`${base}/retentions`, policy)
    expect(made.status).toBe(201)
    const location = String(made.headers['location'])
    expect((await admin.get(team)).json).toMatchObject({ metadata: { retention_id: location.split('/').at(-1) } })
    expect((await admin.get(location)).json).toMatchObject(policy)
    expect((await admin.post(`${base}/retentions`, policy)).status).toBe(400)
    expect((await admin.post(`${base}/retentions`, { ...policy, rules: [policy.rules[0], policy.rules[0]] })).status).toBe(409)
    expect((await admin.send('DELETE', location)).status).toBe(200)
    expect((await admin.get(location)).status).toBe(404)
  })

  test('is a proxy cache of a registry that there is; that one cannot go', async () => {
    const made = await admin.post(`${base}/registries`, { name: 'hub', type: 'docker-hub', url: 'https://hub.example/' })
    expect(made.status).toBe(201)
    const registry = Number(String(made.headers['location']).split('/').at(-1))
    expect((await admin.post(`${base}/projects`, { project_name: 'cache', registry_id: registry })).status).toBe(201)
    expect((await admin.post(`${base}/projects`, { project_name: 'none', registry_id: 99 }))).toMatchObject({ status: 500, message: 'internal server error' })
    expect((await admin.get(`${base}/projects/cache/summary`)).json).toMatchObject({ registry: { name: 'hub', url: 'https://hub.example' } })
    expect((await admin.send('DELETE', `${base}/registries/${registry}`)).status).toBe(412)
    expect(await admin.send('POST', '/v2/cache/x/blobs/uploads/')).toMatchObject({ status: 403, code: 'DENIED' })
  })
})
