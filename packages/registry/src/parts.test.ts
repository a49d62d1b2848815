// What goes wrong while a large blob crosses from one registry to another in parts: tokens die, the source cuts, stalls and lies.
import { setTimeout as delay } from 'node:timers/promises'
import { type Descriptor, DigestMismatchError, hasherFor, parseRepositoryName } from '@longshore/oci'
import { Random, type RegistryAuth, startDockerRegistry, startEmbeddedRegistry, startTokenServer } from '@longshore/testing'
import { type Checkpoint, type Content, type UploadPoint, wrapContent } from '@longshore/transfer'
import { describe, expect, test, vi } from 'vitest'
import { createRegistry, type Registry } from './index.ts'

// Much is moved.
vi.setConfig({ testTimeout: 60_000 })

const { signal } = new AbortController()
const repository = parseRepositoryName('team/app')
const retries = { attempts: 4, baseMs: 1, capMs: 5 }
const credentials = { kind: 'basic', username: 'u', password: 'p' } as const
const MiB = 1024 * 1024
const part = 32 * MiB
const size = 80 * MiB
const piece = Buffer.from(Uint32Array.from({ length: MiB / 4 }, (_, i) => Math.imul(i + 1, 2_654_435_761)).buffer)
const pieces = Array.from({ length: size / MiB }, () => piece)

/** As `transfer` checks what it reads from its start: the last chunk goes on only when all of it is right. */
function checked(content: Content, { digest }: Descriptor): Content {
  const hash = hasherFor(digest)
  return wrapContent(content, async function* (chunks) {
    let held: Uint8Array | undefined
    for await (const chunk of chunks) {
      hash.update(chunk)
      if (held) yield held
      held = chunk
    }
    const actual = `sha256:${hash.digest('hex')}` as typeof digest
    if (actual !== digest) throw new DigestMismatchError('the blob', digest, actual)
    if (held) yield held
  })
}

/** Spread over `ms`. */
function slowly(content: Content, ms: number): Content {
  return wrapContent(content, async function* (chunks) {
    let [read, waited] = [0, 0]
    for await (const chunk of chunks) {
      read += chunk.byteLength
      for (; read / size * ms > waited; waited += 50) await delay(50)
      yield chunk
    }
  })
}

/** Sends the blob from one to the other, in parts or in one request. */
async function carry(source: Registry, target: Registry, desc: Descriptor, { inParts = true, ms = 0, saved }: { inParts?: boolean; ms?: number; saved?: UploadPoint } = {}) {
  const seen = { offsets: [] as number[], saves: [] as number[] }
  const checkpoint: Checkpoint = { saved, save: async ({ offset }) => { seen.saves.push(offset); await Promise.resolve() } }
  const open = async (offset: number): Promise<Content> => {
    seen.offsets.push(offset)
    const content = await source.blob(repository, desc, { signal, offset })
    const read = offset === 0 ? checked(content, desc) : content
    return ms === 0 ? read : slowly(read, ms)
  }
  const outcome = await target.push(repository, desc, open, { signal, mayExist: false, ...(inParts ? { checkpoint } : {}) }).catch((error: unknown) => error)
  return { seen, outcome }
}

function plant(registry: { putBlob(repository: string, content: Iterable<Uint8Array>): Descriptor['digest'] }): Descriptor {
  return { mediaType: 'application/octet-stream', digest: registry.putBlob(repository, pieces), size }
}

describe('tokens that live three seconds', () => {
  const auth: RegistryAuth = { kind: 'bearer', users: { u: 'p' }, tokenTtlMs: 3000 }

  test.each([['in parts', true], ['in one request', false]])('a blob that takes eight, %s, is begun once at either side', async (_, inParts) => {
    await using source = await startEmbeddedRegistry({ auth })
    await using destination = await startEmbeddedRegistry({ auth })
    const desc = plant(source)
    await using from = createRegistry({ registry: source.host, tlsVerify: false, retries, credentials })
    await using to = createRegistry({ registry: destination.host, tlsVerify: false, retries, credentials })
    const { seen, outcome } = await carry(from, to, desc, { inParts, ms: 8000 })
    expect(outcome).toBe('pushed')
    expect(seen).toEqual({ offsets: [0], saves: inParts ? [0, part, 2 * part] : [] })
    expect(source.requests.filter((r) => r.kind === 'blob-get').map((r) => r.status)).toEqual([401, 200].slice(-source.count({ kind: 'blob-get' })))
    expect(destination.requests.reduce((sum, r) => sum + r.bytesIn, 0)).toBe(size)
    if (inParts) expect(destination.count({ kind: 'token' })).toBeGreaterThan(1)
  })

  test('a download that is cut after its token has died goes on with a new one', async () => {
    await using source = await startEmbeddedRegistry({ auth: { ...auth, tokenTtlMs: 300 } })
    const desc = plant(source)
    await using from = createRegistry({ registry: source.host, tlsVerify: false, retries, credentials })
    source.fail({ match: { kind: 'blob-get' }, how: { kind: 'drop-after', bytes: 5 * MiB } })
    await using content = await from.blob(repository, desc, { signal })
    let read = 0
    for await (const chunk of content) {
      if (read === 0) await delay(400)
      read += chunk.byteLength
    }
    expect(read).toBe(size)
    const good = source.requests.filter((r) => r.kind === 'blob-get' && r.status < 300)
    expect(good.map((r) => r.status)).toEqual([200, 206])
    expect(good.reduce((sum, r) => sum + r.bytesOut, 0)).toBeLessThan(size + MiB)
  })

  test('docker-registry: its own tokens, in parts', async () => {
    await using tokens = await startTokenServer({ users: { u: 'p' }, tokenTtlMs: 3000 })
    await using source = await startEmbeddedRegistry()
    await using server = await startDockerRegistry({ auth: { kind: 'token', server: tokens } })
    const desc = plant(source)
    await using from = createRegistry({ registry: source.host, tlsVerify: false, retries })
    await using to = createRegistry({ registry: server.host, tlsVerify: false, retries, credentials })
    const { seen, outcome } = await carry(from, to, desc, { ms: 5000 })
    expect(outcome).toBe('pushed')
    expect(seen).toEqual({ offsets: [0], saves: [0, part, 2 * part] })
    expect(tokens.requests.length).toBeGreaterThan(1)
  })
})

describe('the source, in parts', () => {
  test('cuts at offsets of chance: each byte is read once, and sent once', async () => {
    const random = new Random('cuts')
    await using source = await startEmbeddedRegistry()
    await using destination = await startEmbeddedRegistry()
    const desc = plant(source)
    const cuts = Array.from({ length: 8 }, () => MiB + random.below(8 * MiB))
    for (const bytes of cuts) source.fail({ match: { kind: 'blob-get' }, how: { kind: 'drop-after', bytes } })
    await using from = createRegistry({ registry: source.host, tlsVerify: false, retries })
    await using to = createRegistry({ registry: destination.host, tlsVerify: false, retries })
    const { seen, outcome } = await carry(from, to, desc)
    expect(outcome).toBe('pushed')
    expect(seen).toEqual({ offsets: [0], saves: [0, part, 2 * part] })
    expect(source.requests.filter((r) => r.kind === 'blob-get').map((r) => r.status)).toEqual([200, ...cuts.map(() => 206)])
    // The ping's answer is two bytes.
    expect(from.stats.bytesIn).toBe(size + 2)
    expect(destination.requests.reduce((sum, r) => sum + r.bytesIn, 0)).toBe(size)
  })

  test('stalls: noticed by the lack of progress, and gone on with', async () => {
    await using source = await startEmbeddedRegistry()
    await using destination = await startEmbeddedRegistry()
    const desc = plant(source)
    source.fail({ match: { kind: 'blob-get' }, how: { kind: 'drop-after', bytes: 40 * MiB } })
    source.fail({ match: { kind: 'blob-get' }, how: { kind: 'stall' } })
    await using from = createRegistry({ registry: source.host, tlsVerify: false, retries, timeouts: { stallMs: 300, headersMs: 300 } })
    await using to = createRegistry({ registry: destination.host, tlsVerify: false, retries })
    const { seen, outcome } = await carry(from, to, desc)
    expect(outcome).toBe('pushed')
    expect(seen.offsets).toEqual([0])
    expect(source.count({ kind: 'blob-get' })).toBe(3)
  })

  test.each([['in parts', true], ['in one request', false]])('one corrupted byte, %s: named, never committed, and the session is given up', async (_, inParts) => {
    await using source = await startEmbeddedRegistry()
    await using destination = await startEmbeddedRegistry()
    const desc = plant(source)
    source.corruptBlob(desc.digest)
    await using from = createRegistry({ registry: source.host, tlsVerify: false, retries })
    await using to = createRegistry({ registry: destination.host, tlsVerify: false, retries })
    const { outcome } = await carry(from, to, desc, { inParts })
    expect(outcome).toMatchObject({ code: 'DIGEST_MISMATCH' })
    expect(destination.hasBlob(repository, desc.digest)).toBe(false)
    expect(destination.count({ kind: 'upload-put', status: 201 })).toBe(0)
    expect(destination.count({ kind: 'upload-cancel', status: 204 })).toBe(1)
  })

  test('one corrupted byte in what an earlier process read: the destination refuses, and the second reading names it', async () => {
    await using source = await startEmbeddedRegistry()
    await using destination = await startEmbeddedRegistry({ location: 'relative' })
    const desc = plant(source)
    source.corruptBlob(desc.digest)
    const begun = await fetch(`${destination.url}/v2/${repository}/blobs/uploads/`, { method: 'POST' })
    const bytes = await (await fetch(`${source.url}/v2/${repository}/blobs/${desc.digest}`)).bytes()
    const answer = await fetch(destination.url + begun.headers.get('location'), { method: 'PATCH', body: bytes.subarray(0, part), headers: { 'content-type': 'application/octet-stream' } })
    await using from = createRegistry({ registry: source.host, tlsVerify: false, retries })
    await using to = createRegistry({ registry: destination.host, tlsVerify: false, retries })
    const { seen, outcome } = await carry(from, to, desc, { saved: { location: answer.headers.get('location') ?? '', offset: part } })
    expect(seen.offsets).toEqual([part, 0])
    expect(outcome).toMatchObject({ code: 'DIGEST_MISMATCH' })
    expect(destination.requests.filter((r) => r.kind === 'upload-put').map((r) => r.status)).not.toContain(201)
    expect(destination.hasBlob(repository, desc.digest)).toBe(false)
  })
})
