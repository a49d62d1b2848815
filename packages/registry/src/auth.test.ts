// Credentials of every kind, tokens that live shortly, and the real registry's own two ways of asking for them.
import { setTimeout as delay } from 'node:timers/promises'
import { digestOf, parseRepositoryName, parseTag } from '@longshore/oci'
import { selfSignedCert, startDockerRegistry, startEmbeddedRegistry, startTokenServer } from '@longshore/testing'
import type { Content } from '@longshore/transfer'
import { describe, expect, test } from 'vitest'
import { createRegistry, type Registry } from './index.ts'
import { findOrigin } from './ping.ts'
import { wirePath } from './paths.ts'
import type { Wire } from './wire.ts'

const { signal } = new AbortController()
const [repository, other] = [parseRepositoryName('team/app'), parseRepositoryName('team/base')]
const retries = { attempts: 3, baseMs: 1, capMs: 5 }
const credentials = { kind: 'basic', username: 'u', password: 'p' } as const

function blobOf(size: number) {
  const bytes = Buffer.from(Uint8Array.from({ length: size }, (_, i) => i % 251))
  return { bytes, desc: { mediaType: 'application/octet-stream', digest: digestOf(bytes), size } }
}

/** A source that takes `ms` for all of it, in 20 pieces. */
function dripping(bytes: Buffer, ms: number) {
  const seen = { offsets: [] as number[], sent: 0 }
  const open = (offset: number): Promise<Content> => {
    seen.offsets.push(offset)
    return Promise.resolve({
      async* [Symbol.asyncIterator]() {
        const step = Math.ceil(bytes.length / 20)
        for (let i = offset; i < bytes.length; i += step) {
          if (ms > 0) await delay(ms / 20)
          yield bytes.subarray(i, i + step)
        }
      },
      async [Symbol.asyncDispose]() { /* nothing is held */ },
    })
  }
  return { seen, open, options: { signal, mayExist: false, onSent: (n: number) => { seen.sent += n } } }
}

/** Everything that needs a permission: push, mount, read, ask. */
async function useAll(registry: Registry): Promise<void> {
  for (const size of [1000, 600_000]) {
    const { bytes, desc } = blobOf(size)
    const { open, options } = dripping(bytes, 0)
    expect(await registry.push(repository, desc, open, options)).toBe('pushed')
    expect(await registry.push(other, desc, open, { signal, mountFrom: [repository] })).toBe('mounted')
    expect(await registry.exists(other, desc, { signal })).toBe(true)
    const parts = await Array.fromAsync(await registry.blob(other, desc, { signal }))
    expect(digestOf(Buffer.concat(parts))).toBe(desc.digest)
  }
  expect(await registry.resolve(repository, parseTag('none'), { signal })).toBeUndefined()
}

describe('credentials', () => {
  test('an identity token is exchanged at the token service and shown to nobody else', async () => {
    await using embedded = await startEmbeddedRegistry({ auth: { kind: 'bearer', users: { u: 'p' } } })
    const form = new URLSearchParams({ grant_type: 'password', username: 'u', password: 'p', access_type: 'offline', service: embedded.host })
    const { refresh_token: token } = await (await fetch(`${embedded.url}/token`, { method: 'POST', body: form })).json() as { refresh_token: string }
    await using registry = createRegistry({ registry: embedded.host, tlsVerify: false, retries, credentials: { kind: 'identity-token', token } })
    embedded.clearRequests()
    await useAll(registry)
    expect(embedded.requests.filter((r) => r.kind === 'token').every((r) => r.method === 'POST' && !r.path.includes(token))).toBe(true)
    await using wrong = createRegistry({ registry: embedded.host, tlsVerify: false, retries, credentials: { kind: 'identity-token', token: 'hunter2' } })
    const failure: unknown = await wrong.tags(repository, { signal }).catch((error: unknown) => error)
    expect(failure).toMatchObject({ status: 401 })
    expect(String(failure)).not.toContain('hunter2')
  })

  test('a registry token is sent as it is, and no token service is asked', async () => {
    await using embedded = await startEmbeddedRegistry({ auth: { kind: 'bearer', users: { u: 'p' } } })
    const query = `scope=repository:${repository}:pull,push&scope=repository:${other}:pull,push`
    const { token } = await (await fetch(`${embedded.url}/token?${query}`, {
      headers: { authorization: `Basic ${Buffer.from('u:p').toString('base64')}` },
    })).json() as { token: string }
    embedded.clearRequests()
    await using registry = createRegistry({ registry: embedded.host, tlsVerify: false, retries, credentials: { kind: 'registry-token', token } })
    await useAll(registry)
    expect(embedded.count({ kind: 'token' })).toBe(0)
  })
})

describe('tokens that live a second', () => {
  const auth = { kind: 'bearer', users: { u: 'p' }, tokenTtlMs: 1000 } as const

  test('one slow blob: the request that has begun goes on', async () => {
    await using embedded = await startEmbeddedRegistry({ auth })
    await using registry = createRegistry({ registry: embedded.host, tlsVerify: false, retries, credentials })
    const { bytes, desc } = blobOf(1_000_000)
    const { seen, open, options } = dripping(bytes, 1300)
    expect(await registry.push(repository, desc, open, options)).toBe('pushed')
    expect(seen).toEqual({ offsets: [0], sent: desc.size })
  })

  test('many slow parts: each shows a token that is good', async () => {
    await using embedded = await startEmbeddedRegistry({ auth })
    await using registry = createRegistry({ registry: embedded.host, tlsVerify: false, retries, credentials })
    Object.assign(registry.capabilities, { maxBodyBytes: 100_000 })
    const { bytes, desc } = blobOf(2_000_000)
    const { seen, open, options } = dripping(bytes, 1500)
    expect(await registry.push(repository, desc, open, options)).toBe('pushed')
    expect(seen).toEqual({ offsets: [0], sent: desc.size })
    expect(embedded.count({ status: 401 })).toBe(1)
    expect(embedded.count({ kind: 'token' })).toBeGreaterThan(1)
  })

  test('a source that is slow to begin: no request waits for it with a token that dies', async () => {
    await using embedded = await startEmbeddedRegistry({ auth })
    await using registry = createRegistry({ registry: embedded.host, tlsVerify: false, retries, credentials })
    const { bytes, desc } = blobOf(1_000_000)
    const { seen, open, options } = dripping(bytes, 0)
    const late = async (offset: number): Promise<Content> => {
      const content = await open(offset)
      return {
        async* [Symbol.asyncIterator]() {
          await delay(1300)
          yield* content
        },
        [Symbol.asyncDispose]: () => content[Symbol.asyncDispose](),
      }
    }
    expect(await registry.push(repository, desc, late, options)).toBe('pushed')
    expect(seen).toEqual({ offsets: [0], sent: desc.size })
    expect(embedded.count({ kind: 'upload-put', status: 401 })).toBe(0)
  })

  test('and die before: what was acknowledged is not sent again', async () => {
    await using embedded = await startEmbeddedRegistry({ auth: { ...auth, tokenTtlMs: 200 } })
    await using registry = createRegistry({ registry: embedded.host, tlsVerify: false, retries, credentials })
    Object.assign(registry.capabilities, { maxBodyBytes: 100_000 })
    const { bytes, desc } = blobOf(1_000_000)
    const { seen, open, options } = dripping(bytes, 900)
    expect(await registry.push(repository, desc, open, options)).toBe('pushed')
    expect(seen.offsets.length).toBeGreaterThan(1)
    expect(seen.offsets.every((offset, i) => i === 0 || offset > (seen.offsets[i - 1] ?? 0))).toBe(true)
    expect(seen.sent).toBe(desc.size)
  })
})

describe('docker-registry', () => {
  test('bearer tokens of a service that signs', async () => {
    await using tokens = await startTokenServer({ users: { u: 'p' } })
    await using server = await startDockerRegistry({ auth: { kind: 'token', server: tokens } })
    await using registry = createRegistry({ registry: server.host, tlsVerify: false, retries, credentials })
    await useAll(registry)
    expect(tokens.requests.every(({ user }) => user === 'u')).toBe(true)
    // To push, to mount (both repositories), to read at the other.
    expect(tokens.requests).toHaveLength(4)
    await using nobody = createRegistry({ registry: server.host, tlsVerify: false, retries })
    await expect(nobody.tags(repository, { signal })).rejects.toMatchObject({ status: 401 })
  })

  test('basic, over TLS that is not verified', async () => {
    const { server: tls } = await selfSignedCert()
    await using server = await startDockerRegistry({ auth: { kind: 'htpasswd', users: { u: 'p' } }, tls })
    await using registry = createRegistry({ registry: server.host, tlsVerify: false, retries, credentials })
    await useAll(registry)
    await using wrong = createRegistry({ registry: server.host, tlsVerify: false, retries, credentials: { ...credentials, password: 'hunter2' } })
    await expect(wrong.tags(repository, { signal })).rejects.toMatchObject({ status: 401 })
  })
})

describe('Docker Hub', () => {
  test('is asked under its own name and keeps single names in library/', async () => {
    const asked: string[] = []
    const answer = { status: 200, headers: { 'content-type': 'application/json' }, body: Buffer.from('{}'), truncated: false }
    const wire = { send: (origin: string) => Promise.resolve((asked.push(origin), answer)) } as unknown as Wire
    for (const registry of ['docker.io', 'index.docker.io', 'quay.io']) {
      await findOrigin(wire, { registry }, { connectMs: 1, headersMs: 1, stallMs: 1, commitMs: 1 }, retries, 'x', signal)
    }
    expect(asked).toEqual(['https://registry-1.docker.io', 'https://registry-1.docker.io', 'https://quay.io'])
    expect([wirePath('index.docker.io', 'redis'), wirePath('docker.io', 'team/redis'), wirePath('localhost:5000', 'redis')])
      .toEqual(['library/redis', 'team/redis', 'redis'])
  })
})
