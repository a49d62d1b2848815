import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { selfSignedCert } from '../certificate.ts'
import { image, index } from '../content/image.ts'
import { PlainClient } from '../http.ts'
import { assertIntact } from '../intact.ts'
import { seed } from '../seed.ts'
import { startEmbeddedHarbor, type EmbeddedHarbor } from './embedded-harbor.ts'
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

describe('the embedded Harbor', () => {
  test('says what it is, and its own affairs only to those it knows', async () => {
    using anybody = new HarborUser(harbor.url)
    expect(await anybody.get('/api/version')).toMatchObject({ status: 200, json: { version: 'v2.0' } })
    expect((await anybody.get('/api/v2.0/ping')).status).toBe(200)
    expect((await anybody.get('/api/v2.0/health')).json).toMatchObject({ status: 'healthy' })
    expect((await anybody.get('/api/v2.0/systeminfo')).json).not.toHaveProperty('registry_url')
    expect((await admin.get('/api/v2.0/systeminfo')).json).toMatchObject({ registry_url: harbor.host, read_only: false })
  })

  test('skopeo pushes as a robot of a project and reads back the same', async () => {
    const run = promisify(execFile)
    harbor.addProject('apps')
    const robot = harbor.addRobot('ci', { project: 'apps' })
    expect(robot.name).toBe('robot$apps+ci')
    const folder = await mkdtemp(join(tmpdir(), 'longshore-harbor-'))
    try {
      const corpus = image({ seed: 'skopeo', layers: [2000, 300_000] })
      await seed(harbor.url, [{ repository: 'library/source', tag: '1', content: corpus }], { authorization: basic(harbor.admin) })
      await writeFile(join(folder, 'policy.json'), '{"default":[{"type":"insecureAcceptAnything"}]}')
      const creds = `${robot.name}:${robot.password}`
      await run('skopeo', ['--policy', join(folder, 'policy.json'), 'copy', '--preserve-digests', '--src-tls-verify=false', '--dest-tls-verify=false',
        '--src-creds', `${harbor.admin.name}:${harbor.admin.password}`, '--dest-creds', creds, `docker://${harbor.host}/library/source:1`, `docker://${harbor.host}/apps/team/web:1.0`])
      const { stdout } = await run('skopeo', ['inspect', '--tls-verify=false', '--creds', creds, `docker://${harbor.host}/apps/team/web:1.0`])
      expect(JSON.parse(stdout)).toMatchObject({ Digest: corpus.root.digest })
      await assertIntact(harbor.url, 'apps/team/web', '1.0', { deep: true, authorization: basic(robot) })
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })

  test('an index and its children, pushed with a password and without a token', async () => {
    const content = index({ children: [image({ seed: 'a', layers: [500] }), image({ seed: 'b', layers: [500] })] })
    await seed(harbor.url, [{ repository: 'library/multi', tag: 'v1', content }], { authorization: basic(harbor.admin) })
    await assertIntact(harbor.url, 'library/multi', 'v1', { deep: true, authorization: basic(harbor.admin) })
  })

  test('over TLS its own addresses are https, those of the registry behind as well', async () => {
    const { ca, server } = await selfSignedCert()
    await using secure = await startEmbeddedHarbor({ tls: server, adminPassword: 'Another1' })
    expect(secure.url).toMatch(/^https:/)
    using client = new PlainClient(secure.url, { ca })
    expect((await client.send('GET', '/v2/')).headers['www-authenticate']).toContain(`realm="${secure.url}/service/token"`)
    using admin = new PlainClient(secure.url, { ca, authorization: basic({ name: 'admin', password: 'Another1' }) })
    expect((await admin.send('POST', '/v2/library/x/blobs/uploads/')).headers.location).toMatch(new RegExp(`^${secure.url}/v2/library/x/blobs/uploads/`))
  })
})
