import { decodeManifest, descriptorOf, digestOf, type Descriptor, parseRepositoryName, parseTag, RegistryError } from '@longshore/oci'
import { type EmbeddedRegistry, type EmbeddedRegistryOptions, startBlobHost, startEmbeddedRegistry } from '@longshore/testing'
import type { Content } from '@longshore/transfer'
import { describe, expect, test } from 'vitest'
import { createRegistry, type Registry, type RegistryOptions } from './index.ts'

const { signal } = new AbortController()
const repository = parseRepositoryName('team/app')
const other = parseRepositoryName('team/base')
const retries = { attempts: 4, baseMs: 1, capMs: 5 }

async function setUp(server: EmbeddedRegistryOptions = {}, options: Partial<RegistryOptions> = {}) {
  const stack = new AsyncDisposableStack()
  const embedded: EmbeddedRegistry = stack.use(await startEmbeddedRegistry(server))
  const registry: Registry = stack.use(createRegistry({ registry: embedded.host, tlsVerify: false, retries, ...options }))
  return { embedded, registry, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

function blobOf(size: number, seed = 1): { bytes: Buffer; desc: Descriptor } {
  const bytes = Buffer.alloc(size)
  for (let i = 0; i < size; i++) bytes[i] = (i * 31 + (i >> 8) * seed) & 255
  return { bytes, desc: { mediaType: 'application/octet-stream', digest: digestOf(bytes), size } }
}

function opener(bytes: Buffer, offsets: number[] = []) {
  return (offset: number): Promise<Content> => {
    offsets.push(offset)
    return Promise.resolve({
      async* [Symbol.asyncIterator]() { for (let i = offset; i < bytes.length; i += 65_536) yield bytes.subarray(i, i + 65_536) },
      async [Symbol.asyncDispose]() { /* nothing is held */ },
    })
  }
}

async function read(content: Content): Promise<Buffer> {
  await using source = content
  return Buffer.concat(await Array.fromAsync(source))
}

describe('reading blobs', () => {
  test('a download that breaks is taken up again by Range, each byte once', async () => {
    await using t = await setUp()
    const { bytes, desc } = blobOf(3_000_000)
    t.embedded.putBlob(repository, bytes)
    t.embedded.fail({ match: { kind: 'blob-get' }, how: { kind: 'drop-after', bytes: 1_000_000 } })
    expect((await read(await t.registry.blob(repository, desc, { signal }))).equals(bytes)).toBe(true)
    expect(t.embedded.requests.filter((r) => r.kind === 'blob-get').map((r) => r.status)).toEqual([200, 206])
    expect(t.registry.stats.bytesIn).toBeLessThan(3_100_000)
  })

  test('a redirect to another host carries no credentials', async () => {
    await using host = await startBlobHost()
    await using t = await setUp(
      { blobRedirect: host, auth: { kind: 'basic', users: { u: 'p' } } }, { credentials: { kind: 'basic', username: 'u', password: 'p' } },
    )
    const { bytes, desc } = blobOf(100_000)
    t.embedded.putBlob(repository, bytes)
    expect((await read(await t.registry.blob(repository, desc, { signal }))).equals(bytes)).toBe(true)
    expect(host.requests.map((r) => r.authorization)).toEqual([false])
  })

  test('a length that contradicts the descriptor is named, and a missing blob is a 404', async () => {
    await using t = await setUp()
    const { bytes, desc } = blobOf(1000)
    t.embedded.putBlob(repository, bytes)
    await expect(t.registry.blob(repository, { ...desc, size: 999 }, { signal })).rejects.toMatchObject({ code: 'SIZE_MISMATCH' })
    await expect(t.registry.blob(repository, blobOf(5, 9).desc, { signal })).rejects.toMatchObject({ status: 404 })
  })

  test('a stall is taken up again', async () => {
    await using t = await setUp({}, { timeouts: { stallMs: 200, headersMs: 200 } })
    const { bytes, desc } = blobOf(200_000)
    t.embedded.putBlob(repository, bytes)
    t.embedded.fail({ match: { kind: 'blob-get' }, how: { kind: 'stall' } })
    expect((await read(await t.registry.blob(repository, desc, { signal }))).equals(bytes)).toBe(true)
  })
})

describe('pushing blobs', () => {
  test('one small blob into a fresh repository is a POST and a PUT; a mount is one request', async () => {
    await using t = await setUp({ singlePost: false })
    await t.registry.ping({ signal })
    const { bytes, desc } = blobOf(1000)
    t.embedded.clearRequests()
    expect(await t.registry.push(repository, desc, opener(bytes), { signal, mayExist: false })).toBe('pushed')
    expect(t.embedded.requests.map((r) => r.method)).toEqual(['POST', 'PUT'])
    t.embedded.clearRequests()
    expect(await t.registry.push(other, desc, opener(bytes), { signal, mayExist: false, mountFrom: [repository] })).toBe('mounted')
    expect(await t.registry.push(other, desc, opener(bytes), { signal, mayExist: true })).toBe('existed')
    expect(t.embedded.requests.map((r) => r.kind)).toEqual(['mount', 'mount'])
  })

  test.each([202, 401, 403, 404, 405] as const)('a mount refused with %i falls back to an upload', async (status) => {
    await using t = await setUp({ singlePost: false })
    const { bytes, desc } = blobOf(400_000)
    t.embedded.putBlob(other, bytes)
    t.embedded.fail({ match: { kind: 'mount' }, how: { kind: 'refuse-mount', status } })
    expect(await t.registry.push(repository, desc, opener(bytes), { signal, mayExist: false, mountFrom: [other] })).toBe('pushed')
    expect(t.embedded.hasBlob(repository, desc.digest)).toBe(true)
    expect(t.embedded.count({ method: 'POST' })).toBe(status === 202 ? 1 : 2)
  })

  test('a broken upload continues at the offset of the registry', async () => {
    await using t = await setUp()
    const { bytes, desc } = blobOf(4_000_000)
    const offsets: number[] = []
    let sent = 0
    t.embedded.fail({ match: { kind: 'upload-put' }, how: { kind: 'drop-after', bytes: 2_000_000 } })
    expect(await t.registry.push(repository, desc, opener(bytes, offsets), { signal, mayExist: false, onSent: (n) => { sent += n } })).toBe('pushed')
    expect(offsets).toHaveLength(2)
    expect(offsets[1]).toBeGreaterThan(0)
    expect(sent).toBe(4_000_000)
  })

  test('without resumable sessions it begins anew', async () => {
    await using t = await setUp({ resumableUploads: false })
    const { bytes, desc } = blobOf(2_000_000)
    const offsets: number[] = []
    t.embedded.fail({ match: { kind: 'upload-put' }, how: { kind: 'drop-after', bytes: 1_000_000 } })
    expect(await t.registry.push(repository, desc, opener(bytes, offsets), { signal, mayExist: false })).toBe('pushed')
    expect(offsets).toEqual([0, 0])
  })

  test('a body limit turns into chunks, remembered for the next blob, and the least chunk is kept', async () => {
    await using t = await setUp({ maxBody: 3_000_000, chunkMinLength: 1_500_000 })
    for (const seed of [1, 2]) {
      const { bytes, desc } = blobOf(5_000_000, seed)
      expect(await t.registry.push(repository, desc, opener(bytes), { signal, mayExist: false })).toBe('pushed')
    }
    expect(t.embedded.count({ kind: 'upload-patch', status: 202 })).toBeGreaterThanOrEqual(2)
  })

  test('many that meet a body limit at once all arrive, whoever has learnt it first', async () => {
    await using t = await setUp({ maxBody: 1_100_000 })
    const pushes = await Promise.all([1, 2, 3, 4, 5, 6].map(async (seed) => {
      const { bytes, desc } = blobOf(3_000_000, seed)
      return await t.registry.push(repository, desc, opener(bytes), { signal, mayExist: false })
    }))
    expect(pushes).toEqual(Array.from({ length: 6 }, () => 'pushed'))
    expect(t.registry.capabilities.maxBodyBytes).toBe(1024 * 1024)
  })

  test('a 500 after the commit is not sent again', async () => {
    await using t = await setUp({ singlePost: false })
    const { bytes, desc } = blobOf(1_000_000)
    t.embedded.fail({ match: { kind: 'upload-put' }, how: { kind: 'status-after-commit', status: 500 } })
    expect(await t.registry.push(repository, desc, opener(bytes), { signal, mayExist: false })).toBe('pushed')
    expect(t.embedded.count({ kind: 'upload-put' })).toBe(1)
  })

  test('a source that fails at its end surfaces as it is, and nothing is committed', async () => {
    await using t = await setUp()
    const { bytes, desc } = blobOf(1_000_000)
    const lie = new Error('the source lied')
    const open = (): Promise<Content> => Promise.resolve({
      async* [Symbol.asyncIterator]() { yield bytes; throw lie },
      async [Symbol.asyncDispose]() { /* nothing is held */ },
    })
    await expect(t.registry.push(repository, desc, open, { signal, mayExist: false })).rejects.toBe(lie)
    expect(t.embedded.hasBlob(repository, desc.digest)).toBe(false)
    expect(t.embedded.count({ kind: 'upload-cancel' })).toBe(1)
  })
})

describe('authorization', () => {
  test('bearer tokens are fetched once per scope, for mounts with both', async () => {
    await using t = await setUp({ auth: { kind: 'bearer', users: { u: 'p' } } }, { credentials: { kind: 'basic', username: 'u', password: 'p' } })
    const { bytes, desc } = blobOf(1000)
    t.embedded.putBlob(other, bytes)
    expect(await t.registry.push(repository, desc, opener(bytes), { signal, mayExist: false, mountFrom: [other] })).toBe('mounted')
    await Promise.all(Array.from({ length: 10 }, () => t.registry.exists(repository, desc, { signal })))
    expect(t.embedded.count({ kind: 'token' })).toBe(2)
  })

  test('tokens that expire during a push are renewed', async () => {
    await using t = await setUp({ auth: { kind: 'bearer', users: { u: 'p' } } }, { credentials: { kind: 'basic', username: 'u', password: 'p' } })
    const { bytes, desc } = blobOf(2_000_000)
    t.embedded.fail({ match: { kind: 'upload-put' }, how: { kind: 'expire-tokens' } })
    expect(await t.registry.push(repository, desc, opener(bytes), { signal, mayExist: false })).toBe('pushed')
  })

  test.each(['basic', 'bearer'] as const)('wrong credentials are a 401 that tells no secret (%s)', async (kind) => {
    await using t = await setUp({ auth: { kind, users: { u: 'p' } } }, { credentials: { kind: 'basic', username: 'u', password: 'hunter2' } })
    const failure = await t.registry.manifest(repository, parseTag('v1'), { signal }).catch((e: unknown) => e)
    expect(failure).toBeInstanceOf(RegistryError)
    expect((failure as RegistryError).status).toBe(401)
    expect(String(failure)).not.toContain('hunter2')
  })
})

describe('hosts', () => {
  test('429 pauses every request of the host', async () => {
    const pauses: number[] = []
    await using t = await setUp({}, { onPause: ({ ms }) => pauses.push(ms) })
    t.embedded.fail({ match: { kind: 'manifest-head' }, how: { kind: 'status', status: 429, headers: { 'retry-after': '0.3' } } })
    const began = performance.now()
    expect(await t.registry.resolve(repository, parseTag('v1'), { signal })).toBeUndefined()
    expect(performance.now() - began).toBeGreaterThan(280)
    expect(pauses).toHaveLength(1)
  })

  test('a web page is no registry, a closed port is unreachable, plain HTTP is no TLS', async () => {
    await using t = await setUp()
    t.embedded.fail({ match: { kind: 'ping' }, how: { kind: 'html' } })
    await expect(t.registry.ping({ signal })).rejects.toMatchObject({ code: 'NOT_A_REGISTRY' })
    await using strict = createRegistry({ registry: t.embedded.host, retries })
    await expect(strict.ping({ signal })).rejects.toMatchObject({ code: 'TLS_FAILED' })
    await using closed = createRegistry({ registry: '127.0.0.1:1', tlsVerify: false, retries })
    await expect(closed.ping({ signal })).rejects.toMatchObject({ code: 'HOST_UNREACHABLE' })
  })

  test('tags come in pages', async () => {
    await using t = await setUp({ pageSize: 3 })
    const bytes = Buffer.from('{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}')
    const tags = Array.from({ length: 10 }, (_, i) => `v${i}`)
    for (const tag of tags) t.embedded.putManifest(repository, bytes, 'application/vnd.oci.image.index.v1+json', tag)
    expect(await t.registry.tags(repository, { signal })).toEqual(tags)
    expect(await t.registry.tags(other, { signal })).toBeUndefined()
  })
})

describe('manifests and lists', () => {
  const type = 'application/vnd.oci.image.index.v1+json'
  const bytes = Buffer.from(`{"schemaVersion":2,"mediaType":"${type}","manifests":[]}`)

  test.each(['relative', 'absolute'] as const)('a manifest goes there and back with its digest (%s locations)', async (location) => {
    await using t = await setUp({ location })
    const manifest = decodeManifest(bytes, type, 'it')
    expect(await t.registry.put(repository, manifest, parseTag('v1'), { signal })).toEqual({ subjectTaken: false })
    expect(await t.registry.resolve(repository, parseTag('v1'), { signal })).toEqual(descriptorOf(manifest))
    expect((await t.registry.manifest(repository, manifest.digest, { signal }))?.bytes).toEqual(bytes)
    const { bytes: layer, desc } = blobOf(400_000)
    expect(await t.registry.push(repository, desc, opener(layer), { signal })).toBe('pushed')
  })

  test('a 500 to a manifest is asked again, content that does not hash is read once more, then named', async () => {
    await using t = await setUp()
    const digest = t.embedded.putManifest(repository, bytes, type, 'v1')
    t.embedded.fail({ match: { kind: 'manifest-get' }, how: { kind: 'status', status: 500 } })
    expect((await t.registry.manifest(repository, parseTag('v1'), { signal }))?.digest).toBe(digest)
    t.embedded.fail({ match: { kind: 'manifest-get' }, how: { kind: 'wrong-digest' } })
    expect((await t.registry.manifest(repository, digest, { signal }))?.digest).toBe(digest)
    t.embedded.fail({ match: { kind: 'manifest-get' }, times: 2, how: { kind: 'wrong-digest' } })
    t.embedded.clearRequests()
    await expect(t.registry.manifest(repository, digest, { signal })).rejects.toThrow()
    expect(t.embedded.count({ kind: 'manifest-get' })).toBe(2)
  })

  test('a manifest over 4 MiB is refused before it is read', async () => {
    await using t = await setUp()
    t.embedded.putManifest(repository, Buffer.from(bytes.toString().padEnd(5_000_000)), type, 'big')
    await expect(t.registry.manifest(repository, parseTag('big'), { signal })).rejects.toMatchObject({ code: 'MANIFEST_TOO_LARGE' })
  })

  test('a registry without the referrers API is asked once', async () => {
    await using t = await setUp({ referrersApi: false })
    const digest = t.embedded.putManifest(repository, bytes, type, 'v1')
    expect(await t.registry.referrers(repository, digest, { signal })).toBeUndefined()
    expect(await t.registry.referrers(other, digest, { signal })).toBeUndefined()
    expect(t.embedded.count({ kind: 'referrers' })).toBe(1)
  })

  test('bytes corrupted on the way are sent once more, then named', async () => {
    await using t = await setUp({ singlePost: false })
    const { bytes: content } = blobOf(1000)
    const { desc } = blobOf(1000, 7)
    const wrong = { ...desc, digest: digestOf(Buffer.from('another')) }
    await expect(t.registry.push(repository, wrong, opener(content), { signal, mayExist: false })).rejects.toMatchObject({ code: 'DIGEST_INVALID' })
    expect(t.embedded.count({ kind: 'upload-put' })).toBe(2)
  })
})
