import { describe, expect, test } from 'vitest'
import { count, formatBar, formatBytes, formatDuration, formatNumber } from './format.ts'

describe('formatBytes', () => {
  test.each([
    [0, '0 B'], [1, '1 B'], [999, '999 B'], [1000, '1.0 kB'], [1234, '1.2 kB'], [34_100_000, '34.1 MB'], [99_960_000, '100 MB'],
    [134_400_000, '134 MB'], [999_499, '999 kB'], [999_600, '1.0 MB'], [20e12, '20.0 TB'], [5e18, '5000 PB'], [-5, '0 B'],
  ])('%d is %s', (bytes, text) => { expect(formatBytes(bytes)).toBe(text) })
})

describe('formatDuration', () => {
  test.each([
    [0, '0 ms'], [12.4, '12 ms'], [999.6, '1.0 s'], [2100, '2.1 s'], [59_949, '59.9 s'], [59_960, '1 min 00 s'], [65_000, '1 min 05 s'],
    [3_599_600, '1 h 00 min'], [7_380_000, '2 h 03 min'], [180_000_000, '2 d 02 h'], [-3, '0 ms'],
  ])('%d ms is %s', (ms, text) => { expect(formatDuration(ms)).toBe(text) })
})

describe('formatBar', () => {
  test.each([
    [0, 4, '░░░░'], [1, 4, '████'], [0.5, 4, '██░░'], [0.03, 4, '▏░░░'], [0.99, 4, '████'], [2, 4, '████'], [-1, 4, '░░░░'], [Number.NaN, 3, '░░░'],
  ])('%d of %d cells is %s', (fraction, width, bar) => { expect(formatBar(fraction, width)).toBe(bar) })

  test('is always as wide as asked', () => {
    for (let i = 0; i <= 100; i++) expect(formatBar(i / 100, 17)).toHaveLength(17)
  })
})

test.each([[0, '0'], [999, '999'], [1000, '1,000'], [1_234_567, '1,234,567']])('%d is %s', (n, text) => { expect(formatNumber(n)).toBe(text) })
test('counts have plurals', () => {
  expect([count(1, 'image'), count(2, 'image'), count(1200, 'index', 'indexes')]).toEqual(['1 image', '2 images', '1,200 indexes'])
})
