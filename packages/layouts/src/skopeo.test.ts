// The real skopeo reads what we write, and we read what it writes; digests are the same.
import { digestOf } from '@longshore/oci'
import { bytesOf, image, index, startDockerRegistry, type SyntheticContent } from '@longshore/testing'
import { fill } from '@longshore/testing/contracts'
import { expect, test } from 'vitest'
import { openLayout } from './index.ts'
import { io, none, scratch, skopeo, tag } from './place.fixture.ts'

const child = image({ seed: 'one', layers: [3000, 70_000] })
const list = index({ children: [child, image({ seed: 'two', layers: [500], platform: { os: 'linux', architecture: 'arm64' } })] })
const docker = index({ format: 'docker', children: [image({ seed: 'three', layers: [900], format: 'docker' })] })
const contents: readonly (readonly [string, SyntheticContent])[] = [['an image', child], ['an OCI index', list], ['a Docker list', docker]]

async function expectWhole(registry: string, reference: string, content: SyntheticContent): Promise<void> {
  await using source = openLayout(registry, { readOnly: true })
  expect((await source.resolve(none, tag(reference), io))?.digest).toBe(content.root.digest)
  for (const each of content.manifests) {
    expect(Buffer.from((await source.manifest(none, each.digest, io))?.bytes ?? []).equals(each.bytes)).toBe(true)
  }
  for (const each of content.blobs.values()) {
    await using read = await source.blob(none, { mediaType: '', ...each }, io)
    expect(Buffer.concat(await Array.fromAsync(read)).equals(bytesOf(each))).toBe(true)
  }
}

// skopeo 1.9.3 writes no Docker manifests into an OCI layout: it converts them.
const written = contents.flatMap(([name, content]) => ['dir', ...(content === docker ? [] : ['oci'])].map((transport) => [transport, name, content] as const))

test.each(written)('%s: %s that we write is read by skopeo, and what it writes from that by us', async (transport, _name, content) => {
  await using place = await scratch()
  const [ours, theirs] = [`${transport}:${place.path}/ours`, `${transport}:${place.path}/theirs`]
  const [reference, behind] = transport === 'oci' ? ['v1', ':v1'] : ['', '']
  await using target = openLayout(ours)
  await fill(target, none, content, tag(reference))
  expect(digestOf(Buffer.from(await skopeo('inspect', '--raw', `${ours}${behind}`)))).toBe(content.root.digest)
  await skopeo('copy', '--all', `${ours}${behind}`, `${theirs}${behind}`)
  await expectWhole(theirs, reference, content)
})

test('from dir: to oci: and back, by skopeo from ours', async () => {
  await using place = await scratch()
  await using target = openLayout(`dir:${place.path}/ours`)
  await fill(target, none, list, tag(''))
  await skopeo('copy', '--all', `dir:${place.path}/ours`, `oci:${place.path}/layout:name`)
  await expectWhole(`oci:${place.path}/layout`, 'name', list)
  // One image in the layout: no name is needed.
  await expectWhole(`oci:${place.path}/layout`, '', list)
  await using layout = openLayout(`oci:${place.path}/layout`)
  await fill(layout, none, child, tag('other'))
  await skopeo('copy', '--all', `oci:${place.path}/layout:other`, `dir:${place.path}/back`)
  await expectWhole(`dir:${place.path}/back`, '', child)
  // The name that skopeo had written is still there.
  expect(digestOf(Buffer.from(await skopeo('inspect', '--raw', `oci:${place.path}/layout:name`)))).toBe(list.root.digest)
})

test('a directory of skopeo is written over by us, and one of ours by skopeo', async () => {
  await using place = await scratch()
  const registry = `dir:${place.path}/image`
  await using first = openLayout(registry)
  await fill(first, none, list, tag(''))
  await skopeo('copy', `oci:${await layoutWith(place.path, child)}:v1`, registry)
  await expectWhole(registry, '', child)
  await using again = openLayout(registry)
  await fill(again, none, list, tag(''))
  await expectWhole(registry, '', list)
})

async function layoutWith(path: string, content: SyntheticContent): Promise<string> {
  await using layout = openLayout(`oci:${path}/with`)
  await fill(layout, none, content, tag('v1'))
  return `${path}/with`
}

test('what skopeo sync writes is a catalog of images', async () => {
  await using place = await scratch()
  await using server = await startDockerRegistry({ rootDirectory: `${place.path}/tree` })
  await using tree = openLayout(`registry-storage:${place.path}/tree`)
  await fill(tree, 'team/app' as never, child, tag('1'))
  await fill(tree, 'team/app' as never, list, tag('2'))
  await skopeo('sync', '--src-tls-verify=false', '--scoped', '--all', '--src', 'docker', '--dest', 'dir', `${server.host}/team/app`, `${place.path}/synced`)
  await using source = openLayout(`dir:${place.path}/synced`, { readOnly: true })
  const names = await Array.fromAsync(source.catalog(io))
  expect(names).toEqual([`${server.host}/team/app:1`, `${server.host}/team/app:2`])
  expect((await source.resolve(names[1] as never, tag(''), io))?.digest).toBe(list.root.digest)
})
