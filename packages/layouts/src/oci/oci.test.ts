import { fork } from 'node:child_process'
import { mkdir, readdir, readFile, readlink, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { type Digest, hexOf, MediaType } from '@longshore/oci'
import { artifact, bytesOf, image, index, layer, type SyntheticContent } from '@longshore/testing'
import { fill, openerOf } from '@longshore/testing/contracts'
import { expect, test } from 'vitest'
import { openOciLayout } from '../index.ts'
import { io, none, scratch, skopeo, tag } from '../place.fixture.ts'

const shared = layer({ seed: 'shared', size: 5000 })
const one = image({ seed: 'one', layers: [shared, 700] })
const two = image({ seed: 'two', layers: [shared, 800] })
const list = index({ children: [one, image({ seed: 'three', layers: [20] })] })

interface IndexJson { readonly manifests: readonly { readonly digest: Digest; readonly annotations?: Readonly<Record<string, string>> }[] }
async function indexOf(path: string): Promise<IndexJson> { return JSON.parse(await readFile(join(path, 'index.json'), 'utf8')) as IndexJson }
async function named(path: string): Promise<readonly (readonly [string | undefined, Digest])[]> {
  return (await indexOf(path)).manifests.map(({ annotations, digest }) => [annotations?.['org.opencontainers.image.ref.name'], digest])
}
async function blobsIn(path: string): Promise<readonly string[]> { return (await readdir(`${path}/blobs/sha256`)).sort() }
function namesOf(...contents: readonly SyntheticContent[]): readonly string[] {
  return [...new Set(contents.flatMap(({ blobs, manifests }) => [...blobs.keys(), ...manifests.map(({ digest }) => digest)]).map(hexOf))].sort()
}

test('several processes that write at once lose no entries', async () => {
  await using place = await scratch()
  const counts = { a: 12, b: 12, c: 12 }
  await Promise.all(Object.entries(counts).map(([prefix, count]) => new Promise<void>((resolve, reject) => {
    const child = fork(join(import.meta.dirname, 'writer.fixture.ts'), [place.path, prefix, String(count)], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
    let said = ''
    child.stderr?.on('data', (chunk: Buffer) => { said += chunk.toString() })
    child.on('exit', (code) => { if (code === 0) resolve(); else reject(new Error(said)) })
  })))
  const names = Object.entries(counts).flatMap(([prefix, count]) => Array.from({ length: count }, (_, i) => `${prefix}-${i}`))
  await using reader = openOciLayout(`oci:${place.path}`, { readOnly: true })
  expect([...await reader.tags(none, io) ?? []].sort()).toEqual(names.sort())
  expect((await readdir(place.path)).sort()).toEqual(['blobs', 'index.json', 'oci-layout'])
})

test.each([
  ['of a process that is dead', async (lock: string) => { await writeFile(lock, JSON.stringify({ host: hostname(), space: await spaceOf(), pid: 4_194_304, token: 'x' })) }],
  ['that nobody has touched for long', async (lock: string) => {
    await writeFile(lock, JSON.stringify({ host: 'elsewhere', space: '', pid: 1, token: 'x' }))
    await utimes(lock, new Date(Date.now() - 60_000), new Date(Date.now() - 60_000))
  }],
])('a lock %s is in nobody\'s way', async (_, leave) => {
  await using place = await scratch()
  await using layout = openOciLayout(`oci:${place.path}`)
  await leave(join(place.path, '.longshore-lock'))
  await Promise.all([fill(layout, none, one, tag('one')), fill(layout, none, two, tag('two'))])
  expect(new Set((await named(place.path)).map(([name]) => name))).toEqual(new Set(['one', 'two']))
  expect((await readdir(place.path)).filter((name) => name.startsWith('.'))).toEqual([])
})

async function spaceOf(): Promise<string> { return await readlink('/proc/self/ns/pid').catch(() => '') }

test('a lock that is held is waited for, until the signal aborts', async () => {
  await using place = await scratch()
  await using layout = openOciLayout(`oci:${place.path}`)
  await fill(layout, none, one, tag('one'))
  await writeFile(join(place.path, '.longshore-lock'), JSON.stringify({ host: hostname(), space: await spaceOf(), pid: process.pid, token: 'x' }))
  const manifest = await layout.manifest(none, tag('one'), io)
  await expect(layout.put(none, manifest!, tag('again'), { signal: AbortSignal.timeout(200) })).rejects.toMatchObject({ name: 'TimeoutError' })
  const waiting = layout.put(none, manifest!, tag('later'), io)
  await rm(join(place.path, '.longshore-lock'))
  await waiting
  expect((await named(place.path)).map(([name]) => name)).toEqual(['one', 'later'])
})

test('a name that is used again names the new image only; another name of the same image stays', async () => {
  await using place = await scratch()
  await using layout = openOciLayout(`oci:${place.path}`)
  await fill(layout, none, one, tag('v1'))
  await fill(layout, none, one, tag('latest'))
  await fill(layout, none, two, tag('v1'))
  expect(await named(place.path)).toEqual([['v1', two.root.digest], ['latest', one.root.digest]])
  expect(await layout.tags(none, io)).toEqual(['v1', 'latest'])
})

test('without a name: the only image, which the next replaces; of several, an error that lists them', async () => {
  await using place = await scratch()
  const registry = `oci:${place.path}`
  await using layout = openOciLayout(registry)
  await fill(layout, none, one, tag(''))
  await fill(layout, none, two, tag(''))
  expect(await named(place.path)).toEqual([[undefined, two.root.digest]])
  await using source = openOciLayout(registry, { readOnly: true })
  expect((await source.resolve(none, tag(''), io))?.digest).toBe(two.root.digest)
  // What is about the image is none itself.
  const about = artifact({ seed: 1, artifactType: 'a/b', mediaType: 'text/plain', size: 9, subject: two.root })
  await fill(layout, none, about, about.root.digest)
  expect((await source.resolve(none, tag(''), io))?.digest).toBe(two.root.digest)
  await fill(layout, none, one, tag('v1'))
  await expect(source.resolve(none, tag(''), io)).rejects.toMatchObject({ code: 'LAYOUT_REFUSED', message: expect.stringContaining('2 images: name one of them (:@0, :v1)') as string })
  expect((await source.resolve(none, tag('@2'), io))?.digest).toBe(one.root.digest)
  expect(await source.resolve(none, tag('@3'), io)).toBeUndefined()
  expect(await source.referrers(none, two.root.digest, io)).toMatchObject([{ digest: about.root.digest, artifactType: 'a/b' }])
  await expect(fill(layout, none, two, tag('@0'))).rejects.toMatchObject({ code: 'LAYOUT_REFUSED' })
})

test('what skopeo keeps unnamed is kept, and read by its number', async () => {
  await using place = await scratch()
  const [layout, images] = [`${place.path}/layout`, `${place.path}/images`]
  await using from = openOciLayout(`oci:${images}`)
  await fill(from, none, one, tag('one'))
  await fill(from, none, two, tag('two'))
  for (const name of ['one', 'two']) await skopeo('copy', `oci:${images}:${name}`, `oci:${layout}:v1`)
  await using source = openOciLayout(`oci:${layout}`, { readOnly: true })
  expect((await source.resolve(none, tag('v1'), io))?.digest).toBe(two.root.digest)
  expect((await source.resolve(none, tag('@0'), io))?.digest).toBe(one.root.digest)
  await using target = openOciLayout(`oci:${layout}`)
  await fill(target, none, list, tag('list'))
  expect((await named(layout)).map(([, digest]) => digest)).toEqual([one.root.digest, two.root.digest, list.root.digest])
})

test('deleting takes the entry and what nothing else needs', async () => {
  await using place = await scratch()
  await using layout = openOciLayout(`oci:${place.path}`)
  await fill(layout, none, list, tag('list'))
  await fill(layout, none, two, tag('two'))
  await fill(layout, none, two, tag('again'))
  expect(await layout.deleteReference(none, tag('absent'), io)).toBe(false)
  expect(await layout.deleteReference(none, tag('list'), io)).toBe(true)
  expect(await blobsIn(place.path)).toEqual(namesOf(two))
  expect(await layout.deleteReference(none, tag('again'), io)).toBe(true)
  expect(await blobsIn(place.path)).toEqual(namesOf(two))
  expect(await skopeo('inspect', '--raw', `oci:${place.path}:two`)).toBe(Buffer.from(two.root.bytes).toString())
  expect(await layout.deleteReference(none, tag(''), io)).toBe(true)
  expect(await blobsIn(place.path)).toEqual([])
  expect(await layout.tags(none, io)).toEqual([])
})

test('blobs that several layouts share are in their own directory, and nobody deletes them', async () => {
  await using place = await scratch()
  const [path, sharedBlobDir] = [`${place.path}/layout`, `${place.path}/shared`]
  await using layout = openOciLayout(`oci:${path}`, { sharedBlobDir })
  await fill(layout, none, one, tag('v1'))
  expect(await readdir(path)).not.toContain('blobs')
  expect((await readdir(`${sharedBlobDir}/sha256`)).sort()).toEqual(namesOf(one))
  await skopeo('copy', '--src-shared-blob-dir', sharedBlobDir, `oci:${path}:v1`, `oci:${place.path}/copy:v1`)
  expect(await blobsIn(`${place.path}/copy`)).toEqual(namesOf(one))
  await layout.deleteReference(none, tag('v1'), io)
  expect((await readdir(`${sharedBlobDir}/sha256`)).sort()).toEqual(namesOf(one))
})

test('what else is in index.json is kept', async () => {
  await using place = await scratch()
  await using layout = openOciLayout(`oci:${place.path}`)
  await fill(layout, none, one, tag('v1'))
  const json = await indexOf(place.path)
  await writeFile(join(place.path, 'index.json'), JSON.stringify({ ...json, annotations: { owner: 'me' }, manifests: [{ ...json.manifests[0], platform: { os: 'linux', architecture: 'riscv64' } }] }))
  await fill(layout, none, two, tag('v2'))
  expect(await indexOf(place.path)).toMatchObject({ annotations: { owner: 'me' }, manifests: [{ platform: { architecture: 'riscv64' } }, {}] })
})

test('what is wrong with a source is said', async () => {
  await using place = await scratch()
  await mkdir(`${place.path}/empty`)
  await writeFile(`${place.path}/file`, '')
  const reading = (name: string) => openOciLayout(`oci:${place.path}/${name}`, { readOnly: true }).resolve(none, tag(''), io)
  await expect(reading('nowhere')).rejects.toMatchObject({ code: 'LAYOUT_MISSING' })
  await expect(reading('file')).rejects.toMatchObject({ code: 'LAYOUT_INVALID', message: expect.stringContaining('oci-archive:') as string })
  await expect(reading('empty')).rejects.toMatchObject({ code: 'LAYOUT_INVALID', message: expect.stringContaining('no OCI image layout') as string })
  const path = `${place.path}/layout`
  await using layout = openOciLayout(`oci:${path}`)
  await fill(layout, none, one, tag('v1'))
  for (const [file, text, says] of [
    ['index.json', '{', 'is not JSON'], ['index.json', '{"manifests": 3}', 'no list "manifests"'], ['index.json', '{"manifests": [{"digest": "sha256:../../x", "size": 1}]}', 'manifests[0]'],
    ['oci-layout', '{"imageLayoutVersion": "9"}', 'only 1.0.0'],
  ] as const) {
    const kept = await readFile(join(path, file))
    await writeFile(join(path, file), text)
    await expect(reading('layout')).rejects.toMatchObject({ code: 'LAYOUT_INVALID', message: expect.stringContaining(says) as string })
    await expect(fill(layout, none, two, tag('v2'))).rejects.toMatchObject({ code: 'LAYOUT_INVALID' })
    await writeFile(join(path, file), kept)
  }
  await rm(join(path, 'blobs/sha256', hexOf(one.root.digest)))
  await expect(reading('layout')).rejects.toMatchObject({ code: 'LAYOUT_INVALID', message: expect.stringContaining('not among the blobs') as string })
})

test('a manifest that was changed, and a blob that is a link out, are refused', async () => {
  await using place = await scratch()
  await using layout = openOciLayout(`oci:${place.path}/layout`)
  await fill(layout, none, one, tag('v1'))
  const path = (digest: Digest): string => join(place.path, 'layout/blobs/sha256', hexOf(digest))
  await writeFile(`${place.path}/secret`, bytesOf(shared))
  await rm(path(shared.digest))
  await symlink('../../../secret', path(shared.digest))
  await expect(layout.blob(none, { mediaType: MediaType.ociLayer, digest: shared.digest, size: shared.size }, io)).rejects.toMatchObject({ code: 'ARCHIVE_HOSTILE' })
  await expect(layout.push(none, { mediaType: MediaType.ociLayer, digest: shared.digest, size: shared.size }, openerOf(bytesOf(shared)), io)).rejects.toMatchObject({ code: 'ARCHIVE_HOSTILE' })
  await writeFile(path(one.root.digest), `${Buffer.from(one.root.bytes).toString()} `)
  await expect(layout.manifest(none, tag('v1'), io)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' })
})
