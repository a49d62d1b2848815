import { expect, test } from 'vitest'
import { Throughput } from './throughput.ts'

test('knows nothing at first, then what was moved, and forgets it', () => {
  let now = 5_000
  const throughput = new Throughput(() => now)
  expect(throughput.perSecond()).toBe(Infinity)
  throughput.moved(10e6)
  expect(throughput.perSecond()).toBe(Infinity)
  expect(throughput.along(5e6)).toBe(5e6)
  now += 2_000
  throughput.moved(30e6)
  expect(throughput.perSecond()).toBe(20e6)
  expect([19e6, 20e6].map((bytes) => throughput.isFilledBy(bytes, 10e6))).toEqual([false, true])
  expect(throughput.isFilledBy(20e6, 50e6)).toBe(false)
  expect([5e6, 15e6].map((least) => throughput.along(least))).toEqual([10e6, 15e6])
  now += 18_001
  expect(throughput.perSecond()).toBeCloseTo(1.5e6)
  now += 60_000
  expect(throughput.perSecond()).toBe(0)
})
