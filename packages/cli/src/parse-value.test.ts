import { InvalidArgumentError } from 'commander'
import { describe, expect, test } from 'vitest'
import { parseBandwidth, parseBoolean, parseCount, parsePlatforms } from './parse-value.ts'

describe('parseBandwidth', () => {
  test.each([
    ['50MB/s', 50e6], ['50M', 50e6], ['6.5MiB/s', 6.5 * 1024 * 1024], ['1GB', 1e9], ['2 GiB/s', 2 * 1024 ** 3], ['100kB/s', 100e3], ['1000000', 1e6], ['4K', 4e3],
  ])('%s is %d bytes a second', (text, bytes) => { expect(parseBandwidth(text)).toBe(bytes) })

  test.each(['', '0', 'fast', '-5MB', '50Mbit/s', '5MB/min', '12B', 'NaN', '1e9', 'Infinity'])('%s is refused', (text) => {
    expect(() => parseBandwidth(text)).toThrow(InvalidArgumentError)
  })
})

describe('parseCount', () => {
  test.each([['1', 1], ['256', 256], ['10000', 10_000]])('%s is %d', (text, n) => { expect(parseCount(text)).toBe(n) })
  test.each(['', '0', '-1', '1.5', '0x10', 'many', '10001', '1e3'])('%s is refused', (text) => { expect(() => parseCount(text)).toThrow(InvalidArgumentError) })
})

describe('parseBoolean', () => {
  test.each([['true', true], ['FALSE', false], ['1', true], ['f', false]])('%s is %s', (text, value) => { expect(parseBoolean(text)).toBe(value) })
  test('anything else is refused', () => { expect(() => parseBoolean('maybe')).toThrow(/true or false/) })
})

describe('parsePlatforms', () => {
  test('takes several in one flag and over several flags', () => {
    const first = parsePlatforms('linux/amd64, linux/arm/v7', undefined)
    expect(parsePlatforms('windows/amd64', first)).toEqual([
      { os: 'linux', architecture: 'amd64' }, { os: 'linux', architecture: 'arm', variant: 'v7' }, { os: 'windows', architecture: 'amd64' },
    ])
  })
  test('says what a platform looks like', () => { expect(() => parsePlatforms('amd64', undefined)).toThrow(/os\/architecture/) })
})
