// login, logout and delete, beside Debian's skopeo 1.9.3: against a real registry with htpasswd, each with an auth file of its own.
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DockerRegistry, startDockerRegistry } from '@longshore/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { bin, type Finished, launch } from './cli-process.ts'
import { messageOf, pushImage, realSkopeo, writeImage } from './skopeo-images.ts'

let folder: string
let registry: DockerRegistry
let host: string
const sides = ['theirs', 'ours'] as const
type Side = (typeof sides)[number]

beforeAll(async () => { registry = await startDockerRegistry({ auth: { kind: 'htpasswd', users: { bob: 's3cret', eve: 'p:w "x"' } } }); host = registry.host }, 60_000)
afterAll(async () => { await registry[Symbol.asyncDispose]() })
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'longshore-login-')) })
afterEach(async () => { await rm(folder, { recursive: true, force: true }) })

const authFile = (side: Side): string => join(folder, side, 'containers/auth.json')
const contentOf = (side: Side): string => readFileSync(authFile(side), 'utf8')
const run = (side: Side, args: readonly string[], stdin = ''): Promise<Finished> => launch(args.map((arg) => arg.replace('HOST', host).replace('SIDE', join(folder, side))), {
  stdin, command: side === 'ours' ? bin : realSkopeo, cwd: folder, env: { HOME: join(folder, side), XDG_RUNTIME_DIR: join(folder, side), PATH: `${folder}:${process.env['PATH'] ?? ''}` },
}).finished

async function both(args: readonly string[], stdin = ''): Promise<{ readonly theirs: Finished; readonly ours: Finished }> {
  const [theirs, ours] = await Promise.all([run('theirs', args, stdin), run('ours', args, stdin)])
  return { theirs, ours }
}
async function same(args: readonly string[], stdin = ''): Promise<Finished> {
  const { theirs, ours } = await both(args, stdin)
  const plain = ({ code, stdout, stderr }: Finished) => ({ code, stdout: stdout.replaceAll(folder, '').replace('/theirs', '').replace('/ours', ''), message: messageOf(stderr) })
  expect(plain(ours)).toEqual(plain(theirs))
  return ours
}

describe('login and logout do what skopeo does', () => {
  test('in a row', async () => {
    expect(await same(['login', '--tls-verify=false', '-u', 'bob', '-p', 's3cret', 'HOST'])).toMatchObject({ code: 0, stdout: 'Login Succeeded!\n' })
    expect(contentOf('ours')).toBe(contentOf('theirs'))
    expect(statSync(authFile('ours')).mode & 0o777).toBe(0o600)
    await same(['login', '--tls-verify=false', 'HOST'])
    await same(['login', '--get-login', 'HOST'])
    await same(['login', '--tls-verify=false', '-v', '-u', 'eve', '--password-stdin', 'HOST/team/app'], 'p:w "x"\n')
    expect(contentOf('ours')).toBe(contentOf('theirs'))
    await same(['login', '--get-login', 'HOST/team/app'])
    await same(['login', '--tls-verify=false', '-u', 'bob', '-p', 's3cret', 'http://HOST'])
    await same(['login', '--tls-verify=false', '-u', 'bob', '-p', 's3cret', 'HOST/team:tag'])
    await same(['logout', 'HOST'])
    expect(contentOf('ours')).toBe(contentOf('theirs'))
    await same(['logout', 'HOST'])
    await same(['logout', '--all'])
    expect(contentOf('ours')).toBe(contentOf('theirs'))
    await same(['logout', '--authfile', 'none.json', 'HOST'])
  })

  test.each<readonly [readonly string[], string]>([
    [['login', '--tls-verify=false', '-u', 'bob', '-p', 'wrong', 'HOST'], ''], [['login', '--tls-verify=false', '-u', 'bob', '--password-stdin', '-p', 'x', 'HOST'], 's3cret'],
    [['login', '--tls-verify=false', '--password-stdin', 'HOST'], 's3cret'], [['login', '--tls-verify=false', '-u', 'bob', 'HOST'], ''], [['login', '--get-login', 'HOST'], ''],
  ])('%j stores nothing', async (args, stdin) => {
    await same(args, stdin)
    expect(() => contentOf('ours')).toThrow('ENOENT')
  })

  test('what was stored by one is used by the other', async () => {
    const image = await writeImage(join(folder, 'image'), 'docker', {})
    await run('ours', ['login', '--tls-verify=false', '-u', 'bob', '-p', 's3cret', 'HOST'])
    await run('theirs', ['login', '--tls-verify=false', '-u', 'bob', '-p', 's3cret', 'HOST'])
    await pushImage(image, `docker://${host}/team/app:1`, ['--authfile', authFile('ours')])
    const inspect = (side: Side) => run(side, ['inspect', '-n', '--authfile', authFile(side === 'ours' ? 'theirs' : 'ours'), '--tls-verify=false', '--format', '{{.Digest}}', 'docker://HOST/team/app:1'])
    expect(await inspect('ours')).toEqual({ code: 0, stdout: `${image.digest}\n`, stderr: '' })
    expect(await inspect('theirs')).toEqual(await inspect('ours'))
    const { ours } = await both(['inspect', '--no-creds', '--tls-verify=false', 'docker://HOST/team/app:1'])
    expect(ours.code).toBe(1)
    expect(messageOf(ours.stderr)).toContain('unauthorized: authentication required')
  })

  test('members of the file that nobody asked about stay', async () => {
    mkdirSync(join(folder, 'ours/containers'), { recursive: true })
    writeFileSync(authFile('ours'), '{"auths":{"other.example":{"auth":"YTpi"}},"HttpHeaders":{"a":"b"}}')
    await run('ours', ['login', '--tls-verify=false', '-u', 'bob', '-p', 's3cret', 'HOST'])
    expect(JSON.parse(contentOf('ours'))).toEqual({ auths: { [host]: { auth: Buffer.from('bob:s3cret').toString('base64') }, 'other.example': { auth: 'YTpi' } }, HttpHeaders: { a: 'b' } })
    writeFileSync(authFile('ours'), '{"auths":')
    const { code, stderr } = await run('ours', ['login', '--tls-verify=false', '-u', 'bob', '-p', 's3cret', 'HOST'])
    expect(code).toBe(1)
    expect(stderr).toContain('is not JSON')
    expect(contentOf('ours')).toBe('{"auths":')
  })

  test('a credential helper is told in place of the file', async () => {
    const helper = join(folder, 'docker-credential-note')
    writeFileSync(helper, `#!/bin/sh\necho "$1 $(cat)" >>${folder}/told\n[ "$1" != get ] || { echo 'credentials not found in native keychain'; exit 1; }\n`)
    chmodSync(helper, 0o755)
    mkdirSync(join(folder, 'ours/containers'), { recursive: true })
    writeFileSync(authFile('ours'), JSON.stringify({ credHelpers: { [host]: 'note' } }))
    expect(await run('ours', ['login', '-v', '--tls-verify=false', '-u', 'bob', '-p', 's3cret', 'HOST'])).toEqual({ code: 0, stdout: 'Used:  docker-credential-note\nLogin Succeeded!\n', stderr: '' })
    expect(await run('ours', ['logout', 'HOST'])).toMatchObject({ code: 0 })
    expect(readFileSync(join(folder, 'told'), 'utf8').split('\n').filter((line) => !line.startsWith('get'))).toEqual([
      `store ${JSON.stringify({ ServerURL: host, Username: 'bob', Secret: 's3cret' })}`, `erase ${host}`, '',
    ])
    expect(contentOf('ours')).not.toContain('auths')
  })

  test('a file of Docker\'s', async () => {
    expect(await run('ours', ['login', '--compat-auth-file', 'SIDE/config.json', '--tls-verify=false', '-u', 'bob', '-p', 's3cret', 'HOST'])).toMatchObject({ code: 0 })
    expect(JSON.parse(readFileSync(join(folder, 'ours/config.json'), 'utf8'))).toEqual({ auths: { [host]: { auth: Buffer.from('bob:s3cret').toString('base64') } } })
    expect(messageOf((await run('ours', ['login', '--compat-auth-file', 'a', '--authfile', 'b', 'HOST'])).stderr)).toContain('can not be set simultaneously')
    expect(await run('ours', ['logout', '--compat-auth-file', 'SIDE/config.json', 'HOST'])).toMatchObject({ code: 0, stdout: `Removed login credentials for ${host}\n` })
  })

  test('on a terminal the password is asked for and not shown', () => {
    // script(1) gives the command a terminal.
    const command = `${bin} login --tls-verify=false ${host}`
    const shown = execFileSync('script', ['-qec', command, '/dev/null'], { input: 'bob\ns3cret\n', env: { ...process.env, HOME: join(folder, 'ours'), XDG_RUNTIME_DIR: join(folder, 'ours') }, encoding: 'utf8' })
    expect(shown).toContain('Password: ')
    expect(shown).toContain('Login Succeeded!')
    expect(shown.slice(shown.indexOf('Password: '))).not.toContain('s3cret')
  })
})

describe('delete', () => {
  const push = async (side: Side, tags: readonly string[]): Promise<void> => {
    const image = await writeImage(join(folder, 'image'), 'docker', { author: side })
    for (const tag of tags) await pushImage(image, `docker://${host}/del/${side}:${tag}`, ['--dest-creds', 'bob:s3cret'])
  }
  const statusOf = async (side: Side, tag: string): Promise<number> => (await fetch(`${registry.url}/v2/del/${side}/manifests/${tag}`, { headers: { authorization: `Basic ${Buffer.from('bob:s3cret').toString('base64')}`, accept: '*/*' } })).status

  test('every tag of the manifest goes with it', async () => {
    for (const side of sides) {
      await push(side, ['1', '2'])
      expect(await statusOf(side, '2')).toBe(200)
      expect(await run(side, ['delete', '--creds', 'bob:s3cret', '--tls-verify=false', `docker://HOST/del/${side}:1`])).toEqual({ code: 0, stdout: '', stderr: '' })
      expect([await statusOf(side, '1'), await statusOf(side, '2')]).toEqual([404, 404])
    }
  })

  test('without credentials nothing goes', async () => {
    await push('ours', ['3'])
    const { code, stderr } = await run('ours', ['delete', '--no-creds', '--tls-verify=false', 'docker://HOST/del/ours:3'])
    expect(code).toBe(1)
    expect(messageOf(stderr)).toMatch(/^Failed to delete .*\/del\/ours:3: .*\(401\)$/)
    expect(await statusOf('ours', '3')).toBe(200)
  })

  test('a registry that does not delete says so', async () => {
    await using closed = await startDockerRegistry({ deletes: false })
    const image = await writeImage(join(folder, 'image'), 'docker', {})
    await pushImage(image, `docker://${closed.host}/a:1`)
    const { theirs, ours } = await both(['delete', '--tls-verify=false', `docker://${closed.host}/a:1`])
    for (const { code, stderr } of [theirs, ours]) {
      expect(code).toBe(1)
      expect(messageOf(stderr)).toMatch(/Failed to delete .*405/s)
    }
  })
})
