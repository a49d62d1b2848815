import { ConnectionError, digestOf, parseRepositoryName, RegistryError, type Tag } from '@longshore/oci'
import { MemoryRegistry, type MemoryRegistryOptions } from '@longshore/testing/contracts'
import { describe, expect, test } from 'vitest'
import { executeNode } from './execute-node.ts'
import type { BlobNode, NodeOutcome, TagNode } from './index.ts'
import { blobKey, tagKey } from './node.ts'
import { readBlob } from './read-blob.ts'

const signal = AbortSignal.timeout(10_000)
const repository = parseRepositoryName('a')
const to = { registry: 'dst.test', repository }

describe('a tag that was absent when its image was resolved', () => {
  const put = async (ageMs: number): Promise<{ readonly outcome: NodeOutcome; readonly dst: MemoryRegistry }> => {
    const dst = new MemoryRegistry('dst.test')
    const { digest } = dst.addImage('a', undefined, ['ours'])
    dst.addImage('a', '1', ['theirs'])
    const node: TagNode = {
      kind: 'tag', key: tagKey(to, '1' as Tag), ...to, tag: '1' as Tag, manifest: dst.repository('a').manifests.get(digest)!, from: { registry: 'src.test', repository }, needs: [],
      options: { platforms: [], platformPolicy: 'sparse', referrers: false, foreignLayers: 'keep' }, seen: { digest: undefined, atMs: performance.now() - ageMs },
    }
    const lease = { key: node.key, node, worker: 'w', fence: 1, holders: [], replans: 0, again: false }
    return { outcome: await executeNode(lease, { signal, transports: { source: () => dst, target: () => dst }, inFlight: new Set() }), dst }
  }

  test('is asked for again when that was long ago, and left alone if somebody has made it since (P8)', async () => {
    await expect(put(61_000)).rejects.toMatchObject({ code: 'TAG_CONFLICT' })
  })

  test('costs no request when that was just now', async () => {
    const { outcome, dst } = await put(0)
    expect(outcome).toBe('pushed')
    expect(dst.calls).toEqual(['put a 1'])
  })
})

describe('a blob that several repositories of one registry list', () => {
  const open = async (before: NonNullable<MemoryRegistryOptions['before']>): Promise<MemoryRegistry> => {
    const src = new MemoryRegistry('src.test', { before })
    const desc = { mediaType: 'x', digest: digestOf(Buffer.from('content')), size: 7 }
    const from = ['a', 'b', 'c'].map((name) => ({ registry: 'src.test', repository: parseRepositoryName(name) }))
    const node: BlobNode = { kind: 'blob', key: blobKey(to, desc), ...to, desc, from, mayExist: false }
    await expect(readBlob(node, [], { source: () => src, target: () => src }, signal)(0)).rejects.toMatchObject({ side: 'source' })
    return src
  }

  test('is asked of the others when one refuses it', async () => {
    const src = await open(() => { throw new RegistryError({ status: 404, registry: 'src.test', request: 'GET', details: [{ code: 'BLOB_UNKNOWN' }] }) })
    expect(src.count('blob')).toBe(3)
  })

  test.each([
    ['out of reach', () => new ConnectionError('CONNECTION_FAILED', 'src.test', 'cut')],
    ['in trouble', () => new RegistryError({ status: 503, registry: 'src.test', request: 'GET' })],
  ])('is asked once when the registry itself is %s', async (_, trouble) => {
    expect((await open(() => { throw trouble() })).count('blob')).toBe(1)
  })
})
