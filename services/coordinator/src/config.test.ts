import { describe, expect, test } from 'vitest'
import { parseAllowedRegistries } from './allowed-registries.ts'
import { type CoordinatorFlags, readCoordinatorConfig } from './config.ts'

const token = 'a-token'
const base = { LONGSHORE_REDIS_URL: 'redis://127.0.0.1', LONGSHORE_TOKEN: token }
const read = (env: Readonly<Record<string, string>>, flags: CoordinatorFlags = {}): ReturnType<typeof readCoordinatorConfig> => readCoordinatorConfig(env, flags, (path) => {
  if (path !== '/token') throw Object.assign(new Error('no'), { code: 'ENOENT' })
  return 'from-file\n'
})

describe('settings', () => {
  test('have defaults that are safe', () => {
    expect(read(base)).toMatchObject({
      listen: { host: '0.0.0.0', port: 8080 }, guard: { kind: 'token', tokens: [token] }, metricsGuard: { kind: 'token', tokens: [token] }, logLevel: 'info', recordMs: 168 * 3_600_000, allowHooks: false, unknown: [],
    })
    expect(Object.isFrozen(read(base))).toBe(true)
  })

  test('flags win over variables, and an empty variable is none', () => {
    const env = { ...base, LONGSHORE_LISTEN: '', LONGSHORE_LOG_LEVEL: 'warn', LONGSHORE_RECORD_HOURS: '2' }
    expect(read(env)).toMatchObject({ listen: { port: 8080 }, logLevel: 'warn', recordMs: 7_200_000 })
    expect(read(env, { listen: '127.0.0.1:1', logLevel: 'debug', recordHours: '1', redis: 'redis://r/1', tokenFile: '/token' }))
      .toMatchObject({ listen: { port: 1 }, logLevel: 'debug', recordMs: 3_600_000, redis: { url: 'redis://r/1' }, guard: { tokens: ['from-file'] } })
  })

  test('hooks are called where that is asked for', () => {
    expect(read({ ...base, LONGSHORE_ALLOW_HOOKS: 'true' }).allowHooks).toBe(true)
    expect(read(base, { allowHooks: true }).allowHooks).toBe(true)
    expect(() => read({ ...base, LONGSHORE_ALLOW_HOOKS: 'perhaps' })).toThrow('LONGSHORE_ALLOW_HOOKS')
  })

  test.each<[string, Record<string, string>, object]>([
    ['a token of their own', { LONGSHORE_METRICS_TOKEN: 'scraper' }, { kind: 'token', tokens: [token, 'scraper'] }], ['to everybody', { LONGSHORE_METRICS_OPEN: 'true' }, { kind: 'open' }],
  ])('metrics may be given %s', (_, env, guard) => { expect(read({ ...base, ...env }).metricsGuard).toEqual(guard) })

  test.each<[string, Record<string, string>, RegExp]>([
    ['no Redis', { LONGSHORE_REDIS_URL: '' }, /^LONGSHORE_REDIS_URL: which Redis/], ['a level that is none', { LONGSHORE_LOG_LEVEL: 'loud' }, /^LONGSHORE_LOG_LEVEL: "loud": give one of debug, info/],
    ['hours that are none', { LONGSHORE_RECORD_HOURS: 'long' }, /^LONGSHORE_RECORD_HOURS: "long": give a number/], ['no hours', { LONGSHORE_RECORD_HOURS: '0' }, /give a number/],
    ['an address that is none', { LONGSHORE_LISTEN: '8080' }, /^LONGSHORE_LISTEN: "8080" is no address/], ['a truth that is none', { LONGSHORE_METRICS_OPEN: 'yes' }, /give true or false/],
    ['two tokens', { LONGSHORE_TOKEN_FILE: '/token' }, /LONGSHORE_TOKEN is set too/], ['a host that is none', { LONGSHORE_ALLOWED_REGISTRIES: 'https://x/' }, /"https:\/\/x\/" is no host/],
  ])('%s is refused', (_, env, says) => { expect(() => read({ ...base, ...env })).toThrow(says) })

  test('a flag is named by its own name', () => { expect(() => read(base, { logLevel: 'loud' })).toThrow(/^--log-level: "loud"/) })
  test('a misspelt variable is found', () => { expect(read({ ...base, LONGSHORE_TOKNE: 'x', LONGSHORE_GRACE_SECONDS: '3' }).unknown).toEqual(['LONGSHORE_TOKNE']) })
  test('secrets are known to the log', () => {
    const env = { LONGSHORE_REDIS_URL: 'redis://u:p%40ss@r', LONGSHORE_TOKEN: token, LONGSHORE_METRICS_TOKEN: 'scraper' }
    expect(read(env, { access: { srcCreds: 'u:creds', authfile: '/a' } }).secrets).toEqual([token, 'scraper', 'creds', 'p@ss'])
  })
})

describe('without a token', () => {
  const { LONGSHORE_TOKEN: _, ...env } = base
  test.each<[string, Record<string, string>]>([
    ['nothing is served', {}], ['nor where that was only half said', { LONGSHORE_LISTEN: '127.0.0.1:8080' }], ['nor to others than this machine', { LONGSHORE_INSECURE_NO_TOKEN: 'true' }],
    ['nor at any other address', { LONGSHORE_INSECURE_NO_TOKEN: 'true', LONGSHORE_LISTEN: '10.0.0.1:8080' }],
  ])('%s', (_, more) => { expect(() => read({ ...env, ...more })).toThrow(expect.objectContaining({ code: 'TOKEN_MISSING', exitCode: 2, message: expect.stringContaining('openssl rand -hex 32') })) })

  test('this machine may be served where that is asked for by name', () => {
    expect(read({ ...env, LONGSHORE_INSECURE_NO_TOKEN: 'true', LONGSHORE_LISTEN: '127.0.0.1:8080' })).toMatchObject({ guard: { kind: 'open' }, metricsGuard: { kind: 'open' } })
  })
})

describe('registries that are allowed', () => {
  test.each<[string | undefined, string, boolean]>([
    [undefined, 'anything.example.com', true], ['', 'anything.example.com', true], ['r.example.com', 'r.example.com', true], ['r.example.com', 'r.example.com:5000', false], ['r.example.com:*', 'r.example.com:5000', true],
    ['*.example.com, docker.io', 'a.b.example.com', true], ['*.example.com,docker.io', 'docker.io', true], ['*.example.com', 'example.com', false], ['*.example.com', 'r.example.com.evil.org', false],
    ['*.example.com', 'rxexample.com', false], ['R.Example.com', 'r.example.com', true], ['127.0.0.1:*', '169.254.169.254', false],
  ])('%s: %s %s', (globs, registry, allowed) => { expect(parseAllowedRegistries(globs, 'X')?.(registry) ?? true).toBe(allowed) })
})
