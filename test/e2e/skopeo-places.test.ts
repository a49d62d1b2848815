// inspect, list-tags and delete where there is no registry; standalone-sign under the name skopeo; and what the flags of reaching registries send.
import { execFile } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startDockerRegistry } from '@longshore/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bin, type Finished, launch, longshore } from './cli-process.ts'
import { messageOf, pushImage, realSkopeo, skopeo, writeImage } from './skopeo-images.ts'

const run = promisify(execFile)
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longshore-places-'))
  await writeFile(join(folder, 'file'), 'content')
  await run('tar', ['-C', folder, '-cf', join(folder, 'layer.tar'), 'file'])
  const copy = (args: readonly string[]) => run(realSkopeo, ['--insecure-policy', 'copy', '-q', ...args], { cwd: folder })
  await copy(['tarball:layer.tar', 'docker-archive:one.tar:app:1'])
  await copy(['--additional-tag', 'x.example/y:2', 'docker-archive:one.tar', 'docker-archive:two.tar:app:1'])
  await copy(['tarball:layer.tar', 'oci:oci:a'])
  await copy(['oci:oci:a', 'oci-archive:oci.tar:b'])
  await copy(['oci:oci:a', 'dir:dir'])
  await symlink(bin, join(folder, 'skopeo'))
}, 60_000)
afterAll(async () => { await rm(folder, { recursive: true, force: true }) })

const both = async (args: readonly string[]): Promise<{ readonly theirs: Finished; readonly ours: Finished }> => {
  const [theirs, ours] = await Promise.all([skopeo(args, { cwd: folder }), longshore(args, { cwd: folder })])
  return { theirs, ours }
}
/** What skopeo's main branch prints, and 1.9.3 does not yet. */
const withoutLayersData = (text: string): string => text.replace(/ {4}"LayersData": \[\n[^]*?\n {4}\],\n/, '')

describe('the same text', () => {
  test.each<readonly string[]>([
    ['inspect', 'dir:dir'], ['inspect', '--raw', 'oci:oci'], ['inspect', '--config', 'oci:oci:a'], ['inspect', 'oci-archive:oci.tar:b'],
    ['inspect', 'docker-archive:one.tar'], ['inspect', '--raw', 'docker-archive:one.tar'], ['inspect', 'docker-archive:two.tar:x.example/y:2'], ['list-tags', 'docker-archive:two.tar'],
  ])('%s %s %s', async (...args) => {
    const { theirs, ours } = await both(args)
    expect(theirs).toMatchObject({ code: 0, stderr: '' })
    expect(ours).toMatchObject({ code: 0, stderr: '' })
    expect(withoutLayersData(ours.stdout)).toBe(theirs.stdout)
  })
})

test('what is not there: 2 for inspect, 1 for the others', { timeout: 60_000 }, async () => {
  for (const image of ['dir:nowhere', 'oci:nowhere', 'oci:oci:nope', 'oci-archive:nowhere', 'docker-archive:nowhere', 'docker-archive:two.tar:no:1', 'docker-archive:two.tar:@7', `registry-storage:${folder}/nowhere:a/b:1`]) {
    const { code, stdout, stderr } = await longshore(['inspect', image], { cwd: folder })
    expect({ image, code, stdout }).toEqual({ image, code: 2, stdout: '' })
    expect(messageOf(stderr)).toMatch(/^Error parsing image name ".*": reading the manifest of /)
  }
  for (const args of [['list-tags', 'docker-archive:nowhere'], ['delete', 'oci:oci:nope'], ['delete', 'oci:nowhere:a']]) expect((await longshore(args, { cwd: folder })).code).toBe(1)
  expect(existsSync(join(folder, 'nowhere'))).toBe(false)
})

test('a docker-registry\'s own files', async () => {
  const image = `registry-storage:${folder}/storage:team/app:1`
  expect(await longshore(['copy', '-q', '--insecure-policy', 'docker-archive:one.tar', image], { cwd: folder })).toMatchObject({ code: 0, stderr: '' })
  expect(await longshore(['inspect', '--format', '{{.Name}} {{.Os}}', image], { cwd: folder })).toEqual({ code: 0, stdout: 'team/app linux\n', stderr: '' })
})

test('registries.d that cannot be read ends inspect, as it ends skopeo\'s', async () => {
  await mkdir(join(folder, 'registries.d'), { recursive: true })
  await writeFile(join(folder, 'registries.d/bad.yaml'), 'docker: [')
  const { theirs, ours } = await both(['--registries.d', 'registries.d', 'inspect', 'docker://127.0.0.1:9/a'])
  for (const { code, stderr } of [theirs, ours]) {
    expect(code).toBe(1)
    expect(messageOf(stderr)).toMatch(/^Error parsing image name "docker:\/\/127\.0\.0\.1:9\/a": .*registries\.d\/bad\.yaml: /)
  }
})

test('delete takes a name from an OCI layout, and the blobs that nothing else needs', async () => {
  for (const name of ['a', 'b']) await run(realSkopeo, ['--insecure-policy', 'copy', '-q', 'dir:dir', `oci:deleted:${name}`], { cwd: folder })
  const blobs = (): number => readdirSync(join(folder, 'deleted/blobs/sha256')).length
  const names = async (): Promise<readonly number[]> => await Promise.all(['a', 'b'].map(async (name) => (await skopeo(['inspect', `oci:deleted:${name}`], { cwd: folder })).code ?? -1))
  const before = blobs()
  expect(before).toBeGreaterThan(2)
  expect(await longshore(['delete', 'oci:deleted:a'], { cwd: folder })).toEqual({ code: 0, stdout: '', stderr: '' })
  expect([blobs(), await names()]).toEqual([before, [1, 0]])
  expect(await longshore(['delete', 'oci:deleted:b'], { cwd: folder })).toEqual({ code: 0, stdout: '', stderr: '' })
  expect([blobs(), await names()]).toEqual([0, [1, 1]])
})

test('standalone-sign and standalone-verify under the name skopeo', { timeout: 60_000 }, async () => {
  const home = await mkdtemp(join(tmpdir(), 'longshore-keys-'))
  const env = { HOME: home, GNUPGHOME: home, LC_ALL: 'C' }
  try {
    await run('gpg', ['--batch', '--passphrase', '', '--quick-generate-key', 'alice', 'ed25519', 'sign', 'never'], { env: { ...process.env, ...env } })
    const { stdout } = await run('gpg', ['--with-colons', '--list-keys'], { env: { ...process.env, ...env } })
    const fingerprint = /^fpr:+([0-9A-F]+):/m.exec(stdout)?.[1] ?? ''
    const named = (args: readonly string[]): Promise<Finished> => launch(args, { command: join(folder, 'skopeo'), cwd: folder, env }).finished
    const real = (args: readonly string[]): Promise<Finished> => launch(args, { command: realSkopeo, cwd: folder, env }).finished
    expect(await named(['standalone-sign', 'dir/manifest.json', 'a.example/b:1', fingerprint, '-o', 'ours.sig'])).toEqual({ code: 0, stdout: '', stderr: '' })
    const verify = ['standalone-verify', 'dir/manifest.json', 'a.example/b:1', fingerprint, 'ours.sig']
    // 1.9.3 names no fingerprint.
    expect((await real(verify)).code).toBe(0)
    expect(await named(verify)).toMatchObject({ code: 0, stderr: '' })
    const wrong = ['standalone-verify', 'dir/manifest.json', 'a.example/b:2', fingerprint, 'ours.sig']
    for (const { code, stderr } of [await real(wrong), await named(wrong)]) {
      expect(code).toBe(1)
      expect(messageOf(stderr)).toMatch(/Docker reference "?a\.example\/b:1"? does not match "?a\.example\/b:2"?/)
    }
  } finally {
    await run('gpgconf', ['--kill', 'all'], { env: { ...process.env, ...env } })
    await rm(home, { recursive: true, force: true })
  }
})

test('--user-agent-prefix stands before Longshore\'s own name in every request', async () => {
  const seen = new Set<string>()
  const server = createServer((request, response) => { seen.add(request.headers['user-agent'] ?? ''); response.writeHead(404).end() })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  const image = `docker://127.0.0.1:${(server.address() as AddressInfo).port}/a:1`
  try {
    for (const args of [['inspect', '--tls-verify=false', image], ['copy', '--src-tls-verify=false', image, 'dir:agent']]) {
      await longshore([args[0] ?? '', '--insecure-policy', '--user-agent-prefix', 'ci/7', ...args.slice(1)], { cwd: folder })
      expect([...seen]).toEqual([expect.stringMatching(/^ci\/7 longshore\//)])
      seen.clear()
    }
  } finally {
    server.close()
  }
})

test('copy takes --screds, --dcreds and --tls-verify for both sides', { timeout: 60_000 }, async () => {
  await using registry = await startDockerRegistry({ auth: { kind: 'htpasswd', users: { bob: 's3cret' } } })
  const image = await writeImage(join(folder, 'image'), 'docker', {})
  await pushImage(image, `docker://${registry.host}/a:1`, ['--dest-creds', 'bob:s3cret'])
  const from = `docker://${registry.host}/a:1`
  const to = `docker://${registry.host}/b:1`
  expect((await longshore(['copy', '--insecure-policy', '--tls-verify=false', '--dcreds', 'bob:s3cret', from, to])).code).toBe(1)
  expect((await longshore(['copy', '--insecure-policy', '--tls-verify=false', '--screds', 'bob:s3cret', from, to])).code).toBe(1)
  const { code, stderr } = await longshore(['copy', '--insecure-policy', '--tls-verify=false', '--screds', 'bob:s3cret', '--dcreds', 'bob:s3cret', from, to])
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('instead use: --src-tls-verify, --dest-tls-verify') as string })
  const { ours } = await both(['--tls-verify=false', 'inspect', '-n', '--creds', 'bob:s3cret', '--format', '{{.Digest}}', to])
  expect(ours).toMatchObject({ code: 0, stdout: `${image.digest}\n` })
})
