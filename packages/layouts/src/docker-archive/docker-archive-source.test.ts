import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { writeFile } from 'node:fs/promises'
import { type Descriptor, digestOf, MediaType, type RepositoryName, type Tag } from '@longshore/oci'
import { describe, expect, test } from 'vitest'
import { io, leftBehind, makeImage, run, savedNew, savedOld, tarBytes, type TarItem, testFolder, writeTar } from '../archive.fixture.ts'
import type { LayoutSource } from '../layout.ts'
import { type DockerArchiveOptions, openDockerArchive } from './docker-archive-source.ts'

const none = '' as RepositoryName
const ref = (text: string): Tag => text as Tag

async function opened(items: readonly TarItem[], options: Partial<DockerArchiveOptions> = {}, wrap = (bytes: Buffer): Buffer => bytes): Promise<LayoutSource> {
  const path = join(await testFolder(), 'saved.tar')
  await writeFile(path, wrap(await tarBytes(items)))
  return await openDockerArchive(`docker-archive:${path}`, { ...io, ...options })
}

async function bytesOf(source: LayoutSource, desc: Descriptor, offset = 0): Promise<Buffer> {
  await using content = await source.blob(none, desc, { ...io, offset })
  return Buffer.concat(await Array.fromAsync(content))
}

async function layersOf(source: LayoutSource, reference: string): Promise<readonly Descriptor[]> {
  const manifest = await source.manifest(none, ref(reference), io)
  if (manifest?.kind !== 'image') throw new Error('no image')
  return manifest.layers
}

const plain = (bytes: Buffer): Buffer => bytes
const twoFrames = (bytes: Buffer): Buffer => Buffer.concat([zstdCompressSync(bytes.subarray(0, 700)), zstdCompressSync(bytes.subarray(700))])

describe('an image is read', () => {
  test.each([
    ['of Docker 1.10 to 24', savedOld, plain, plain], ['of Docker 25', savedNew, plain, plain],
    ['whose layers are gzip', savedNew, gzipSync, plain], ['whose layers are zstd of several frames', savedNew, twoFrames, plain],
    ['from a .tgz', savedOld, plain, gzipSync], ['from a zstd file', savedNew, plain, twoFrames],
    ['from a .tar.xz', savedOld, plain, (bytes: Buffer) => execFileSync('xz', ['-c'], { input: bytes })],
    ['from a .tar.bz2', savedOld, plain, (bytes: Buffer) => execFileSync('bzip2', ['-c'], { input: bytes })],
  ])('%s', async (_, form, compress, wrap) => {
    const image = await makeImage('one', 'two'.repeat(1000), 'one')
    const tmp = await testFolder()
    const source = await opened(form([{ image, tags: ['a/b:1'] }], compress), { tmpdir: tmp }, wrap)
    const manifest = await source.manifest(none, ref(''), io)
    expect(manifest).toMatchObject({ kind: 'image', mediaType: MediaType.dockerManifest, config: { mediaType: MediaType.dockerConfig, digest: digestOf(image.config), size: image.config.byteLength } })
    expect(await source.resolve(none, ref('docker.io/a/b:1'), io)).toMatchObject({ digest: manifest!.digest, size: manifest!.bytes.byteLength })
    expect((await source.manifest(none, manifest!.digest, io))?.bytes).toEqual(manifest!.bytes)
    const layers = await layersOf(source, '')
    expect(layers).toEqual(image.layers.map((bytes, at) => ({ mediaType: 'application/vnd.docker.image.rootfs.diff.tar', size: bytes.byteLength, digest: image.diffIds[at] })))
    for (const [at, desc] of layers.entries()) {
      expect(await bytesOf(source, desc)).toEqual(image.layers[at])
      expect(await bytesOf(source, desc, 513)).toEqual(image.layers[at]!.subarray(513))
    }
    expect(await bytesOf(source, { ...layers[0]!, digest: digestOf(image.config) })).toEqual(image.config)
    expect(await source.exists(none, { ...layers[0]!, digest: digestOf(Buffer.from('x')) }, io)).toBe(false)
    await source[Symbol.asyncDispose]()
    expect(await leftBehind(tmp)).toEqual([])
  })

  test('of several, by name and place, as `docker save` links the layers that they share', async () => {
    const [one, two, three] = [await makeImage('shared', '1'), await makeImage('shared', '2'), await makeImage('3')]
    await using source = await opened(savedOld([{ image: one, tags: ['alpine:3', 'quay.io/x/y:z'] }, { image: two, tags: [] }, { image: three, tags: ['localhost/t:1'] }]))
    expect(await source.tags(none, io)).toEqual(['alpine:3', 'quay.io/x/y:z', '@1', 'localhost/t:1'])
    const config = async (reference: string): Promise<unknown> => {
      const manifest = await source.manifest(none, ref(reference), io)
      return manifest?.kind === 'image' ? manifest.config?.digest : undefined
    }
    for (const name of ['quay.io/x/y:z', 'alpine:3', 'docker.io/library/alpine:3']) expect(await config(name)).toBe(digestOf(one.config))
    expect(await config('@1')).toBe(digestOf(two.config))
    expect(await config('docker.io/library/alpine:4')).toBeUndefined()
    const [shared, own] = await layersOf(source, '@1')
    expect([await bytesOf(source, shared!), await bytesOf(source, own!)]).toEqual(two.layers)
    await expect(source.manifest(none, ref(''), io)).rejects.toThrow('Unexpected tar manifest.json: expected 1 item, got 3; name one of alpine:3, quay.io/x/y:z, @1, localhost/t:1')
    await expect(source.manifest(none, ref('@3'), io)).rejects.toThrow('Invalid source index @3, only 3 manifest items available')
  })

  test('with the bytes and the names that skopeo shows', async () => {
    const path = await writeTar(join(await testFolder(), 'a.tar'), savedOld([{ image: await makeImage('a', 'b'), tags: ['busybox:1', 'b.example:5000/c:2'] }], gzipSync))
    await using source = await openDockerArchive(`docker-archive:${path}`, { ...io, layersAsSkopeo: true })
    const { stdout: raw } = await run('skopeo', ['inspect', '--raw', `docker-archive:${path}`])
    expect(Buffer.from((await source.manifest(none, ref(''), io))!.bytes).toString()).toBe(raw)
    const { stdout: tags } = await run('skopeo', ['list-tags', `docker-archive:${path}`])
    expect(await source.tags(none, io)).toEqual((JSON.parse(tags) as { Tags: string[] }).Tags)
  })
})

describe('what is no such archive is refused, and it is said why', () => {
  const item = (fields: object): TarItem => ({ name: 'manifest.json', bytes: JSON.stringify([{ Config: 'c.json', RepoTags: [], Layers: [], ...fields }]) })
  const config = (diffIds: readonly string[]): TarItem => ({ name: 'c.json', bytes: JSON.stringify({ rootfs: { diff_ids: diffIds } }) })
  const [idA, idB] = [digestOf(Buffer.from('a')), digestOf(Buffer.from('b'))]
  test.each<[string, readonly TarItem[], string]>([
    ['an OCI archive', [{ name: 'oci-layout', bytes: '{}' }], 'manifest.json is missing; this is an OCI archive: read it as oci-archive:PATH'],
    ['a file of before Docker 1.10', [{ name: 'repositories', bytes: '{}' }], 'only the form of before Docker 1.10 is there'],
    ['any tar file', [{ name: 'etc/passwd', bytes: '' }], 'so this is no archive of "docker save"'],
    ['manifest.json that is no JSON', [{ name: 'manifest.json', bytes: '[' }], 'manifest.json is not JSON'],
    ['manifest.json that is no list', [{ name: 'manifest.json', bytes: '{}' }], 'manifest.json is no list of images'],
    ['an item without a configuration', [item({ Config: '' })], 'item @0 of manifest.json names no Config'],
    ['a tag that is none', [item({ RepoTags: ['A:1'] })], 'Invalid tag "A:1"'],
    ['a missing configuration', [item({})], 'c.json is missing, which manifest.json names as a configuration'],
    ['a configuration without rootfs', [item({}), { name: 'c.json', bytes: '{}' }], 'Invalid image config (rootFS is not set)'],
    ['another number of layers', [item({ Layers: ['a'] }), config([])], 'Inconsistent layer count: 1 in manifest, 0 in config'],
    ['a missing layer', [item({ Layers: ['a'] }), config([idA])], 'Some layer tarfiles are missing in the tarball: a'],
    ['one file for two layers', [item({ Layers: ['a', './a'] }), config([idA, idB]), { name: 'a', bytes: 'a' }], 'used for two different DiffID values'],
    ['a layer that lies outside', [item({ Layers: ['../a'] }), config([idA])], 'entry "../a" points out of the archive'],
  ])('%s', async (_, items, message) => {
    const reading = async (): Promise<unknown> => {
      await using source = await opened(items)
      return await source.manifest(none, ref(''), io)
    }
    await expect(reading()).rejects.toThrow(message)
  })

  test('a layer that unpacks to more than is allowed', async () => {
    const image = await makeImage('0'.repeat(100_000))
    await using source = await opened(savedNew([{ image, tags: [] }], gzipSync), { maxUnpackedBytes: 50_000 })
    await expect(source.manifest(none, ref(''), io)).rejects.toMatchObject({ code: 'ARCHIVE_HOSTILE', message: expect.stringContaining('unpacks to more than 50000 bytes') as string })
  })
})
