import { InvalidArgumentError } from 'commander'
import { describe, expect, test } from 'vitest'
import { parseBandwidth, parseBoolean, parseCount, parsePercent, parsePlatforms, parseSample } from './parse-value.ts'

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

describe('parseSample', () => {
  test.each([['100%', { percent: 100, salt: '' }], ['5%:ab12', { percent: 5, salt: 'ab12' }], ['0.5:x', { percent: 0.5, salt: 'x' }]])('%s', (text, sample) => { expect(parseSample(text)).toEqual(sample) })
  test('without a salt another choice is made each time', () => {
    const [first, second] = [parseSample('5%'), parseSample('5%')]
    expect(first.salt).toMatch(/^[0-9a-f]{8}$/)
    expect(second.salt).not.toBe(first.salt)
  })
  test.each(['', '0%', '101%', 'true', '5%:', '5%:a b', '-5%', '.', '5%%'])('%s is refused', (text) => { expect(() => parseSample(text)).toThrow(/more than 0%/) })
})

test('a share may be 0%, for what is never to happen', () => {
  expect([parsePercent('10%'), parsePercent('0'), parsePercent('0.5%')]).toEqual([10, 0, 0.5])
  for (const text of ['', '-1', '100.1', 'ten', '1%%']) expect(() => parsePercent(text)).toThrow(/from 0% to 100%/)
})
