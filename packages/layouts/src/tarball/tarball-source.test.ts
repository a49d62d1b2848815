import { readFile, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { type Descriptor, digestOf, type Manifest, type RepositoryName, type Tag } from '@longshore/oci'
import { expect, test } from 'vitest'
import { io, layerOf, leftBehind, run, testFolder } from '../archive.fixture.ts'
import type { LayoutSource } from '../layout.ts'
import { openTarball } from './tarball-source.ts'

const none = '' as RepositoryName

async function bytesOf(source: LayoutSource, desc: Descriptor, offset = 0): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(await source.blob(none, desc, { ...io, offset })))
}

async function image(source: LayoutSource): Promise<Manifest & { kind: 'image' }> {
  const manifest = await source.manifest(none, '' as Tag, io)
  if (manifest?.kind !== 'image') throw new Error('no image')
  return manifest
}

test('the image has the bytes that skopeo makes', async () => {
  const folder = await testFolder()
  const [plain, packed] = [join(folder, 'a.tar'), join(folder, 'b.tar.gz')]
  await writeFile(plain, await layerOf('a'))
  await writeFile(packed, gzipSync(await layerOf('b')))
  await utimes(plain, 1_700_000_000.25, 1_700_000_000.25)
  await using source = await openTarball(`tarball:${plain}:${packed}`, io)
  const manifest = await image(source)
  const { stdout } = await run('skopeo', ['inspect', '--raw', `tarball:${plain}:${packed}`])
  const { stdout: config } = await run('skopeo', ['inspect', '--config', '--raw', `tarball:${plain}:${packed}`])
  expect((await bytesOf(source, manifest.config!)).toString()).toBe(config)
  expect(Buffer.from(manifest.bytes).toString()).toBe(stdout)
  expect(await bytesOf(source, manifest.layers[1]!, 3)).toEqual((await readFile(packed)).subarray(3))
})

test('from the standard input, in zstd; nothing stays behind', async () => {
  const tmpdir = await testFolder()
  const layer = await layerOf('z')
  const bytes = zstdCompressSync(layer)
  const source = await openTarball('tarball:-', { ...io, tmpdir, stdin: Readable.from([bytes]) })
  const manifest = await image(source)
  expect(manifest.layers).toEqual([{ mediaType: 'application/vnd.oci.image.layer.v1.tar+zstd', digest: digestOf(bytes), size: bytes.byteLength }])
  expect(JSON.parse((await bytesOf(source, manifest.config!)).toString())).toMatchObject({ rootfs: { diff_ids: [digestOf(layer)] } })
  expect(await bytesOf(source, manifest.layers[0]!)).toEqual(bytes)
  await source[Symbol.asyncDispose]()
  expect(await leftBehind(tmpdir)).toEqual([])
})

test.each([
  ['text', Buffer.from('hello'.repeat(200)), 'is no tar file'], ['bzip2', Buffer.from('BZh91AY'), 'is compressed with bzip2, which no layer of an image may be'],
  ['gzip cut off', gzipSync(Buffer.alloc(1000)).subarray(0, -5), 'is damaged'],
])('a file of %s is refused', async (_, bytes, message) => {
  const path = join(await testFolder(), 'x')
  await writeFile(path, bytes)
  await expect(openTarball(`tarball:${path}`, io)).rejects.toThrow(message)
})

test('a file that is missing, and the standard input twice', async () => {
  await expect(openTarball('tarball:/no/such', io)).rejects.toMatchObject({ code: 'LAYOUT_MISSING' })
  await expect(openTarball('tarball:-:-', io)).rejects.toThrow('the standard input can be read once')
})
