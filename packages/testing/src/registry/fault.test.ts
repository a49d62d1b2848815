// Each scripted fault, as a client meets it.
import { Agent, request } from 'node:http'
import { digestOf } from '@longshore/oci'
import { describe, expect, test } from 'vitest'
import { bytesOf, type EmbeddedRegistry, type Fault, layer, PlainClient, type RequestKind, startEmbeddedRegistry } from '../index.ts'

const blob = layer({ seed: 'fault', size: 20_000 })
const bytes = bytesOf(blob)
const path = `/v2/r/blobs/${blob.digest}`

interface Read { status: number; size: number; digest: string; chunks: number; error: string | undefined; type: string | undefined }

/** A GET that tells what arrived even where it broke. */
async function read(registry: EmbeddedRegistry, path: string, timeoutMs = 10_000): Promise<Read> {
  const agent = new Agent()
  const seen: Read = { status: 0, size: 0, digest: '', chunks: 0, error: undefined, type: undefined }
  const body: Buffer[] = []
  await new Promise<void>((resolve) => {
    const failed = (error: Error): void => {
      seen.error = error.message
      resolve()
    }
    request(`${registry.url}${path}`, { agent, signal: AbortSignal.timeout(timeoutMs) }, (response) => {
      seen.status = response.statusCode ?? 0
      seen.type = response.headers['content-type']
      response.on('data', (chunk: Buffer) => { body.push(chunk) }).on('end', () => { resolve() }).on('error', failed)
    }).on('error', failed).end()
  })
  agent.destroy()
  const bytes = Buffer.concat(body)
  return { ...seen, size: bytes.length, digest: digestOf(bytes), chunks: body.length }
}

async function failing(how: Fault, kind: RequestKind = 'blob-get'): Promise<EmbeddedRegistry> {
  const registry = await startEmbeddedRegistry()
  registry.putBlob('r', bytes)
  registry.fail({ match: { kind }, how })
  return registry
}

describe('of what is read', () => {
  test.each<[Fault, Partial<Read>]>([
    [{ kind: 'drop' }, { status: 0, error: 'socket hang up' }],
    [{ kind: 'drop-after', bytes: 7000 }, { status: 200, digest: digestOf(bytes.subarray(0, 7000)), error: 'aborted' }],
    [{ kind: 'truncated' }, { status: 200, digest: digestOf(bytes.subarray(0, 10_000)), error: 'aborted' }],
    [{ kind: 'status', status: 500 }, { status: 500 }],
    [{ kind: 'html' }, { status: 200, type: 'text/html' }],
    [{ kind: 'one-byte-chunks' }, { status: 200, digest: blob.digest, error: undefined }],
    [{ kind: 'slow-drip', bytesPerSecond: 500_000 }, { status: 200, digest: blob.digest, error: undefined }],
  ])('%j, and then all is well again', async (how, expected) => {
    await using registry = await failing(how)
    expect(await read(registry, path)).toMatchObject(expected)
    expect(await read(registry, path)).toMatchObject({ status: 200, digest: blob.digest, error: undefined })
  })

  test('wrong-digest changes the bytes, not their number', async () => {
    await using registry = await failing({ kind: 'wrong-digest' })
    const { size, error, digest } = await read(registry, path)
    expect([size, error, digest === blob.digest]).toEqual([bytes.length, undefined, false])
    expect((await read(registry, path)).digest).toBe(blob.digest)
  })

  test('one-byte-chunks arrive in many pieces', async () => {
    await using registry = await failing({ kind: 'one-byte-chunks' })
    expect((await read(registry, path)).chunks).toBeGreaterThan(50)
  })

  test('slow-drip keeps to its rate', async () => {
    await using registry = await failing({ kind: 'slow-drip', bytesPerSecond: 50_000 })
    const begun = performance.now()
    await read(registry, path)
    expect(performance.now() - begun).toBeGreaterThan(350)
  })

  test('slow-drip may be cut', async () => {
    await using registry = await failing({ kind: 'slow-drip', bytesPerSecond: 500_000, dropAfter: 1_000 })
    expect(await read(registry, path)).toMatchObject({ status: 200, size: 1_000, error: expect.any(String) as string })
  })

  test('stall sends the headers, then nothing', async () => {
    await using registry = await failing({ kind: 'stall' })
    expect(await read(registry, path, 200)).toMatchObject({ status: 200, size: 0, error: expect.stringContaining('abort') as string })
  })

  test('429 brings its Retry-After, so many times', async () => {
    await using registry = await startEmbeddedRegistry()
    registry.fail({ match: { method: 'GET', path: /^\/v2\/$/ }, times: 2, how: { kind: 'status', status: 429, headers: { 'retry-after': '3' } } })
    using client = new PlainClient(registry.url)
    const answers = [await client.send('GET', '/v2/'), await client.send('GET', '/v2/'), await client.send('GET', '/v2/')]
    expect(answers.map((a) => [a.status, a.headers['retry-after']])).toEqual([[429, '3'], [429, '3'], [200, undefined]])
    expect(registry.count({ status: 429 })).toBe(2)
  })

  test('truncated-list answers JSON that stops', async () => {
    await using registry = await failing({ kind: 'truncated-list' }, 'catalog')
    using client = new PlainClient(registry.url)
    const { status, body } = await client.send('GET', '/v2/_catalog')
    expect(status).toBe(200)
    expect(() => { JSON.parse(body.toString()) }).toThrow(SyntaxError)
  })

  test('corruptBlob is for good, and everywhere', async () => {
    await using registry = await startEmbeddedRegistry()
    registry.putBlob('r', bytes)
    registry.corruptBlob(blob.digest)
    expect((await read(registry, path)).digest).not.toBe(blob.digest)
  })
})

describe('of what is written', () => {
  const start = async (client: PlainClient): Promise<string> => (await client.send('POST', '/v2/w/blobs/uploads/')).headers.location ?? ''

  test('drop-after cuts the request\'s body, and the session has just that much', async () => {
    await using registry = await failing({ kind: 'drop-after', bytes: 5000 }, 'upload-put')
    using client = new PlainClient(registry.url)
    const location = await start(client)
    await expect(client.send('PUT', `${location}&digest=${blob.digest}`, { body: bytes })).rejects.toThrow(/hang up|ECONNRESET|EPIPE/)
    const status = await client.send('GET', location)
    expect(status.headers.range).toBe('0-4999')
    expect((await client.send('PUT', `${status.headers.location}&digest=${blob.digest}`, { body: bytes.subarray(5000) })).status).toBe(201)
  })

  test('status-after-commit does the work and denies it', async () => {
    await using registry = await failing({ kind: 'status-after-commit', status: 500 }, 'upload-put')
    using client = new PlainClient(registry.url)
    expect((await client.send('PUT', `${await start(client)}&digest=${blob.digest}`, { body: bytes })).status).toBe(500)
    expect(registry.hasBlob('w', blob.digest)).toBe(true)
  })

  test('stall never answers an upload', async () => {
    await using registry = await failing({ kind: 'stall' }, 'upload-put')
    using client = new PlainClient(registry.url)
    const put = client.send('PUT', `${await start(client)}&digest=${blob.digest}`, { body: bytes, signal: AbortSignal.timeout(200) })
    await expect(put).rejects.toThrow(/abort/)
  })

  test('forget-upload loses the session', async () => {
    await using registry = await failing({ kind: 'forget-upload' }, 'upload-patch')
    using client = new PlainClient(registry.url)
    const answer = await client.send('PATCH', await start(client), { body: bytes })
    expect([answer.status, answer.body.toString()]).toEqual([404, expect.stringContaining('BLOB_UPLOAD_UNKNOWN')])
  })

  test.each([202, 401, 403, 404, 405] as const)('refuse-mount %i', async (status) => {
    await using registry = await failing({ kind: 'refuse-mount', status }, 'mount')
    using client = new PlainClient(registry.url)
    const answer = await client.send('POST', `/v2/w/blobs/uploads/?mount=${blob.digest}&from=r`)
    expect([answer.status, answer.headers.location !== undefined]).toEqual([status, status === 202])
    expect(registry.hasBlob('w', blob.digest)).toBe(false)
  })
})

test('expire-tokens ends every token at that request', async () => {
  await using registry = await startEmbeddedRegistry({ auth: { kind: 'bearer' } })
  registry.putBlob('r', bytes)
  registry.fail({ match: { kind: 'blob-get' }, how: { kind: 'expire-tokens' } })
  using client = new PlainClient(registry.url)
  const token = async () => (JSON.parse((await client.send('GET', '/token?scope=repository:r:pull')).body.toString()) as { token: string }).token
  const get = async (bearer: string) => (await client.send('GET', path, { headers: { authorization: `Bearer ${bearer}` } })).status
  const old = await token()
  expect([await get(old), await get(old), await get(await token())]).toEqual([401, 401, 200])
})

test('a hook acts at the instant of a request, before it is answered', async () => {
  await using registry = await startEmbeddedRegistry()
  registry.putBlob('r', bytes)
  const off = registry.onRequest((seen) => { if (seen.kind === 'blob-get') registry.deleteBlob('r', blob.digest) })
  expect((await read(registry, path)).status).toBe(404)
  off()
  registry.putBlob('r', bytes)
  expect((await read(registry, path)).status).toBe(200)
  expect(registry.requests.map(({ kind, status, bytesOut, repository }) => ({ kind, status, repository, whole: bytesOut === bytes.length })))
    .toEqual([{ kind: 'blob-get', status: 404, repository: 'r', whole: false }, { kind: 'blob-get', status: 200, repository: 'r', whole: true }])
})
