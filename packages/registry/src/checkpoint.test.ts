// Large uploads that one process begins and another ends (docs/adr/0008).
import { setTimeout as delay } from 'node:timers/promises'
import { digestOf, type Descriptor, parseRepositoryName } from '@longshore/oci'
import { type EmbeddedRegistry, type EmbeddedRegistryOptions, startDockerRegistry, startEmbeddedRegistry } from '@longshore/testing'
import type { Checkpoint, Content, UploadPoint } from '@longshore/transfer'
import { describe, expect, test, vi } from 'vitest'
import { createRegistry, type Registry, type RegistryOptions } from './index.ts'

// Much is moved.
vi.setConfig({ testTimeout: 60_000 })

const { signal } = new AbortController()
const repository = parseRepositoryName('team/app')
const retries = { attempts: 4, baseMs: 1, capMs: 5 }
const part = 32 * 1024 * 1024

const words = Uint32Array.from({ length: (2 * part + 1_000_000) / 4 }, (_, i) => Math.imul(i + 1, 2_654_435_761))
const bytes = Buffer.from(words.buffer)
const size = bytes.length
const desc: Descriptor = { mediaType: 'application/octet-stream', digest: digestOf(bytes), size }

/** What a push asked of its source, kept outside, and told of its progress. `before` is called before each chunk. */
function tracked(saved?: UploadPoint, before: (at: number) => unknown = () => {}) {
  const seen = { offsets: [] as number[], saves: [] as UploadPoint[], sent: 0 }
  const open = (offset: number): Promise<Content> => {
    seen.offsets.push(offset)
    return Promise.resolve({
      async* [Symbol.asyncIterator]() {
        for (let i = offset; i < size; i += 65_536) {
          await before(i)
          yield bytes.subarray(i, i + 65_536)
        }
      },
      async [Symbol.asyncDispose]() { /* nothing is held */ },
    })
  }
  const checkpoint: Checkpoint = { saved, save: async (point) => { seen.saves.push(point); await Promise.resolve() } }
  return { seen, open, options: { signal, mayExist: false, checkpoint, onSent: (n: number) => { seen.sent += n } } }
}

async function setUp(server: EmbeddedRegistryOptions = {}, options: Partial<RegistryOptions> = {}) {
  const stack = new AsyncDisposableStack()
  const embedded: EmbeddedRegistry = stack.use(await startEmbeddedRegistry({ singlePost: false, mounts: false, ...server }))
  /** Another process, as far as a registry can tell. */
  const client = (more: Partial<RegistryOptions> = {}): Registry =>
    stack.use(createRegistry({ registry: embedded.host, tlsVerify: false, retries, ...options, ...more }))
  return { embedded, client, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

const methods = (embedded: EmbeddedRegistry): readonly string[] => embedded.requests.filter((r) => r.kind === 'mount' || r.kind.startsWith('upload')).map((r) => r.method)
const arrived = (embedded: EmbeddedRegistry): number => embedded.requests.reduce((sum, r) => sum + r.bytesIn, 0)

/** A push that is stopped when its source has been read so far. */
async function interrupted(t: Awaited<ReturnType<typeof setUp>>, at: number): Promise<UploadPoint> {
  const stop = new AbortController()
  const first = tracked(undefined, (read) => { if (read > at) stop.abort(new Error('shut down')) })
  await expect(t.client().push(repository, desc, first.open, { ...first.options, signal: stop.signal })).rejects.toThrow('shut down')
  const last = first.seen.saves.at(-1)
  if (!last) throw new Error('nothing was saved')
  return last
}

describe('with a checkpoint', () => {
  test.each(['relative', 'absolute'] as const)('a large blob goes in parts, and each that arrived is told (%s locations)', async (location) => {
    await using t = await setUp({ location })
    const { seen, open, options } = tracked()
    expect(await t.client().push(repository, desc, open, options)).toBe('pushed')
    expect(methods(t.embedded)).toEqual(['POST', 'PATCH', 'PATCH', 'PUT'])
    expect(seen.saves.map((point) => point.offset)).toEqual([0, part, 2 * part])
    // Nothing of an origin that may be another one tomorrow.
    for (const point of seen.saves) expect(point.location).toMatch(/^\/v2\/team\/app\/blobs\/uploads\/[-\w]+\?_state=\d+$/)
    expect(seen).toMatchObject({ offsets: [0], sent: size })
    expect(t.embedded.hasBlob(repository, desc.digest)).toBe(true)
  })

  test('what is no larger than two parts goes in one request, as without', async () => {
    await using t = await setUp()
    const { seen, open, options } = tracked()
    const small = { ...desc, size: 2 * part, digest: digestOf(bytes.subarray(0, 2 * part)) }
    const cut = async (offset: number): Promise<Content> => {
      const content = await open(offset)
      return { async* [Symbol.asyncIterator]() { let left = 2 * part; for await (const c of content) { if (left > 0) yield c.subarray(0, left); left -= c.length } }, [Symbol.asyncDispose]: () => content[Symbol.asyncDispose]() }
    }
    expect(await t.client().push(repository, small, cut, options)).toBe('pushed')
    const { checkpoint: _, ...without } = options
    expect(await t.client().push(repository, desc, open, without)).toBe('pushed')
    expect(methods(t.embedded)).toEqual(['POST', 'PUT', 'POST', 'PUT'])
    expect(seen.saves).toEqual([])
  })

  test('saving is slow, or fails: content flows on, the newest point is told at last, and nothing comes after the end', async () => {
    await using t = await setUp()
    const read = Promise.withResolvers<void>()
    const { seen, open, options } = tracked(undefined, (at) => { if (at > size - 100_000) read.resolve() })
    let [now, peak, done] = [0, 0, false]
    const checkpoint: Checkpoint = {
      saved: undefined,
      save: async (point) => {
        if (done) throw new Error('too late')
        peak = Math.max(peak, ++now)
        // The first one lasts until everything has been read.
        await (point.offset === 0 ? read.promise : delay(100))
        now--
        seen.saves.push(point)
        throw new Error('Redis is away')
      },
    }
    expect(await t.client().push(repository, desc, open, { ...options, checkpoint })).toBe('pushed')
    done = true
    expect([peak, now]).toEqual([1, 0])
    expect(seen.saves.map((point) => point.offset)).toEqual([0, 2 * part])
  })
})

describe('another process goes on', () => {
  test('where the registry stands, which is further than what was noted; the source is read from there', async () => {
    await using t = await setUp()
    // The source is no slower than the destination, so that parts are not gathered: the second is on its way when it is cut.
    const saved = await interrupted(t, part + 8_000_000)
    expect(t.embedded.count({ kind: 'upload-cancel' })).toBe(0)
    const second = tracked(saved)
    expect(await t.client().push(repository, desc, second.open, second.options)).toBe('pushed')
    expect(second.seen.offsets).toHaveLength(1)
    expect(saved.offset).toBe(part)
    expect(second.seen.offsets[0]).toBeGreaterThan(part)
    expect(second.seen.sent).toBe(size)
    expect(arrived(t.embedded)).toBe(size)
    expect(t.embedded.count({ method: 'POST' })).toBe(1)
    expect(t.embedded.hasBlob(repository, desc.digest)).toBe(true)
  })

  test('everything has arrived but the end', async () => {
    await using t = await setUp()
    const location = await sessionWith(t.embedded, bytes)
    const { seen, open, options } = tracked({ location, offset: 5 })
    expect(await t.client().push(repository, desc, open, options)).toBe('pushed')
    expect(seen).toMatchObject({ offsets: [size], sent: size })
    expect(t.embedded.hasBlob(repository, desc.digest)).toBe(true)
  })

  test('a noted offset beyond the registry\'s is not believed', async () => {
    await using t = await setUp()
    const location = await sessionWith(t.embedded, bytes.subarray(0, 1_000_000))
    const { seen, open, options } = tracked({ location, offset: 2 * part })
    expect(await t.client().push(repository, desc, open, options)).toBe('pushed')
    expect(seen.offsets).toEqual([1_000_000])
    expect(t.embedded.hasBlob(repository, desc.digest)).toBe(true)
  })

  test('a session that is no more: all anew, unless the blob is there by now', async () => {
    await using t = await setUp()
    const saved = await interrupted(t, part + 8_000_000)
    t.embedded.fail({ match: { kind: 'upload-status' }, how: { kind: 'forget-upload' } })
    const second = tracked(saved)
    expect(await t.client().push(repository, desc, second.open, second.options)).toBe('pushed')
    expect(second.seen.offsets).toEqual([0])
    const third = tracked(saved)
    expect(await t.client().push(repository, desc, third.open, third.options)).toBe('existed')
    expect(third.seen.offsets).toEqual([])
  })

  test('a session longer than the blob is another blob\'s', async () => {
    await using t = await setUp()
    const location = await sessionWith(t.embedded, Buffer.alloc(size + 1))
    const { seen, open, options } = tracked({ location, offset: part })
    expect(await t.client().push(repository, desc, open, options)).toBe('pushed')
    expect(seen.offsets).toEqual([0])
    expect(t.embedded.count({ kind: 'upload-cancel' })).toBe(1)
  })

  test('a noted place at another origin is shown no credentials', async () => {
    await using t = await setUp({ auth: { kind: 'basic', users: { u: 'p' } } }, { credentials: { kind: 'basic', username: 'u', password: 'p' } })
    await using stranger = await startEmbeddedRegistry()
    const { seen, open, options } = tracked({ location: `${stranger.url}/v2/team/app/blobs/uploads/x?_state=1`, offset: part })
    expect(await t.client().push(repository, desc, open, options)).toBe('pushed')
    expect(stranger.requests.map((r) => [r.method, r.authorization])).toEqual([['GET', false]])
    expect(seen.offsets).toEqual([0])
    expect(t.embedded.requests.every((r) => r.authorization || r.kind === 'ping')).toBe(true)
  })

  test('wrong bytes of the first: refused by the digest, sent anew once, never committed', async () => {
    await using t = await setUp()
    const location = await sessionWith(t.embedded, Buffer.alloc(part, 7))
    const { seen, open, options } = tracked({ location, offset: part })
    const registry = t.client()
    expect(await registry.push(repository, desc, open, options)).toBe('pushed')
    expect(seen).toMatchObject({ offsets: [part, 0], sent: size })
    expect(t.embedded.requests.filter((r) => r.kind === 'upload-put').map((r) => r.status)).toEqual([400, 201])
    expect((await fetch(t.embedded.url + location)).status).toBe(404)
    await using content = await registry.blob(repository, desc, { signal })
    expect(digestOf(Buffer.concat(await Array.fromAsync(content)))).toBe(desc.digest)
  })

  test('docker-registry: wrong bytes of the first are refused, and sent anew', async () => {
    await using server = await startDockerRegistry()
    const location = await sessionWith(server, Buffer.alloc(part, 7))
    await using registry = createRegistry({ registry: server.host, tlsVerify: false, retries })
    const { seen, open, options } = tracked({ location, offset: part })
    expect(await registry.push(repository, desc, open, options)).toBe('pushed')
    expect(seen).toMatchObject({ offsets: [part, 0], sent: size })
    expect(registry.stats.byStatus).toMatchObject({ 'PUT 400': 1, 'PUT 201': 1 })
    await using content = await registry.blob(repository, desc, { signal })
    expect(digestOf(Buffer.concat(await Array.fromAsync(content)))).toBe(desc.digest)
  })

  test('wrong bytes of the first, and a source that lies: named by the second reading, which was hashed from its start', async () => {
    await using t = await setUp()
    const location = await sessionWith(t.embedded, Buffer.alloc(part, 7))
    const lie = new Error('the source lied')
    // As the check of `transfer` does: it has to see all of it.
    const { seen, open, options } = tracked({ location, offset: part }, (at) => { if (seen.offsets.at(-1) === 0 && at > size - 65_536) throw lie })
    await expect(t.client().push(repository, desc, open, options)).rejects.toBe(lie)
    expect(seen.offsets).toEqual([part, 0])
    expect(t.embedded.hasBlob(repository, desc.digest)).toBe(false)
    expect(t.embedded.count({ kind: 'upload-cancel' })).toBe(2)
  })
})

describe('on the way', () => {
  test('somebody else wrote to the session (416): it is asked where it stands', async () => {
    await using t = await setUp()
    let patches = 0
    t.embedded.onRequest(async ({ kind, path }) => {
      if (kind !== 'upload-patch' || ++patches !== 2) return
      const more = bytes.subarray(part, part + 1000)
      const answer = await fetch(t.embedded.url + path, { method: 'PATCH', body: more, headers: { 'content-range': `${part}-${part + 999}`, 'content-type': 'application/octet-stream' } })
      expect(answer.status).toBe(202)
    })
    const { seen, open, options } = tracked()
    expect(await t.client().push(repository, desc, open, options)).toBe('pushed')
    expect(t.embedded.count({ status: 416 })).toBe(1)
    expect(seen).toMatchObject({ offsets: [0, part + 1000], sent: size })
    expect(t.embedded.hasBlob(repository, desc.digest)).toBe(true)
  })

  test('a registry that refuses where it says it stands gets all of it anew', async () => {
    await using t = await setUp()
    const { seen, open, options } = tracked()
    t.embedded.fail({ match: { kind: 'upload-patch', path: /_state=2$/ }, how: { kind: 'status', status: 416 } })
    expect(await t.client().push(repository, desc, open, options)).toBe('pushed')
    expect(seen.offsets).toEqual([0, 0])
    expect(t.embedded.count({ kind: 'upload-cancel' })).toBe(1)
  })

  test('a part that is redirected goes where it is sent, with what it was', async () => {
    await using t = await setUp({ auth: { kind: 'basic', users: { u: 'p' } } }, { credentials: { kind: 'basic', username: 'u', password: 'p' } })
    let isTold = false
    t.embedded.onRequest(({ kind, path }) => {
      if (kind !== 'upload-patch' || isTold) return
      isTold = true
      t.embedded.fail({ match: { kind: 'upload-patch' }, how: { kind: 'status', status: 307, headers: { location: path } } })
    })
    const { seen, open, options } = tracked()
    expect(await t.client().push(repository, desc, open, options)).toBe('pushed')
    expect(isTold).toBe(true)
    expect(t.embedded.count({ kind: 'upload-patch', status: 307 })).toBe(1)
    expect(seen.sent).toBe(size)
    expect(t.embedded.requests.every((r) => r.authorization || r.kind === 'ping')).toBe(true)
  })

  test('an outage that outlasts the retries leaves the session to whoever tries again', async () => {
    await using t = await setUp()
    const first = tracked()
    // From the second part on.
    t.embedded.fail({ match: { path: /uploads.*_state=[2-9]$/ }, times: 1000, how: { kind: 'status', status: 503 } })
    t.embedded.fail({ match: { method: 'POST', path: /uploads\/$/ }, times: 1000, how: { kind: 'status', status: 503 } })
    await expect(t.client().push(repository, desc, first.open, first.options)).rejects.toMatchObject({ status: 503 })
    t.embedded.clearFaults()
    t.embedded.clearRequests()
    const second = tracked(first.seen.saves.at(-1))
    expect(await t.client().push(repository, desc, second.open, second.options)).toBe('pushed')
    expect(second.seen.offsets).toEqual([part])
  })
})

test('a source that fails behind its last byte: nothing is committed, and the session is given up', async () => {
  await using t = await setUp()
  const lie = new Error('the source lied')
  const { open, options } = tracked()
  const lying = async (offset: number): Promise<Content> => {
    const content = await open(offset)
    return { async* [Symbol.asyncIterator]() { yield* content; throw lie }, [Symbol.asyncDispose]: () => content[Symbol.asyncDispose]() }
  }
  await expect(t.client().push(repository, desc, lying, options)).rejects.toBe(lie)
  expect(t.embedded.count({ kind: 'upload-patch', status: 202 })).toBe(2)
  expect(t.embedded.hasBlob(repository, desc.digest)).toBe(false)
  expect(t.embedded.count({ kind: 'upload-cancel' })).toBe(1)
})

describe('between two attempts', () => {
  test('a registry that will not say where the session stands is sent the next part, and tells by its answer', async () => {
    await using t = await setUp()
    // Of the second part some bytes arrive; what is asked then goes unanswered for a while.
    t.embedded.fail({ match: { kind: 'upload-patch', path: /_state=2$/ }, how: { kind: 'drop-after', bytes: 3_000_000 } })
    t.embedded.fail({ match: { kind: ['upload-status', 'blob-head'] }, times: 3, how: { kind: 'status', status: 503 } })
    const { seen, open, options } = tracked()
    expect(await t.client().push(repository, desc, open, options)).toBe('pushed')
    expect(seen).toMatchObject({ offsets: [0, part, part + 3_000_000], sent: size })
    expect(t.embedded.count({ status: 416 })).toBe(1)
    expect(t.embedded.count({ kind: 'upload-cancel' })).toBe(0)
  })

  test('an abort then keeps the session too', async () => {
    await using t = await setUp()
    const stop = new AbortController()
    t.embedded.fail({ match: { kind: 'upload-patch', path: /_state=2$/ }, how: { kind: 'drop-after', bytes: 3_000_000 } })
    t.embedded.onRequest(({ kind }) => { if (kind === 'upload-status') stop.abort(new Error('shut down')) })
    const first = tracked()
    await expect(t.client().push(repository, desc, first.open, { ...first.options, signal: stop.signal })).rejects.toThrow('shut down')
    expect(t.embedded.count({ kind: 'upload-cancel' })).toBe(0)
    const second = tracked(first.seen.saves.at(-1))
    expect(await t.client().push(repository, desc, second.open, second.options)).toBe('pushed')
    expect(second.seen.offsets).toEqual([part + 3_000_000])
  })
})

describe('handing over', () => {
  const shutDown = new Error('shut down')

  test('the part on its way is ended, the next one is another process\'s', async () => {
    await using t = await setUp({ resumableUploads: false })
    const handOver = new AbortController()
    const first = tracked()
    t.embedded.onRequest(({ kind }) => { if (kind === 'upload-patch') handOver.abort(shutDown) })
    const checkpoint = { ...first.options.checkpoint, handOver: handOver.signal }
    await expect(t.client().push(repository, desc, first.open, { ...first.options, checkpoint })).rejects.toBe(shutDown)
    expect(methods(t.embedded)).toEqual(['POST', 'PATCH'])
    const saved = first.seen.saves.at(-1)
    expect(saved?.offset).toBe(part)
    const second = tracked(saved)
    expect(await t.client().push(repository, desc, second.open, second.options)).toBe('pushed')
    expect(second.seen.offsets).toEqual([part])
    expect(arrived(t.embedded)).toBe(size)
  })

  test('a part that still waits for its source is not waited for, and nothing of it was sent', async () => {
    await using t = await setUp({ resumableUploads: false })
    const handOver = new AbortController()
    let toldMs = 0
    // A source much slower than the destination is what makes an upload gather its parts.
    const first = tracked(undefined, async (at) => {
      if (at === 0) await delay(3000)
      if (at < part + 1_000_000) return
      if (toldMs === 0) toldMs = performance.now()
      handOver.abort(shutDown)
      await delay(20)
    })
    const checkpoint = { ...first.options.checkpoint, handOver: handOver.signal }
    await expect(t.client().push(repository, desc, first.open, { ...first.options, checkpoint })).rejects.toBe(shutDown)
    expect(performance.now() - toldMs).toBeLessThan(500)
    expect(methods(t.embedded)).toEqual(['POST', 'PATCH'])
    expect(first.seen.saves.at(-1)?.offset).toBe(part)
  })

  test('nothing was sent: the session is given up', async () => {
    await using t = await setUp()
    const { seen, open, options } = tracked()
    await expect(t.client().push(repository, desc, open, { ...options, checkpoint: { ...options.checkpoint, handOver: AbortSignal.abort(shutDown) } })).rejects.toBe(shutDown)
    expect(seen.sent).toBe(0)
    expect(methods(t.embedded)).toEqual(['POST', 'DELETE'])
  })

  test('an abort without a checkpoint gives the session up', async () => {
    await using t = await setUp()
    const stop = new AbortController()
    const { open, options: { checkpoint: _, ...options } } = tracked(undefined, (at) => { if (at > part) stop.abort(shutDown) })
    await expect(t.client().push(repository, desc, open, { ...options, signal: stop.signal })).rejects.toBe(shutDown)
    expect(t.embedded.count({ kind: 'upload-cancel' })).toBe(1)
  })
})

/** The path of an upload session that holds these bytes already. */
async function sessionWith({ url }: { readonly url: string }, content: Uint8Array): Promise<string> {
  const begun = await fetch(`${url}/v2/${repository}/blobs/uploads/`, { method: 'POST' })
  const answer = await fetch(begun.headers.get('location') ?? '', { method: 'PATCH', body: content, headers: { 'content-type': 'application/octet-stream' } })
  const { pathname, search } = new URL(answer.headers.get('location') ?? '')
  return pathname + search
}
