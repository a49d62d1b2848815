import { describe, expect, test } from 'vitest'
import {
  companionSubject, CopyError, describeRecord, type Digest, formatPlatform, matchesPlatform, parsePlatform, printable, referrersTag, RegistryError, toRecord,
} from './index.ts'

const digest = `sha256:${'ab'.repeat(32)}` as Digest

describe('platforms', () => {
  test.each([
    ['linux/amd64', 'linux/amd64', true], ['linux/amd64', 'linux/arm64', false], ['linux/arm', 'linux/arm/v7', true], ['linux/arm/v6', 'linux/arm/v7', false],
    ['linux/arm64', 'linux/arm64/v8', true], ['linux/arm64/v8', 'linux/arm64', true], ['windows/amd64', 'linux/amd64', false],
  ])('%s takes %s: %s', (wish, platform, expected) => expect(matchesPlatform(parsePlatform(wish), parsePlatform(platform))).toBe(expected))
  test.each(['linux', 'linux/', '/amd64', 'linux/arm/', 'a/b/c/d'])('%s is no platform', (text) => expect(() => parsePlatform(text)).toThrow('a platform is'))
  test('prints', () => expect(formatPlatform(parsePlatform('linux/arm/v7'))).toBe('linux/arm/v7'))
})

describe('companion tags', () => {
  test.each(['', '.sig', '.att', '.sbom'])('sha256-<hex>%s is about its manifest', (suffix) => expect(companionSubject(referrersTag(digest) + suffix)).toBe(digest))
  test.each(['latest', 'sha256-abc', `${referrersTag(digest)}.other`, `x${referrersTag(digest)}`])('%s is not', (tag) => expect(companionSubject(tag)).toBeUndefined())
})

test.each([['plain ünïcode', 'plain ünïcode'], ['a\u001b[31mb', 'a\\x1b[31mb'], ['a\r\nb', 'a\\x0d\\x0ab'], ['\u202egpj', '\\u202egpj']])('printable %j', (text, expected) => expect(printable(text)).toBe(expected))

describe('errors as data', () => {
  const refused = new RegistryError({ status: 403, registry: 'r.test', request: 'PUT /v2/a/manifests/1', details: [{ code: 'DENIED', message: 'no\u0007' }] })
  test('keep their facts through the chain', () => {
    expect(toRecord(new CopyError('destination', 'push', undefined, refused))).toEqual({
      name: 'CopyError', code: 'COPY_FAILED', side: 'destination', op: 'push', message: 'push on the destination',
      cause: { name: 'RegistryError', code: 'DENIED', status: 403, registry: 'r.test', message: 'r.test answered 403 to PUT /v2/a/manifests/1 (DENIED: no\\x07)' },
    })
  })
  test('read as one line', () => {
    expect(describeRecord(toRecord(new CopyError('destination', 'push', undefined, refused))))
      .toBe('push on the destination: r.test answered 403 to PUT /v2/a/manifests/1 (DENIED: no\\x07)')
  })
  test('a body that is not the specification\'s still has a code', () => {
    expect(new RegistryError({ status: 502, registry: 'r.test', request: 'GET /v2/' }).code).toBe('HTTP_502')
  })
})
