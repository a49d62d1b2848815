// Against podman behind Docker's API, on a store of its own.
import { execFile } from 'node:child_process'
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { decodeManifest, type Descriptor, type Digest, digestOf, type ImageManifest, MediaType, type RepositoryName, type Tag } from '@longshore/oci'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { openDaemonHost } from './daemon-host.ts'
import { bytesOf, io, podman as podmanOn, put, repository, startEngine, tarOf } from './engines.fixture.ts'
import { openDockerDaemon, openDockerDaemonSource } from './index.ts'

let folder: string
let spec: string
let host: string
let engine: AsyncDisposable
const opened: AsyncDisposable[] = []
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longshore-daemon-'))
  spec = `vfs@${folder}/root+${folder}/run`
  host = `unix://${folder}/engine.sock`
  engine = await startEngine(spec, `${folder}/engine.sock`)
}, 60_000)
afterEach(async () => { for (const one of opened.splice(0)) await one[Symbol.asyncDispose]() })
afterAll(async () => {
  await engine[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

function open<T extends AsyncDisposable>(how: (registry: string, options: { host: string; tmpdir: string }) => T, at = host): T {
  const place = how('docker-daemon:', { host: at, tmpdir: folder })
  opened.push(place)
  return place
}
const podman = async (...args: string[]): Promise<string> => podmanOn(spec, ...args)
const leftovers = async (): Promise<string[]> => (await readdir(folder)).filter((name) => name.startsWith('longshore-'))

test.each(['oci', 'docker'] as const)('an image that is loaded (%s) is the engine\'s, and is read back with its configuration and layers', async (format) => {
  const tag = `${format}-1` as Tag
  const target = open(openDockerDaemon)
  const manifest = await put(target, folder, `daemon ${format}`, tag, format)
  expect(await target.resolve(repository, tag, io)).toMatchObject({ digest: manifest.digest })
  expect(await podman('image', 'inspect', '--format', '{{.Id}}', `${repository}:${tag}`)).toBe(manifest.config?.digest.slice(7))
  const source = open(openDockerDaemonSource)
  expect(await source.tags(repository, io)).toContain(tag)
  const read = await source.manifest(repository, tag, io) as ImageManifest
  expect(read.config?.digest).toBe(manifest.config?.digest)
  expect(await source.resolve(repository, tag, io)).toMatchObject({ digest: read.digest, mediaType: read.mediaType })
  expect((await source.manifest(repository, read.digest, io))?.digest).toBe(read.digest)
  expect(digestOf(await bytesOf(source, read.config as Descriptor))).toBe(manifest.config?.digest)
  expect(read.layers.map(({ digest }) => digest)).toEqual([digestOf(await tarOf(folder, 'file', `daemon ${format}`))])
  for (const layer of read.layers) expect(digestOf(await bytesOf(source, layer))).toBe(layer.digest)
  // By its ID, without a name.
  expect((await open(openDockerDaemonSource).manifest('' as RepositoryName, manifest.config?.digest as Digest, io) as ImageManifest).config?.digest).toBe(manifest.config?.digest)
})

test('what was imported is read as skopeo reads it, and no file stays behind', async () => {
  const archive = join(folder, 'import.tar')
  await writeFile(archive, await tarOf(folder, 'other', 'imported'))
  await podman('import', archive, `${repository}:imported`)
  const source = open(openDockerDaemonSource)
  const manifest = await source.manifest(repository, 'imported' as Tag, io) as ImageManifest
  expect(manifest.layers.map(({ digest }) => digest)).toEqual([digestOf(await tarOf(folder, 'other', 'imported'))])
  const out = join(folder, 'skopeo')
  await promisify(execFile)('skopeo', ['--insecure-policy', 'copy', '--src-daemon-host', host, `docker-daemon:${repository}:imported`, `dir:${out}`])
  const theirs = decodeManifest(await readFile(join(out, 'manifest.json')), '', 'skopeo') as ImageManifest
  expect(theirs.config?.digest).toBe(manifest.config?.digest)
  expect(theirs.layers.map(({ digest, size }) => [digest, size])).toEqual(manifest.layers.map(({ digest, size }) => [digest, size]))
  expect(await Array.fromAsync(source.catalog(io))).toContain(repository)
  await source[Symbol.asyncDispose]()
  expect(await leftovers()).toEqual([])
})

test('a tag moves, and is told by the image\'s ID where it was not put here', async () => {
  await put(open(openDockerDaemon), folder, 'before', 'moving' as Tag)
  const after = await put(open(openDockerDaemon), folder, 'after', 'moving' as Tag)
  expect(await open(openDockerDaemon).resolve(repository, 'moving' as Tag, io)).toMatchObject({ digest: after.config?.digest })
  expect(await leftovers()).toHaveLength(2)
})

test('deleting', async () => {
  const target = open(openDockerDaemon)
  await put(target, folder, 'short-lived', 'gone' as Tag)
  expect(await target.deleteReference(repository, 'gone' as Tag, io)).toBe(true)
  expect(await target.deleteReference(repository, 'gone' as Tag, io)).toBe(false)
  expect(await target.tags('localhost/no/such' as RepositoryName, io)).toBeUndefined()
  expect(await open(openDockerDaemonSource).manifest(repository, 'gone' as Tag, io)).toBeUndefined()
})

describe('what is refused', () => {
  test('an index, an image without a name, and one whose layer is missing; nothing is left', async () => {
    const target = open(openDockerDaemon)
    const index = decodeManifest(Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [] })), MediaType.ociIndex, 'test')
    await expect(target.put(repository, index, 'v1' as Tag, io)).rejects.toThrow(/docker-daemon:localhost\/team\/app:v1: Manifest lists are not supported/)
    const lonely = decodeManifest(Buffer.from(JSON.stringify({ schemaVersion: 2, config: { mediaType: MediaType.ociConfig, digest: digestOf(Buffer.from('x')), size: 1 }, layers: [] })), MediaType.ociManifest, 'test')
    await expect(target.put(repository, lonely, 'v1' as Tag, io)).rejects.toMatchObject({ code: 'MANIFEST_BLOB_UNKNOWN' })
    await expect(target.put(repository, lonely, lonely.digest, io)).rejects.toThrow(/write docker-daemon:NAME:TAG/)
    await target[Symbol.asyncDispose]()
    expect(await leftovers()).toEqual([])
  })

  test('no engine, none at a port, and no permission', async () => {
    await expect(open(openDockerDaemonSource, `unix://${folder}/none.sock`).tags(repository, io)).rejects.toMatchObject({ code: 'ENGINE_MISSING', message: expect.stringMatching(/no engine listens at .*none\.sock \(ENOENT\): start it .*DOCKER_HOST/) as string })
    await expect(open(openDockerDaemonSource, 'tcp://127.0.0.1:2375').tags(repository, io)).rejects.toMatchObject({ code: 'ENGINE_MISSING', message: expect.stringMatching(/http:\/\/127\.0\.0\.1:2375 \(ECONNREFUSED\)/) as string })
  })

  test('a socket that this user may not use', async () => {
    const code = `import { openDockerDaemonSource } from ${JSON.stringify(join(import.meta.dirname, 'index.ts'))}
      await openDockerDaemonSource('docker-daemon:', { host: ${JSON.stringify(host)}, tmpdir: '/tmp' }).tags('a', { signal: AbortSignal.timeout(5000) }).catch((error) => { console.log(error.code, error.message) })`
    // Root passes by file modes, so somebody else asks; its folder is ours alone.
    await chmod(folder, 0o700)
    const nobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : (await chmod(join(folder, 'engine.sock'), 0), {})
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', code], { cwd: '/', ...nobody })
    expect(stdout).toMatch(/^ENGINE_DENIED this user may not use the engine's socket .*engine\.sock \(EACCES\): join its group \(usermod -aG docker/)
  })

  test.each([['ssh://me@host', /forward its socket \(ssh -nNT -L .*host/], ['npipe:////./pipe/docker', /names no engine/], ['host', /names no engine/]])('the host %s', (text, why) => expect(() => openDaemonHost({ host: text })).toThrow(why))

  test('a directory of certificates that is none', () => expect(() => openDaemonHost({ host: 'tcp://h:2376', certDir: folder })).toThrow(/has none of ca.pem, cert.pem and key.pem/))

  test('an abort', async () => {
    const reason = new Error('enough')
    await expect(open(openDockerDaemonSource).tags(repository, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })
})

test.each([['tcp://h:2375', 'http://h:2375'], ['tcp://h:2376', 'https://h:2376'], ['http://h:1', 'http://h:1'], ['tcp://h', 'https://h:2376'], ['unix:///a/b.sock', 'http://localhost']])('%s is asked as %s', (text, origin) => expect(openDaemonHost({ host: text }).origin).toBe(origin))

describe('an engine that answers otherwise', () => {
  let server: Server | undefined
  afterEach(async () => { server?.closeAllConnections(); await new Promise<void>((resolve) => { if (server) server.close(() => { resolve() }); else resolve() }) })
  const serve = async (status: number, body: string | Buffer, cut = false): Promise<string> => {
    server = createServer((request, response) => {
      request.resume()
      if (request.url?.endsWith('/json') === true && request.url !== '/images/json') { response.end(JSON.stringify({ Id: `sha256:${'a'.repeat(64)}` })); return }
      response.writeHead(status)
      response.write(body)
      if (cut) setTimeout(() => { response.destroy() }, 20)
      else response.end()
    })
    await new Promise<void>((resolve) => { server?.listen(0, '127.0.0.1', resolve) })
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  test('a refusal is told in its words', async () => {
    await expect(open(openDockerDaemonSource, await serve(500, JSON.stringify({ message: 'disk on fire' }))).tags(repository, io)).rejects.toMatchObject({ code: 'ENGINE_REFUSED', message: expect.stringMatching(/answered 500 to GET \/images\/json: disk on fire/) as string })
  })
  test('something else that listens there', async () => {
    await expect(open(openDockerDaemonSource, await serve(200, '<html>')).tags(repository, io)).rejects.toThrow(/does not answer GET \/images\/json as a Docker engine does/)
  })
  test('an archive that breaks off, and one that is none', async () => {
    await expect(open(openDockerDaemonSource, await serve(200, Buffer.alloc(4096), true)).manifest(repository, 'v1' as Tag, io)).rejects.toThrow(/broke off GET/)
    await expect(open(openDockerDaemonSource, await serve(200, 'no tar')).manifest(repository, 'v1' as Tag, io)).rejects.toMatchObject({ code: expect.stringMatching(/LAYOUT_INVALID|ARCHIVE_HOSTILE/) as string })
    for (const one of opened.splice(0)) await one[Symbol.asyncDispose]()
    expect(await leftovers()).toEqual([])
  })
  test('an image that it does not take is told although it said 200', async () => {
    await expect(put(open(openDockerDaemon, await serve(200, '{"error":"no space left on device"}\n')), folder, 'refused', 'v1' as Tag)).rejects.toThrow(/did not take the image: no space left on device/)
  })
})
