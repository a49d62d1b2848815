// What is asked before content is read, counted at the registry.
import { digestOf, type Descriptor, parseRepositoryName } from '@longshore/oci'
import { type EmbeddedRegistry, type EmbeddedRegistryOptions, startEmbeddedRegistry } from '@longshore/testing'
import type { Content, PushOptions } from '@longshore/transfer'
import { describe, expect, test } from 'vitest'
import { createRegistry, type Registry } from './index.ts'

const { signal } = new AbortController()
const [repository, other, third] = [parseRepositoryName('team/app'), parseRepositoryName('team/base'), parseRepositoryName('team/third')]
const large = 100_000

async function setUp(options: EmbeddedRegistryOptions = {}) {
  const stack = new AsyncDisposableStack()
  const embedded: EmbeddedRegistry = stack.use(await startEmbeddedRegistry({ singlePost: false, ...options }))
  const registry: Registry = stack.use(createRegistry({ registry: embedded.host, tlsVerify: false, retries: { attempts: 3, baseMs: 1, capMs: 5 } }))
  await registry.ping({ signal })
  embedded.clearRequests()
  /** Pushes, and tells what came of it, by which requests, and how often the content was opened. */
  const push = async ({ bytes, desc }: Blob, options: Partial<PushOptions> = {}, to = repository) => {
    embedded.clearRequests()
    let opened = 0
    const open = (offset: number): Promise<Content> => {
      opened++
      return Promise.resolve({
        async* [Symbol.asyncIterator]() { yield bytes.subarray(offset) },
        async [Symbol.asyncDispose]() { /* nothing is held */ },
      })
    }
    const outcome = await registry.push(to, desc, open, { signal, ...options })
    expect(embedded.hasBlob(to, desc.digest)).toBe(true)
    return [outcome, embedded.requests.map(({ kind }) => kind).join(' '), opened]
  }
  return { embedded, registry, push, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

interface Blob { readonly bytes: Buffer; readonly desc: Descriptor }

let seed = 0
function blobOf(size: number): Blob {
  const bytes = Buffer.alloc(size, `blob ${seed++} `)
  return { bytes, desc: { mediaType: 'application/octet-stream', digest: digestOf(bytes), size } }
}

describe('a large blob in a repository that seems to be absent', () => {
  test('is found where it is there after all, and costs a request no more where it is not', async () => {
    await using t = await setUp()
    const blob = blobOf(large)
    expect(await t.push(blob, { mayExist: false })).toEqual(['pushed', 'mount upload-put', 1])
    expect(await t.push(blob, { mayExist: false })).toEqual(['existed', 'mount', 0])
    expect(t.registry.capabilities.selfMount).toBe('yes')
    expect(await t.push(blobOf(1000), { mayExist: false })).toEqual(['pushed', 'upload-monolithic upload-put', 1])
  })

  test.each([401, 403, 404] as const)('is uploaded by a plain POST where the question is refused with %i, and the repository not asked again', async (status) => {
    await using t = await setUp()
    t.embedded.fail({ match: { kind: 'mount', repository }, times: 100, how: { kind: 'refuse-mount', status } })
    expect(await t.push(blobOf(large), { mayExist: false })).toEqual(['pushed', 'mount upload-start upload-put', 1])
    expect(await t.push(blobOf(large), { mayExist: false })).toEqual(['pushed', 'upload-start upload-put', 1])
    // Of the others nothing has been learnt.
    expect(await t.push(blobOf(large), { mayExist: false }, other)).toEqual(['pushed', 'mount upload-put', 1])
  })

  test('asks no repository any more where the question is not supported, or three have refused it', async () => {
    for (const [status, repositories] of [[405, [repository]], [403, [repository, other, third]]] as const) {
      await using t = await setUp()
      t.embedded.fail({ match: { kind: 'mount' }, times: 100, how: { kind: 'refuse-mount', status } })
      for (const each of repositories) expect(await t.push(blobOf(large), { mayExist: false }, each)).toEqual(['pushed', 'mount upload-start upload-put', 1])
      expect(await t.push(blobOf(large), { mayExist: false }, parseRepositoryName('team/fourth'))).toEqual(['pushed', 'upload-start upload-put', 1])
    }
  })
})

describe('a registry without mounts', () => {
  test('uploads nothing that is there: a HEAD behind the first answer, then before', async () => {
    await using t = await setUp({ mounts: false })
    const blob = blobOf(large)
    // Absent, so that nothing is learnt.
    expect(await t.push(blob)).toEqual(['pushed', 'mount blob-head upload-put', 1])
    expect(t.registry.capabilities.selfMount).toBe('unknown')
    expect(await t.push(blob)).toEqual(['existed', 'mount blob-head upload-cancel', 0])
    expect(t.registry.capabilities.selfMount).toBe('no')
    expect(await t.push(blob)).toEqual(['existed', 'blob-head', 0])
    expect(await t.push(blobOf(large))).toEqual(['pushed', 'blob-head upload-start upload-put', 1])
    expect(await t.push(blobOf(large), { mayExist: false })).toEqual(['pushed', 'upload-start upload-put', 1])
  })

  test('is not asked about what is small: sending it costs as much', async () => {
    await using t = await setUp({ mounts: false })
    expect(await t.push(blobOf(1000))).toEqual(['pushed', 'mount upload-put', 1])
  })

  test('refuses to tell: the session is used', async () => {
    await using t = await setUp({ mounts: false })
    t.embedded.fail({ match: { kind: 'blob-head' }, how: { kind: 'status', status: 405 } })
    expect(await t.push(blobOf(large))).toEqual(['pushed', 'mount blob-head upload-put', 1])
  })

  test('is asked for eight mounts, then no more', async () => {
    await using t = await setUp({ mounts: false })
    for (let i = 0; i < 8; i++) expect(await t.push(blobOf(1000), { mayExist: false, mountFrom: [other] })).toEqual(['pushed', 'mount upload-put', 1])
    expect(t.registry.capabilities.mount).toBe('no')
    expect((await t.push(blobOf(1000), { mayExist: false, mountFrom: [other] }))[1]).not.toContain('mount')
  })
})

test('where a mount has told that a blob is there, its 202 is believed', async () => {
  await using t = await setUp()
  const blob = blobOf(large)
  t.embedded.putBlob(repository, blob.bytes)
  expect(await t.push(blob)).toEqual(['existed', 'mount', 0])
  expect(await t.push(blobOf(large))).toEqual(['pushed', 'mount upload-put', 1])
})

describe('mounts that are refused', () => {
  test('the first session is used: no second candidate is asked, and none is left lying about', async () => {
    await using t = await setUp()
    expect(await t.push(blobOf(large), { mayExist: false, mountFrom: [other, third] })).toEqual(['pushed', 'mount upload-put', 1])
  })

  test('the blob may be there all the same', async () => {
    await using t = await setUp()
    for (const size of [1000, large]) {
      const blob = blobOf(size)
      t.embedded.putBlob(repository, blob.bytes)
      t.embedded.fail({ match: { kind: 'mount' }, how: { kind: 'refuse-mount', status: 202 } })
      expect(await t.push(blob, { mountFrom: [other] })).toEqual(['existed', 'mount blob-head upload-cancel', 0])
      t.embedded.fail({ match: { kind: 'mount', path: /from=team%2Fbase/ }, how: { kind: 'refuse-mount', status: 403 } })
      expect(await t.push(blob, { mountFrom: [other] })).toEqual(['existed', 'mount mount', 0])
    }
  })

  test('and where the repository itself gives no proof, a HEAD tells, of small blobs too', async () => {
    await using t = await setUp({ mounts: false })
    const blob = blobOf(1000)
    t.embedded.putBlob(repository, blob.bytes)
    t.embedded.fail({ match: { kind: 'mount', path: /from=team%2Fbase/ }, how: { kind: 'refuse-mount', status: 403 } })
    expect(await t.push(blob, { mountFrom: [other] })).toEqual(['existed', 'mount mount blob-head upload-cancel', 0])
  })

  test.each([401, 403, 404] as const)('%i is about one repository: the next is asked', async (status) => {
    await using t = await setUp()
    const blob = blobOf(1000)
    t.embedded.putBlob(third, blob.bytes)
    t.embedded.fail({ match: { kind: 'mount', path: /from=team%2Fbase/ }, times: 100, how: { kind: 'refuse-mount', status } })
    expect(await t.push(blob, { mayExist: false, mountFrom: [other, third] })).toEqual(['mounted', 'mount mount', 0])
    // And however often, once another was mounted.
    for (let i = 0; i < 10; i++) await t.push(blobOf(1000), { mayExist: false, mountFrom: [other] })
    expect(t.registry.capabilities.mount).toBe('yes')
  })

  test.each([400, 405, 501])('%i is about mounts as such: the next is not asked', async (status) => {
    await using t = await setUp()
    t.embedded.fail({ match: { kind: 'mount' }, times: 100, how: { kind: 'status', status } })
    expect((await t.push(blobOf(1000), { mayExist: false, mountFrom: [other, third] }))[1]).toMatch(/^mount upload-[a-z]+ upload-put$/)
    expect((await t.push(blobOf(1000), { mayExist: false, mountFrom: [other] }))[1]).not.toContain('mount')
  })
})
