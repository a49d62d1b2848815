import { digestOf, DigestMismatchError, SizeMismatchError } from '@longshore/oci'
import { expect, test } from 'vitest'
import type { Content } from './transport.ts'
import { Verifier } from './verified.ts'

const right = Buffer.from('the blob, as it should be')
const desc = { mediaType: 'application/octet-stream', digest: digestOf(right), size: right.length }

function contentOf(bytes: Buffer, offset = 0): Content {
  return {
    async* [Symbol.asyncIterator]() { for (let i = offset; i < bytes.length; i += 4) yield await Promise.resolve(bytes.subarray(i, i + 4)) },
    async [Symbol.asyncDispose]() { /* nothing is held */ },
  }
}
async function read(verifier: Verifier, bytes: Buffer, offset: number): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of verifier.check(contentOf(bytes, offset), offset)) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}
const wrong = Buffer.from(right).fill('x', 2, 3)

test('what starts behind bytes that were never seen cannot be judged; the same blob from its start is', async () => {
  const verifier = new Verifier(desc, 'it')
  expect(await read(verifier, wrong, 8)).toBe(wrong.subarray(8).toString())
  await expect(read(verifier, wrong, 0)).rejects.toThrow(DigestMismatchError)
  const another = new Verifier(desc, 'it')
  expect(await read(another, right, 8)).toBe(right.subarray(8).toString())
  expect(await read(another, right, 0)).toBe(right.toString())
})

test('the last chunk of what is wrong is held back, and a length that is wrong needs no digest', async () => {
  let passed = 0
  const reading = async (): Promise<void> => { for await (const chunk of new Verifier(desc, 'it').check(contentOf(wrong), 0)) passed += chunk.byteLength }
  await expect(reading()).rejects.toThrow(DigestMismatchError)
  expect(passed).toBe(right.length - right.length % 4)
  await expect(read(new Verifier(desc, 'it'), right.subarray(0, 20), 8)).rejects.toThrow(SizeMismatchError)
})
