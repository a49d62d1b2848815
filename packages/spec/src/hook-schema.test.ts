import { describe, expect, test } from 'vitest'
import { formatDurationMs, parseDuration } from './duration.ts'
import { hookOf, hookSchema } from './hook-schema.ts'

const complaints = (value: unknown): readonly string[] => (hookSchema.safeParse(value).error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`)

describe('a hook', () => {
  test('is a command', () => {
    expect(hookOf(hookSchema.parse({ command: ['freeze', '--now'], timeout: '5m' }))).toEqual({ kind: 'command', command: ['freeze', '--now'], timeoutMs: 300_000 })
  })

  test('is a request, whose secrets are in the environment', () => {
    expect(hookOf(hookSchema.parse({ http: { url: 'https://ci.example.com/${JOB}', headers: { Authorization: 'Bearer ${CI_TOKEN}' } } })))
      .toEqual({ kind: 'http', url: 'https://ci.example.com/${JOB}', headers: { Authorization: 'Bearer ${CI_TOKEN}' }, timeoutMs: 60_000 })
    expect(complaints({ http: { url: '${HOOK_URL}' } })).toEqual([])
  })

  test.each<[string, unknown, string]>([
    ['neither', {}, ': a hook is either a command or http'],
    ['both', { command: ['a'], http: { url: 'http://a' } }, ': a hook is either a command or http'],
    ['no URL', { http: { url: 'ci.example.com' } }, 'http.url: "ci.example.com" is no URL; write http://HOST/PATH or https://HOST/PATH'],
    ['a password in the URL', { http: { url: 'https://u:hunter2@ci.example.com' } }, 'http.url: holds a user or a password; write an authorization header with ${NAME}, which is taken from the environment'],
    ['a secret in a header', { http: { url: 'http://a', headers: { authorization: 'Bearer hunter2' } } }, 'http.headers.authorization: a secret is not part of a spec; write ${NAME}, and set that variable where Longshore runs'],
    ['a secret in a header of its own', { http: { url: 'http://a', headers: { 'X-Api-Key': 'hunter2' } } }, 'http.headers.X-Api-Key: a secret is not part of a spec; write ${NAME}, and set that variable where Longshore runs'],
    ['no length of time', { command: ['a'], timeout: '5 minutes' }, 'timeout: "5 minutes" is no length of time; write one such as 30s, 5m, 1h30m or 2d'],
  ])('is refused with %s', (_, value, message) => {
    expect(complaints(value)).toEqual([message])
    expect(complaints(value).join('')).not.toContain('hunter2')
  })
})

describe('a length of time', () => {
  test.each([['500ms', 500], ['30s', 30_000], ['1h30m', 5_400_000], ['2d', 172_800_000]])('%s', (text, ms) => {
    expect(parseDuration(text)).toBe(ms)
    expect(formatDurationMs(ms)).toBe(text)
  })
  test.each(['', '5', 'm', '5 m', '-5m', '0s', '9w', '1h30'])('%j is none', (text) => { expect(() => parseDuration(text)).toThrow(SyntaxError) })
})
