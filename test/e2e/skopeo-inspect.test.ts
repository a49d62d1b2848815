// inspect, list-tags, manifest-digest and the grammar, beside Debian's skopeo 1.9.3 on the same images.
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DockerRegistry, startDockerRegistry } from '@longshore/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bin, launch, longshore } from './cli-process.ts'
import { messageOf, pushImage, putList, skopeo, writeImage } from './skopeo-images.ts'

let folder: string
let registry: DockerRegistry
let repository: string
let digest: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longshore-inspect-'))
  registry = await startDockerRegistry()
  repository = `docker://${registry.host}/team/app`
  const history = [{ created: '2024-01-27T00:30:48Z', created_by: 'x <y>' }, { created: '2024-01-27T02:30:49.5+02:00', created_by: 'z', empty_layer: true }]
  const one = await writeImage(join(folder, 'one'), 'docker', {
    created: '2024-01-27T00:30:48.743965523Z', docker_version: '20.10.23', author: 'A & B', history,
    config: { Env: ['PATH=/usr/bin:<&>', 'L=\u2028'], Cmd: ['/bin/sh', '-c', 'a b'], Labels: { b: '2', a: '1 & <x>' }, ExposedPorts: { '80/tcp': {}, '443/tcp': {} }, Volumes: { '/v': {} }, User: 'u', WorkingDir: '/', StopSignal: 'SIGQUIT' },
  })
  const arm64 = await writeImage(join(folder, 'arm64'), 'docker', { architecture: 'arm64', variant: 'v8', created: '2024-01-27T00:30:48.7+02:00', config: { Env: [] } })
  const armv7 = await writeImage(join(folder, 'armv7'), 'docker', { architecture: 'arm', variant: 'v7' })
  const oci = await writeImage(join(folder, 'oci'), 'oci', { config: { Entrypoint: ['/e'] }, 'os.version': '1.2', 'os.features': ['f'] }, { zz: '1<2', aa: 'b' })
  digest = one.digest
  for (const [image, tag] of [[one, 'one'], [arm64, 'arm64'], [armv7, 'armv7'], [oci, 'oci']] as const) await pushImage(image, `${repository}:${tag}`)
  await putList(registry.url, 'team/app', 'multi', [[one, { os: 'linux', architecture: 'amd64' }], [arm64, { os: 'linux', architecture: 'arm64', variant: 'v8' }], [armv7, { os: 'linux', architecture: 'arm', variant: 'v7' }]])
  await symlink(bin, join(folder, 'skopeo'))
}, 60_000)

afterAll(async () => {
  await registry[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

const fill = (args: readonly string[]): readonly string[] => args.map((arg) => arg.replace('REPO', repository).replace('DIGEST', digest).replace('FOLDER', folder))
const both = async (args: readonly string[]) => {
  const [theirs, ours] = await Promise.all([skopeo(fill(args)), longshore(fill(args))])
  return { theirs, ours }
}
/** What skopeo's main branch prints, and 1.9.3 does not yet. */
const withoutLayersData = (text: string): string => text.replace(/ {4}"LayersData": \[\n[^]*?\n {4}\],\n/, '')

describe('the same text', () => {
  test.each<readonly string[]>([
    ['inspect', '--tls-verify=false', 'REPO:one'],
    ['inspect', '--tls-verify=false', '--no-tags', 'REPO:oci'],
    ['inspect', '-n', '--tls-verify=false', 'REPO@DIGEST'],
    ['inspect', '--tls-verify=false', '-nf', 'json', 'REPO:arm64'],
    ['--override-arch', 'arm64', 'inspect', '--tls-verify=false', '-n', 'REPO:multi'],
    ['--override-arch=arm', '--override-variant=v8', 'inspect', '--tls-verify=false', '-n', 'REPO:multi'],
    ['inspect', '--tls-verify=false', '--raw', 'REPO:multi'],
    ['inspect', '--tls-verify=false', '--config', 'REPO:oci'],
    ['inspect', '--tls-verify=false', '--config', '--raw', 'REPO:one'],
    ['list-tags', '--tls-verify=false', 'REPO'],
    ['manifest-digest', 'FOLDER/one/manifest.json'],
  ])('%s %s %s %s %s', async (...args) => {
    const { theirs, ours } = await both(args)
    expect(theirs).toMatchObject({ code: 0, stderr: '' })
    expect(ours).toEqual({ code: 0, stderr: '', stdout: expect.any(String) })
    expect(withoutLayersData(ours.stdout)).toBe(theirs.stdout)
  })

  test('LayersData tells of each layer', async () => {
    const { stdout } = await longshore(fill(['inspect', '-n', '--tls-verify=false', 'REPO:oci']))
    expect(JSON.parse(stdout)).toMatchObject({ LayersData: [{ MIMEType: 'application/vnd.oci.image.layer.v1.tar+gzip', Annotations: { zz: '1<2', aa: 'b' } }] })
    expect(stdout).toContain('"aa": "b",\n                "zz": "1\\u003c2"')
  })
})

// The messages that need no registry: packages/cli/src/skopeo/messages.test.ts.
describe('the same message and exit code', () => {
  test('nobody listens', async () => {
    const { theirs, ours } = await both(['list-tags', '--tls-verify=false', 'docker://127.0.0.1:9/a'])
    expect([theirs.code, ours.code]).toEqual([1, 1])
    for (const { stderr } of [theirs, ours]) expect(messageOf(stderr)).toContain('dial tcp 127.0.0.1:9: connect: connection refused')
  })

  test.each<readonly [readonly string[], number]>([
    [['inspect', '--tls-verify=false', 'REPO:nope'], 2], [['inspect', '--tls-verify=false', 'REPO/none:1'], 2],
    [['list-tags', '--tls-verify=false', 'REPO/none'], 1], [['delete', '--tls-verify=false', 'REPO:nope'], 1],
  ])('%j: there is no such image', async (args, code) => {
    const { theirs, ours } = await both(args)
    expect(theirs.code).toBe(1)
    expect(ours).toMatchObject({ code, stdout: '' })
    // 1.9.3 says it twice.
    expect(messageOf(ours.stderr)).toBe(messageOf(theirs.stderr).replace('manifest unknown: manifest unknown', 'manifest unknown'))
  })

  test('no image for the platform: as the main branch says it', async () => {
    const { ours } = await both(['--override-arch', 's390x', 'inspect', '--tls-verify=false', 'REPO:multi'])
    expect(ours.code).toBe(1)
    expect(messageOf(ours.stderr)).toBe('Error parsing manifest for image: choosing image instance: no image found in manifest list for architecture "s390x", variant "", OS "linux"')
  })

  test('a registry without TLS', async () => {
    const { theirs, ours } = await both(['inspect', 'REPO:one'])
    for (const { code, stderr } of [theirs, ours]) {
      expect(code).toBe(1)
      expect(messageOf(stderr)).toContain('http: server gave HTTP response to HTTPS client')
    }
  })
})

// What templates print: packages/cli/src/go-template/report.test.ts.
describe('templates', () => {
  test('an image by a template', async () => {
    const { theirs, ours } = await both(['inspect', '-n', '--tls-verify=false', '--format', '{{.Name}} {{range $k, $v := .Labels}}{{$k}}={{$v}};{{end}} {{.Created}}', 'REPO:one'])
    expect(theirs).toMatchObject({ code: 0, stdout: expect.stringContaining('2024-01-27') as string })
    expect(ours).toEqual(theirs)
  })

  test.each([['json'], ['{{json .}}']])('--config --format %s', async (format) => {
    const { theirs, ours } = await both(['inspect', '--config', '--tls-verify=false', '--format', format, 'REPO:one'])
    expect(theirs.code).toBe(0)
    expect(ours).toEqual(theirs)
  })

  test('one that cannot be carried out', async () => {
    const { theirs, ours } = await both(['inspect', '-n', '--tls-verify=false', '--format', '{{.Nope}}', 'REPO:one'])
    for (const { code, stderr } of [theirs, ours]) {
      expect(code).toBe(1)
      expect(messageOf(stderr)).toContain('can\'t evaluate field Nope')
    }
  })
})

describe('under the name skopeo', () => {
  test.each<readonly [readonly string[]]>([[[]], [['foo']], [['--foo']]])('%j', async (args) => {
    const [theirs, ours] = await Promise.all([skopeo(args), launch(args, { command: join(folder, 'skopeo') }).finished])
    expect(ours).toMatchObject({ code: 1, stdout: '' })
    expect(theirs.code).toBe(1)
    expect(messageOf(ours.stderr)).toBe(messageOf(theirs.stderr))
  })

  test('it tells its version as skopeo does', async () => {
    for (const flag of ['--version', '-v']) expect((await launch([flag], { command: join(folder, 'skopeo') }).finished).stdout).toMatch(/^skopeo version \d+\.\d+\.\d+ \(longshore .+\)\n$/)
  })

  test('it runs skopeo\'s commands, and none of Longshore\'s', async () => {
    const args = fill(['inspect', '-n', '--tls-verify=false', '--format', '{{.Digest}}', 'REPO:one'])
    expect(await launch(args, { command: join(folder, 'skopeo') }).finished).toEqual(await skopeo(args))
    const { code, stderr } = await launch(['migrate', 'x'], { command: join(folder, 'skopeo') }).finished
    expect(code).toBe(1)
    expect(messageOf(stderr)).toContain('Unrecognized command `skopeo migrate`')
  })
})

test('--command-timeout ends a command that waits', async () => {
  const { createServer } = await import('node:net')
  // Takes connections and says nothing.
  const server = createServer(() => {})
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  const { port } = server.address() as { port: number }
  try {
    const began = performance.now()
    const { code, stderr } = await longshore(['--command-timeout', '500ms', 'inspect', `docker://127.0.0.1:${port}/a`])
    expect({ code, message: messageOf(stderr) }).toEqual({ code: 1, message: 'context deadline exceeded' })
    expect(performance.now() - began).toBeLessThan(15_000)
  } finally {
    server.close()
  }
})

test('a signed manifest of schema 1 has the digest of its payload', async () => {
  const payload = '{\n   "schemaVersion": 1,\n   "name": "a",\n   "tag": "b",\n   "architecture": "amd64",\n   "fsLayers": [],\n   "history": []\n}'
  const encode = (text: string): string => Buffer.from(text).toString('base64url')
  const signed = `${payload.slice(0, -2)},\n   "signatures": [{"header": {}, "signature": "x", "protected": "${encode(JSON.stringify({ formatLength: payload.length - 2, formatTail: encode('\n}') }))}"}]\n}`
  await writeFile(join(folder, 'signed.json'), signed)
  const { theirs, ours } = await both(['manifest-digest', 'FOLDER/signed.json'])
  expect(theirs.code).toBe(0)
  expect(ours).toEqual(theirs)
})
