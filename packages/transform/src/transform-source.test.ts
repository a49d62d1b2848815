import { createHash } from 'node:crypto'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { MemoryLedger } from '@longshore/ledger'
import { type Descriptor, type Digest, digestOf, type ImageIndex, type ImageManifest, MediaType, type Tag } from '@longshore/oci'
import { MemoryQueue } from '@longshore/queue'
import { MemoryRegistry } from '@longshore/testing/contracts'
import { type Content, migrate, type Source } from '@longshore/transfer'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Changes, changesAnything, parseChanges, type TransformedSource, transformSource } from './index.ts'
import { addImage, docker, gzipped, io, oci, plain, readAll, repository, v1 } from './skopeo.fixture.ts'

let folder: string
let registry: MemoryRegistry
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'longshore-transform-')); registry = new MemoryRegistry('src.test') })
afterEach(async () => { await rm(folder, { recursive: true }) })

const open = (changes: Changes): TransformedSource => transformSource(registry, changes, { tmpdir: folder })
const image = async (source: Source, reference: Tag | Digest = v1): Promise<ImageManifest> => await source.manifest(repository, reference, io) as ImageManifest

describe('what does not change', () => {
  test('is passed through, without a file and without a reading of its layers', async () => {
    const { digest } = addImage(registry, [{ bytes: gzipped('a'), mediaType: oci.gzip }], 'oci', 'v1', { z: 1 })
    await using source = open({ format: 'oci' })
    const manifest = await image(source)
    expect(manifest.digest).toBe(digest)
    expect(registry.count('blob')).toBe(0)
    expect(Buffer.from((await readAll(source, v1)).blobs.get(manifest.layers[0]!.digest)!)).toEqual(Buffer.from(gzipped('a')))
    expect(await readdir(folder)).toEqual([])
  })

  test('foreign layers keep their bytes and URLs; their media type follows the format', async () => {
    addImage(registry, [{ bytes: plain('x'), mediaType: docker.foreign, more: { urls: ['https://example.com/l'] } }], 'v2s2', 'v1')
    await using source = open({ format: 'oci', compress: { algorithm: 'zstd' } })
    expect((await image(source)).layers).toMatchObject([{ mediaType: 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip', urls: ['https://example.com/l'], digest: digestOf(plain('x')) }])
    expect(registry.count(`blob ${repository} ${digestOf(plain('x'))}`)).toBe(0)
  })

  test('signatures, by tag or by subject, and artifacts', async () => {
    const subject = addImage(registry, [{ bytes: gzipped('a'), mediaType: docker.gzip }], 'v2s2', 'v1')
    const payload = { bytes: Buffer.from('{}'), mediaType: 'application/vnd.dev.cosign.simplesigning.v1+json' }
    const tag = `sha256-${subject.digest.slice(7)}.sig` as Tag
    const signature = addImage(registry, [payload], 'oci', tag)
    const sbom = registry.addManifest(repository, { schemaVersion: 2, mediaType: MediaType.ociManifest, config: registry.addBlob(repository, Buffer.from('{}'), MediaType.ociEmpty), layers: [], subject })
    await using source = open({ format: 'v2s2', compress: { algorithm: 'gzip' } })
    expect((await source.resolve(repository, tag, io))?.digest).toBe(signature.digest)
    expect((await image(source, tag)).digest).toBe(signature.digest)
    expect((await image(source, signature.digest)).digest).toBe(signature.digest)
    expect((await image(source, sbom.digest)).digest).toBe(sbom.digest)
  })

  test('a schema 1 manifest, where no other format is asked for', async () => {
    const layer = registry.addBlob(repository, gzipped('a'))
    const { digest } = registry.addManifest(repository, { mediaType: MediaType.dockerSchema1, schemaVersion: 1, fsLayers: [{ blobSum: layer.digest }], history: [{ v1Compatibility: '{}' }] }, 'v1')
    for (const changes of [{ gzipPlain: true }, { format: 'v2s1' }, { compress: { algorithm: 'gzip' } }] as const) {
      await using source = open(changes)
      expect((await image(source)).digest).toBe(digest)
    }
  })

  test('signatures beside it, which an image that changed has not', async () => {
    const same = addImage(registry, [{ bytes: gzipped('a'), mediaType: oci.gzip }], 'oci', 'v1')
    const changing = addImage(registry, [{ bytes: plain('b'), mediaType: oci.tar }], 'oci', 'v2')
    const signature = { kind: 'simple', bytes: Buffer.from('s') } as const
    await using source = transformSource(Object.assign(registry, { signatures: async () => [signature] }), { gzipPlain: true }, { tmpdir: folder })
    expect(await source.signatures(repository, (await image(source)).digest, io)).toEqual([signature])
    const { digest } = await image(source, 'v2' as Tag)
    expect(await source.signatures(repository, digest, io)).toEqual([])
    expect([same.digest, digest, digestOf(Buffer.from('?'))].map((of) => source.originOf(repository, of))).toEqual([same.digest, changing.digest, undefined])
  })

  test('absence', async () => {
    await using source = open({ format: 'oci' })
    expect(await source.resolve(repository, v1, io)).toBeUndefined()
    expect(await source.manifest(repository, v1, io)).toBeUndefined()
  })
})

describe('what changes', () => {
  test('is read and made once, over all images and askers, and comes out the same in the next run', async () => {
    for (const tag of ['v1', 'v2']) addImage(registry, [{ bytes: plain('shared'), mediaType: oci.tar }, { bytes: plain(tag), mediaType: oci.tar }], 'oci', tag)
    addImage(registry, [{ bytes: plain('shared'), mediaType: oci.tar }], 'oci', 'v3')
    const digests: unknown[] = []
    for (let run = 0; run < 2; run++) {
      registry.calls.length = 0
      await using source = open({ gzipPlain: true })
      const manifests = await Promise.all(['v1', 'v2', 'v1'].map(async (tag) => (await source.resolve(repository, tag as Tag, io))?.digest))
      digests.push(manifests)
      expect(registry.count('blob')).toBe(3)
      // Asked for later, when nothing is being made any more.
      await source.resolve(repository, 'v3' as Tag, io)
      expect(registry.count('blob')).toBe(3)
      const { layers } = await image(source, manifests[0])
      expect(layers.every((layer) => layer.mediaType === oci.gzip)).toBe(true)
      expect(await Promise.all(layers.map((layer) => source.exists(repository, layer, io)))).toEqual([true, true])
    }
    expect(digests[0]).toEqual(digests[1])
    expect(await readdir(folder)).toEqual([])
  })

  test('is found by the digest that it had and by the one that it has, from any byte on', async () => {
    const original = addImage(registry, [{ bytes: plain('a'), mediaType: oci.tar }], 'oci', 'v1')
    await using source = open({ gzipPlain: true })
    const made = await source.resolve(repository, original.digest, io)
    expect(made?.digest).not.toBe(original.digest)
    expect(await source.resolve(repository, made!.digest, io)).toEqual(made)
    const [layer] = (await image(source, made!.digest)).layers
    await using content = await source.blob(repository, layer!, { ...io, offset: 5 })
    const chunks: Uint8Array[] = []
    for await (const chunk of content) chunks.push(chunk)
    expect(Buffer.concat(chunks)).toEqual(Buffer.from(gzipSync(plain('a')).subarray(5)))
  })

  test('may become what another image is already, which then keeps its own origin', async () => {
    const same = addImage(registry, [{ bytes: gzipped('a'), mediaType: oci.gzip }], 'oci', 'v1')
    addImage(registry, [{ bytes: plain('a'), mediaType: oci.tar }], 'oci', 'v2')
    for (const order of [['v1', 'v2'], ['v2', 'v1']] as const) {
      await using source = open({ gzipPlain: true })
      for (const tag of order) expect((await source.resolve(repository, tag as Tag, io))?.digest).toBe(same.digest)
      expect(source.originOf(repository, same.digest)).toBe(same.digest)
    }
  })

  test('an index keeps order, unknown members and annotations, and attestations follow their image', async () => {
    const child = { ...addImage(registry, [{ bytes: plain('a'), mediaType: oci.tar }], 'oci'), platform: { os: 'linux', architecture: 'amd64' }, artifactType: 'x/y', unknown: 1 }
    const same = { ...addImage(registry, [{ bytes: gzipped('b'), mediaType: oci.gzip }], 'oci'), platform: { os: 'linux', architecture: 'arm64' } }
    const attestation = {
      ...addImage(registry, [{ bytes: Buffer.from('{}'), mediaType: 'application/vnd.in-toto+json' }], 'oci'), platform: { os: 'unknown', architecture: 'unknown' },
      annotations: { 'vnd.docker.reference.type': 'attestation-manifest', 'vnd.docker.reference.digest': child.digest },
    }
    const missing = { ...same, digest: digestOf(Buffer.from('elsewhere')) }
    registry.addManifest(repository, { schemaVersion: 2, mediaType: MediaType.ociIndex, extra: { deep: [1] }, manifests: [attestation, child, missing, same], annotations: { a: 'b' } }, 'v1')
    await using source = open({ gzipPlain: true })
    const index = await source.manifest(repository, v1, io) as ImageIndex
    const [first, second, ...rest] = index.manifests
    expect(second).toEqual({ ...child, digest: second!.digest, size: second!.size })
    expect(second!.digest).not.toBe(child.digest)
    expect(first).toEqual({ ...attestation, annotations: { ...attestation.annotations, 'vnd.docker.reference.digest': second!.digest } })
    expect(rest).toEqual([missing, same])
    expect(JSON.parse(Buffer.from(index.bytes).toString())).toMatchObject({ extra: { deep: [1] }, annotations: { a: 'b' } })
  })

  test('annotations about the old bytes go, others stay', async () => {
    addImage(registry, [{ bytes: gzipped('a'), mediaType: oci.gzip, more: { annotations: { 'containerd.io/snapshot/stargz/toc.digest': 'x', mine: 'y' }, data: 'AAAA' } }], 'oci', 'v1')
    await using source = open({ compress: { algorithm: 'zstd' } })
    const [layer] = (await image(source)).layers
    expect(layer).toEqual({ mediaType: oci.zstd, digest: layer!.digest, size: layer!.size, annotations: { mine: 'y' } })
  })

  test('zstd makes a Docker image an OCI one', async () => {
    addImage(registry, [{ bytes: gzipped('a'), mediaType: docker.gzip }], 'v2s2', 'v1')
    await using source = open({ compress: { algorithm: 'zstd' } })
    expect(await image(source)).toMatchObject({ mediaType: MediaType.ociManifest, config: { mediaType: MediaType.ociConfig }, layers: [{ mediaType: oci.zstd }] })
  })

  test('goes through the engine, and is there when it comes again', async () => {
    for (const tag of ['v1', 'v2']) addImage(registry, [{ bytes: plain('shared'), mediaType: docker.tar }, { bytes: gzipped(tag), mediaType: docker.gzip }], 'v2s2', tag)
    const target = new MemoryRegistry('dst.test')
    const ends = (tag: string) => ({ source: { registry: 'src.test', repository, reference: tag as Tag }, destination: { registry: 'dst.test', repository, reference: tag as Tag } })
    const wanted = ['v1', 'v2'].map((tag) => ({ image: ends(tag), options: { platforms: [], platformPolicy: 'sparse', referrers: false, foreignLayers: 'keep' } as const }))
    const run = async () => {
      await using source = open({ format: 'oci', gzipPlain: true })
      return await migrate((async function* () { yield* wanted })(), { transports: { source: () => source, target: () => target }, ledger: new MemoryLedger(), queues: { blobs: new MemoryQueue(), manifests: new MemoryQueue() }, onEvent: () => {}, inFlight: new Set(), window: 8, jobs: { images: 4, blobs: 4, manifests: 4 },
        keepGoing: true, stop: io.signal, graceMs: 1000, respiteMs: 1,
      }, io.signal)
    }
    expect(await run()).toMatchObject({ copied: 2, failed: 0 })
    expect(['v1', 'v2'].every((tag) => target.isIntact(repository, tag))).toBe(true)
    expect(await run()).toMatchObject({ present: 2, failed: 0 })
    expect(target.count('push')).toBe(5)
  })
})

test('zstd of many frames, whole and in crumbs', async () => {
  const frames = [zstdCompressSync(plain('one')), Buffer.from('502a4d180400000061626364', 'hex'), zstdCompressSync(plain('two')), zstdCompressSync(Buffer.alloc(0)), zstdCompressSync(Buffer.alloc(500_000, 1), { pledgedSrcSize: 500_000 }), zstdCompressSync(Buffer.from('z'))]
  const whole = Buffer.concat([plain('one'), plain('two'), Buffer.alloc(500_000, 1), Buffer.from('z')])
  const bytes = Buffer.concat(frames)
  const desc: Descriptor = { mediaType: oci.zstd, digest: digestOf(bytes), size: bytes.byteLength }
  addImage(registry, [{ bytes, mediaType: oci.zstd }], 'oci', 'v1')
  for (const crumb of [1, 7, 1000, bytes.byteLength]) {
    const inner = new Proxy(registry, { get: (of, name) => {
      if (name === 'blob') return async (_: string, { digest }: Descriptor) => of.repository(repository).blobs.get(digest) && contentOf(of.repository(repository).blobs.get(digest)!, crumb)
      const value: unknown = Reflect.get(of, name, of)
      return typeof value === 'function' ? value.bind(of) as unknown : value
    } })
    await using source = transformSource(inner, { compress: { algorithm: 'none' } }, { tmpdir: folder })
    expect((await image(source)).layers).toMatchObject([{ mediaType: oci.tar, digest: digestOf(whole), size: whole.byteLength }])
  }
  expect(desc.size).toBeGreaterThan(100)
})

function contentOf(bytes: Uint8Array, crumb: number): Content {
  return {
    async *[Symbol.asyncIterator]() { for (let at = 0; at < bytes.byteLength; at += crumb) yield bytes.subarray(at, at + crumb) },
    async [Symbol.asyncDispose]() {},
  }
}

describe('what cannot be', () => {
  test.each([
    [{ format: 'v1' }, /unknown format "v1"/],
    [{ compressFormat: 'zstd:chunked' }, /zstd:chunked is not made here/],
    [{ compressFormat: 'lz4' }, /cannot find compressor for "lz4"/],
    [{ format: 'v2s2', compressFormat: 'zstd' }, /zstd compression is not supported for docker images/],
    [{ compressFormat: 'gzip', compressLevel: 10 }, /level 10 is not one of gzip: 1 to 9/],
    [{ compressFormat: 'zstd', compressLevel: 1.5 }, /level 1.5 is not one of zstd/],
    [{ compressFormat: 'gzip', decompress: true }, /not both/],
  ])('flags %j', (flags, why) => expect(() => parseChanges(flags)).toThrow(expect.objectContaining({ code: 'CHANGE_REFUSED', message: expect.stringMatching(why) })))

  test('no flags, no changes', () => {
    expect(changesAnything(parseChanges({}))).toBe(false)
    expect(changesAnything(parseChanges({ compressLevel: 3 }))).toBe(true)
  })

  const refusal = async (changes: Changes): Promise<string> => {
    await using source = open(changes)
    return await source.manifest(repository, v1, io).then(() => 'taken', (error: { code: string; message: string }) => `${error.code} ${error.message}`)
  }

  test.each<[string, Changes, () => void, RegExp]>([
    ['an artifact as Docker image', { format: 'v2s2' }, () => { registry.addManifest(repository, { schemaVersion: 2, mediaType: MediaType.ociManifest, config: registry.addBlob(repository, Buffer.from('{}'), 'application/vnd.cncf.helm.config.v1+json'), layers: [] }, 'v1') }, /REFUSED src.test\/team\/app@sha256:\w+: is an artifact of the type "application\/vnd.cncf.helm.config.v1\+json"/],
    ['an attestation as Docker image', { format: 'v2s2' }, () => addImage(registry, [{ bytes: Buffer.from('{}'), mediaType: 'application/vnd.in-toto+json' }], 'oci', 'v1'), /layer 0 has the media type "application\/vnd.in-toto\+json"/],
    ['zstd layers as Docker image', { format: 'v2s2' }, () => addImage(registry, [{ bytes: zstdCompressSync(plain('a')), mediaType: oci.zstd }], 'oci', 'v1'), /zstd compression is not supported for docker images/],
    ['schema 1', { format: 'v2s1' }, () => addImage(registry, [], 'oci', 'v1'), /not made a Docker schema 1 manifest/],
    ['an OCI layer in a Docker image', { format: 'oci' }, () => addImage(registry, [{ bytes: plain('a'), mediaType: oci.tar }], 'v2s2', 'v1'), /layer 0 has the media type/],
    ['a broken configuration', { format: 'oci' }, () => registry.addManifest(repository, { schemaVersion: 2, mediaType: MediaType.dockerManifest, config: registry.addBlob(repository, Buffer.from('{"os":1}'), MediaType.dockerConfig), layers: [] }, 'v1'), /configuration sha256:\w+: os is not text/],
    ['a broken gzip', { compress: { algorithm: 'none' } }, () => { registry.addManifest(repository, { schemaVersion: 2, mediaType: MediaType.ociManifest, config: registry.addBlob(repository, Buffer.from('{}'), MediaType.ociConfig), layers: [registry.addBlob(repository, gzipped('a').subarray(0, 20), oci.gzip)] }, 'v1') }, /CHANGE_FAILED layer sha256:\w+ cannot be decompressed \(unexpected end of file\)/],
    ['a zstd whose second frame breaks off', { compress: { algorithm: 'none' } }, () => { registry.addManifest(repository, { schemaVersion: 2, mediaType: MediaType.ociManifest, config: registry.addBlob(repository, Buffer.from('{}'), MediaType.ociConfig), layers: [registry.addBlob(repository, Buffer.concat([zstdCompressSync(plain('a')), zstdCompressSync(plain('b')).subarray(0, 12)]), oci.zstd)] }, 'v1') }, /CHANGE_FAILED layer sha256:\w+ cannot be decompressed/],
    ['a gzip with something behind it', { compress: { algorithm: 'none' } }, () => { registry.addManifest(repository, { schemaVersion: 2, mediaType: MediaType.ociManifest, config: registry.addBlob(repository, Buffer.from('{}'), MediaType.ociConfig), layers: [registry.addBlob(repository, Buffer.concat([gzipped('a'), gzipped('b').subarray(0, 15)]), oci.gzip)] }, 'v1') }, /CHANGE_FAILED layer sha256:\w+ cannot be decompressed/],
    ['xz', { compress: { algorithm: 'zstd' } }, () => { registry.addManifest(repository, { schemaVersion: 2, mediaType: MediaType.ociManifest, config: registry.addBlob(repository, Buffer.from('{}'), MediaType.ociConfig), layers: [registry.addBlob(repository, Buffer.from('fd377a585a0000', 'hex'), oci.gzip)] }, 'v1') }, /is compressed with xz/],
    ['an index without platforms as Docker list', { format: 'v2s2' }, () => { registry.addManifest(repository, { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [addImage(registry, [], 'oci')] }, 'v1') }, /has no platform/],
    ['schema 1 whose history does not fit', { format: 'oci' }, () => { registry.addManifest(repository, { mediaType: MediaType.dockerSchema1, schemaVersion: 1, fsLayers: [{ blobSum: digestOf(plain('a')) }], history: [] }, 'v1') }, /has 1 layers and 0 entries of history/],
  ])('%s', async (_, changes, add, why) => {
    add()
    expect(await refusal(changes)).toMatch(why)
    expect(await readdir(folder)).toEqual([])
  })

  test('a layer that lies about its digest, and no room to keep one', async () => {
    addImage(registry, [{ bytes: plain('a'), mediaType: oci.tar }], 'oci', 'v1')
    registry.repository(repository).blobs.set(digestOf(plain('a')), plain('b'))
    expect(await refusal({ gzipPlain: true })).toMatch(/DIGEST_MISMATCH layer sha256:\w+ of src.test/)
    registry.repository(repository).blobs.set(digestOf(plain('a')), plain('a'))
    await writeFile(join(folder, 'file'), '')
    await using source = transformSource(registry, { gzipPlain: true }, { tmpdir: join(folder, 'file') })
    await expect(source.manifest(repository, v1, io)).rejects.toThrow(/layers that are made anew cannot be kept there \(ENOTDIR\)/)
  })
})

test('500 MB pass through in bounded memory, several at once', async () => {
  const size = 500 * 1024 * 1024
  const chunks = [1, 2].map((seed) => { const chunk = Buffer.alloc(1024 * 1024); for (let i = 0; i < chunk.byteLength; i += 4096) chunk.writeUInt32LE(i + seed, i); return chunk })
  const big = chunks.map((chunk) => {
    const hash = createHash('sha256')
    for (let at = 0; at < size; at += chunk.byteLength) hash.update(chunk)
    return { mediaType: oci.tar, digest: `sha256:${hash.digest('hex')}` as Digest, size }
  })
  registry.addManifest(repository, { schemaVersion: 2, mediaType: MediaType.ociManifest, config: registry.addBlob(repository, Buffer.from('{}'), MediaType.ociConfig), layers: big }, 'v1')
  registry.blob = async (_, { digest }) => ({ async *[Symbol.asyncIterator]() { const chunk = chunks[big.findIndex((desc) => desc.digest === digest)]!; for (let at = 0; at < size; at += chunk.byteLength) yield chunk }, async [Symbol.asyncDispose]() {} })
  await using source = open({ compress: { algorithm: 'zstd', level: 1 } })
  const before = process.memoryUsage.rss()
  let most = 0
  const timer = setInterval(() => { most = Math.max(most, process.memoryUsage.rss() - before) }, 20)
  try {
    expect((await image(source)).layers).toMatchObject([{ mediaType: oci.zstd }, { mediaType: oci.zstd }])
  } finally { clearInterval(timer) }
  expect(most).toBeGreaterThan(0)
  expect(most).toBeLessThan(160 * 1024 * 1024)
}, 60_000)

test('an abort ends what is made, and leaves no file behind', async () => {
  addImage(registry, [{ bytes: plain('a'), mediaType: oci.tar }], 'oci', 'v1')
  const stop = new AbortController()
  registry.blob = async () => ({ async *[Symbol.asyncIterator]() { yield plain('a').subarray(0, 50); stop.abort(new Error('enough')); await new Promise((resolve) => setTimeout(resolve, 20)); yield plain('a').subarray(50) }, async [Symbol.asyncDispose]() {} })
  const source = open({ gzipPlain: true })
  await expect(source.manifest(repository, v1, { signal: stop.signal })).rejects.toThrow('enough')
  expect((await Promise.all((await readdir(folder)).map((name) => readdir(join(folder, name))))).flat()).toEqual([])
  await source[Symbol.asyncDispose]()
  expect(await readdir(folder)).toEqual([])
})
