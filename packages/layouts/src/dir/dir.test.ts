import { mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { decodeManifest, digestOf, hexOf, MediaType, type RepositoryName } from '@longshore/oci'
import { bytesOf, image, index, layer } from '@longshore/testing'
import { fill, openerOf } from '@longshore/testing/contracts'
import type { Signature } from '@longshore/transfer'
import { expect, test } from 'vitest'
import { openDir } from '../index.ts'
import { io, none, scratch, skopeo, tag } from '../place.fixture.ts'

const shared = layer({ seed: 'shared', size: 5000 })
const one = image({ seed: 'one', layers: [shared, 700] })
const two = image({ seed: 'two', layers: [shared, 800] })
const list = index({ children: [one, two] })
const blob = { mediaType: MediaType.ociLayer, digest: shared.digest, size: shared.size }

test('an image in the place of another: what was of the old one only is gone, its signatures too', async () => {
  await using place = await scratch()
  const registry = `dir:${place.path}/image`
  await using first = openDir(registry)
  await fill(first, none, list, tag(''))
  await first.putSignatures(none, list.root.digest, [simple('old')], io)
  await first.putSignatures(none, one.root.digest, [simple('of a child')], io)
  await writeFile(`${place.path}/image/README`, 'mine')
  await using second = openDir(registry)
  await fill(second, none, two, tag(''))
  expect((await readdir(`${place.path}/image`)).sort()).toEqual([
    'README', 'version', 'manifest.json', ...[...two.blobs.keys()].map(hexOf),
  ].sort())
  expect(await readFile(`${place.path}/image/version`, 'utf8')).toBe('Directory Transport Version: 1.1\n')
  expect(await second.signatures(none, two.root.digest, io)).toEqual([])
})

test('while the new image is on its way the old one stays whole', async () => {
  await using place = await scratch()
  await using target = openDir(`dir:${place.path}/image`)
  await fill(target, none, one, tag(''))
  for (const each of two.blobs.values()) await target.push(none, { mediaType: '', ...each }, openerOf(bytesOf(each)), io)
  expect((await target.resolve(none, tag(''), io))?.digest).toBe(one.root.digest)
  expect(digestOf(Buffer.from(await skopeo('inspect', '--raw', `dir:${place.path}/image`)))).toBe(one.root.digest)
})

test('an interrupted run looks like no image, and the next takes up what it left', async () => {
  await using place = await scratch()
  const registry = `dir:${place.path}/image`
  {
    await using interrupted = openDir(registry)
    await interrupted.push(none, blob, openerOf(bytesOf(shared)), io)
  }
  // As a process leaves it that was killed while it wrote.
  await writeFile(`${place.path}/image/.longshore-1-dead`, 'half')
  await using reader = openDir(registry, { readOnly: true })
  await expect(reader.resolve(none, tag(''), io)).rejects.toMatchObject({ code: 'LAYOUT_INVALID', message: expect.stringContaining('not written to its end') as string })
  expect(await Array.fromAsync(reader.catalog(io))).toEqual([])
  const { ino, mtimeMs } = await stat(join(place.path, 'image', hexOf(shared.digest)))
  await using again = openDir(registry)
  let opened = 0
  expect([await again.push(none, blob, (offset) => { opened++; return openerOf(bytesOf(shared))(offset) }, io), opened]).toEqual(['existed', 0])
  await fill(again, none, one, tag(''))
  expect(await stat(join(place.path, 'image', hexOf(shared.digest)))).toMatchObject({ ino, mtimeMs })
  expect(await readdir(`${place.path}/image`)).not.toContain('.longshore-1-dead')
  expect((await reader.resolve(none, tag(''), io))?.digest).toBe(one.root.digest)
})

test('a blob of the wrong length is not taken as there', async () => {
  await using place = await scratch()
  await using target = openDir(`dir:${place.path}/image`)
  await fill(target, none, one, tag(''))
  await writeFile(join(place.path, 'image', hexOf(shared.digest)), 'cut')
  expect(await target.exists(none, blob, io)).toBe(false)
  await expect(fill(target, none, { ...one, blobs: new Map() }, tag(''))).rejects.toMatchObject({ code: 'MANIFEST_BLOB_UNKNOWN' })
  expect(await target.push(none, blob, openerOf(bytesOf(shared)), io)).toBe('pushed')
})

test.each([
  ['a file', async (path: string) => { await writeFile(join(path, 'thesis.doc'), 'important') }],
  ['an unknown version', async (path: string) => { await writeFile(join(path, 'version'), 'Directory Transport Version: 9.0\n') }],
  ['a folder', async (path: string) => { await mkdir(join(path, 'photos')) }],
])('a directory with %s is left as it is', async (_, put) => {
  await using place = await scratch()
  await put(place.path)
  const before = await readdir(place.path)
  await using target = openDir(`dir:${place.path}`)
  await expect(fill(target, none, one, tag(''))).rejects.toMatchObject({ code: 'LAYOUT_REFUSED', message: expect.stringContaining('left as it is') as string })
  expect(await readdir(place.path)).toEqual(before)
})

test('sha512 is of version 1.2 and has its own names', async () => {
  await using place = await scratch()
  await using target = openDir(`dir:${place.path}/image`)
  const bytes = Buffer.from('{}')
  const config = { mediaType: MediaType.ociConfig, digest: digestOf(bytes, 'sha512'), size: 2 }
  await target.push(none, config, openerOf(bytes), io)
  const manifest = decodeManifest(Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MediaType.ociManifest, config, layers: [] })), MediaType.ociManifest, 'test')
  await target.put(none, manifest, tag(''), io)
  expect((await readdir(`${place.path}/image`)).sort()).toEqual(['manifest.json', `sha512-${hexOf(config.digest)}`, 'version'])
  expect(await readFile(`${place.path}/image/version`, 'utf8')).toBe('Directory Transport Version: 1.2\n')
  const sha512 = digestOf(manifest.bytes, 'sha512')
  expect(await target.resolve(none, sha512, io)).toMatchObject({ digest: sha512 })
})

test('signatures: of the image and of its children, each once, in their order, as containers/image writes them', async () => {
  await using place = await scratch()
  const registry = `dir:${place.path}/image`
  await using target = openDir(registry)
  const attached: Signature = { kind: 'sigstore', mediaType: 'application/vnd.dev.cosign.simplesigning.v1+json', payload: Buffer.from('{"critical":{}}'), annotations: { b: '2', a: '1' } }
  // Before the image is there, and after it.
  await target.putSignatures(none, list.root.digest, [simple('first')], io)
  await fill(target, none, list, tag(''))
  await target.putSignatures(none, list.root.digest, [simple('first'), attached, attached], io)
  await target.putSignatures(none, one.root.digest, [attached], io)
  const names = (await readdir(`${place.path}/image`)).filter((name) => name.includes('signature')).sort()
  expect(names).toEqual([`${hexOf(one.root.digest)}.signature-1`, 'signature-1', 'signature-2'])
  expect((await readFile(`${place.path}/image/signature-2`)).toString())
    .toBe(`\0sigstore-json\n{"mimeType":"${attached.mediaType}","payload":"${Buffer.from('{"critical":{}}').toString('base64')}","annotations":{"a":"1","b":"2"}}`)
  await using reader = openDir(registry, { readOnly: true })
  expect(await reader.signatures(none, list.root.digest, io)).toEqual([simple('first'), attached])
  expect(await reader.signatures(none, one.root.digest, io)).toEqual([attached])
  expect(await reader.signatures(none, two.root.digest, io)).toEqual([])
  // skopeo 1.9.3 reads them and carries them on.
  await skopeo('copy', '--all', registry, `dir:${place.path}/theirs`)
  await using theirs = openDir(`dir:${place.path}/theirs`, { readOnly: true })
  expect(await theirs.signatures(none, list.root.digest, io)).toEqual([simple('first'), attached])
})

test.each([['\0gpg-json\n{}'], ['\0sigstore-json\n{'], ['\0sigstore-json\n{"mimeType":1}'], ['hello'], ['']])('a signature that is not understood (%j) is an error', async (text) => {
  await using place = await scratch()
  await using target = openDir(`dir:${place.path}/image`)
  await fill(target, none, one, tag(''))
  await writeFile(`${place.path}/image/signature-1`, text)
  await expect(target.signatures(none, one.root.digest, io)).rejects.toMatchObject({ code: 'LAYOUT_INVALID', message: expect.stringContaining('signature-1') as string })
})

test('directories below the base: listed, not below an image, and no way out', async () => {
  await using place = await scratch()
  await using target = openDir(`dir:${place.path}/base`)
  const names = ['localhost:5000/team/app:1', 'localhost:5000/team/app@sha256:abc', 'quay.io/x:2'] as RepositoryName[]
  for (const name of names) await fill(target, name, one, tag(''))
  await mkdir(`${place.path}/base/${names[0]}/sub`)
  await writeFile(`${place.path}/base/${names[0]}/sub/manifest.json`, '{}')
  await symlink(`${place.path}/base/quay.io`, `${place.path}/base/linked`)
  await using source = openDir(`dir:${place.path}/base`, { readOnly: true })
  expect(await Array.fromAsync(source.catalog(io))).toEqual(names)
  for (const name of ['../x', 'a/../../x', '/x', 'a//b', '.', 'a\0b'] as RepositoryName[]) {
    await expect(fill(target, name, one, tag(''))).rejects.toMatchObject({ code: 'LAYOUT_REFUSED' })
    await expect(source.tags(name, io)).rejects.toMatchObject({ code: 'LAYOUT_REFUSED' })
  }
})

test('links that lead out are refused, for reading and for writing', async () => {
  await using place = await scratch()
  const path = `${place.path}/image`
  await using target = openDir(`dir:${path}`)
  await fill(target, none, one, tag(''))
  await writeFile(`${place.path}/secret`, 'password')
  const hostile = { code: 'ARCHIVE_HOSTILE', message: expect.stringContaining('leads out') as string }
  await rm(join(path, hexOf(shared.digest)))
  await symlink('../secret', join(path, hexOf(shared.digest)))
  await expect(target.blob(none, blob, io)).rejects.toMatchObject(hostile)
  await rm(join(path, 'manifest.json'))
  await symlink(`${place.path}/secret`, join(path, 'manifest.json'))
  await expect(target.manifest(none, tag(''), io)).rejects.toMatchObject(hostile)
  await mkdir(`${place.path}/elsewhere`)
  await mkdir(`${place.path}/base`)
  await symlink(`${place.path}/elsewhere`, `${place.path}/base/host`)
  await using base = openDir(`dir:${place.path}/base`)
  await expect(fill(base, 'host/app:1' as RepositoryName, one, tag(''))).rejects.toMatchObject(hostile)
  expect(await readdir(`${place.path}/elsewhere`)).toEqual([])
})

test('a link within the directory is a file like any other', async () => {
  await using place = await scratch()
  const path = `${place.path}/image`
  await using target = openDir(`dir:${path}`)
  await fill(target, none, one, tag(''))
  const name = hexOf(shared.digest)
  await writeFile(join(path, 'kept'), bytesOf(shared))
  await rm(join(path, name))
  await symlink('kept', join(path, name))
  expect(await target.exists(none, blob, io)).toBe(true)
})

test('a mount is the same file', async () => {
  await using place = await scratch()
  await using target = openDir(`dir:${place.path}`)
  const [from, to] = ['a/x:1', 'b/y:2'] as RepositoryName[] as [RepositoryName, RepositoryName]
  await fill(target, from, one, tag(''))
  expect(await target.push(to, blob, () => { throw new Error('nobody needs to read it') }, { ...io, mountFrom: [from] })).toBe('mounted')
  const [here, there] = await Promise.all([to, from].map((name) => stat(join(place.path, name, hexOf(shared.digest)))))
  expect(here?.ino === there?.ino || here?.nlink === 1).toBe(true)
})

test('what is wrong with a source is said', async () => {
  await using place = await scratch()
  await writeFile(`${place.path}/file`, 'x')
  await mkdir(`${place.path}/empty`)
  await mkdir(`${place.path}/broken`)
  await writeFile(`${place.path}/broken/manifest.json`, '{"schemaVersion": 2')
  const reading = (name: string) => openDir(`dir:${place.path}/${name}`, { readOnly: true }).resolve(none, tag(''), io)
  await expect(reading('nowhere')).rejects.toMatchObject({ code: 'LAYOUT_MISSING' })
  await expect(reading('file')).rejects.toMatchObject({ code: 'LAYOUT_INVALID', message: expect.stringContaining('is a file') as string })
  await expect(reading('empty')).rejects.toMatchObject({ code: 'LAYOUT_INVALID', message: expect.stringContaining('no image in the format dir:') as string })
  await expect(reading('broken')).rejects.toMatchObject({ code: 'MANIFEST_INVALID' })
  await using target = openDir(`dir:${place.path}/image`)
  await expect(fill(target, none, one, tag('v1'))).rejects.toMatchObject({ code: 'LAYOUT_REFUSED', message: expect.stringContaining('holds one image') as string })
})

function simple(text: string): Signature { return { kind: 'simple', bytes: Buffer.concat([Buffer.of(0xa3), Buffer.from(text)]) } }
