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
    ['inspect', '--tls-verify=false', 'REPO:multi'],
    ['--override-arch', 'arm64', 'inspect', '--tls-verify=false', '-n', 'REPO:multi'],
    ['--override-arch=arm', '--override-variant=v8', 'inspect', '--tls-verify=false', '-n', 'REPO:multi'],
    ['inspect', '--override-arch=arm', '--tls-verify=false', '-n', 'REPO:multi'],
    ['inspect', '--tls-verify=false', '--raw', 'REPO:one'],
    ['inspect', '--tls-verify=false', '--raw', 'REPO:multi'],
    ['inspect', '--tls-verify=false', '--config', 'REPO:one'],
    ['inspect', '--tls-verify=false', '--config', 'REPO:oci'],
    ['inspect', '--tls-verify=false', '--config', 'REPO:arm64'],
    ['inspect', '--tls-verify=false', '--config', '--raw', 'REPO:one'],
    ['list-tags', '--tls-verify=false', 'REPO'],
    ['manifest-digest', 'FOLDER/one/manifest.json'],
    ['manifest-digest', '/dev/null'],
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

describe('the same message and exit code', () => {
  test.each<readonly [readonly string[]]>([
    [['inspect']], [['inspect', 'a', 'b']], [['inspect', 'plain']], [['inspect', 'xx:yy']], [['inspect', 'docker://UPPER']],
    [['inspect', '--foo', 'docker://x']], [['inspect', '-x', 'docker://x']], [['inspect', '-nx', 'docker://x']], [['inspect', '--format']], [['inspect', '-f']],
    [['inspect', '--tls-verify=maybe', 'docker://x']], [['inspect', '--retry-times', 'x', 'docker://x']], [['inspect', '--no-tags=2', 'docker://x']],
    [['--command-timeout', '5', 'inspect', 'docker://x']], [['--command-timeout', '5x', 'inspect', 'docker://x']], [['--insecure-policy=x', 'inspect', 'docker://x']],
    [['inspect', '--raw', '--format', '{{.Name}}', 'docker://x']], [['inspect', '--creds', 'a:b', '--no-creds', 'docker://x']], [['inspect', '--username', 'a', 'docker://x']],
    [['inspect', '--password', 'a', 'docker://x']], [['inspect', '--creds', ':', 'docker://x']], [['inspect', '--creds=', 'docker://x']],
    [['list-tags', 'plain']], [['list-tags', 'dir:/tmp']], [['list-tags', 'docker://a:1']], [['list-tags']], [['list-tags', '--daemon-host=x', 'docker://a']],
    [['manifest-digest']], [['manifest-digest', '/nowhere/at/all']], [['manifest-digest', '--raw', 'x']],
    [['delete']], [['delete', 'plain']], [['delete', 'dir:/tmp']], [['delete', 'docker-archive:/tmp/x']], [['delete', 'docker-daemon:foo:1']],
    [['login']], [['login', 'a', 'b']], [['logout']], [['logout', '--all', 'x']], [['login', '--password-stdin', 'x']], [['login', '--get-login', 'nowhere.example']], [['logout', 'nowhere.example']],
    [['list-tags', '--tls-verify=false', 'docker://127.0.0.1:9/a']],
  ])('%j', async (args) => {
    const { theirs, ours } = await both(args)
    expect(theirs.code).toBe(1)
    expect(ours).toMatchObject({ code: 1, stdout: '' })
    // In whole, or the part that scripts grep for where Go's network library speaks.
    const told = messageOf(theirs.stderr)
    if (told.includes('dial tcp')) expect(messageOf(ours.stderr)).toContain('connect: connection refused')
    else expect(messageOf(ours.stderr)).toBe(told)
  })

  test.each<readonly [readonly string[], number]>([
    [['inspect', '--tls-verify=false', 'REPO:nope'], 2], [['inspect', '--tls-verify=false', 'REPO'], 2], [['inspect', '--tls-verify=false', 'REPO/none:1'], 2],
    [['list-tags', '--tls-verify=false', 'REPO/none'], 1], [['delete', '--tls-verify=false', 'REPO/none:1'], 1], [['delete', '--tls-verify=false', 'REPO:nope'], 1],
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

describe('templates', () => {
  test.each([
    '{{.}}', '{{.Name}}', '{{.Created}}', '{{.Labels}} {{.Env}}', '{{.Labels.a}} {{.Labels.zz}}', '{{range .Layers}}{{.}}{{end}}', 'a\\tb\\n{{.Os}}', '{{json .}}',
    '{{index .Labels "a"}} {{index .Labels "zz"}}', '{{printf "%-20s|%q|%5d|%v|%5.2f|%T" .Os .Os 3 .Env 1.5 .Created}}', '{{len .Layers}} {{len .Os}} {{len .Labels}}',
    '{{if eq .Os "linux"}}yes{{else}}no{{end}}', '{{if and .Os .Tag}}a{{else if .Os}}b{{else}}c{{end}}', '{{if not .Tag}}{{.Os}}{{end}}', '{{.Created.Year}} {{.Created.Unix}} {{.Created.Month}}',
    '{{.Created.Format "2006-01-02T15:04:05.000Z07:00"}}', '{{range $i, $e := .Env}}{{$i}}={{$e}};{{end}}', '{{range $k, $v := .Labels}}{{$k}}={{$v}};{{end}}', '{{range .RepoTags}}x{{else}}none{{end}}',
    '{{print 1 2 "a" "b" 3}}{{println "x" 1}}', '{{/* c */}}x {{- " a " -}} y', '{{$x := .Os}}{{$x}}{{$x = "b"}}{{$x}}', '{{slice .Os 1 3}} {{not true}} {{and 1 0}} {{or 0 "x"}}',
    '{{with .Tag}}x{{else}}empty{{end}}', '{{with .Os}}{{.}} {{$.Name}}{{end}}', '{{lt 1 2}} {{eq 1 2 1}} {{ne "a" "b"}} {{gt 1.5 1.0}} {{le 1 1}} {{ge "a" "b"}}', '{{.Digest.Algorithm}} {{.Digest.Encoded}}',
    '{{`raw`}} {{\'a\'}} {{0x10}} {{1.5}} {{true}}', '{{range .Env}}{{break}}{{end}}', '{{range .Env}}{{if eq . "L=\u2028"}}{{continue}}{{end}}{{.}}{{end}}', '{{ printf "%s" .Env }} {{printf "%q" .Env}} {{printf "%v %+v" .Labels .Labels}}',
    '{{.Os | printf "%s-%s" "x"}}', '{{(index .Layers 0)}} {{(printf "%s" .Os) | len}}', '{{printf "%d %s %x" .Os 3 "hi"}} {{printf "%s"}} {{printf "a" 1}}', '{{"a\\tb"}}', '{{printf "%08.3f|%+d|%x|%c|%t|%%" 3.14159 5 255 65 true}}',
  ])('%s', async (format) => {
    const { theirs, ours } = await both(['inspect', '-n', '--tls-verify=false', '--format', format, 'REPO:one'])
    expect(theirs).toMatchObject({ code: 0 })
    expect(ours.stderr).toBe('')
    // The list of the layers' data stands between the layers and the environment where all of it is printed.
    expect(format === '{{.}}' ? ours.stdout.replace(/ \[\{application.*?\}\]/, '') : withoutLayersData(ours.stdout)).toBe(theirs.stdout)
  })

  test.each(['{{.}}', '{{.Config.Env}} {{.RootFS.DiffIDs}} {{.History}} {{.Created}}', '{{range .History}}{{.CreatedBy}} {{.EmptyLayer}}{{end}}', '{{range $k, $v := .Config.ExposedPorts}}{{$k}} {{$v}};{{end}}', '{{json .}}', '{{.Author}}|{{.Variant}}|{{.OSFeatures}}'])('--config: %s', async (format) => {
    const { theirs, ours } = await both(['inspect', '--config', '--tls-verify=false', '--format', format, 'REPO:one'])
    expect(theirs.code).toBe(0)
    expect(ours).toEqual({ code: 0, stderr: '', stdout: theirs.stdout })
  })

  test('without a time, a pointer is nil', async () => {
    const { theirs, ours } = await both(['inspect', '-n', '--tls-verify=false', '--format', '{{.Created}} {{if .Created}}a{{else}}b{{end}} {{.Labels}}', 'REPO:armv7'])
    expect(ours).toEqual(theirs)
  })

  test.each<readonly [string, string]>([
    ['{{.Nope}}', 'can\'t evaluate field Nope'], ['{{foo}}', 'function "foo" not defined'], ['{{.Layers.Foo}}', 'can\'t evaluate field Foo in type []string'], ['{{nil}}', 'nil is not a command'],
    ['{{lt .Os 1}}', 'incompatible types for comparison'], ['{{index .Layers 9}}', 'out of range'], ['{{if .Os}}x', 'unexpected EOF'], ['{{end}}', 'unexpected {{end}}'], ['{{$x}}', 'undefined variable "$x"'],
    ['{{.Os "x"}}', 'has arguments'], ['{{}}', 'missing value for command'], ['{{.Created.Nope}}', 'can\'t evaluate field Nope in type *time.Time'],
  ])('%s is refused: %s', async (format, why) => {
    const { theirs, ours } = await both(['inspect', '-n', '--tls-verify=false', '--format', format, 'REPO:one'])
    for (const { code, stderr } of [theirs, ours]) {
      expect(code).toBe(1)
      expect(messageOf(stderr)).toContain(why)
    }
    expect(messageOf(ours.stderr)).toMatch(/^template: skopeo inspect:1(?::\d+)?: /)
  })

  test('what the report adds since', async () => {
    const { stdout } = await longshore(fill(['inspect', '-n', '--tls-verify=false', '--format', '{{upper .Os}} {{title "a bc"}} {{split "a,b" ","}} {{join .Layers ","}} {{truncate .Os 3}}{{pad .Os 1 2}}|{{json .Labels}}', 'REPO:one']))
    expect(stdout).toMatch(/^LINUX A Bc \[a b\] sha256:[0-9a-f]{64} lin linux {2}\|\{"a":"1 & <x>","b":"2"\}\n$/)
  })
})

describe('under the name skopeo', () => {
  test.each<readonly [readonly string[]]>([[[]], [['foo']], [['--foo']], [['-x']], [['inspect', '--version']]])('%j', async (args) => {
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
