import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createKeychain, type KeychainOptions } from './keychain.ts'

const secret = 's3cr3t-never-shown'
let home: string
let bin: string

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'longshore-credentials-'))
  bin = join(home, 'bin')
  mkdirSync(bin)
})
afterEach(() => rmSync(home, { recursive: true }))

function write(path: string, content: unknown): string {
  const file = join(home, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content))
  return file
}

/** A real program on the PATH; every question it is asked is a line in `asked`. */
function helper(suffix: string, body: string): void {
  const path = write(`bin/docker-credential-${suffix}`, `#!/bin/sh\nread server\necho "$1 $server" >> ${home}/asked\n${body}\n`)
  chmodSync(path, 0o755)
}
function asked(): string[] {
  return existsSync(join(home, 'asked')) ? readFileSync(join(home, 'asked'), 'utf8').trim().split('\n') : []
}

function keychain(options: Partial<KeychainOptions> = {}) {
  const { env, ...rest } = options
  // The uid has no /run/containers directory: the machine's own files stay out of the tests.
  return createKeychain({ env: { PATH: `${bin}:/usr/bin:/bin`, ...env }, home, uid: 3_999_999, platform: 'linux', helperTimeoutMs: 10_000, ...rest })
}

const entry = (user: string, password: string) => ({ auth: Buffer.from(`${user}:${password}`).toString('base64') })
const basic = (username: string, password: string) => ({ kind: 'basic', username, password })

async function failure(promise: Promise<unknown>): Promise<Error & { code: string }> {
  const error = await promise.then(() => expect.unreachable('it should have failed'), (e: unknown) => e as Error & { code: string })
  expect(error.message).not.toContain(secret)
  expect(error.message).not.toContain(Buffer.from(secret).toString('base64').slice(0, 12))
  return error
}

describe('flags', () => {
  test.each<[string, Partial<KeychainOptions>, unknown]>([
    ['--creds', { creds: 'ann:a:b' }, basic('ann', 'a:b')],
    ['--creds without a password', { creds: 'ann' }, basic('ann', '')],
    ['--username and --password', { username: 'ann', password: 'päss:wörd✓' }, basic('ann', 'päss:wörd✓')],
    ['--no-creds', { noCreds: true }, undefined],
    ['--registry-token', { registryToken: 'abc' }, { kind: 'registry-token', token: 'abc' }],
  ])('%s goes before every file', async (_, flags, expected) => {
    write('.docker/config.json', { auths: { 'r.test': entry('file', 'file') } })
    expect(await keychain(flags).credentialsFor('r.test')).toEqual(expected)
  })

  test.each<[string, Partial<KeychainOptions>, string]>([
    ['a username alone', { username: 'ann' }, '--username and --password go together'],
    ['a password alone', { password: secret }, '--username and --password go together'],
    ['--creds and --no-creds', { creds: `ann:${secret}`, noCreds: true }, '--creds and --no-creds exclude each other'],
    ['--creds without a user', { creds: `:${secret}` }, 'no user name'],
  ])('%s is refused', async (_, flags, message) => {
    const error = await failure(Promise.try(() => keychain(flags)))
    expect(error).toMatchObject({ code: 'CREDENTIALS_INVALID', message: expect.stringContaining(message) })
  })
})

describe('files', () => {
  test('are read in the order of containers-auth.json(5), each filling what those before left open', async () => {
    const env = { XDG_RUNTIME_DIR: join(home, 'run') }
    write('.dockercfg', { 'https://r.test/v1/': entry('u', 'dockercfg') })
    expect(await keychain({ env }).credentialsFor('r.test')).toEqual(basic('u', 'dockercfg'))
    write('.docker/config.json', { auths: { 'r.test': entry('u', 'docker') } })
    expect(await keychain({ env }).credentialsFor('r.test')).toEqual(basic('u', 'docker'))
    write('.config/containers/auth.json', { auths: { 'r.test': entry('u', 'config') } })
    expect(await keychain({ env }).credentialsFor('r.test')).toEqual(basic('u', 'config'))
    write('run/containers/auth.json', { auths: { 'r.test': entry('u', 'runtime') } })
    expect(await keychain({ env }).credentialsFor('r.test')).toEqual(basic('u', 'runtime'))
    write('.docker/config.json', { auths: { 'other.test': entry('u', 'other') } })
    expect(await keychain({ env }).credentialsFor('other.test')).toEqual(basic('u', 'other'))
  })

  test('XDG_CONFIG_HOME and DOCKER_CONFIG move them', async () => {
    write('d/config.json', { auths: { 'r.test': entry('u', 'docker') } })
    expect(await keychain({ env: { DOCKER_CONFIG: join(home, 'd') } }).credentialsFor('r.test')).toEqual(basic('u', 'docker'))
    write('x/containers/auth.json', { auths: { 'r.test': entry('u', 'xdg') } })
    expect(await keychain({ env: { XDG_CONFIG_HOME: join(home, 'x') } }).credentialsFor('r.test')).toEqual(basic('u', 'xdg'))
  })

  test('--authfile and REGISTRY_AUTH_FILE are the only one read', async () => {
    write('.docker/config.json', { auths: { 'r.test': entry('u', 'docker') } })
    const authFile = write('mine.json', { auths: { 'other.test': entry('u', 'mine') } })
    for (const options of [{ authFile }, { env: { REGISTRY_AUTH_FILE: authFile } }]) {
      expect(await keychain(options).credentialsFor('r.test')).toBeUndefined()
      expect(await keychain(options).credentialsFor('other.test')).toEqual(basic('u', 'mine'))
    }
    const error = await failure(keychain({ authFile: join(home, 'absent.json') }).credentialsFor('r.test'))
    expect(error).toMatchObject({ code: 'CREDENTIALS_INVALID', message: expect.stringContaining('absent.json') })
  })

  test('the longest path that covers the repository holds', async () => {
    write('.docker/config.json', { auths: {
      'r.test:5000': entry('u', 'host'), 'r.test:5000/team': entry('u', 'team'), 'r.test:5000/team/app': entry('u', 'app'),
    } })
    const k = keychain()
    expect(await k.credentialsFor('r.test:5000', 'team/app')).toEqual(basic('u', 'app'))
    expect(await k.credentialsFor('r.test:5000', 'team/app/part')).toEqual(basic('u', 'app'))
    expect(await k.credentialsFor('r.test:5000', 'team/application')).toEqual(basic('u', 'team'))
    expect(await k.credentialsFor('r.test:5000', 'teamwork/app')).toEqual(basic('u', 'host'))
    expect(await k.credentialsFor('r.test:5000')).toEqual(basic('u', 'host'))
    expect(await k.credentialsFor('r.test', 'team/app')).toBeUndefined()
  })

  test.each(['docker.io', 'index.docker.io', 'https://index.docker.io/v1/', 'registry-1.docker.io', 'https://registry-1.docker.io/v2/'])(
    'Docker Hub filed as %s is docker.io under each of its names', async (key) => {
      write('.docker/config.json', { auths: { [key]: entry('u', 'hub') } })
      for (const host of ['docker.io', 'index.docker.io', 'registry-1.docker.io']) {
        expect(await keychain().credentialsFor(host, 'library/redis')).toEqual(basic('u', 'hub'))
      }
    })

  test.each(['https://r.test:5000', 'http://r.test:5000/', 'https://r.test:5000/v2/', 'r.test:5000/v1/', 'R.Test:5000'])('the key %s means r.test:5000', async (key) => {
    write('.docker/config.json', { auths: { [key]: entry('u', 'p') } })
    expect(await keychain().credentialsFor('r.test:5000', 'a')).toEqual(basic('u', 'p'))
  })

  test('tokens, colons, unicode, and entries that Docker leaves empty', async () => {
    write('.docker/config.json', { auths: {
      'i.test': { ...entry('00000000', ''), identitytoken: 'refresh' },
      'r.test': { registrytoken: 'bearer' },
      'c.test': entry('ann', 'a:b:ü✓'),
      'p.test': { username: 'ann', password: 'plain' },
      'n.test': { auth: Buffer.from('ann:pw\0\0').toString('base64') },
      'e.test': {},
    } })
    const k = keychain()
    expect(await k.credentialsFor('i.test')).toEqual({ kind: 'identity-token', username: '00000000', token: 'refresh' })
    expect(await k.credentialsFor('r.test')).toEqual({ kind: 'registry-token', token: 'bearer' })
    expect(await k.credentialsFor('c.test')).toEqual(basic('ann', 'a:b:ü✓'))
    expect(await k.credentialsFor('p.test')).toEqual(basic('ann', 'plain'))
    expect(await k.credentialsFor('n.test')).toEqual(basic('ann', 'pw'))
    expect(await k.credentialsFor('e.test')).toBeUndefined()
  })

  test.each<[string, string, string]>([
    ['cut short', `{"auths":{\n  "r.test": {"auth": "${secret}"`, 'line 2, column 42'],
    ['a stray comma', `{"auths":{"r.test":{"auth":"${secret}"},}}`, 'line 1, column 50'],
    ['not JSON at all', secret, 'line 1, column 1'],
    ['no object', `["${secret}"]`, 'top level has to be an object'],
    ['auths no object', `{"auths": "${secret}"}`, '"auths" has to be an object'],
    ['auth no string', '{"auths": {"r.test": {"auth": 5}}}', '"auth" for r.test has to be a string'],
    ['auth without a colon', `{"auths": {"r.test": {"auth": "${Buffer.from(secret).toString('base64')}"}}}`, 'base64 of "user:password"'],
    ['auth not base64', `{"auths": {"r.test": {"auth": "ann:${secret}"}}}`, '"auth" for r.test is not base64'],
    ['auth not text', '{"auths": {"r.test": {"auth": "//79/A=="}}}', 'UTF-8'],
  ])('%s: the error names the file and the place, never the content', async (_, content, message) => {
    const path = write('.docker/config.json', content)
    const error = await failure(keychain().credentialsFor('r.test'))
    expect(error).toMatchObject({ code: 'CREDENTIALS_INVALID', message: expect.stringContaining(path) })
    expect(error.cause).toBeUndefined()
    expect(error.message).toContain(message)
  })

  test('an empty file and a byte order mark are no fault', async () => {
    write('.config/containers/auth.json', '')
    write('.docker/config.json', `\ufeff${JSON.stringify({ auths: { 'r.test': entry('u', 'p') } })}`)
    expect(await keychain().credentialsFor('r.test')).toEqual(basic('u', 'p'))
  })
})

describe('helpers', () => {
  test('credHelpers goes before auths, auths before credsStore', async () => {
    helper('one', `echo '{"ServerURL":"x","Username":"one","Secret":"1"}'`)
    helper('store', `echo '{"Username":"store","Secret":"2"}'`)
    write('.docker/config.json', {
      auths: { 'a.test': entry('u', 'file'), 'b.test': entry('u', 'file'), 'c.test': {} }, credHelpers: { 'a.test': 'one' }, credsStore: 'store',
    })
    const k = keychain()
    expect(await k.credentialsFor('a.test', 'team/app')).toEqual(basic('one', '1'))
    expect(await k.credentialsFor('b.test')).toEqual(basic('u', 'file'))
    expect(await k.credentialsFor('c.test')).toEqual(basic('store', '2'))
    expect(await k.credentialsFor('docker.io', 'library/redis')).toEqual(basic('store', '2'))
    expect(asked()).toEqual(['get a.test', 'get c.test', 'get https://index.docker.io/v1/'])
  })

  test('are asked once per server, however many ask at once, and again when the answer has aged', async () => {
    helper('one', `echo '{"Username":"one","Secret":"1"}'`)
    write('.docker/config.json', { credsStore: 'one' })
    const k = keychain()
    await Promise.all(Array.from({ length: 20 }, (_, i) => k.credentialsFor('a.test', `team/app${i}`)))
    await k.credentialsFor('a.test')
    expect(asked()).toHaveLength(1)
    const forgetful = keychain({ rememberMs: 0 })
    await forgetful.credentialsFor('a.test')
    await forgetful.credentialsFor('a.test')
    expect(asked()).toHaveLength(3)
  })

  test('a failure is not remembered', async () => {
    helper('one', `[ -e ${home}/ready ] || exit 3; echo '{"Username":"one","Secret":"1"}'`)
    write('.docker/config.json', { credsStore: 'one' })
    const k = keychain()
    await failure(k.credentialsFor('a.test'))
    write('ready', '')
    expect(await k.credentialsFor('a.test')).toEqual(basic('one', '1'))
  })

  test('<token> is an identity token; "not found" goes on to the next file', async () => {
    helper('token', `echo '{"Username":"<token>","Secret":"refresh"}'`)
    helper('none', 'echo "credentials not found in native keychain"; exit 1')
    write('.config/containers/auth.json', { credHelpers: { 'a.test': 'token', 'b.test': 'none' } })
    write('.docker/config.json', { auths: { 'b.test': entry('u', 'p') } })
    const k = keychain()
    expect(await k.credentialsFor('a.test')).toEqual({ kind: 'identity-token', token: 'refresh' })
    expect(await k.credentialsFor('b.test')).toEqual(basic('u', 'p'))
  })

  test.each<[string, string, string]>([
    ['fails', `echo "${secret}"; echo "${secret}" >&2; exit 7`, 'ended with status 7'],
    ['answers no JSON', `echo "${secret}"`, 'did not answer in JSON'],
    ['answers other JSON', `echo '{"Secret":"${secret}"}'`, 'a Username and a Secret'],
    ['answers without end', `yes ${secret}`, 'more than 1 MiB'],
    ['hangs, with a child that keeps the pipe', 'sleep 60', 'did not answer within'],
  ])('one that %s is named with the file, without its output', async (_, body, message) => {
    helper('bad', body)
    const path = write('.docker/config.json', { credHelpers: { 'a.test': 'bad' } })
    const error = await failure(keychain({ helperTimeoutMs: 1_000 }).credentialsFor('a.test'))
    expect(error).toMatchObject({ code: 'CREDENTIAL_HELPER_FAILED', helper: 'docker-credential-bad' })
    for (const part of [message, path, 'docker-credential-bad', 'a.test']) expect(error.message).toContain(part)
  })

  test('one that is not installed is an error where it holds the login, and none for an anonymous copy', async () => {
    const path = write('.docker/config.json', { auths: { 'a.test': {} }, credHelpers: { 'b.test': 'gone' }, credsStore: 'gone' })
    for (const host of ['a.test', 'b.test']) {
      const error = await failure(keychain().credentialsFor(host))
      expect(error).toMatchObject({ code: 'CREDENTIAL_HELPER_FAILED', reason: 'missing', message: expect.stringContaining(path) })
    }
    expect(await keychain().credentialsFor('c.test')).toBeUndefined()
  })

  test('those of registries.conf are asked in their order, the auth files among them', async () => {
    helper('first', 'echo "credentials not found in native keychain"; exit 1')
    helper('last', `echo '{"Username":"last","Secret":"2"}'`)
    write('.docker/config.json', { auths: { 'a.test': entry('u', 'file') } })
    const among = (...names: readonly string[]) => keychain({ helpers: { names, file: 'registries.conf' } })
    expect(await among('first', 'containers-auth.json', 'last').credentialsFor('a.test')).toEqual(basic('u', 'file'))
    expect(await among('first', 'containers-auth.json', 'last').credentialsFor('b.test')).toEqual(basic('last', '2'))
    expect(await among('last').credentialsFor('a.test')).toEqual(basic('last', '2'))
    expect(await among('gone', 'last').credentialsFor('a.test')).toEqual(basic('last', '2'))
    expect(await failure(among('gone', 'containers-auth.json').credentialsFor('b.test'))).toMatchObject({ code: 'CREDENTIAL_HELPER_FAILED', message: expect.stringContaining('registries.conf') })
    expect(await keychain({ creds: 'me:pw', helpers: { names: ['last'], file: 'registries.conf' } }).credentialsFor('a.test')).toEqual(basic('me', 'pw'))
  })

  test('a name that is a path is not run', async () => {
    write('evil', `#!/bin/sh\ntouch ${home}/ran\n`)
    chmodSync(join(home, 'evil'), 0o755)
    mkdirSync(join(home, 'docker-credential-x'))
    write('.docker/config.json', { credsStore: 'x/../../evil' })
    await failure(keychain().credentialsFor('a.test'))
    expect(existsSync(join(home, 'ran'))).toBe(false)
  })
})
