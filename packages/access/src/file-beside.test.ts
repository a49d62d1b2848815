// Signatures beside a registry lie behind TLS as registries do: with certs.d, and with what the registry itself is reached by.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Certificates, selfSignedCert } from '@longshore/testing'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { AccessOptions } from './access-options.ts'
import { openAccess } from './index.ts'

const { signal } = new AbortController()
const registry = '127.0.0.1:9'
let certificates: Certificates
let folder: string
let host: string
let asked: string[] = []
let fails = 0
const server = { [Symbol.asyncDispose]: async (): Promise<void> => {} }

beforeAll(async () => {
  certificates = await selfSignedCert()
  const { key, cert } = certificates.server
  const https = createServer({ key, cert, ca: certificates.ca, requestCert: true, rejectUnauthorized: true }, (request, response) => {
    asked.push(request.url ?? '')
    if (fails-- > 0) return void response.writeHead(503).end()
    if (request.url === '/moved') return void response.writeHead(302, { location: '/there' }).end()
    if (request.url === '/there') return void response.end('a signature')
    response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => { https.listen(0, '127.0.0.1', resolve) })
  host = `127.0.0.1:${(https.address() as AddressInfo).port}`
  server[Symbol.asyncDispose] = () => new Promise<void>((resolve) => { https.close(() => { resolve() }); https.closeAllConnections() })
})
afterAll(async () => { await server[Symbol.asyncDispose]() })
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longshore-beside-'))
  asked = []
  fails = 0
  return async () => { await rm(folder, { recursive: true, force: true }) }
})

/** certs.d of the user, for `place`. */
async function write(place: string, files: Readonly<Record<string, string>>): Promise<void> {
  const path = join(folder, '.config/containers/certs.d', place)
  await mkdir(path, { recursive: true })
  for (const [name, text] of Object.entries(files)) await writeFile(join(path, name), text)
}

async function get(path: string, options: AccessOptions = {}): Promise<string> {
  // The registry itself is greeted, and nobody is there.
  await using access = await openAccess({ source: new Set([registry]), destination: new Set() }, options, { env: {}, home: folder, uid: 0, platform: 'linux', registriesConfDir: folder }, () => {})
  const { status, body } = await access.fileBeside('source', registry, new URL(`https://${host}${path}`), 1000, signal)
  return `${status} ${Buffer.from(body).toString()}`
}

const all = (): Readonly<Record<string, string>> => ({ 'ca.crt': certificates.ca, 'me.cert': certificates.client.cert, 'me.key': certificates.client.key })

describe('a file beside a registry', () => {
  test('by the certificates for its own host; redirects are followed, absence is an answer, trouble is waited for', async () => {
    await write(host, all())
    fails = 1
    expect(await get('/moved')).toBe('200 a signature')
    expect(await get('/none')).toBe('404 ')
    expect(asked).toEqual(['/moved', '/moved', '/there', '/none'])
  })

  test('by those of the registry that it lies beside, as skopeo does it; and by --src-cert-dir', async () => {
    await write(registry, all())
    expect(await get('/there')).toBe('200 a signature')
    await rm(join(folder, '.config'), { recursive: true })
    await write('elsewhere', all())
    expect(await get('/there', { srcCertDir: join(folder, '.config/containers/certs.d/elsewhere') })).toBe('200 a signature')
  })

  test('without them it is not trusted, and nothing was asked', async () => {
    await expect(get('/there')).rejects.toMatchObject({ code: 'TLS_FAILED', message: expect.stringMatching(new RegExp(`^${host}: its certificate is not trusted .*put its CA into certs\\.d`)) as string })
    expect(asked).toEqual([])
  })

  test('with its authority alone it wants to know who asks; --src-tls-verify=false does not say that', async () => {
    await write(host, { 'ca.crt': certificates.ca })
    await expect(get('/there')).rejects.toMatchObject({ name: 'ConnectionError' })
    await expect(get('/there', { srcTlsVerify: false })).rejects.toMatchObject({ name: 'ConnectionError' })
    await write(host, all())
    expect(await get('/there', { srcTlsVerify: false })).toBe('200 a signature')
  })
})
