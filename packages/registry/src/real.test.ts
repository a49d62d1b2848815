import { digestOf, parseRepositoryName } from '@longshore/oci'
import { selfSignedCert, startDockerRegistry, startEmbeddedRegistry } from '@longshore/testing'
import type { Content } from '@longshore/transfer'
import { expect, test } from 'vitest'
import { createRegistry } from './index.ts'

const { signal } = new AbortController()
const [repository, other] = [parseRepositoryName('team/app'), parseRepositoryName('team/base')]
const retries = { attempts: 3, baseMs: 1, capMs: 5 }

function opener(bytes: Buffer) {
  return (offset: number): Promise<Content> => Promise.resolve({
    async* [Symbol.asyncIterator]() { for (let i = offset; i < bytes.length; i += 65_536) yield bytes.subarray(i, i + 65_536) },
    async [Symbol.asyncDispose]() { /* nothing is held */ },
  })
}

test('docker-registry: push, mount, read back', async () => {
  await using server = await startDockerRegistry()
  await using registry = createRegistry({ registry: new URL(server.url).host, tlsVerify: false, retries })
  for (const size of [100, 1000, 3_000_000]) {
    const bytes = Buffer.alloc(size, size)
    const desc = { mediaType: 'application/octet-stream', digest: digestOf(bytes), size }
    expect(await registry.push(repository, desc, opener(bytes), { signal, mayExist: false })).toBe('pushed')
    expect(await registry.push(repository, desc, opener(bytes), { signal })).toBe('existed')
    expect(await registry.push(other, desc, opener(bytes), { signal, mountFrom: [repository] })).toBe('mounted')
    await using content = await registry.blob(other, desc, { signal, offset: 50 })
    expect(Buffer.concat(await Array.fromAsync(content)).equals(bytes.subarray(50))).toBe(true)
  }
  expect(registry.capabilities).toMatchObject({ singlePost: 'no', mount: 'yes' })
})

test('certificates: an unknown authority is named, a known one is trusted, a client shows its own', async () => {
  const { ca, server, client } = await selfSignedCert()
  await using embedded = await startEmbeddedRegistry({ tls: { ...server, clientCa: ca } })
  await using unknown = createRegistry({ registry: embedded.host, retries })
  await expect(unknown.ping({ signal })).rejects.toMatchObject({ code: 'TLS_FAILED' })
  await using known = createRegistry({ registry: embedded.host, tls: { ca: [ca], ...client }, retries })
  expect(await known.tags(repository, { signal })).toBeUndefined()
  await using lax = createRegistry({ registry: embedded.host, tlsVerify: false, tls: client, retries })
  expect(await lax.tags(repository, { signal })).toBeUndefined()
})
