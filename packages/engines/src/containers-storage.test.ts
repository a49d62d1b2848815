// Against podman on a store of its own, with images made of real tar files: nothing is pulled.
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { decodeManifest, type Descriptor, type Digest, digestOf, type ImageManifest, MediaType, type RepositoryName, type Tag } from '@longshore/oci'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { bytesOf, io, openerOf, podman as podmanOn, put, repository, tarOf } from './engines.fixture.ts'
import { EngineError, type ImageStore, openContainersStorage, openContainersStorageSource } from './index.ts'
import { env } from './podman.config.ts'
import { storeFlags } from './store-spec.ts'

const run = promisify(execFile)
const v1 = 'v1' as Tag
let folder: string
let spec: string
const opened: ImageStore[] = []

beforeAll(async () => {
  // In lower case: were podman to name what it pulls after the directory, it could.
  folder = join(tmpdir(), `longshore-storage-${randomUUID().slice(0, 8)}`)
  await mkdir(folder)
  spec = `vfs@${folder}/root+${folder}/run`
})
afterEach(async () => { for (const store of opened.splice(0)) await store[Symbol.asyncDispose]() })
afterAll(async () => { await rm(folder, { recursive: true, force: true }) })

const podman = async (...args: string[]): Promise<string> => podmanOn(spec, ...args)
const open = (place = spec, command = 'podman', how = openContainersStorageSource): ImageStore => {
  const store = how(`containers-storage:${place}`, { tmpdir: folder, command, env })
  opened.push(store)
  return store
}

test.each(['oci', 'docker'] as const)('an image that is put (%s) is podman\'s, with its digest, and is read by another process', async (format) => {
  const tag = `${format}-1` as Tag
  const manifest = await put(open(), folder, `hello ${format}`, tag, format)
  const listed = JSON.parse(await podman('images', '--format', 'json')) as { readonly Names: string[]; readonly RepoDigests: string[] }[]
  const mine = listed.find(({ Names }) => Names.includes(`${repository}:${tag}`))
  expect(mine?.Names).toEqual([`${repository}:${tag}`])
  expect(mine?.RepoDigests).toContain(`${repository}@${manifest.digest}`)
  const store = open()
  expect(await store.tags(repository, io)).toContain(tag)
  const read = await store.manifest(repository, tag, io) as ImageManifest
  expect(await store.resolve(repository, tag, io)).toMatchObject({ digest: read.digest })
  expect(read.config).toMatchObject({ digest: manifest.config?.digest })
  expect(digestOf(await bytesOf(store, read.config as Descriptor))).toBe(manifest.config?.digest)
  expect(read.layers.map(({ digest }) => digest)).toEqual([digestOf(await tarOf(folder, 'file', `hello ${format}`))])
  for (const layer of read.layers) expect(digestOf(await bytesOf(store, layer))).toBe(layer.digest)
  // By the digest that it was put with, and by its ID.
  expect((await open().manifest(repository, manifest.digest, io))?.digest).toBe(read.digest)
  expect((await open().manifest('' as RepositoryName, manifest.config?.digest as Digest, io))?.digest).toBe(read.digest)
})

test('what podman imported is read, and nothing of it stays in the temporary directory', async () => {
  const archive = join(folder, 'import.tar')
  await writeFile(archive, await tarOf(folder, 'other', 'imported'))
  await podman('import', archive, `${repository}:imported`)
  const store = open()
  const manifest = await store.manifest(repository, 'imported' as Tag, io) as ImageManifest
  expect(manifest.layers.map(({ digest }) => digest)).toEqual([digestOf(await tarOf(folder, 'other', 'imported'))])
  expect((await Array.fromAsync(store.catalog(io)))).toContain(repository)
  await store[Symbol.asyncDispose]()
  expect((await run('find', [folder, '-maxdepth', '1', '-name', 'longshore-engine-*'])).stdout).toBe('')
})

test('a tag that is put again moves; deleting takes one name, and the image with the last', async () => {
  const store = open()
  const first = await put(store, folder, 'first', v1)
  const second = await put(store, folder, 'second', v1)
  expect((await open().manifest(repository, v1, io) as ImageManifest).config?.digest).toBe(second.config?.digest)
  await podman('tag', `${repository}:v1`, `${repository}:v2`)
  expect(await store.deleteReference(repository, v1, io)).toBe(true)
  expect(await store.tags(repository, io)).toContain('v2')
  expect(await store.deleteReference('' as RepositoryName, second.config?.digest as Digest, io)).toBe(true)
  expect(await store.deleteReference(repository, 'v2' as Tag, io)).toBe(false)
  expect(await store.deleteReference('' as RepositoryName, first.config?.digest as Digest, io)).toBe(true)
})

test('as a target it tells the digest that was put, and reads nothing for it', async () => {
  const target = open(spec, 'podman', openContainersStorage)
  const { digest } = await put(target, folder, 'put as target', 'target' as Tag)
  expect(await target.resolve(repository, 'target' as Tag, io)).toMatchObject({ digest })
  const other = open(spec, 'podman', openContainersStorage)
  expect(await other.resolve(repository, 'target' as Tag, io)).toMatchObject({ digest })
  expect((await run('find', [folder, '-maxdepth', '2', '-name', 'in-*'])).stdout).toBe('')
})

test('absence, and what was never read', async () => {
  const store = open()
  const absent = digestOf(Buffer.from('absent'))
  expect(await store.tags('localhost/no/such' as RepositoryName, io)).toBeUndefined()
  expect(await store.resolve(repository, 'absent' as Tag, io)).toBeUndefined()
  expect(await store.manifest(repository, absent, io)).toBeUndefined()
  await expect(store.blob(repository, { mediaType: '', digest: absent, size: 1 }, io)).rejects.toMatchObject({ status: 404, code: 'BLOB_UNKNOWN' })
})

describe('what is refused', () => {
  test('an image whose layer is missing, and an index', async () => {
    const store = open()
    const config = { mediaType: MediaType.ociConfig, digest: digestOf(Buffer.from('{}')), size: 2 }
    const manifest = decodeManifest(Buffer.from(JSON.stringify({ schemaVersion: 2, config, layers: [] })), MediaType.ociManifest, 'test')
    await expect(store.put(repository, manifest, v1, io)).rejects.toMatchObject({ code: 'MANIFEST_BLOB_UNKNOWN' })
    const index = decodeManifest(Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [] })), MediaType.ociIndex, 'test')
    await expect(store.put(repository, index, v1, io)).rejects.toThrow(/is an index of several images.*choose a platform/)
  })

  test('a layer whose content is not what its digest says, which leaves nothing', async () => {
    const store = open()
    const desc = { mediaType: '', digest: digestOf(Buffer.from('right')), size: 5 }
    await expect(store.push(repository, desc, openerOf(Buffer.from('wrong')), io)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' })
    expect(await store.exists(repository, desc, io)).toBe(false)
  })

  test('no podman, and a store where none can be', async () => {
    await expect(open(spec, 'no-such-podman').tags(repository, io)).rejects.toMatchObject({ code: 'ENGINE_MISSING', message: expect.stringMatching(/there is no no-such-podman command.*install podman/) as string })
    await writeFile(join(folder, 'a-file'), '')
    await expect(open(`vfs@${folder}/a-file/root+${folder}/run2`).tags(repository, io)).rejects.toBeInstanceOf(EngineError)
  })

  test('an abort', async () => {
    const reason = new Error('enough')
    await expect(open().tags(repository, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })
})

test.each([
  ['', []],
  ['/a', ['--root', '/a']],
  ['overlay@/a+/b:x=1,y=2', ['--root', '/a', '--runroot', '/b', '--storage-driver', 'overlay', '--storage-opt', 'x=1', '--storage-opt', 'y=2']],
])('the brackets [%s]', (text, flags) => expect(storeFlags(text)).toEqual(flags))

test.each([['a/b', /no absolute path/], ['@/a', /driver before @ is missing/], ['vfs@/a+b', /run root "b"/]])('the brackets [%s] are refused', (text, why) => expect(() => storeFlags(text)).toThrow(why))
