// What a project does not take, and what it does not give: quotas, immutable tags, proxy caches, vulnerabilities, signatures.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cosignSignature, image, type SyntheticContent } from '../content/image.ts'
import { seed } from '../seed.ts'
import { type EmbeddedHarbor, startEmbeddedHarbor } from './embedded-harbor.ts'
import { basic, HarborUser } from './harbor-user.fixture.ts'

let harbor: EmbeddedHarbor
let admin: HarborUser

beforeAll(async () => {
  harbor = await startEmbeddedHarbor()
  admin = new HarborUser(harbor.url, harbor.admin)
})
afterAll(async () => {
  admin[Symbol.dispose]()
  await harbor[Symbol.asyncDispose]()
})

async function push(repository: string, tag: string, content: SyntheticContent): Promise<void> {
  await seed(harbor.url, [{ repository, tag, content }], { authorization: basic(harbor.admin), concurrency: 1 })
}

const sizeOf = (content: SyntheticContent): number => [...content.blobs.values()].reduce((sum, blob) => sum + blob.size, 0) + content.root.bytes.byteLength

describe('quotas', () => {
  test('what is beyond is refused in Harbor\'s words; what is there already costs nothing', async () => {
    const small = image({ seed: 'small', layers: [100_000] })
    harbor.addProject('tight', { quota: 150_000 })
    await push('tight/app', '1', small)
    await push('tight/copy', '2', small)
    expect(harbor.used('tight')).toBe(sizeOf(small))
    const message = /^seeding: PUT tight\/app@sha256:\w+ was answered 403: .*"code":"DENIED","message":"Quota exceeded when processing the request of adding 97.7 KiB of storage resource, which when updated to current usage of 98.\d KiB will exceed the configured upper limit of 146.5 KiB\./
    await expect(push('tight/app', '3', image({ seed: 'second', layers: [100_000] }))).rejects.toThrow(message)
    expect(harbor.used('tight')).toBeLessThanOrEqual(150_000)
  })

  test('a mount counts; deleting makes room; the limit is raised', async () => {
    const content = image({ seed: 'mounted', layers: [50_000] })
    await push('library/source', '1', content)
    const id = harbor.addProject('mounts', { quota: 10_000 })
    const [layer] = [...content.blobs.keys()].slice(-1)
    const mount = async (): Promise<number> => (await admin.send('POST', `/v2/mounts/app/blobs/uploads/?mount=${layer}&from=library/source`)).status
    expect(await mount()).toBe(403)
    const [quota] = (await admin.get(`/api/v2.0/quotas?reference=project&reference_id=${id}`)).json as { id: number; hard: unknown; used: unknown }[]
    expect(quota).toMatchObject({ hard: { storage: 10_000 }, used: { storage: 0 } })
    expect((await admin.send('PUT', `/api/v2.0/quotas/${quota!.id}`, { hard: { storage: 60_000 } })).status).toBe(200)
    expect(await mount()).toBe(201)
    await push('mounts/app', '1', content)
    expect((await admin.send('DELETE', '/api/v2.0/projects/mounts/repositories/app/artifacts/1')).status).toBe(200)
    expect(harbor.used('mounts')).toBe(0)
    expect((await admin.send('PUT', `/api/v2.0/quotas/${quota!.id}`, { hard: { storage: 0 } })).status).toBe(400)
    expect((await admin.get('/api/v2.0/projects/mounts/summary')).json).toMatchObject({ quota: { hard: { storage: 60_000 }, used: { storage: 0 } } })
  })

  test('an upload in pieces counts, too', async () => {
    harbor.addProject('pieces', { quota: 1000 })
    const session = await admin.send('POST', '/v2/pieces/app/blobs/uploads/')
    const sent = await admin.send('PATCH', String(session.headers['location']), Buffer.alloc(2000), { 'content-type': 'application/octet-stream', 'content-range': '0-1999' })
    expect(sent.status).toBe(202)
    expect(await admin.send('PUT', `${String(sent.headers['location'])}&digest=sha256:${'0'.repeat(64)}`)).toMatchObject({ status: 403, code: 'DENIED' })
  })
})

describe('immutable tags', () => {
  test('the first push is free, each later one is refused, deleting as well; other tags are as they were', async () => {
    harbor.addProject('fixed')
    const [one, two] = [image({ seed: 'one', layers: [10] }), image({ seed: 'two', layers: [10] })]
    const rule = {
      action: 'immutable', template: 'immutable_template', disabled: false,
      tag_selectors: [{ kind: 'doublestar', decoration: 'matches', pattern: 'v*' }], scope_selectors: { repository: [{ kind: 'doublestar', decoration: 'repoMatches', pattern: 'team/**' }] },
    }
    const made = await admin.post('/api/v2.0/projects/fixed/immutabletagrules', rule)
    expect(made.status).toBe(201)
    expect((await admin.post('/api/v2.0/projects/fixed/immutabletagrules', rule)).status).toBe(409)
    await push('fixed/team/app', 'v1', one)
    const words = 'Failed to process request due to \'team/app:v1\' configured as immutable.'
    await expect(push('fixed/team/app', 'v1', two)).rejects.toThrow(new RegExp(`412: .*"code":"PRECONDITION","message":"${words}"`))
    await expect(push('fixed/team/app', 'v1', one)).rejects.toThrow(/412/)
    await push('fixed/team/app', 'latest', one)
    await push('fixed/team/app', 'latest', two)
    await push('fixed/free', 'v1', one)
    await push('fixed/free', 'v1', two)
    const artifact = `/api/v2.0/projects/fixed/repositories/team%252Fapp/artifacts/${one.root.digest}`
    expect(await admin.send('DELETE', artifact)).toMatchObject({ status: 412, code: 'PRECONDITION', message: 'the tag v1 configured as immutable, cannot be deleted' })
    expect((await admin.send('DELETE', `${artifact}/tags/v1`)).status).toBe(412)
    expect((await admin.send('DELETE', `/v2/fixed/team/app/manifests/${one.root.digest}`)).status).toBe(412)
    expect((await admin.get(`${artifact}?with_immutable_status=true`)).json).toMatchObject({ tags: [{ name: 'v1', immutable: true }] })
    const [{ id }] = (await admin.get('/api/v2.0/projects/fixed/immutabletagrules')).json as [{ id: number }]
    expect((await admin.send('PUT', `/api/v2.0/projects/fixed/immutabletagrules/${id}`, { ...rule, id, disabled: true })).status).toBe(200)
    await push('fixed/team/app', 'v1', two)
  })
})

describe('proxy caches', () => {
  test('nothing is pushed into one', async () => {
    harbor.addProject('cache', { proxyOf: 'https://upstream.example' })
    expect(await admin.send('POST', '/v2/cache/app/blobs/uploads/')).toMatchObject({ status: 403, code: 'DENIED', message: 'denied: can not push artifact to a proxy project: cache' })
    expect((await admin.send('PUT', '/v2/cache/app/manifests/1', Buffer.from('{}'))).status).toBe(403)
    expect((await admin.get('/api/v2.0/projects/cache')).json).toMatchObject({ registry_id: expect.any(Number) as number })
  })
})

describe('pulls', () => {
  test('an image with findings as bad as the project\'s limit is held back, one that nobody has scanned as well', async () => {
    harbor.addProject('scanned', { metadata: { prevent_vul: 'true', severity: 'high' } })
    await push('scanned/app', '1', image({ seed: 'scanned', layers: [10] }))
    const get = async () => admin.get('/v2/scanned/app/manifests/1')
    const tail = 'cannot be pulled due to configured policy in \'Prevent images with vulnerability severity of "High" or higher from running.\''
    expect(await get()).toMatchObject({ status: 412, code: 'PROJECTPOLICYVIOLATION', message: expect.stringContaining(`current image without vulnerability scanning ${tail}`) as string })
    expect((await admin.send('HEAD', '/v2/scanned/app/manifests/1')).status).toBe(412)
    harbor.setScan('scanned/app', '1', 'Critical', 3)
    expect(await get()).toMatchObject({ status: 412, message: expect.stringContaining(`current image with 3 vulnerabilities ${tail}`) as string })
    harbor.setScan('scanned/app', '1', 'Medium')
    expect((await get()).status).toBe(200)
    const { json } = await admin.get('/api/v2.0/projects/scanned/repositories/app/artifacts/1?with_scan_overview=true')
    expect(json).toMatchObject({ scan_overview: { 'application/vnd.security.vulnerability.report; version=1.1': { severity: 'Medium', summary: { total: 1 } } } })
  })

  test('an image without a signature is held back where one is demanded', async () => {
    harbor.addProject('signed', { metadata: { enable_content_trust_cosign: 'true' } })
    const content = image({ seed: 'signed', layers: [10] })
    await push('signed/app', '1', content)
    expect(await admin.get('/v2/signed/app/manifests/1')).toMatchObject({ status: 412, code: 'PROJECTPOLICYVIOLATION' })
    const { tag, content: signature } = cosignSignature(content.root.digest)
    await push('signed/app', tag, signature)
    expect((await admin.get('/v2/signed/app/manifests/1')).status).toBe(200)
  })
})
