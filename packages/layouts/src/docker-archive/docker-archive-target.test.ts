import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { decodeManifest, type Descriptor, type Digest, digestOf, hexOf, type Manifest, MediaType, type RepositoryName, type Tag } from '@longshore/oci'
import type { Opener } from '@longshore/transfer'
import { describe, expect, test } from 'vitest'
import { type Compress, io, leftBehind, type MadeImage, makeImage, run, testFolder } from '../archive.fixture.ts'
import type { Layout } from '../layout.ts'
import { openDockerArchive } from './docker-archive-source.ts'
import { createDockerArchive } from './docker-archive-target.ts'

const none = '' as RepositoryName
const plain: Compress = (bytes) => bytes
const opener = (bytes: Buffer): Opener => async () => (async function* () { for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000) })()
const describeBlob = (bytes: Buffer, mediaType: string): Descriptor => ({ mediaType, digest: digestOf(bytes), size: bytes.byteLength })

function manifestOf(image: MadeImage, compress: Compress): Manifest {
  return decodeManifest(Buffer.from(JSON.stringify({
    schemaVersion: 2, mediaType: MediaType.ociManifest, config: describeBlob(image.config, MediaType.ociConfig),
    layers: image.layers.map((bytes) => describeBlob(compress(bytes), `${MediaType.ociLayer}+gzip`)),
  })), MediaType.ociManifest, 'made up')
}

async function pushAll(target: Layout, image: MadeImage, compress: Compress): Promise<void> {
  const blobs = [...image.layers.map((bytes) => [compress(bytes), `${MediaType.ociLayer}+gzip`] as const), [image.config, MediaType.ociConfig] as const]
  await Promise.all(blobs.map(([bytes, type]) => target.push(none, describeBlob(bytes, type), opener(bytes), io)))
}

async function putImage(target: Layout, image: MadeImage, reference: string, compress: Compress): Promise<void> {
  await pushAll(target, image, compress)
  await target.put(none, manifestOf(image, compress), reference as Tag, io)
}

interface Listing { readonly Config: string; readonly RepoTags: readonly string[]; readonly Layers: readonly string[] }
async function listingOf(path: string): Promise<readonly Listing[]> { return JSON.parse((await run('tar', ['-xOf', path, 'manifest.json'])).stdout) as Listing[] }

describe('an image is written as containers/image writes it', () => {
  test.each<[string, Compress]>([['plain layers', plain], ['gzip', gzipSync], ['zstd', zstdCompressSync]])('from %s', async (_, compress) => {
    const folder = await testFolder()
    const tmpdir = await testFolder()
    const [ours, theirs] = [join(folder, 'ours.tar'), join(folder, 'theirs.tar')]
    const image = await makeImage('one', 'two'.repeat(2000), 'one')
    const target = await createDockerArchive(`docker-archive:${ours}`, { ...io, tmpdir })
    await putImage(target, image, 'docker.io/library/a:1', compress)
    expect(await readdir(folder)).toEqual([expect.stringMatching(/^ours\.tar\.[0-9a-f]{8}\.partial$/)])
    await target.finish()
    await target[Symbol.asyncDispose]()
    expect([await readdir(folder), await leftBehind(tmpdir)]).toEqual([['ours.tar'], []])
    // The real one, given what we wrote, writes the same files.
    await run('skopeo', ['--insecure-policy', 'copy', '-q', `docker-archive:${ours}`, `docker-archive:${theirs}:a:1`])
    const files = async (path: string, into: string): Promise<unknown> => {
      const out = join(folder, into)
      await mkdir(out)
      await run('tar', ['-xf', path, '-C', out])
      const names = (await readdir(out, { recursive: true, withFileTypes: true })).filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name)).sort()
      return await Promise.all(names.map(async (name) => [name.slice(out.length), digestOf(await readFile(name))]))
    }
    expect(await files(ours, 'o')).toEqual(await files(theirs, 't'))
    await using source = await openDockerArchive(`docker-archive:${ours}`, io)
    expect(await source.manifest(none, 'docker.io/library/a:1' as Tag, io)).toMatchObject({ config: { digest: digestOf(image.config) }, layers: image.diffIds.map((digest) => ({ digest })) })
  })

  test('several, with layers that they share and names that are added', async () => {
    const path = join(await testFolder(), 'a.tar')
    const [one, two] = [await makeImage('shared', '1'), await makeImage('shared', '2')]
    const target = await createDockerArchive(`docker-archive:${path}`, io)
    // The same layer in two forms is one.
    await Promise.all([putImage(target, one, 'docker.io/library/a:1', gzipSync), putImage(target, two, 'docker.io/library/b:1', plain)])
    await target.put(none, manifestOf(one, gzipSync), 'quay.io/x/a:2' as Tag, io)
    await target.put(none, manifestOf(two, plain), manifestOf(two, plain).digest, io)
    await target.finish()
    const list = await listingOf(path)
    expect(list).toHaveLength(2)
    expect(list).toEqual(expect.arrayContaining([
      { Config: `${hexOf(digestOf(one.config))}.json`, RepoTags: ['docker.io/library/a:1', 'quay.io/x/a:2'], Layers: one.diffIds.map((id) => `${hexOf(id)}.tar`) },
      { Config: `${hexOf(digestOf(two.config))}.json`, RepoTags: ['docker.io/library/b:1'], Layers: two.diffIds.map((id) => `${hexOf(id)}.tar`) },
    ]))
    const { stdout } = await run('tar', ['-tf', path])
    expect(stdout.split('\n').filter((name) => /^[0-9a-f]{64}\.tar$/.test(name))).toHaveLength(3)
  })

  test('with further names from the beginning', async () => {
    const path = join(await testFolder(), 'a.tar')
    const target = await createDockerArchive(`docker-archive:${path}`, { ...io, additionalTags: ['b:2', 'quay.io/c/d:3'] })
    await putImage(target, await makeImage('x'), 'docker.io/library/a:1', plain)
    await target.finish()
    expect((await listingOf(path))[0]?.RepoTags).toEqual(['docker.io/library/a:1', 'docker.io/library/b:2', 'quay.io/c/d:3'])
  })

  test('what failed, and what no image uses, is not in it', async () => {
    const folder = await testFolder()
    const path = join(folder, 'a.tar')
    const [image, other] = [await makeImage('a'.repeat(5000), 'b'), await makeImage('unused'.repeat(9000))]
    const target = await createDockerArchive(`docker-archive:${path}`, io)
    const broken: Opener = async () => (async function* () { yield other.layers[0]!.subarray(0, 2000); throw new Error('cut') })()
    let sent = 0
    await expect(target.push(none, describeBlob(other.layers[0]!, MediaType.ociLayer), broken, { ...io, onSent: (bytes) => { sent += bytes } })).rejects.toThrow('cut')
    expect(sent).toBe(0)
    await pushAll(target, other, plain)
    await putImage(target, image, '', plain)
    await target.finish()
    const { stdout } = await run('tar', ['-tf', path])
    expect(stdout).not.toContain(hexOf(other.diffIds[0]!))
    expect((await readFile(path)).byteLength).toBeLessThan(30_000)
    await using source = await openDockerArchive(`docker-archive:${path}`, io)
    const manifest = await source.manifest(none, '' as Tag, io)
    if (manifest?.kind !== 'image') throw new Error('no image')
    for (const desc of manifest.layers) expect(digestOf(Buffer.concat(await Array.fromAsync(await source.blob(none, desc, io))))).toBe(desc.digest)
  })

  test('into a pipe, and out of one', async () => {
    const folder = await testFolder()
    const [pipe, back, copy] = [join(folder, 'pipe'), join(folder, 'back'), join(folder, 'copy.tar')]
    await run('mkfifo', [pipe, back])
    const image = await makeImage('pipe')
    const reading = run('cp', ['--copy-contents', pipe, copy])
    const target = await createDockerArchive(`docker-archive:${pipe}`, { ...io, tmpdir: folder })
    await putImage(target, image, '', gzipSync)
    await target.finish()
    await target[Symbol.asyncDispose]()
    await reading
    await run('gzip', ['-k', copy])
    const writing = run('sh', ['-c', 'cat "$0" > "$1"', `${copy}.gz`, back])
    await using source = await openDockerArchive(`docker-archive:${back}`, { ...io, tmpdir: folder })
    await writing
    expect(await source.manifest(none, '' as Tag, io)).toMatchObject({ layers: [{ digest: image.diffIds[0] }] })
    expect((await readdir(folder)).sort()).toEqual(['back', 'copy.tar', 'copy.tar.gz', 'pipe'])
  })

  test('podman loads it', async () => {
    const folder = await testFolder()
    const path = join(folder, 'a.tar')
    const image = await makeImage('podman', 'load')
    const target = await createDockerArchive(`docker-archive:${path}`, io)
    await putImage(target, image, 'localhost/longshore-test:1', gzipSync)
    await target.finish()
    const stores = ['--root', join(folder, 'root'), '--runroot', join(folder, 'run'), '--storage-driver', 'vfs']
    const env = { ...process.env, CONTAINERS_CONF: '/dev/null' }
    const { stdout } = await run('podman', [...stores, 'load', '-q', '-i', path], { env })
    expect(stdout).toContain('localhost/longshore-test:1')
    const { stdout: id } = await run('podman', [...stores, 'images', '--no-trunc', '--format', '{{.ID}}'], { env })
    expect(id.trim()).toBe(digestOf(image.config))
  })
})

describe('what is there stays until the new one is whole', () => {
  test.each<[string, (target: Layout) => Promise<void>]>([
    ['given up', async (target) => { await putImage(target, await makeImage('x'), '', plain) }],
    ['without an image', async (target) => { await pushAll(target, await makeImage('x'), plain); await target.finish() }],
  ])('%s', async (_, write) => {
    const folder = await testFolder()
    const path = join(folder, 'a.tar')
    await writeFile(path, 'old')
    const target = await createDockerArchive(`docker-archive:${path}`, io)
    await write(target)
    await target[Symbol.asyncDispose]()
    expect([await readdir(folder), await readFile(path, 'utf8')]).toEqual([['a.tar'], 'old'])
  })

  test('a folder, and one that is missing', async () => {
    const folder = await testFolder()
    await expect(createDockerArchive(`docker-archive:${folder}`, io)).rejects.toMatchObject({ code: 'LAYOUT_REFUSED' })
    await expect(createDockerArchive(`docker-archive:${folder}/no/a.tar`, io)).rejects.toMatchObject({ code: 'LAYOUT_MISSING' })
  })
})

describe('what the format cannot hold is refused', () => {
  const json = (fields: object, mediaType: string): Manifest => decodeManifest(Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, ...fields })), mediaType, 'made up')
  const blob = (text: string, mediaType: string): Descriptor => describeBlob(Buffer.from(text), mediaType)
  test.each<[string, Manifest, string, string]>([
    ['an index', json({ manifests: [] }, MediaType.ociIndex), '', 'Manifest lists are not supported for docker tar files'],
    ['an artifact', json({ config: blob('{}', MediaType.ociEmpty), layers: [], artifactType: 'a/b' }, MediaType.ociManifest), '', 'Unsupported manifest type, need a Docker schema 2 manifest'],
    ['an index of the source', json({ config: blob('{}', MediaType.ociConfig), layers: [] }, MediaType.ociManifest), '@1', 'Destination reference must not contain a manifest index @1'],
  ])('%s', async (_, manifest, reference, message) => {
    await using target = await createDockerArchive(`docker-archive:${join(await testFolder(), 'a.tar')}`, io)
    await expect(target.put(none, manifest, reference as Tag, io)).rejects.toMatchObject({ code: 'LAYOUT_REFUSED', message: expect.stringContaining(message) as string })
  })

  test('layers that are not those of the configuration, and such that never came', async () => {
    await using target = await createDockerArchive(`docker-archive:${join(await testFolder(), 'a.tar')}`, io)
    const [one, two] = [await makeImage('1'), await makeImage('2')]
    await pushAll(target, { ...one, layers: two.layers }, gzipSync)
    await expect(target.put(none, manifestOf({ ...one, layers: two.layers }, gzipSync), '' as Tag, io)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH', message: expect.stringContaining(one.diffIds[0] as Digest) as string })
    await expect(target.put(none, manifestOf(one, gzipSync), '' as Tag, io)).rejects.toMatchObject({ code: 'MANIFEST_BLOB_UNKNOWN' })
  })

  test('a layer that unpacks to more than is allowed, or is damaged', async () => {
    const tmpdir = await testFolder()
    await using target = await createDockerArchive(`docker-archive:${join(await testFolder(), 'a.tar')}`, { ...io, tmpdir, maxUnpackedBytes: 10_000 })
    const bomb = gzipSync(Buffer.alloc(1_000_000))
    await expect(target.push(none, describeBlob(bomb, 'x'), opener(bomb), io)).rejects.toMatchObject({ code: 'ARCHIVE_HOSTILE' })
    const damaged = gzipSync(Buffer.from('x'.repeat(5000))).subarray(0, -6)
    await expect(target.push(none, describeBlob(damaged, 'x'), opener(damaged), io)).rejects.toMatchObject({ code: 'LAYOUT_INVALID' })
    expect(await leftBehind(tmpdir)).toEqual([])
  })
})
