import { describe, expect, test } from 'vitest'
import { redisSettings } from './settings.ts'

const pem = '-----BEGIN CERTIFICATE-----\n'
const files: Readonly<Record<string, string>> = { '/ca': pem, '/cert': pem, '/key': pem, '/password': 'hunter2\n', '/empty': '\n', '/text': 'no' }
function read(path: string): string {
  const text = files[path]
  if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
  return text
}
const url = 'rediss://h'

describe('redisSettings', () => {
  test('no Redis is named', () => {
    expect(redisSettings({}, read)).toBeUndefined()
    expect(redisSettings({ LONGSHORE_REDIS_URL: '' }, read)).toBeUndefined()
  })

  test('everything', () => {
    expect(redisSettings({
      LONGSHORE_REDIS_URL: url, LONGSHORE_REDIS_USERNAME: 'app', LONGSHORE_REDIS_PASSWORD_FILE: '/password', LONGSHORE_REDIS_CA: '/ca', LONGSHORE_REDIS_CERT: '/cert',
      LONGSHORE_REDIS_KEY: '/key', LONGSHORE_REDIS_TLS_VERIFY: 'false', LONGSHORE_REDIS_SENTINEL_PASSWORD: 's',
    }, read)).toEqual({ url, username: 'app', password: 'hunter2', tls: { ca: pem, cert: pem, key: pem, verify: false }, sentinel: { password: 's' } })
  })

  test('the flag wins over the variable', () => {
    expect(redisSettings({ LONGSHORE_REDIS_URL: 'redis://other', LONGSHORE_REDIS_PASSWORD: 'p' }, read, url)).toEqual({ url, password: 'p' })
  })

  test.each([
    [{ LONGSHORE_REDIS_URL: 'redis://:SECRET@h', LONGSHORE_REDIS_PASSWORD: 'SECRET' }, /leave one out/],
    [{ LONGSHORE_REDIS_URL: url, LONGSHORE_REDIS_PASSWORD: 'SECRET', LONGSHORE_REDIS_PASSWORD_FILE: '/password' }, /exclude each other/],
    [{ LONGSHORE_REDIS_URL: url, LONGSHORE_REDIS_PASSWORD_FILE: '/nowhere' }, /LONGSHORE_REDIS_PASSWORD_FILE: \/nowhere cannot be read \(ENOENT\)/],
    [{ LONGSHORE_REDIS_URL: url, LONGSHORE_REDIS_PASSWORD_FILE: '/empty' }, /is empty/],
    [{ LONGSHORE_REDIS_URL: url, LONGSHORE_REDIS_CA: '/text' }, /LONGSHORE_REDIS_CA: \/text holds no PEM/],
    [{ LONGSHORE_REDIS_URL: url, LONGSHORE_REDIS_CERT: '/cert' }, /belong together/],
    [{ LONGSHORE_REDIS_URL: 'redis://h', LONGSHORE_REDIS_CA: '/ca' }, /rediss/],
    [{ LONGSHORE_REDIS_URL: url, LONGSHORE_REDIS_TLS_VERIFY: 'no' }, /true or false/],
    [{ LONGSHORE_REDIS_URL: 'SECRET' }, /schemes/],
  ])('%j is refused', (env, why) => {
    const error = (() => { try { return redisSettings(env, read) } catch (caught) { return caught as Error } })()
    expect(error).toBeInstanceOf(Error)
    expect((error as Error).message).toMatch(why)
    expect((error as Error).message).not.toContain('SECRET')
  })
})
