// From every place to every other, and what is refused on the way. In this process; the command line is in test/e2e/skopeo-copy.test.ts.
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { digestOf, parseTag } from '@longshore/oci'
import { type DockerRegistry, image, index, layer, PlainClient, seed, startDockerRegistry, walkImage } from '@longshore/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { readConfig } from '../config.ts'
import type { CopyFlags } from '../skopeo/copy-flags.ts'
import { copyCommand } from './copy.ts'

const list = index({ children: [
  image({ seed: 'amd64', format: 'oci', layers: [layer({ seed: 'x', size: 5_000 })], platform: { os: 'linux', architecture: 'amd64' } }),
  image({ seed: 'arm64', format: 'oci', layers: [layer({ seed: 'y', size: 5_000 })], platform: { os: 'linux', architecture: 'arm64' } }),
] })
let registry: DockerRegistry
let folder: string
/** A registry's name for an image with real layers: two of them, gzipped, in Docker's format. */
let real: string

beforeAll(async () => {
  registry = await startDockerRegistry()
  await seed(registry.url, [{ repository: 'multi', tag: parseTag('1'), content: list }])
  const work = await mkdtemp(join(tmpdir(), 'longshore-real-'))
  for (const name of ['one', 'two']) {
    await writeFile(join(work, name), `content of ${name} `.repeat(1000))
    execFileSync('tar', ['-C', work, '-cf', join(work, `${name}.tar`), name])
  }
  real = `docker://${registry.host}/real:1`
  execFileSync('skopeo', ['--insecure-policy', 'copy', '-q', '--format', 'v2s2', '--dest-tls-verify=false', `tarball:${work}/one.tar:${work}/two.tar`, real])
  await rm(work, { recursive: true })
})
afterAll(async () => { await registry?.[Symbol.asyncDispose]() })
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longshore-copy-'))
  vi.spyOn(process.stdout, 'write').mockImplementation(() => true)
})
afterEach(async () => {
  vi.restoreAllMocks()
  await rm(folder, { recursive: true, force: true })
})

const copy = (source: string, destination: string, flags: CopyFlags = {}, env: Readonly<Record<string, string>> = {}): Promise<void> => copyCommand([source, destination], {
  insecurePolicy: true, srcTlsVerify: false, destTlsVerify: false, ...flags,
}, { config: readConfig({ HOME: folder, PATH: process.env['PATH'] ?? '', ...env }), signal: new AbortController().signal, warn: () => {} })

async function read(repository: string, reference: string): Promise<{ readonly digest: string; readonly json: { readonly config: { readonly digest: string }; readonly layers: readonly { readonly mediaType: string; readonly digest: string }[] } }> {
  using client = new PlainClient(registry.url)
  const { body } = await client.send('GET', `/v2/${repository}/manifests/${reference}`, { headers: { accept: [
    'application/vnd.docker.distribution.manifest.v2+json', 'application/vnd.oci.image.manifest.v1+json', 'application/vnd.oci.image.index.v1+json',
  ].join() } })
  return { digest: digestOf(body), json: JSON.parse(body.toString()) }
}

const place = (transport: string, name: string): string => {
  switch (transport) {
    case 'dir': return `dir:${folder}/${name}`
    case 'registry-storage': return `registry-storage:${folder}/${name}:a/b:1`
    case 'docker-archive': return `docker-archive:${folder}/${name}:example.com/x:1`
    default: return `${transport}:${folder}/${name}:x`
  }
}

describe('round trips', () => {
  const whole = ['dir', 'oci', 'oci-archive', 'registry-storage'] as const
  test.for(whole.flatMap((first) => whole.map((second) => [first, second] as const)))('%s, then %s, then a registry: a list keeps its digest', async ([first, second]) => {
    await copy(`docker://${registry.host}/multi:1`, place(first, 'one'), { all: true })
    await copy(place(first, 'one'), place(second, 'two'), { all: true })
    await copy(place(second, 'two'), `docker://${registry.host}/back-${first}-${second}:1`, { all: true })
    expect((await read(`back-${first}-${second}`, '1')).digest).toBe(list.root.digest)
    using client = new PlainClient(registry.url)
    expect((await walkImage(client, `back-${first}-${second}`, '1', { deep: true })).problems).toEqual([])
  })

  test.for([...whole, 'docker-archive'] as const)('docker-archive after %s: the configuration keeps its digest, and the layers their content', async (first) => {
    await copy(real, place(first, 'one'), first === 'docker-archive' ? {} : { preserveDigests: true })
    await copy(place(first, 'one'), place('docker-archive', 'two'))
    await copy(place('docker-archive', 'two'), `docker://${registry.host}/unpacked-${first}:1`)
    const [before, after] = [await read('real', '1'), await read(`unpacked-${first}`, '1')]
    expect(after.json.config.digest).toBe(before.json.config.digest)
    // Gzipped again for the registry, which is another compression of the same archive.
    expect(after.json.layers.map(({ mediaType }) => mediaType)).toEqual(['application/vnd.docker.image.rootfs.diff.tar.gzip', 'application/vnd.docker.image.rootfs.diff.tar.gzip'])
    execFileSync('skopeo', ['--insecure-policy', 'copy', '-q', '--src-tls-verify=false', `docker://${registry.host}/unpacked-${first}:1`, `docker-archive:${folder}/check:x:1`])
  })

  test('an image in an OCI layout is OCI, so that skopeo finds it, unless digests are to be preserved', async () => {
    await copy(real, `oci:${folder}/layout:converted`)
    await copy(real, `oci:${folder}/layout:kept`, { preserveDigests: true })
    const { manifests } = JSON.parse(await readFile(`${folder}/layout/index.json`, 'utf8')) as { readonly manifests: readonly { readonly mediaType: string; readonly digest: string }[] }
    expect(manifests.map(({ mediaType }) => mediaType)).toEqual(['application/vnd.oci.image.manifest.v1+json', 'application/vnd.docker.distribution.manifest.v2+json'])
    expect(manifests[1]?.digest).toBe((await read('real', '1')).digest)
    const raw = execFileSync('skopeo', ['inspect', '--raw', `oci:${folder}/layout:converted`])
    execFileSync('skopeo', ['--insecure-policy', 'copy', '-q', '--src-tls-verify=false', real, `oci:${folder}/theirs:x`])
    expect(JSON.parse(raw.toString())).toEqual(JSON.parse(execFileSync('skopeo', ['inspect', '--raw', `oci:${folder}/theirs:x`]).toString()))
  })

  test('layers compressed anew with zstd, and a list alone', async () => {
    await copy(real, `docker://${registry.host}/zstd:1`, { format: 'oci', destCompressFormat: 'zstd' })
    expect((await read('zstd', '1')).json.layers.map(({ mediaType }) => mediaType)).toEqual(['application/vnd.oci.image.layer.v1.tar+zstd', 'application/vnd.oci.image.layer.v1.tar+zstd'])
    await expect(copy(real, `dir:${folder}/no`, { format: 'v2s2', destCompressFormat: 'zstd' })).rejects.toThrow('zstd')
    expect(existsSync(`${folder}/no`)).toBe(false)
  })
})

describe('signatures and policy', () => {
  let home: string
  let key: string
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'longshore-gpg-'))
    const env = { ...process.env, GNUPGHOME: home }
    execFileSync('gpg', ['--batch', '--quiet', '--passphrase', '', '--quick-gen-key', 'Tester <t@example.com>', 'ed25519', 'sign'], { env, stdio: 'ignore' })
    key = /^fpr:+([0-9A-F]{40}):/m.exec(execFileSync('gpg', ['--list-keys', '--with-colons'], { env, stdio: ['ignore', 'pipe', 'ignore'] }).toString())?.[1] ?? ''
    await writeFile(join(home, 'public.gpg'), execFileSync('gpg', ['--export', key], { env }))
  })
  afterAll(async () => {
    execFileSync('gpgconf', ['--kill', 'all'], { env: { ...process.env, GNUPGHOME: home } })
    await rm(home, { recursive: true, force: true })
  })
  const policy = async (reference: string): Promise<CopyFlags> => {
    await writeFile(`${folder}/policy.json`, JSON.stringify({ default: [{ type: 'signedBy', keyType: 'GPGKeys', keyPath: join(home, 'public.gpg'), signedIdentity: { type: 'exactReference', dockerReference: reference } }] }))
    return { insecurePolicy: false, policy: `${folder}/policy.json` }
  }
  const signed: (reference: string) => CopyFlags = (reference) => ({ signBy: key, signIdentity: reference })

  test('what is signed on its way is let in by a policy, there and by skopeo; what is not signed is not', async () => {
    await copy(real, `dir:${folder}/signed`, signed('example.com/app:1'), { GNUPGHOME: home })
    await copy(real, `dir:${folder}/unsigned`)
    const strict = await policy('example.com/app:1')
    await copy(`dir:${folder}/signed`, `dir:${folder}/in`, strict)
    // The signature came along.
    expect(readdirSync(`${folder}/in`)).toContain('signature-1')
    execFileSync('skopeo', ['--policy', `${folder}/policy.json`, 'copy', '-q', `dir:${folder}/in`, `dir:${folder}/theirs`])
    await expect(copy(`dir:${folder}/unsigned`, `dir:${folder}/out`, strict)).rejects.toThrow('Source image rejected: A signature was required, but no signature exists')
    await expect(copy(`dir:${folder}/signed`, `dir:${folder}/out`, await policy('example.com/other:1'))).rejects.toThrow('Source image rejected')
    expect(existsSync(`${folder}/out`)).toBe(false)
  })

  test('lookaside storage of a registry: written beside it, read again, left behind on request', async () => {
    await mkdir(`${folder}/registries.d`)
    await writeFile(`${folder}/registries.d/r.yaml`, `docker:\n  ${registry.host}:\n    lookaside: file://${folder}/lookaside\n`)
    const places: CopyFlags = { 'registries.d': `${folder}/registries.d` }
    await copy(real, `docker://${registry.host}/signed:1`, { ...places, signBy: key }, { GNUPGHOME: home })
    const strict = await policy(`${registry.host}/signed:1`)
    await copy(`docker://${registry.host}/signed:1`, `dir:${folder}/in`, { ...strict, ...places })
    expect(readdirSync(`${folder}/in`)).toContain('signature-1')
    await copy(`docker://${registry.host}/signed:1`, `dir:${folder}/bare`, { ...places, removeSignatures: true })
    expect(readdirSync(`${folder}/bare`)).not.toContain('signature-1')
    await expect(copy(`docker://${registry.host}/signed:1`, `oci:${folder}/none:x`, places)).rejects.toThrow('leave them behind with --remove-signatures')
  })

  test('a signed image is not changed under its signature', async () => {
    await copy(real, `dir:${folder}/signed`, signed('example.com/app:1'), { GNUPGHOME: home })
    await expect(copy(`dir:${folder}/signed`, `dir:${folder}/oci`, { format: 'oci' })).rejects.toThrow('--remove-signatures')
    expect(existsSync(`${folder}/oci`)).toBe(false)
    await copy(`dir:${folder}/signed`, `dir:${folder}/oci`, { format: 'oci', removeSignatures: true })
    expect(readdirSync(`${folder}/oci`)).not.toContain('signature-1')
    // Signed anew, it is signed as what it became.
    await copy(`dir:${folder}/signed`, `dir:${folder}/anew`, { format: 'oci', removeSignatures: true, ...signed('example.com/app:2') }, { GNUPGHOME: home })
    await copy(`dir:${folder}/anew`, `dir:${folder}/in`, await policy('example.com/app:2'))
  })

  test('a key that is not there stops everything before it begins', async () => {
    await expect(copy(real, `docker://${registry.host}/never:1`, { signBy: '0'.repeat(40) }, { GNUPGHOME: home })).rejects.toThrow('cannot sign by')
    using client = new PlainClient(registry.url)
    expect((await client.send('GET', '/v2/never/tags/list')).status).toBe(404)
  })

  test('no policy at all refuses', async () => {
    await expect(copy(real, `dir:${folder}/x`, { insecurePolicy: false, policy: `${folder}/none.json` })).rejects.toThrow('Error loading trust policy')
    await expect(copy(real, `dir:${folder}/x`, { insecurePolicy: true, requireSigned: true })).rejects.toThrow('exclude each other')
  })
})

describe('refused', () => {
  test.for([
    ['ostree:repo@ref', 'dir:x', 'ostree'], ['dir:/x', 'tarball:/y', 'only be read'], ['nonsense', 'dir:x', 'expected colon-separated transport:reference'],
    ['docker:x', 'dir:x', 'does not start with //'], ['foo:x', 'dir:x', 'unknown transport "foo"'],
  ] as const)('%s to %s', async ([from, to, words]) => {
    await expect(copy(from, to)).rejects.toThrow(words)
  })

  test.for([
    [{ multiArch: 'some' }, 'unknown multi-arch option "some"'], [{ format: 'v9' }, 'unknown format "v9"'], [{ destCompressFormat: 'lz4' }, 'lz4'],
  ] as const)('%o', async ([flags, words]) => {
    await expect(copy(real, `dir:${folder}/x`, flags)).rejects.toThrow(words)
  })
})
