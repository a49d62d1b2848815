// The same images, converted by Debian's skopeo 1.9.3 and by us.
import { execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { zstdCompressSync } from 'node:zlib'
import { decodeManifest, type Digest, digestOf, type ImageManifest, MediaType, type Tag } from '@longshore/oci'
import { MemoryRegistry } from '@longshore/testing/contracts'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Changes, transformSource } from './index.ts'
import { addImage, decompressed, docker, gzipped, io, oci, plain, readAll, repository, skopeoCopy, v1, writeDir } from './skopeo.fixture.ts'

let folder: string
let registry: MemoryRegistry
beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'longshore-transform-')) })
afterAll(async () => { await rm(folder, { recursive: true }) })
beforeEach(() => { registry = new MemoryRegistry('src.test') })

const dockerLayers = [{ bytes: gzipped('one'), mediaType: docker.gzip }, { bytes: plain('two'), mediaType: docker.tar }]
const ociLayers = [{ bytes: gzipped('one'), mediaType: oci.gzip, more: { annotations: { of: 'one' } } }, { bytes: plain('two'), mediaType: oci.tar }, { bytes: plain('two'), mediaType: oci.tar }]

async function both(changes: Changes, flags: readonly string[]) {
  await using source = transformSource(registry, changes, { tmpdir: folder })
  const path = await writeDir(registry, v1, folder)
  const theirs = await skopeoCopy(path, flags)
  const ours = await readAll(source, v1)
  const root = ours.manifests.at(-1)
  if (!root) throw new Error('nothing was read')
  expect((await source.resolve(repository, v1, io))?.digest).toBe(root.digest)
  for (const [digest, bytes] of ours.blobs) expect(digestOf(bytes)).toBe(digest)
  return { theirs, ours, root, text: Buffer.from(root.bytes).toString() }
}

describe('formats, with the same bytes as skopeo makes', () => {
  test('Docker to OCI: manifest and configuration', async () => {
    addImage(registry, dockerLayers, 'v2s2', 'v1')
    const { theirs, ours, text, root } = await both({ format: 'oci' }, ['--format', 'oci'])
    expect(text).toBe(theirs.text)
    expect(root.mediaType).toBe(MediaType.ociManifest)
    expect(ours.blobs).toEqual(theirs.blobs)
  })

  test('OCI to Docker: the configuration stays, annotations go', async () => {
    addImage(registry, ociLayers, 'oci', 'v1', { annotations: { a: 'b' } })
    const { theirs, ours, text } = await both({ format: 'v2s2' }, ['--format', 'v2s2'])
    expect(text).toBe(theirs.text)
    expect(ours.blobs).toEqual(theirs.blobs)
  })

  test.each(['oci', 'v2s2'] as const)('what is %s already keeps its bytes', async (format) => {
    const { digest } = addImage(registry, format === 'oci' ? ociLayers : dockerLayers, format, 'v1', { unknown: { z: 1, a: 2 } })
    const { theirs, root, text } = await both({ format }, ['--format', format])
    expect(root.digest).toBe(digest)
    expect(text).toBe(theirs.text)
  })

  const twoPlatforms = (format: 'oci' | 'v2s2'): void => {
    const children = ['arm64', 'amd64'].map((architecture) => ({
      ...addImage(registry, [{ bytes: gzipped(architecture), mediaType: format === 'oci' ? oci.gzip : docker.gzip }], format),
      platform: { os: 'linux', architecture, ...(architecture === 'arm64' ? { variant: 'v8', 'os.version': '1', 'os.features': ['f'] } : {}) },
    }))
    registry.addManifest(repository, { schemaVersion: 2, mediaType: format === 'oci' ? MediaType.ociIndex : MediaType.dockerList, manifests: children }, 'v1')
  }

  test.each([['v2s2', 'oci'], ['oci', 'v2s2']] as const)('an index from %s to %s, its images with it', async (from, to) => {
    twoPlatforms(from)
    const { theirs, ours, root } = await both({ format: to }, ['--all', '--format', to])
    expect(JSON.parse(Buffer.from(root.bytes).toString())).toEqual({ ...theirs.manifest, mediaType: to === 'oci' ? MediaType.ociIndex : MediaType.dockerList })
    const children = new Map(ours.manifests.slice(0, -1).map((child) => [child.digest, Buffer.from(child.bytes).toString()]))
    expect(children).toEqual(theirs.children)
    expect(ours.blobs).toEqual(theirs.blobs)
  })

  test.each([['v2s2'], ['oci']] as const)('schema 1 to %s: configuration from its history, layers measured', async (format) => {
    const v1Compatibility = [
      { id: 'c'.repeat(64), parent: 'b'.repeat(64), created: '2015-03-01T10:00:00.100Z', author: 'me', os: 'linux', architecture: 'amd64', container_config: { Cmd: ['/bin/sh', '-c', '#(nop) CMD <x>'] }, config: { Env: ['A=1'], Cmd: ['x'] }, Size: 12, docker_version: '1.9.1' },
      { id: 'b'.repeat(64), parent: 'a'.repeat(64), created: '2015-02-01T10:00:00Z', throwaway: true, container_config: { Cmd: ['env'] } },
      { id: 'a'.repeat(64), created: '2015-01-01T10:00:00Z', comment: 'base', container_config: { Cmd: null } },
    ]
    const layers = [gzipped('top'), gzipped(''), gzipped('base')].map((bytes) => registry.addBlob(repository, bytes))
    registry.addManifest(repository, {
      mediaType: MediaType.dockerSchema1, schemaVersion: 1, name: repository, tag: 'v1', architecture: 'amd64', fsLayers: layers.map(({ digest }) => ({ blobSum: digest })),
      history: v1Compatibility.map((entry) => ({ v1Compatibility: JSON.stringify(entry) })),
    }, 'v1')
    const { theirs, ours, text } = await both({ format }, ['--format', format])
    expect(text).toBe(theirs.text)
    expect(ours.blobs).toEqual(new Map([...theirs.blobs].filter(([digest]) => digest !== layers[1]?.digest)))
    expect(registry.count(`blob ${repository}`)).toBe(2 + 3)
  })

  test('a schema 1 manifest that skopeo has signed', async () => {
    addImage(registry, dockerLayers, 'v2s2', 'v1')
    const signed = await skopeoCopy(await writeDir(registry, v1, folder), ['--format', 'v2s1'])
    for (const bytes of signed.blobs.values()) registry.addBlob(repository, bytes)
    const manifest = decodeManifest(Buffer.from(signed.text), MediaType.dockerSchema1Signed, 'signed')
    registry.repository(repository).manifests.set(manifest.digest, manifest)
    registry.repository(repository).tags.set(v1, manifest.digest)
    const { theirs, text } = await both({ format: 'v2s2' }, ['--format', 'v2s2'])
    expect(text).toBe(theirs.text)
  })
})

interface Layers { readonly mediaType: string; readonly config: object; readonly layers: readonly { readonly mediaType: string; readonly digest: Digest }[] }
/** The bytes of a compressor are its own; what they hold and what they are called is not. */
function contentOf(manifest: Layers, blobs: ReadonlyMap<Digest, Uint8Array>): object {
  return { ...manifest, layers: manifest.layers.map(({ mediaType, digest }) => ({ mediaType, diffId: digestOf(decompressed(blobs.get(digest) ?? Buffer.from('missing'))), magic: Buffer.from(blobs.get(digest) ?? []).subarray(0, 2).toString('hex') })) }
}

test('zstd:chunked of skopeo, a frame a file and its table of contents behind it, is decompressed whole', async () => {
  const tar = execFileSync('tar', ['-cf', '-', '-C', import.meta.dirname, '.'])
  addImage(registry, [{ bytes: tar, mediaType: oci.tar }], 'oci', 'v1')
  const chunked = await skopeoCopy(await writeDir(registry, v1, folder), ['--dest-compress', '--dest-compress-format', 'zstd:chunked'])
  for (const [digest, bytes] of chunked.blobs) registry.repository(repository).blobs.set(digest, bytes)
  registry.addManifest(repository, chunked.manifest as { mediaType: string }, 'chunked')
  const { layers: [layer] } = chunked.manifest as unknown as { layers: readonly [{ mediaType: string; annotations: object }] }
  expect(layer).toMatchObject({ mediaType: oci.zstd, annotations: { 'io.containers.zstd-chunked.manifest-position': expect.any(String) as string } })
  // What skopeo 1.9.3 put into it is not all of the file: the padding at its end is lost. It is what skopeo itself finds there.
  const theirs = await skopeoCopy(await writeDir(registry, 'chunked' as Tag, folder), ['--dest-decompress'])
  await using source = transformSource(registry, { compress: { algorithm: 'none' } }, { tmpdir: folder })
  expect((await source.manifest(repository, 'chunked' as Tag, io) as ImageManifest).layers).toEqual(theirs.manifest['layers'])
})

describe('compression, with the same content and media types', () => {
  const zstdLayers = [{ bytes: zstdCompressSync(plain('one')), mediaType: oci.zstd }, { bytes: plain('two'), mediaType: oci.tar }]
  test.each<[string, Changes, readonly string[], readonly { bytes: Uint8Array; mediaType: string }[], 'oci' | 'v2s2']>([
    ['plain layers gzipped', { gzipPlain: true }, ['--dest-compress'], dockerLayers, 'v2s2'],
    ['gzip to zstd, OCI', { compress: { algorithm: 'zstd', level: 7 } }, ['--dest-compress', '--dest-compress-format', 'zstd', '--dest-compress-level', '7'], ociLayers, 'oci'],
    ['zstd to gzip, OCI', { compress: { algorithm: 'gzip' } }, ['--dest-compress', '--dest-compress-format', 'gzip'], zstdLayers, 'oci'],
    ['everything decompressed', { compress: { algorithm: 'none' } }, ['--dest-decompress'], dockerLayers, 'v2s2'],
    ['zstd decompressed', { compress: { algorithm: 'none' } }, ['--dest-decompress'], zstdLayers, 'oci'],
    ['Docker to OCI with zstd', { format: 'oci', compress: { algorithm: 'zstd' } }, ['--format', 'oci', '--dest-compress', '--dest-compress-format', 'zstd'], dockerLayers, 'v2s2'],
    ['gzip to gzip: nothing', { compress: { algorithm: 'gzip', level: 9 } }, ['--dest-compress', '--dest-compress-format', 'gzip', '--dest-compress-level', '9'], ociLayers.slice(0, 1), 'oci'],
    ['plain layers that are called gzipped', { gzipPlain: true }, ['--dest-compress'], [{ bytes: plain('liar'), mediaType: docker.gzip }], 'v2s2'],
  ])('%s', async (_, changes, flags, layers, format) => {
    addImage(registry, layers, format, 'v1')
    const { theirs, ours, text } = await both(changes, flags)
    expect(contentOf(JSON.parse(text) as Layers, ours.blobs)).toEqual(contentOf(theirs.manifest as unknown as Layers, theirs.blobs))
  })
})
