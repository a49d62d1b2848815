// The tree is a real docker-registry's: it serves what we wrote, and we read what it was given.
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { digestOf, hexOf, MediaType, type RepositoryName } from '@longshore/oci'
import { artifact, assertIntact, bytesOf, image, index, layer, PlainClient, schema1Image, seed, startDockerRegistry } from '@longshore/testing'
import { fill } from '@longshore/testing/contracts'
import type { Content } from '@longshore/transfer'
import { expect, test } from 'vitest'
import { openLayout, openRegistryStorage } from '../index.ts'
import { io, scratch, skopeo, tag } from '../place.fixture.ts'
import { dataPath } from './paths.ts'

const repository = 'team/deep/app' as RepositoryName
const other = 'team/other' as RepositoryName
const shared = layer({ seed: 'shared', size: 200_000 })
const plain = image({ seed: 'plain', layers: [shared, 900] })
const nested = index({ children: [index({ children: [image({ seed: 'deep', layers: [shared] })] }), image({ seed: 'docker', layers: [30], format: 'docker' })] })
const flat = index({ children: [plain, image({ seed: 'flat', layers: [20], platform: { os: 'linux', architecture: 'arm64' } })] })

test('docker-registry serves every image of a tree that we wrote, and skopeo reads it from there', async () => {
  await using place = await scratch()
  await using tree = openRegistryStorage(`registry-storage:${place.path}`)
  await fill(tree, repository, nested, tag('v1'))
  await fill(tree, repository, flat, tag('flat'))
  await fill(tree, other, plain, tag('v1'))
  const about = artifact({ seed: 1, artifactType: 'a/b', mediaType: 'text/plain', size: 9, subject: plain.root })
  await fill(tree, other, about, about.root.digest)
  await using server = await startDockerRegistry({ rootDirectory: place.path })
  await assertIntact(server.url, repository, 'v1', { deep: true })
  await assertIntact(server.url, other, 'v1', { deep: true })
  await assertIntact(server.url, other, about.root.digest, { deep: true })
  expect(digestOf(Buffer.from(await skopeo('inspect', '--raw', '--tls-verify=false', `docker://${server.host}/${repository}:v1`)))).toBe(nested.root.digest)
  await using copy = await scratch()
  // skopeo does not copy an index within an index.
  await skopeo('copy', '--all', '--src-tls-verify=false', `docker://${server.host}/${repository}:flat`, `dir:${copy.path}/image`)
  await using copied = openLayout(`dir:${copy.path}/image`, { readOnly: true })
  expect((await copied.resolve('' as RepositoryName, tag(''), io))?.digest).toBe(flat.root.digest)
  using client = new PlainClient(server.url)
  expect(JSON.parse((await client.send('GET', '/v2/_catalog')).body.toString())).toEqual({ repositories: [repository, other] })
  expect(JSON.parse((await client.send('GET', `/v2/${other}/tags/list`)).body.toString())).toEqual({ name: other, tags: ['v1'] })
})

test('what a docker-registry was given is read from its tree', async () => {
  await using place = await scratch()
  await using server = await startDockerRegistry({ rootDirectory: place.path })
  const about = artifact({ seed: 1, artifactType: 'a/b', mediaType: 'text/plain', size: 9, subject: plain.root })
  await seed(server.url, [{ repository, tag: tag('v1'), content: nested }, { repository: other, tag: tag('v1'), content: plain }, { repository: other, content: about }] as never)
  await using source = openRegistryStorage(`registry-storage:${place.path}`, { readOnly: true })
  expect(await Array.fromAsync(source.catalog(io))).toEqual([repository, other])
  expect(await source.tags(repository, io)).toEqual(['v1'])
  expect((await source.resolve(repository, tag('v1'), io))?.digest).toBe(nested.root.digest)
  for (const each of nested.manifests) expect((await source.manifest(repository, each.digest, io))?.mediaType).toBe(each.mediaType)
  for (const each of nested.blobs.values()) {
    await using content = await source.blob(repository, { mediaType: '', ...each }, io)
    expect(Buffer.concat(await Array.fromAsync(content)).equals(bytesOf(each))).toBe(true)
  }
  expect((await source.referrers(other, plain.root.digest, io))?.map(({ digest }) => digest)).toEqual([about.root.digest])
  // What is in the tree, and not in this repository, is not told.
  expect(await source.exists(other, { mediaType: '', digest: [...nested.blobs.values()].at(-1)!.digest, size: -1 }, io)).toBe(false)
})

test('written again, nothing changes', async () => {
  await using place = await scratch()
  const write = async (): Promise<void> => {
    await using tree = openRegistryStorage(`registry-storage:${place.path}`)
    await fill(tree, repository, nested, tag('v1'))
  }
  const snapshot = async (): Promise<readonly string[]> => (await readdir(place.path, { recursive: true })).sort()
  await write()
  const before = await snapshot()
  const data = join(place.path, dataPath(shared.digest))
  const { ino } = await stat(data)
  await write()
  expect(await snapshot()).toEqual(before)
  expect((await stat(data)).ino).toBe(ino)
  expect(before.some((name) => name.includes('.longshore-'))).toBe(false)
})

test('a mount is a link and no bytes', async () => {
  await using place = await scratch()
  await using tree = openRegistryStorage(`registry-storage:${place.path}`)
  await fill(tree, repository, nested, tag('v1'))
  const desc = { mediaType: MediaType.ociLayer, digest: shared.digest, size: shared.size }
  const fail = (): Promise<Content> => { throw new Error('nobody needs to read it') }
  expect(await tree.push(other, desc, fail, { ...io, mountFrom: [repository] })).toBe('mounted')
  expect(await tree.exists(other, desc, io)).toBe(true)
})

test.each(['registry-storage', 'oci', 'dir'])('to a smaller tree and to %s on the same file system, blobs are not copied, and are read once', async (transport) => {
  await using place = await scratch()
  await using big = openRegistryStorage(`registry-storage:${place.path}/big`)
  await fill(big, repository, nested, tag('v1'))
  await using source = openRegistryStorage(`registry-storage:${place.path}/big`, { readOnly: true })
  const to = transport === 'registry-storage' ? repository : '' as RepositoryName
  for (const trustLinked of [false, true]) {
    const path = `${place.path}/${transport}-${trustLinked}`
    await using small = openLayout(`${transport}:${path}`, { trustLinked })
    const desc = { mediaType: '', digest: shared.digest, size: shared.size }
    let sent = 0
    expect(await small.push(to, desc, (offset) => source.blob(repository, desc, { ...io, offset }), { ...io, onSent: (bytes) => { sent += bytes } })).toBe('pushed')
    expect(sent).toBe(trustLinked ? 0 : shared.size)
    const hex = hexOf(shared.digest)
    const file = { 'registry-storage': dataPath(shared.digest), oci: `blobs/sha256/${hex}`, dir: hex }[transport] ?? ''
    const [here, there] = await Promise.all([stat(join(path, file)), stat(join(place.path, 'big', dataPath(shared.digest)))])
    // A hard link where the file system shares no blocks; the bytes are the same in any case.
    expect(here.ino === there.ino || here.nlink === 1).toBe(true)
    expect((await readFile(join(path, file))).equals(bytesOf(shared))).toBe(true)
  }
})

test('a file that is linked and turns out to lie is not there afterwards', async () => {
  await using place = await scratch()
  const path = join(place.path, 'lie')
  await writeFile(path, Buffer.alloc(shared.size))
  await using tree = openRegistryStorage(`registry-storage:${place.path}/tree`)
  const desc = { mediaType: '', digest: shared.digest, size: shared.size }
  const lying = (): Promise<Content> => Promise.resolve({
    file: path,
    // As the engine's check does at the end.
    async *[Symbol.asyncIterator]() { yield Buffer.alloc(10); throw new Error('another digest') },
    async [Symbol.asyncDispose]() { /* nothing is held */ },
  })
  await expect(tree.push(repository, desc, lying, io)).rejects.toThrow('another digest')
  expect(await tree.exists(repository, desc, io)).toBe(false)
  expect((await readdir(join(place.path, 'tree'))).filter((name) => name.startsWith('.longshore'))).toEqual([])
})

test('names that lead out, links that lie and other folders are refused', async () => {
  await using place = await scratch()
  await using tree = openRegistryStorage(`registry-storage:${place.path}/tree`)
  await fill(tree, other, plain, tag('v1'))
  for (const name of ['../x', 'a/../b', 'a//b', '/a', '']) {
    await expect(tree.tags(name as RepositoryName, io)).rejects.toMatchObject({ code: 'REFERENCE_INVALID' })
    await expect(fill(tree, name as RepositoryName, plain, tag('v1'))).rejects.toMatchObject({ code: 'REFERENCE_INVALID' })
  }
  await expect(fill(tree, other, plain, tag('../../v1'))).rejects.toMatchObject({ code: 'REFERENCE_INVALID' })
  await writeFile(`${place.path}/tree/docker/registry/v2/repositories/${other}/_manifests/tags/v1/current/link`, '../../../../etc/passwd')
  await expect(tree.resolve(other, tag('v1'), io)).rejects.toMatchObject({ code: 'LAYOUT_INVALID' })
  await using nowhere = openRegistryStorage(`registry-storage:${place.path}/nowhere`, { readOnly: true })
  await expect(nowhere.tags(other, io)).rejects.toMatchObject({ code: 'LAYOUT_MISSING' })
  await using wrong = openRegistryStorage(`registry-storage:${place.path}`, { readOnly: true })
  await expect(Array.fromAsync(wrong.catalog(io))).rejects.toMatchObject({ code: 'LAYOUT_INVALID' })
})

test('a signed manifest of schema 1 is refused: it does not hash to its digest', async () => {
  await using place = await scratch()
  await using tree = openRegistryStorage(`registry-storage:${place.path}`)
  await expect(fill(tree, other, schema1Image({ seed: 1, name: other, tag: 'v1', layers: [10] }), tag('v1'))).rejects.toMatchObject({ code: 'LAYOUT_REFUSED' })
})
