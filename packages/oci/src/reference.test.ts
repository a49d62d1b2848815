import { describe, expect, test } from 'vitest'
import { formatReference, InvalidReferenceError, joinReference, parseRegistry, parseRepositoryName, parseTag, splitReference } from './index.ts'

const hex = 'a'.repeat(64)

describe('splitReference', () => {
  test.each([
    ['redis', { repository: 'redis' }],
    ['redis:7', { repository: 'redis', tag: '7' }],
    ['library/redis:7', { repository: 'library/redis', tag: '7' }],
    ['quay.io/a/b:1', { registry: 'quay.io', repository: 'a/b', tag: '1' }],
    ['localhost/a', { registry: 'localhost', repository: 'a' }],
    ['localhost:5000/a/b', { registry: 'localhost:5000', repository: 'a/b' }],
    ['[::1]:5000/a:1', { registry: '[::1]:5000', repository: 'a', tag: '1' }],
    [`a/b@sha256:${hex}`, { repository: 'a/b', digest: `sha256:${hex}` }],
    [`a/b:1@sha256:${hex}`, { repository: 'a/b', tag: '1', digest: `sha256:${hex}` }],
    ['minio/minio:RELEASE.2019-08-07T01-59-21Z', { repository: 'minio/minio', tag: 'RELEASE.2019-08-07T01-59-21Z' }],
  ])('%s', (text, expected) => expect(splitReference(text)).toEqual(expected))

  test.each([
    ['', 'missing'], ['Redis', 'lower case'], ['a/../b', 'path components'], ['a//b', 'path components'], ['-a', 'path components'],
    ['a:', 'a tag is'], [`a:${'t'.repeat(129)}`, 'a tag is'], ['a@sha256:zz', 'a digest is'], ['a@', 'a digest is'], [`a@sha256:${hex.toUpperCase()}`, 'a digest is'],
    ['a'.repeat(256), '255 characters'], ['a b', 'path components'],
  ])('refuses %s', (text, why) => expect(() => splitReference(text)).toThrow(why))

  test('shows control characters instead of sending them to the terminal', () => {
    expect(() => parseRepositoryName('a\u001b[2Jb')).toThrow('"a\\x1b[2Jb"')
    expect(() => parseTag('a\u202eb')).toThrow('"a\\u202eb"')
  })

  test('refuses a host longer than names can be', () => {
    expect(() => parseRegistry(`${'a.'.repeat(130)}com`)).toThrow('a registry is a host name or address')
  })

  test('is an InvalidReferenceError that knows its input', () => {
    try { parseRegistry('bad host'); expect.unreachable() } catch (error) {
      expect(error).toBeInstanceOf(InvalidReferenceError)
      expect(error).toMatchObject({ code: 'REFERENCE_INVALID', input: 'bad host' })
    }
  })
})

test('prints what it parsed', () => {
  const reference = { registry: 'r.test', repository: parseRepositoryName('a/b'), tag: parseTag('1') }
  expect(formatReference(reference)).toBe('r.test/a/b:1')
  expect(joinReference('a/b', `sha256:${hex}` as never)).toBe(`a/b@sha256:${hex}`)
})
