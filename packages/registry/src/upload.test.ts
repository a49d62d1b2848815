// Large blobs: parts where a break has cost a session (docs/adr/0004), and uploads that are sent elsewhere.
import { createServer, request as httpRequest } from 'node:http'
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net'
import { digestOf, type Descriptor, parseRepositoryName, parseTag } from '@longshore/oci'
import { startDockerRegistry, startEmbeddedRegistry } from '@longshore/testing'
import type { Content } from '@longshore/transfer'
import { describe, expect, test } from 'vitest'
import { createRegistry } from './index.ts'

const { signal } = new AbortController()
const repository = parseRepositoryName('team/app')
const retries = { attempts: 4, baseMs: 1, capMs: 5 }
const part = 32 * 1024 * 1024

function blobOf(size: number, seed = 1): { bytes: Buffer; desc: Descriptor } {
  const words = Uint32Array.from({ length: Math.ceil(size / 4) }, (_, i) => Math.imul(i + seed, 2_654_435_761))
  const bytes = Buffer.from(words.buffer, 0, size)
  return { bytes, desc: { mediaType: 'application/octet-stream', digest: digestOf(bytes), size } }
}

/** What a push asked of its source, and what it told of its progress. */
function tracked(bytes: Buffer) {
  const seen = { offsets: [] as number[], sent: 0 }
  const open = (offset: number): Promise<Content> => {
    seen.offsets.push(offset)
    return Promise.resolve({
      async* [Symbol.asyncIterator]() { for (let i = offset; i < bytes.length; i += 65_536) yield bytes.subarray(i, i + 65_536) },
      async [Symbol.asyncDispose]() { /* nothing is held */ },
    })
  }
  return { seen, open, options: { signal, mayExist: false, onSent: (n: number) => { seen.sent += n } } }
}

/** A way to a port that is cut after so many bytes there; once for each number. */
async function startCutter(port: number, cuts: number[]) {
  let bytes = 0
  const server = createTcpServer((client) => {
    const upstream = connect({ port, host: '127.0.0.1' })
    client.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (cuts[0] !== undefined && bytes > cuts[0]) {
        cuts.shift()
        bytes = 0
        client.destroy()
        upstream.destroy()
      } else if (!upstream.write(chunk)) {
        client.pause()
        upstream.once('drain', () => client.resume())
      }
    })
    upstream.pipe(client)
    client.on('error', () => upstream.destroy()).on('close', () => upstream.destroy())
    upstream.on('error', () => client.destroy()).on('close', () => client.destroy())
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() { await new Promise<void>((resolve) => { server.close(() => { resolve() }) }) },
  }
}

describe('parts', () => {
  test('a session that was forgotten makes parts of large blobs, and the next break costs one', async () => {
    await using embedded = await startEmbeddedRegistry({ resumableUploads: false })
    await using registry = createRegistry({ registry: embedded.host, tlsVerify: false, retries })
    const { bytes, desc } = blobOf(2 * part + 1000)
    const first = tracked(bytes)
    embedded.fail({ match: { kind: 'upload-put' }, how: { kind: 'drop-after', bytes: 5_000_000 } })
    // The second part: its connection breaks before anything has arrived, so that the session is at the end of the first.
    let patches = 0
    const unhook = embedded.onRequest(({ kind }) => {
      if (kind === 'upload-patch' && ++patches === 1) embedded.fail({ match: { kind: 'upload-patch' }, how: { kind: 'drop' } })
    })
    expect(await registry.push(repository, desc, first.open, first.options)).toBe('pushed')
    unhook()
    expect(first.seen).toEqual({ offsets: [0, 0, part], sent: desc.size })
    expect(registry.capabilities.forgetsSessions).toBe(true)
    expect(embedded.hasBlob(repository, desc.digest)).toBe(true)

    // What is no larger than a part goes as before.
    embedded.clearRequests()
    const small = blobOf(1_000_000)
    expect(await registry.push(repository, small.desc, tracked(small.bytes).open, { signal, mayExist: false })).toBe('pushed')
    expect(embedded.requests.map((r) => r.method)).toEqual(['POST', 'PUT'])
  })

  test('a session that survives is gone on with, and stays whole', async () => {
    await using embedded = await startEmbeddedRegistry()
    await using registry = createRegistry({ registry: embedded.host, tlsVerify: false, retries })
    const { bytes, desc } = blobOf(part + 1000)
    const { seen, open, options } = tracked(bytes)
    embedded.fail({ match: { kind: 'upload-put' }, how: { kind: 'drop-after', bytes: 5_000_000 } })
    expect(await registry.push(repository, desc, open, options)).toBe('pushed')
    expect(seen.offsets).toHaveLength(2)
    expect(seen.offsets[1]).toBeGreaterThan(0)
    expect(registry.capabilities.forgetsSessions).toBe(false)
  })

  test('a break within a part goes on where the registry stands', async () => {
    await using embedded = await startEmbeddedRegistry({ maxBody: 2_000_000 })
    await using registry = createRegistry({ registry: embedded.host, tlsVerify: false, retries })
    const { bytes, desc } = blobOf(6_000_000)
    const { seen, open, options } = tracked(bytes)
    // The first of the two is too long still, and refused before it is read.
    embedded.fail({ match: { kind: 'upload-patch' }, times: 2, how: { kind: 'drop-after', bytes: 700_000 } })
    expect(await registry.push(repository, desc, open, options)).toBe('pushed')
    expect(seen.offsets.at(-1)).toBeGreaterThan(0)
    expect(seen.sent).toBe(desc.size)
  })

  test('a registry that forgets every time is given up', async () => {
    await using embedded = await startEmbeddedRegistry({ resumableUploads: false, maxBody: 2_000_000 })
    await using registry = createRegistry({ registry: embedded.host, tlsVerify: false, retries })
    const { bytes, desc } = blobOf(3_000_000)
    const { seen, open, options } = tracked(bytes)
    embedded.fail({ match: { kind: 'upload-patch' }, times: 1000, how: { kind: 'drop-after', bytes: 700_000 } })
    await expect(registry.push(repository, desc, open, options)).rejects.toMatchObject({ code: 'CONNECTION_FAILED' })
    // Once for the body limit, then each attempt.
    expect(seen.offsets).toHaveLength(1 + retries.attempts - 1)
  })

  test('docker-registry: cut in one PUT, then in a part, the blob arrives', async () => {
    await using server = await startDockerRegistry()
    const cuts = [10_000_000, part + 5_000_000]
    await using cutter = await startCutter(Number(new URL(server.url).port), cuts)
    await using registry = createRegistry({ registry: cutter.host, tlsVerify: false, retries })
    const { bytes, desc } = blobOf(2 * part + 1000)
    const { seen, open, options } = tracked(bytes)
    expect(await registry.push(repository, desc, open, options)).toBe('pushed')
    expect(cuts).toEqual([])
    expect(seen).toEqual({ offsets: [0, 0, 0], sent: desc.size })
    expect(registry.capabilities.forgetsSessions).toBe(true)
    expect(registry.stats.byStatus['PATCH 202']).toBeGreaterThanOrEqual(2)
    expect(await registry.exists(repository, desc, { signal })).toBe(true)
  })
})

describe('questions between two attempts are not retried on their own (docs/adr/0003)', () => {
  test('whether it is there after all: one HEAD', async () => {
    await using embedded = await startEmbeddedRegistry()
    await using registry = createRegistry({ registry: embedded.host, tlsVerify: false, retries })
    const { bytes, desc } = blobOf(400_000)
    embedded.fail({ match: { kind: 'upload-put' }, how: { kind: 'status', status: 500 } })
    embedded.fail({ match: { kind: 'blob-head' }, times: 100, how: { kind: 'status', status: 503 } })
    const { open, options } = tracked(bytes)
    expect(await registry.push(repository, desc, open, options)).toBe('pushed')
    expect(embedded.count({ kind: 'blob-head' })).toBe(1)
  })

  test('where the session stands: two GETs', async () => {
    await using embedded = await startEmbeddedRegistry()
    await using registry = createRegistry({ registry: embedded.host, tlsVerify: false, retries })
    const { bytes, desc } = blobOf(400_000)
    embedded.fail({ match: { kind: 'upload-put' }, how: { kind: 'drop-after', bytes: 100_000 } })
    embedded.fail({ match: { kind: 'upload-status' }, times: 100, how: { kind: 'status', status: 503 } })
    const { open, options } = tracked(bytes)
    expect(await registry.push(repository, desc, open, options)).toBe('pushed')
    expect(embedded.count({ kind: 'upload-status' })).toBe(2)
  })
})

/** Answers 307 to everything that has not been redirected yet, then passes it on. */
async function startRedirector(to: { readonly host: string; readonly url: string }, isElsewhere: boolean, status: number) {
  const seen: string[] = []
  const server = createServer((request, response) => {
    const path = request.url ?? ''
    if (path === '/v2/' || path.includes('moved=1')) {
      const [host, port] = to.host.split(':')
      const headers = { ...request.headers, connection: 'close' }
      const passed = httpRequest({ host, port, path: path.replace(/[?&]moved=1/, ''), method: request.method, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers)
        answer.pipe(response)
      })
      passed.on('error', () => response.destroy())
      request.pipe(passed)
      return
    }
    seen.push(request.method ?? '')
    const location = isElsewhere ? to.url + path : `${path}${path.includes('?') ? '&' : '?'}moved=1`
    request.resume()
    request.on('end', () => response.writeHead(status, { location }).end())
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`, seen,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise<void>((resolve) => { server.close(() => { resolve() }) })
    },
  }
}

describe('redirects', () => {
  const type = 'application/vnd.oci.image.index.v1+json'
  const index = Buffer.from(`{"schemaVersion":2,"mediaType":"${type}","manifests":[]}`)
  const credentials = { kind: 'basic', username: 'u', password: 'p' } as const

  test.each([307, 308])('%i within the registry keeps the authorization', async (status) => {
    await using embedded = await startEmbeddedRegistry({ location: 'relative', auth: { kind: 'basic', users: { u: 'p' } } })
    await using front = await startRedirector(embedded, false, status)
    await using registry = createRegistry({ registry: front.host, tlsVerify: false, retries, credentials })
    // As after a 413, which is no good way through a proxy as simple as this one.
    Object.assign(registry.capabilities, { maxBodyBytes: 3_000_000 })
    for (const size of [1000, 400_000, 8_000_000]) {
      const { bytes, desc } = blobOf(size)
      const { seen, open, options } = tracked(bytes)
      expect(await registry.push(repository, desc, open, options)).toBe('pushed')
      expect(seen.sent).toBe(size)
      expect(embedded.hasBlob(repository, desc.digest)).toBe(true)
    }
    expect(new Set(front.seen)).toEqual(new Set(['POST', 'PUT', 'PATCH']))
    embedded.putManifest(repository, index, type, 'v1')
    expect((await registry.manifest(repository, parseTag('v1'), { signal }))?.bytes).toEqual(index)
    expect((await registry.resolve(repository, parseTag('v1'), { signal }))?.digest).toBe(digestOf(index))
    expect(await registry.tags(repository, { signal })).toEqual(['v1'])
    expect(embedded.requests.every((r) => r.authorization || r.kind === 'ping')).toBe(true)
  })

  test('to another origin none is shown', async () => {
    await using embedded = await startEmbeddedRegistry({ maxBody: 3_000_000 })
    await using front = await startRedirector(embedded, true, 307)
    await using registry = createRegistry({ registry: front.host, tlsVerify: false, retries, credentials: { kind: 'registry-token', token: 'secret' } })
    for (const size of [1000, 400_000, 8_000_000]) {
      const { bytes, desc } = blobOf(size)
      expect(await registry.push(repository, desc, tracked(bytes).open, { signal, mayExist: false })).toBe('pushed')
    }
    embedded.putManifest(repository, index, type, 'v1')
    expect((await registry.manifest(repository, parseTag('v1'), { signal }))?.bytes).toEqual(index)
    expect(await registry.tags(repository, { signal })).toEqual(['v1'])
    expect(embedded.requests.filter((r) => r.kind !== 'ping' && r.authorization)).toEqual([])
  })

  test('in circles is an error that says so', async () => {
    await using embedded = await startEmbeddedRegistry()
    await using registry = createRegistry({ registry: embedded.host, tlsVerify: false, retries })
    embedded.fail({ match: { kind: 'tags' }, times: 100, how: { kind: 'status', status: 307, headers: { location: '/v2/team/app/tags/list' } } })
    await expect(registry.tags(repository, { signal })).rejects.toMatchObject({ status: 307 })
    expect(embedded.count({ kind: 'tags' })).toBe(6)
  })
})
