// The engine over layouts: what the contract cannot show is how a migration meets them.
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MemoryLedger } from '@longshore/ledger'
import { hexOf, type RepositoryName, type Tag } from '@longshore/oci'
import { MemoryQueue } from '@longshore/queue'
import { artifact, bytesOf, image, index, layer } from '@longshore/testing'
import { fill } from '@longshore/testing/contracts'
import { type CopyOptions, migrate, type MigrationResult, type TransferEvent, type Wanted } from '@longshore/transfer'
import { expect, test } from 'vitest'
import { type LayoutOptions, openLayout } from './index.ts'
import { io, none, scratch, tag } from './place.fixture.ts'
import { dataPath } from './storage/paths.ts'

const shared = layer({ seed: 'shared', size: 300_000 })
const one = image({ seed: 'one', layers: [shared, 700] })
const list = index({ children: [one, image({ seed: 'two', layers: [shared, 20], platform: { os: 'linux', architecture: 'arm64' } })] })
const [app, base] = ['team/app', 'team/base'] as RepositoryName[] as [RepositoryName, RepositoryName]

/** `[registry, repository, reference]` */
type End = readonly [string, RepositoryName, string]

interface Run { readonly result: MigrationResult; readonly events: readonly TransferEvent[] }

async function run(pairs: readonly (readonly [End, End])[], more: Partial<CopyOptions> = {}, options: LayoutOptions = {}): Promise<Run> {
  const events: TransferEvent[] = []
  const opened = new Map<string, ReturnType<typeof openLayout>>()
  const open = (registry: string, readOnly: boolean) => {
    const key = `${registry} ${readOnly}`
    const layout = opened.get(key) ?? openLayout(registry, { ...options, readOnly })
    opened.set(key, layout)
    return layout
  }
  const wanted = pairs.map(([from, to]): Wanted => {
    const end = ([registry, repository, reference]: End) => ({ registry, repository, reference: reference as Tag })
    return { image: { source: end(from), destination: end(to) }, options: { platforms: [], platformPolicy: 'sparse', referrers: false, foreignLayers: 'keep', ...more } }
  })
  const result = await migrate((async function* () { yield* wanted })(), {
    transports: { source: (registry) => open(registry, true), target: (registry) => open(registry, false) },
    ledger: new MemoryLedger(), queues: { blobs: new MemoryQueue(), manifests: new MemoryQueue() }, onEvent: (event) => events.push(event), inFlight: new Set(),
    window: 8, jobs: { images: 4, blobs: 4, manifests: 4 }, keepGoing: true, stop: new AbortController().signal, graceMs: 1000, respiteMs: 1,
  }, AbortSignal.timeout(20_000))
  return { result, events }
}

test('a list out of a storage tree into a smaller one: nothing is copied, all is checked, and a second run has nothing to do', async () => {
  await using place = await scratch()
  const [big, small] = ['big', 'small'].map((name) => `registry-storage:${place.path}/${name}`) as [string, string]
  await using tree = openLayout(big)
  await fill(tree, app, list, tag('v1'))
  await fill(tree, base, one, tag('v1'))
  await fill(tree, base, image({ seed: 'unwanted', layers: [10] }), tag('old'))
  const pairs = [app, base].map((name): [End, End] => [[big, name, 'v1'], [small, name, 'v1']])
  expect((await run(pairs)).result).toMatchObject({ images: 2, copied: 2, failed: 0 })
  const [here, there] = await Promise.all(['small', 'big'].map((name) => stat(join(place.path, name, dataPath(shared.digest)))))
  expect(here?.ino === there?.ino || here?.nlink === 1).toBe(true)
  await using source = openLayout(small, { readOnly: true })
  expect(await source.tags(base, io)).toEqual(['v1'])
  expect((await source.resolve(app, tag('v1'), io))?.digest).toBe(list.root.digest)
  expect((await run(pairs)).result).toMatchObject({ images: 2, copied: 0, present: 2, failed: 0 })
})

test('a blob of the tree that has rotted fails its image, and is not linked', async () => {
  await using place = await scratch()
  const [big, small] = ['big', 'small'].map((name) => `registry-storage:${place.path}/${name}`) as [string, string]
  await using tree = openLayout(big)
  await fill(tree, app, one, tag('v1'))
  const path = join(place.path, 'big', dataPath(shared.digest))
  const bytes = await readFile(path)
  bytes[150_000]! ^= 1
  await writeFile(path, bytes)
  const { result, events } = await run([[[big, app, 'v1'], [small, app, 'v1']]])
  expect(result).toMatchObject({ images: 1, failed: 1 })
  expect(JSON.stringify(events)).toContain('DIGEST_MISMATCH')
  await using source = openLayout(small)
  expect(await source.exists(app, { mediaType: '', digest: shared.digest, size: shared.size }, io)).toBe(false)
  expect(await source.resolve(app, tag('v1'), io)).toBeUndefined()
  // Who says that the tree is to be trusted gets what is in it.
  expect((await run([[[big, app, 'v1'], [small, app, 'v1']]], {}, { trustLinked: true })).result).toMatchObject({ copied: 1, failed: 0 })
})

test('round over every folder: the digest stays', async () => {
  await using place = await scratch()
  const at = (transport: string, name: string): string => `${transport}:${place.path}/${name}`
  await using first = openLayout(at('oci', 'a'))
  await fill(first, none, list, tag('v1'))
  const steps: readonly End[] = [
    [at('oci', 'a'), none, 'v1'], [at('dir', 'b'), none, ''], [at('registry-storage', 'c'), app, 'v1'], [at('oci', 'd'), none, ''], [at('dir', 'e'), 'host:5000/x:1' as RepositoryName, ''], [at('oci', 'a'), none, 'v2'],
  ]
  for (const [i, to] of steps.entries()) {
    const from = steps[i - 1]
    if (!from) continue
    expect((await run([[from, to]])).result, to[0]).toMatchObject({ copied: 1, failed: 0 })
    await using source = openLayout(to[0], { readOnly: true })
    expect((await source.resolve(to[1], tag(to[2]), io))?.digest).toBe(list.root.digest)
    await using content = await source.blob(to[1], { mediaType: '', digest: shared.digest, size: shared.size }, io)
    expect(Buffer.concat(await Array.fromAsync(content)).equals(bytesOf(shared))).toBe(true)
  }
})

test('an image in the place of another in dir:, of which it has a child', async () => {
  await using place = await scratch()
  const [from, to] = [`oci:${place.path}/from`, `dir:${place.path}/to`]
  await using source = openLayout(from)
  await fill(source, none, list, tag('list'))
  const next = index({ children: [one, image({ seed: 'new', layers: [shared, 33] })] })
  await fill(source, none, next, tag('next'))
  for (const name of ['list', 'next', 'next']) {
    const { result } = await run([[[from, none, name], [to, none, '']]])
    expect(result).toMatchObject({ failed: 0, copied: 1 - result.present })
  }
  await using written = openLayout(to, { readOnly: true })
  expect((await written.resolve(none, tag(''), io))?.digest).toBe(next.root.digest)
  for (const digest of next.blobs.keys()) expect((await stat(join(place.path, 'to', hexOf(digest)))).isFile()).toBe(true)
})

test('an index without some of its children, and layers that live elsewhere, are taken where that was asked for', async () => {
  await using place = await scratch()
  const from = `oci:${place.path}/from`
  await using source = openLayout(from)
  await fill(source, none, list, tag('v1'))
  await fill(source, none, image({ seed: 'foreign', layers: [30, 40], foreignUrl: 'https://example.com/layer' }), tag('foreign'))
  for (const [transport, name, reference] of [['oci', none, 'v1'], ['dir', none, ''], ['registry-storage', app, 'v1']] as const) {
    const to = `${transport}:${place.path}/${transport}`
    const pair: readonly [End, End] = [[from, none, 'v1'], [to, name, reference]]
    const selected: Partial<CopyOptions> = { platforms: [{ os: 'linux', architecture: 'arm64' }] }
    const refused = await run([pair], selected)
    expect([refused.result.failed, JSON.stringify(refused.events).includes('MANIFEST_BLOB_UNKNOWN')], transport).toEqual([1, true])
    expect((await run([pair], selected, { sparse: true })).result, transport).toMatchObject({ copied: 1 })
    await using written = openLayout(to, { readOnly: true })
    expect(await written.resolve(name, one.root.digest, io)).toBeUndefined()
    expect((await written.resolve(name, tag(reference), io))?.digest).toBe(list.root.digest)
    expect((await run([[[from, none, 'foreign'], [to, name, reference]]])).result, transport).toMatchObject({ copied: 1 })
  }
})

test('referrers travel between layouts, and to a tree under their fallback tag', async () => {
  await using place = await scratch()
  const [from, to, tree] = [`oci:${place.path}/from`, `oci:${place.path}/to`, `registry-storage:${place.path}/tree`]
  const about = artifact({ seed: 1, artifactType: 'a/b', mediaType: 'text/plain', size: 9, subject: one.root })
  await using source = openLayout(from)
  await fill(source, none, one, tag('v1'))
  await fill(source, none, about, about.root.digest)
  const { result } = await run([[[from, none, 'v1'], [to, none, 'v1']], [[from, none, 'v1'], [tree, app, 'v1']]], { referrers: true })
  expect(result).toMatchObject({ copied: 2, failed: 0 })
  await using copied = openLayout(to, { readOnly: true })
  expect((await copied.referrers(none, one.root.digest, io))?.map(({ digest }) => digest)).toEqual([about.root.digest])
  await using stored = openLayout(tree, { readOnly: true })
  expect(await stored.tags(app, io)).toEqual([`sha256-${hexOf(one.root.digest)}`, 'v1'])
  expect((await stored.referrers(app, one.root.digest, io))?.map(({ digest }) => digest)).toEqual([about.root.digest])
})
