import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseRepositoryName, type Tag } from '@longshore/oci'
import { type EmbeddedRegistry, image, seed, startEmbeddedRegistry } from '@longshore/testing'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Access, type AccessOptions, openAccess } from './index.ts'
import { RoutedSource } from './routed-source.ts'

const io = { signal: AbortSignal.timeout(50_000) }
const app = parseRepositoryName('app')
const one = '1' as Tag
const content = image({ seed: 'routed', layers: [10_000] })
let folder = ''
let all: AsyncDisposableStack
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longshore-routed-'))
  all = new AsyncDisposableStack()
})
afterEach(async () => {
  await all.disposeAsync()
  await rm(folder, { recursive: true })
})

async function registry(has = true, options: Parameters<typeof startEmbeddedRegistry>[0] = {}): Promise<EmbeddedRegistry> {
  const started = all.use(await startEmbeddedRegistry(options))
  if (has) await seed(started.url, [{ repository: 'app', tag: '1', content }])
  started.clearRequests()
  return started
}
async function open(source: string, conf: string, options: AccessOptions = {}): Promise<Access> {
  const file = join(folder, 'registries.conf')
  await writeFile(file, conf)
  return all.use(await openAccess({ source: new Set([source]), destination: new Set() }, { registriesConf: file, ...options }, { env: {}, home: folder, uid: 1000, platform: 'linux', registriesConfDir: folder }, () => {}))
}
const mirrored = (primary: string, ...mirrors: readonly string[]): string =>
  [`[[registry]]\nlocation = "${primary}"\ninsecure = true\n`, ...mirrors.map((host) => `[[registry.mirror]]\nlocation = "${host}"\ninsecure = true\n`)].join('')

async function readAll(access: Access, host: string): Promise<number> {
  const source = access.transports.source(host)
  const manifest = await source.manifest(app, one, io)
  let bytes = 0
  for (const blob of content.blobs.values()) {
    await using body = await source.blob(app, { mediaType: 'application/octet-stream', digest: blob.digest, size: blob.size }, io)
    for await (const chunk of body) bytes += chunk.length
  }
  return manifest === undefined ? 0 : bytes
}
const size = [...content.blobs.values()].reduce((sum, blob) => sum + blob.size, 0)

test('where nothing is said of a registry, its client itself is the source', async () => {
  const primary = await registry()
  const access = await open(primary.host, mirrored('other.example', 'mirror.example'), { srcTlsVerify: false })
  const source = access.transports.source(primary.host)
  expect(source).not.toBeInstanceOf(RoutedSource)
  expect(source).toHaveProperty('stats', [...access.clients()][0]?.client.stats)
  expect(access.transports.source(primary.host)).toBe(source)
})

test('credentials of the command line go to the registry that was named, and to no mirror', async () => {
  const users = { auth: { kind: 'basic', users: { me: 'secret-of-the-primary' } } } as const
  const primary = await registry(false, users)
  const mirror = await registry(false, users)
  primary.putManifest('app', content.manifests[0]!.bytes, content.manifests[0]!.mediaType, '1')
  const access = await open(primary.host, mirrored(primary.host, mirror.host), { srcCreds: 'me:secret-of-the-primary' })
  expect(await access.transports.source(primary.host).manifest(app, one, io)).toMatchObject({ digest: content.manifests[0]!.digest })
  expect(mirror.requests.length).toBeGreaterThan(0)
  expect(mirror.requests.filter(({ authorization }) => authorization)).toEqual([])
  expect(primary.requests.some(({ authorization }) => authorization)).toBe(true)
})

test('a mirror that lost a blob is passed over for that blob', async () => {
  const [primary, mirror] = [await registry(), await registry()]
  const [lost] = [...content.blobs.keys()]
  mirror.deleteBlob('app', lost!)
  const access = await open(primary.host, mirrored(primary.host, mirror.host))
  expect(await readAll(access, primary.host)).toBe(size)
  expect(primary.requests.filter(({ kind }) => kind.startsWith('blob')).map(({ reference }) => reference)).toEqual([lost])
  expect(primary.count({ kind: ['manifest-get', 'manifest-head'] })).toBe(0)
})

test('what no place has is absent; what no place could say is an error that names them all', async () => {
  const [primary, mirror] = [await registry(false), await registry(false)]
  const access = await open(primary.host, mirrored(primary.host, mirror.host))
  expect(await access.transports.source(primary.host).resolve(app, one, io)).toBeUndefined()
  const dark = await open('127.0.0.1:1', mirrored('127.0.0.1:1', '127.0.0.1:2'))
  await expect(dark.transports.source('127.0.0.1:1').resolve(app, one, io)).rejects.toMatchObject({ code: 'MIRRORS_FAILED', message: expect.stringContaining('[127.0.0.1:2/app: '), cause: { name: 'ConnectionError' } })
})

test('tags are the primary\'s; a mirror\'s where it is blocked', async () => {
  const [primary, mirror] = [await registry(), await registry()]
  await seed(mirror.url, [{ repository: 'app', tag: 'of-the-mirror', content }])
  expect(await (await open(primary.host, mirrored(primary.host, mirror.host))).transports.source(primary.host).tags(app, io)).toEqual(['1'])
  const blocked = mirrored(primary.host, mirror.host).replace('insecure', 'blocked = true\ninsecure')
  expect(await (await open(primary.host, blocked)).transports.source(primary.host).tags(app, io)).toEqual(['1', 'of-the-mirror'])
})
