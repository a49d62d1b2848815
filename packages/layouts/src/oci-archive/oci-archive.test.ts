import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { digestOf, MediaType, type RepositoryName, type Tag } from '@longshore/oci'
import { bytesOf, image, index } from '@longshore/testing'
import { fill } from '@longshore/testing/contracts'
import { describe, expect, test } from 'vitest'
import { io, leftBehind, run, tarBytes, type TarItem, testFolder } from '../archive.fixture.ts'
import { openLayout } from '../open.ts'

const none = '' as RepositoryName
const tag = (text: string): Tag => text as Tag
const one = image({ seed: 1, layers: [1000, 200_000] })
const list = index({ children: [one, image({ seed: 2, layers: [50, 1000] })] })

async function written(folder: string): Promise<string> {
  const path = join(folder, 'a.tar')
  await using target = openLayout(`oci-archive:${path}`)
  await fill(target, none, one, tag('v1'))
  await fill(target, none, list, tag('all'))
  await target.finish()
  return path
}

test('skopeo reads what we write, to the byte', async () => {
  const folder = await testFolder()
  const path = await written(folder)
  expect(await readdir(folder)).toEqual(['a.tar'])
  expect((await run('skopeo', ['inspect', '--raw', `oci-archive:${path}:v1`])).stdout).toBe(Buffer.from(one.root.bytes).toString())
  await run('skopeo', ['--insecure-policy', 'copy', '-q', '--all', '--preserve-digests', `oci-archive:${path}:all`, `dir:${folder}/d`])
  expect((await readFile(`${folder}/d/manifest.json`)).equals(list.root.bytes)).toBe(true)
  for (const [digest, blob] of list.blobs) expect((await readFile(`${folder}/d/${digest.slice(7)}`)).equals(Buffer.from(bytesOf(blob)))).toBe(true)
})

test.each<[string, (path: string) => Promise<void>]>([
  ['plain', async () => undefined],
  ['gzip', async (path) => { await writeFile(path, gzipSync(await readFile(path))) }],
  ['zstd', async (path) => { await writeFile(path, zstdCompressSync(await readFile(path))) }],
])('we read what skopeo writes, %s, and leave nothing behind', async (_, pack) => {
  const folder = await testFolder()
  const tmpdir = await testFolder()
  const theirs = join(folder, 'b.tar')
  await run('skopeo', ['--insecure-policy', 'copy', '-q', '--all', '--preserve-digests', `oci-archive:${await written(folder)}:all`, `oci-archive:${theirs}:x/y:z`])
  await pack(theirs)
  const source = openLayout(`oci-archive:${theirs}`, { readOnly: true, tmpdir })
  expect(await source.tags(none, io)).toEqual(['x/y:z'])
  for (const reference of ['', 'x/y:z', '@0']) expect(await source.resolve(none, tag(reference), io)).toMatchObject({ digest: list.root.digest })
  for (const [digest, blob] of list.blobs) {
    expect(Buffer.concat(await Array.fromAsync(await source.blob(none, { mediaType: 'x', digest, size: blob.size }, { ...io, offset: 7 }))).equals(Buffer.from(bytesOf(blob)).subarray(7))).toBe(true)
  }
  await source[Symbol.asyncDispose]()
  expect(await leftBehind(tmpdir)).toEqual([])
})

test('blobs that no image uses are not in it, nor what failed', async () => {
  const path = join(await testFolder(), 'a.tar')
  const target = openLayout(`oci-archive:${path}`)
  const other = image({ seed: 3, layers: [100_000] })
  const [unused] = [...other.blobs.values()].sort((a, b) => b.size - a.size)
  const desc = { mediaType: MediaType.ociLayer, digest: unused!.digest, size: unused!.size }
  await expect(target.push(none, desc, async () => (async function* () { yield Buffer.alloc(60_000); throw new Error('cut') })(), io)).rejects.toThrow('cut')
  await target.push(none, desc, async () => (async function* () { yield* unused!.chunks() })(), io)
  await fill(target, none, image({ seed: 4, layers: [10, 2000] }), tag('v1'))
  await target.finish()
  expect((await readFile(path)).byteLength).toBeLessThan(20_000)
  await run('skopeo', ['--insecure-policy', 'copy', '-q', `oci-archive:${path}`, `dir:${path}.d`])
})

test('what was there stays when it is given up, or holds no image', async () => {
  const folder = await testFolder()
  const path = join(folder, 'a.tar')
  await writeFile(path, 'old')
  {
    await using target = openLayout(`oci-archive:${path}`)
    await fill(target, none, one, tag('v1'))
  }
  await openLayout(`oci-archive:${path}`).finish()
  expect([await readdir(folder), await readFile(path, 'utf8')]).toEqual([['a.tar'], 'old'])
})

describe('what is no OCI archive, or lies, is refused', () => {
  const layout: TarItem = { name: 'oci-layout', bytes: '{"imageLayoutVersion":"1.0.0"}' }
  const digest = digestOf(Buffer.from('{}'))
  const entry = (size: number): TarItem => ({ name: 'index.json', bytes: JSON.stringify({ schemaVersion: 2, manifests: [{ mediaType: MediaType.ociManifest, digest, size }] }) })
  test.each<[string, readonly TarItem[], string]>([
    ['an archive of docker', [{ name: 'manifest.json', bytes: '[]' }], 'this is an archive of docker: read it as docker-archive:PATH'],
    ['another version', [{ name: 'oci-layout', bytes: '{"imageLayoutVersion":"2"}' }, entry(2)], 'oci-layout is of version "2"'],
    ['an index that is larger than any manifest', [layout, { name: 'index.json', bytes: Buffer.alloc(5_000_000) }], 'index.json has 5000000 bytes'],
    ['a manifest that is not there', [layout, entry(2)], 'it is not among the blobs'],
    ['a manifest of other bytes', [layout, entry(2), { name: `blobs/sha256/${digest.slice(7)}`, bytes: JSON.stringify({ schemaVersion: 2, config: { mediaType: 'a', digest, size: 2 } }) }], `not to ${digest}`],
    ['a blob that is a link out', [layout, entry(2), { name: `blobs/sha256/${digest.slice(7)}`, type: 'symlink', linkname: '../../../etc/passwd' }], 'which is out of the archive'],
  ])('%s', async (_, items, message) => {
    const folder = await testFolder()
    await writeFile(join(folder, 'a.tar'), await tarBytes(items))
    await using source = openLayout(`oci-archive:${folder}/a.tar`, { readOnly: true })
    await expect(source.manifest(none, tag(''), io)).rejects.toThrow(message)
  })

  test('a folder, and a file that is missing', async () => {
    const folder = await testFolder()
    await mkdir(join(folder, 'd'))
    for (const [name, code] of [['d', 'LAYOUT_INVALID'], ['no', 'LAYOUT_MISSING']]) {
      await using source = openLayout(`oci-archive:${folder}/${name}`, { readOnly: true })
      await expect(source.tags(none, io)).rejects.toMatchObject({ code })
    }
    await using target = openLayout(`oci-archive:${folder}/d`)
    await expect(fill(target, none, one, tag('v1'))).rejects.toMatchObject({ code: 'LAYOUT_REFUSED' })
  })
})
