import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { open } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { RegistryError } from '@longshore/oci'
import { describe, expect, test } from 'vitest'
import { createLogger, type LogFields } from './logger.ts'
import { createScrubber, secretNames } from './scrub.ts'

function capture(secrets: readonly string[] = []): { readonly log: ReturnType<typeof createLogger>; readonly text: () => string } {
  const lines: string[] = []
  return { log: createLogger({ level: 'debug', destination: { write: (line: string) => { lines.push(line) } }, secrets }), text: () => lines.join('') }
}

describe('a line', () => {
  test('is JSON with a level in words, a time, a constant message and facts', () => {
    const { log, text } = capture()
    log.child({ migration: 'm1' }).info({ node: 'blob r/a@sha256:1+2', bytes: 12 }, 'node finished')
    expect(JSON.parse(text())).toEqual({ level: 'info', time: expect.stringMatching(/^20.*Z$/), migration: 'm1', node: 'blob r/a@sha256:1+2', bytes: 12, msg: 'node finished' })
  })

  test('holds an error as a record with its causes, without a stack', () => {
    const { log, text } = capture()
    const cause = new RegistryError({ status: 404, registry: 'r.example.com', request: 'GET /v2/', details: [] })
    log.warn({ err: new Error('what was attempted', { cause }) }, 'work failed')
    const { err } = JSON.parse(text()) as { err: unknown }
    expect(err).toEqual({ name: 'Error', code: 'UNKNOWN', message: 'what was attempted', cause: { name: 'RegistryError', code: 'HTTP_404', message: expect.any(String), status: 404, registry: 'r.example.com' } })
    expect(text()).not.toContain('.ts:')
  })
})

describe('a secret never appears', () => {
  const token = 'n0t-For"Eyes\\+/=π'
  const plain = 'Zm9vYmFyOnNlY3JldA'

  /** Every field that we log, and the ways in which a text gets into a line. */
  const fields = ['migration', 'node', 'job', 'registry', 'repository', 'digest', 'worker', 'queue', 'state', 'name', 'listen', 'redis', 'variable', 'client', 'route', 'method', 'reason', 'err'] as const
  test.each(fields)('that is known, in the field %s', (field) => {
    const { log, text } = capture([token])
    log.info({ [field]: token }, 'told')
    log.info({ [field]: { deep: { er: [`x${token}y`] } } }, 'told')
    log.info({ [field]: `https://r.example.com/?sig=${encodeURIComponent(token)}` }, 'told')
    log.info({ [field]: new Error(`GET with ${token}`, { cause: new Error(token) }) }, 'told')
    log.child({ [field]: token }).info({}, token)
    for (const line of text().trim().split('\n')) JSON.parse(line)
    expect(text()).not.toContain('n0t-For')
  })

  test.each<[string, LogFields]>([
    ['an Authorization header', { headers: { authorization: `Bearer ${plain}` } }],
    ['a Basic header in a message', { reason: `sent Authorization: Basic ${plain}== to r` }],
    ['a bearer token in an error', { err: new Error(`Bearer ${plain} was refused`) }],
    ['a user and a password in a URL', { redis: `redis://user:${plain}@redis.example.com:6379/0` }],
    ['a user and a password in a URL of an error', { err: new Error(`connect rediss://:${plain}@h:1`, { cause: new Error(`https://a:${plain}@b/`) }) }],
    ['a signature in a query', { reason: `GET https://s3.example.com/blob?digest=sha256:1&X-Amz-Signature=${plain}&X-Amz-Credential=${plain}` }],
    ['a token in a query', { reason: `/token?service=x&token=${plain}` }],
    ['a JWT', { reason: `eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4${plain}.${plain}` }],
    ['JSON within a string', { reason: JSON.stringify({ auths: { r: { auth: plain } } }) }],
    ['JSON within JSON within a string', { reason: JSON.stringify({ a: JSON.stringify({ password: `x"${plain}`, pin: 1, token: 481632 }) }) }],
    ['a password with a quote in it', { password: `x"${plain}` }],
    ...secretNames.map((name) => [`a field called ${name}`, { [name]: plain }] as [string, LogFields]),
    ['a field called so deep inside', { a: { b: { c: { refresh_token: plain, 'registry-token': plain } } } }],
    ['a number', { password: Number('481632') }],
    ['an object, whatever its own fields are called', { credentials: { alice: plain } }],
    ['a list', { creds: ['alice', plain] }],
    ['an object further down', { a: { b: { credentials: { of: [{ alice: plain, is: 'a "} user' }] } } } }],
    ['a list further down', { headers: { cookie: ['a=1', `session=${plain}`], n: 1 } }],
  ])('of a known shape: %s', (_, given) => {
    const { log, text } = capture()
    log.info(given, 'told')
    JSON.parse(text())
    expect(text()).not.toContain(plain)
    expect(text()).not.toContain('481632')
  })

  test('and what is no secret stays as it is', () => {
    const scrub = createScrubber(['secret-token'])
    for (const text of [
      'blob registry.example.com:5000/team/app@sha256:0123456789abcdef+100', 'https://r.example.com/v2/a/blobs/uploads/?digest=sha256:1&mount=sha256:2&from=x',
      'r.example.com answered 401 to GET /v2/ (UNAUTHORIZED: authentication required)', '{"queue":"images","tokens":3}',
    ]) expect(scrub(text)).toBe(text)
  })
})

test.each([
  ['the end of its work', ''], ['process.exit', 'process.exit(0)'], ['an error that nobody caught', 'throw new Error("boom")'], ['a promise that nobody heard', 'await Promise.reject(new Error("boom"))'],
])('lines that were gathered are written when the process ends by %s', async (_, end) => {
  const script = `
    import { createLogger } from ${JSON.stringify(new URL('./logger.ts', import.meta.url).href)}
    const log = createLogger({ level: 'info' })
    for (let i = 0; i < 100; i++) log.info({ i }, 'told')
    ${end}`
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'ignore'] })
  const lines: string[] = []
  for await (const line of createInterface(child.stdout)) lines.push(line)
  expect(lines).toHaveLength(100)
  expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ i: 99 })
})

const lines = `
  import { once } from 'node:events'
  import { createLogger } from ${JSON.stringify(new URL('./logger.ts', import.meta.url).href)}
  await once(process.stdin.resume(), 'end')
  createLogger({ level: 'info' }).info({}, 'told')`

test.each([['a disk that is full', '/dev/full'], ['a reader that is gone', undefined]])('a process whose lines go to %s ends all the same', async (_, path) => {
  await using file = path === undefined ? undefined : await open(path, 'w')
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', lines], { stdio: ['pipe', file?.fd ?? 'pipe', 'ignore'], timeout: 15_000, killSignal: 'SIGKILL' })
  child.stdout?.destroy()
  child.stdin?.end()
  expect(await once(child, 'exit')).toEqual([0, null])
}, 20_000)
