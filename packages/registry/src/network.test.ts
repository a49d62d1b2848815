// Between us and a registry: proxies, caps, distance; and what is counted.
import { createServer, request as httpRequest } from 'node:http'
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { Bandwidth } from '@longshore/concurrency'
import { type Digest, digestOf, parseRepositoryName, parseTag } from '@longshore/oci'
import { selfSignedCert, startEmbeddedRegistry } from '@longshore/testing'
import type { Content } from '@longshore/transfer'
import { describe, expect, test } from 'vitest'
import { Host } from './host.ts'
import { Lanes } from './lanes.ts'
import { createRegistry } from './index.ts'
import { pullScope } from './scope.ts'

const { signal } = new AbortController()
const repository = parseRepositoryName('team/app')
const retries = { attempts: 2, baseMs: 1, capMs: 5 }

/** Listens, and ends with all that it holds open. */
async function listening(server: ReturnType<typeof createTcpServer>) {
  const open = new Set<{ destroy: () => unknown }>()
  server.on('connection', (socket) => {
    open.add(socket)
    socket.on('error', () => {}).on('close', () => open.delete(socket))
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy()
      await new Promise<void>((resolve) => { server.close(() => { resolve() }) })
    },
  }
}

/** A proxy for absolute requests and CONNECT; with a password, for whoever shows it. */
async function startProxy(password?: string) {
  const seen: string[] = []
  const isAllowed = (header: string | undefined): boolean =>
    password === undefined || header === `Basic ${Buffer.from(`u:${password}`).toString('base64')}`
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`)
    if (!isAllowed(request.headers['proxy-authorization'])) return void response.writeHead(407).end()
    const to = httpRequest(request.url ?? '', { method: request.method, headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers)
      answer.pipe(response)
    })
    request.pipe(to)
  })
  server.on('connect', (request, socket) => {
    seen.push(`CONNECT ${request.url}`)
    if (!isAllowed(request.headers['proxy-authorization'])) return void socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n')
    const [host, port] = (request.url ?? '').split(':')
    const to = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      to.pipe(socket)
      socket.pipe(to)
    })
    to.on('error', () => socket.destroy()).on('close', () => socket.destroy())
    socket.on('error', () => to.destroy()).on('close', () => to.destroy())
  })
  const { port, ...rest } = await listening(server)
  return { seen, host: `127.0.0.1:${port}`, ...rest }
}

describe('proxies', () => {
  const bytes = Buffer.alloc(400_000, 3)
  const desc = { mediaType: 'application/octet-stream', digest: digestOf(bytes), size: bytes.length }
  const open = (offset: number): Promise<Content> => Promise.resolve({
    async* [Symbol.asyncIterator]() { yield bytes.subarray(offset) },
    async [Symbol.asyncDispose]() { /* nothing is held */ },
  })

  test('plain HTTP is asked by absolute addresses, blobs go both ways', async () => {
    await using embedded = await startEmbeddedRegistry()
    await using proxy = await startProxy()
    // As people write it: without a scheme.
    const settings = { http: proxy.host, https: `http://${proxy.host}` }
    await using registry = createRegistry({ registry: embedded.host, tlsVerify: false, retries, proxy: settings })
    expect(await registry.push(repository, desc, open, { signal, mayExist: false })).toBe('pushed')
    await using content = await registry.blob(repository, desc, { signal })
    expect(digestOf(Buffer.concat(await Array.fromAsync(content)))).toBe(desc.digest)
    expect(proxy.seen).toContain(`GET ${embedded.url}/v2/team/app/blobs/${desc.digest}`)
  })

  test('TLS goes through CONNECT, with the password of the proxy', async () => {
    const { ca, server } = await selfSignedCert()
    await using embedded = await startEmbeddedRegistry({ tls: server })
    await using proxy = await startProxy('hunter2')
    await using registry = createRegistry({ registry: embedded.host, tls: { ca: [ca] }, retries, proxy: { https: `http://u:hunter2@${proxy.host}` } })
    expect(await registry.push(repository, desc, open, { signal, mayExist: false })).toBe('pushed')
    expect(new Set(proxy.seen)).toEqual(new Set([`CONNECT ${embedded.host}`]))
    await using stranger = createRegistry({ registry: embedded.host, tls: { ca: [ca] }, retries, proxy: { https: `http://${proxy.host}` } })
    await expect(stranger.ping({ signal })).rejects.toMatchObject({ code: 'HOST_UNREACHABLE', message: expect.stringContaining('proxy answered 407') })
  })

  test('a certificate that is not trusted is named with our remedy, without the one of Node', async () => {
    const { server } = await selfSignedCert()
    await using embedded = await startEmbeddedRegistry({ tls: server })
    await using registry = createRegistry({ registry: embedded.host, retries })
    const failure = await registry.ping({ signal }).catch((error: unknown) => error as Error)
    expect(failure).toMatchObject({ code: 'TLS_FAILED', message: expect.stringMatching(/certificate is not trusted \([A-Z_]+: [^;]+\); put its CA into certs\.d/) })
    expect((failure as Error).message).not.toContain('use-system-ca')
    // So that the test is about something.
    expect(((failure as Error).cause as Error).message).toContain('use-system-ca')
  })

  test('NO_PROXY goes straight, and a setting that is no URL is named without its secret', async () => {
    await using embedded = await startEmbeddedRegistry()
    await using proxy = await startProxy()
    const options = { registry: embedded.host, tlsVerify: false, retries }
    await using direct = createRegistry({ ...options, proxy: { http: proxy.host, https: proxy.host, no: 'example.com,127.0.0.1' } })
    expect(await direct.tags(repository, { signal })).toBeUndefined()
    expect(proxy.seen).toEqual([])
    await using wrong = createRegistry({ ...options, proxy: { http: 'gopher://u:hunter2@x', https: 'gopher://u:hunter2@x' } })
    const failure: unknown = await wrong.ping({ signal }).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'HOST_UNREACHABLE' })
    expect(String(failure)).not.toContain('hunter2')
  })
})

describe('how much at once', () => {
  test.each([[8, 8], [1, 2]])('with concurrency %i never more than %i requests are under way', async (concurrency, most) => {
    await using embedded = await startEmbeddedRegistry()
    await using registry = createRegistry({ registry: embedded.host, tlsVerify: false, retries, concurrency })
    const blobs = Array.from({ length: 24 }, (_, i) => Buffer.alloc(300_000, i))
    const digests = blobs.map((bytes) => embedded.putBlob(repository, bytes))
    let [now, peak] = [0, 0]
    embedded.onRequest(async ({ kind }) => {
      if (kind === 'ping') return
      peak = Math.max(peak, ++now)
      await delay(25)
      now--
    })
    const read = async (digest: Digest): Promise<unknown> => Array.fromAsync(await registry.blob(repository, { mediaType: 'x', digest, size: 300_000 }, { signal }))
    await Promise.all(digests.flatMap((digest, i) => [
      read(digest),
      registry.resolve(repository, parseTag(`v${i}`), { signal }),
    ]))
    expect(peak).toBe(most)
  })

  test('over 20 ms each way the number of slots grows', async () => {
    await using embedded = await startEmbeddedRegistry()
    await using far = await listening(createTcpServer((client) => {
      const registry = connect(Number(embedded.host.split(':')[1]), '127.0.0.1')
      const later = async (send: () => unknown): Promise<void> => { await delay(20); send() }
      client.on('data', (chunk) => { void later(() => registry.write(chunk)) }).on('close', () => registry.destroy())
      registry.on('data', (chunk) => { void later(() => client.write(chunk)) }).on('error', () => client.destroy()).on('close', () => client.destroy())
    }))
    await using host = new Host({ registry: `127.0.0.1:${far.port}`, tlsVerify: false, retries })
    const ask = { method: 'HEAD', path: '/v2/team/app/manifests/v1', scope: pullScope('team/app') } as const
    await Promise.all(Array.from({ length: 600 }, () => host.exchange(ask, signal)))
    expect(host.lanes.slots).toBeGreaterThan(32)
  })

  test.each([[1, 32], [40, 256]])('when every answer takes %i ms and more want to ask, there are %i slots', (ms, slots) => {
    const lanes = new Lanes()
    for (let i = 0; i < 400; i++) void lanes.small.acquire(signal)
    for (let i = 0; i < 600; i++) lanes.answered(ms)
    expect(lanes.slots).toBe(slots)
  })

  test('what is read is paid for from the bandwidth', async () => {
    await using embedded = await startEmbeddedRegistry()
    const paid: number[] = []
    const bandwidth = new Bandwidth(1e12)
    const take = bandwidth.take.bind(bandwidth)
    bandwidth.take = async (bytes, stop) => {
      paid.push(bytes)
      await take(bytes, stop)
    }
    await using registry = createRegistry({ registry: embedded.host, tlsVerify: false, retries, bandwidth })
    const digest = embedded.putBlob(repository, Buffer.alloc(700_000, 9))
    await using content = await registry.blob(repository, { mediaType: 'x', digest, size: 700_000 }, { signal })
    await Array.fromAsync(content)
    expect(paid.reduce((sum, bytes) => sum + bytes, 0)).toBe(700_000)
  })
})

test('requests are those that the registry saw', async () => {
  await using embedded = await startEmbeddedRegistry()
  await using registry = createRegistry({ registry: embedded.host, tlsVerify: false, retries })
  await registry.resolve(repository, parseTag('v1'), { signal })
  embedded.fail({ match: { kind: 'tags' }, how: { kind: 'drop' } })
  await registry.tags(repository, { signal })
  expect(embedded.count()).toBe(4)
  expect(registry.stats).toMatchObject({ requests: 4, byStatus: { 'GET 200': 1, 'HEAD 404': 1, 'GET -': 1, 'GET 404': 1 } })
})
