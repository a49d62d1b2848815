import { type Digest, digestOf } from '@longshore/oci'
import { expect, test } from 'vitest'
import { everyBlob, isInSample } from './sample.ts'

const digests = Array.from({ length: 20_000 }, (_, i) => digestOf(Buffer.from(`blob ${i}`)))
const chosen = (percent: number, salt: string): Digest[] => digests.filter((digest) => isInSample(digest, { percent, salt }))

test('a sample has about its share, and is the same for the same salt only', () => {
  const five = chosen(5, 'a')
  expect(five.length).toBeGreaterThan(850)
  expect(five.length).toBeLessThan(1150)
  expect(chosen(5, 'a')).toEqual(five)
  const other = new Set(chosen(5, 'b'))
  expect(five.filter((digest) => other.has(digest)).length).toBeLessThan(150)
})

test('a larger share includes the smaller one; all of it is all', () => {
  const ten = new Set(chosen(10, 'a'))
  expect(chosen(5, 'a').every((digest) => ten.has(digest))).toBe(true)
  expect(digests.every((digest) => isInSample(digest, everyBlob))).toBe(true)
})
