import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { image } from '../content/image.ts'
import { seed } from '../seed.ts'
import { type EmbeddedHarbor, startEmbeddedHarbor } from './embedded-harbor.ts'
import { basic, HarborUser } from './harbor-user.fixture.ts'

let harbor: EmbeddedHarbor
let admin: HarborUser
const heard: { headers: IncomingHttpHeaders; body: { type: string } }[] = []
let status = 200
const target = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    heard.push({ headers: request.headers, body: JSON.parse(Buffer.concat(chunks).toString()) as (typeof heard)[number]['body'] })
    response.writeHead(status).end()
  })
})

beforeAll(async () => {
  harbor = await startEmbeddedHarbor()
  admin = new HarborUser(harbor.url, harbor.admin)
  await new Promise<void>((resolve) => { target.listen(0, '127.0.0.1', resolve) })
  harbor.addProject('apps')
})
afterAll(async () => {
  admin[Symbol.dispose]()
  await harbor[Symbol.asyncDispose]()
  target.closeAllConnections()
  await new Promise<void>((resolve) => { target.close(() => { resolve() }) })
})

const policies = '/api/v2.0/projects/apps/webhook/policies'

describe('webhooks', () => {
  test('a policy that says nothing, or nonsense, is refused', async () => {
    const good = { name: 'x', enabled: true, event_types: ['PUSH_ARTIFACT'], targets: [{ type: 'http', address: 'http://127.0.0.1:1/' }] }
    for (const change of [{ event_types: [] }, { event_types: ['NONE'] }, { targets: [] }, { targets: [{ type: 'mail', address: 'http://a' }] }, { targets: [{ type: 'http', address: '' }] }]) {
      expect((await admin.post(policies, { ...good, ...change })).status, JSON.stringify(change)).toBe(400)
    }
    expect((await admin.get(policies.replace('policies', 'events'))).json).toMatchObject({ notify_type: expect.arrayContaining(['http']) as unknown })
  })

  test('a push, a retag and a deletion are told in Harbor\'s format, with the header; again where the target fails', async () => {
    const address = `http://127.0.0.1:${(target.address() as AddressInfo).port}/hook?secret=1`
    const made = await admin.post(policies, {
      name: 'changes', enabled: true, event_types: ['PUSH_ARTIFACT', 'DELETE_ARTIFACT'], targets: [{ type: 'http', address, auth_header: 'Bearer let-me-in', skip_cert_verify: false }],
    })
    expect(made.status).toBe(201)
    expect((await admin.get(String(made.headers['location']))).json).toMatchObject({ creator: 'admin', targets: [{ address: address.split('?')[0], payload_format: 'Default' }] })
    const content = image({ seed: 'hooked', layers: [10] })
    const { digest } = content.root
    const authorization = basic(harbor.addRobot('ci', { project: 'apps' }))
    await seed(harbor.url, [{ repository: 'apps/team/web', tag: '1.0', content }], { authorization })
    await vi.waitFor(() => { expect(heard).toHaveLength(1) })
    expect(heard[0]).toMatchObject({
      headers: { authorization: 'Bearer let-me-in', 'content-type': 'application/json' },
      body: {
        type: 'PUSH_ARTIFACT', occur_at: expect.any(Number) as unknown, operator: 'robot$apps+ci',
        event_data: {
          resources: [{ digest, tag: '1.0', resource_url: `${harbor.host}/apps/team/web:1.0` }],
          repository: { date_created: expect.any(Number) as unknown, name: 'team/web', namespace: 'apps', repo_full_name: 'apps/team/web', repo_type: 'private' },
        },
      },
    })
    status = 500
    await seed(harbor.url, [{ repository: 'apps/team/web', tag: 'latest', content }], { authorization })
    await vi.waitFor(() => { expect(heard.length).toBeGreaterThanOrEqual(2) })
    status = 200
    await vi.waitFor(() => { expect(harbor.deliveries.at(-1)).toMatchObject({ status: 200, eventType: 'PUSH_ARTIFACT' }) })
    expect(harbor.deliveries.some((delivery) => delivery.status === 500)).toBe(true)
    heard.length = 0
    await admin.send('DELETE', `/v2/apps/team/web/manifests/${digest}`)
    await vi.waitFor(() => { expect(heard).toHaveLength(1) })
    expect(heard[0]?.body).toMatchObject({ type: 'DELETE_ARTIFACT', operator: 'admin', event_data: { resources: [{ digest }] } })
  })

  test('nothing is told of what a policy has not asked for, nor while it is off; the other format is CloudEvents\'', async () => {
    heard.length = 0
    const content = image({ seed: 'quiet', layers: [10] })
    const [policy] = (await admin.get(policies)).json as { id: number }[]
    await admin.get('/v2/apps/team/web/manifests/1.0')
    await admin.send('PUT', `${policies}/${policy!.id}`, { ...policy, enabled: false })
    await seed(harbor.url, [{ repository: 'apps/team/quiet', tag: '1', content }], { authorization: basic(harbor.admin) })
    await admin.send('PUT', `${policies}/${policy!.id}`, { ...policy, enabled: true })
    await seed(harbor.url, [{ repository: 'apps/team/loud', tag: '1', content }], { authorization: basic(harbor.admin) })
    await vi.waitFor(() => { expect(heard.length).toBeGreaterThan(0) })
    expect(heard.map(({ body }) => body)).toMatchObject([{ event_data: { repository: { name: 'team/loud' } } }])
    const { targets: [hook] } = policy as unknown as { targets: [object] }
    await admin.send('PUT', `${policies}/${policy!.id}`, { ...policy, enabled: true, targets: [{ ...hook, payload_format: 'CloudEvents' }] })
    heard.length = 0
    await seed(harbor.url, [{ repository: 'apps/team/cloudy', tag: '1', content }], { authorization: basic(harbor.admin) })
    await vi.waitFor(() => { expect(heard).toHaveLength(1) })
    expect(heard[0]).toMatchObject({
      headers: { 'content-type': 'application/cloudevents+json' },
      body: { specversion: '1.0', type: 'harbor.artifact.pushed', operator: 'admin', data: { repository: { repo_full_name: 'apps/team/cloudy' }, resources: [{ tag: '1' }] } },
    })
    expect((await admin.send('DELETE', `${policies}/${policy!.id}`)).status).toBe(200)
    expect((await admin.get(policies)).json).toEqual([])
  })
})
