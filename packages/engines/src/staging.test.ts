// What both engines do with blobs, by the points of the contract suite: its layers are no tar files, which engines do not take.
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Descriptor, digestOf, MediaType, type RepositoryName } from '@longshore/oci'
import { openerOf } from '@longshore/testing/contracts'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Staging } from './staging.ts'

const repository = 'team/app' as RepositoryName
const other = 'team/base' as RepositoryName
const bytes = Buffer.alloc(300_000, 'longshore')
const desc: Descriptor = { mediaType: MediaType.ociLayer, digest: digestOf(bytes), size: bytes.byteLength }
const io = { signal: new AbortController().signal }
let folder: string
let staging: Staging
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'longshore-staging-')); staging = new Staging('test:', folder) })
afterEach(async () => {
  await staging[Symbol.asyncDispose]()
  expect(await readdir(folder)).toEqual([])
  await rm(folder, { recursive: true })
})

const read = async (from: RepositoryName, offset = 0): Promise<Buffer> => {
  await using content = await staging.open(from, desc, { ...io, offset })
  return Buffer.concat(await Array.fromAsync(content))
}
const files = async (): Promise<string[]> => (await Promise.all((await readdir(folder)).map((name) => readdir(join(folder, name))))).flat()

test('a blob is there once it was pushed, from any byte on, in its repository alone; every byte was told', async () => {
  let sent = 0
  expect(await staging.push(repository, desc, openerOf(bytes), { ...io, onSent: (count) => { sent += count } })).toBe('pushed')
  expect(sent).toBe(bytes.length)
  for (const offset of [0, 1, bytes.length - 1, bytes.length]) expect((await read(repository, offset)).equals(bytes.subarray(offset))).toBe(true)
  await expect(read(other)).rejects.toMatchObject({ status: 404 })
  const never = (): never => { throw new Error('was opened') }
  expect(await staging.push(repository, desc, never, io)).toBe('existed')
  expect(await staging.push(other, desc, never, { ...io, mountFrom: [repository] })).toBe('mounted')
  expect((await read(other)).equals(bytes)).toBe(true)
})

test.each([
  ['breaks off', openerOf(bytes, { failAt: 100_000 })], ['is too short', openerOf(bytes.subarray(0, 70_000))], ['is too long', openerOf(Buffer.concat([bytes, bytes]))],
  ['is another', openerOf(Buffer.alloc(300_000, 'harbour'))],
])('content that %s leaves nothing', async (_, opener) => {
  await expect(staging.push(repository, desc, opener, io)).rejects.toThrow()
  expect(staging.has(repository, desc.digest)).toBe(false)
  expect(await files()).toEqual([])
})

test('an abort ends a push, which leaves nothing, and does not spoil another of the same blob', async () => {
  const controller = new AbortController()
  const reason = new Error('enough')
  const first = staging.push(repository, desc, openerOf(bytes, { onChunk: () => { controller.abort(reason) } }), { signal: controller.signal })
  const second = staging.push(repository, desc, openerOf(bytes), io)
  await expect(first).rejects.toBe(reason)
  expect(await second).toBe('pushed')
  expect((await read(repository)).equals(bytes)).toBe(true)
  expect(await files()).toHaveLength(1)
})

test('an abort ends a reading', async () => {
  await staging.push(repository, desc, openerOf(bytes), io)
  const controller = new AbortController()
  await using content = await staging.open(repository, desc, { signal: controller.signal })
  controller.abort(new Error('enough'))
  await expect(Array.fromAsync(content)).rejects.toThrow('enough')
})
