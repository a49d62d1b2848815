// A table of cases that the real skopeo is asked as well: the same policy, the same image, the same verdict.
import { mkdir, writeFile } from 'node:fs/promises'
import { digestOf, parseEndpoint } from '@longshore/oci'
import type { Signature } from '@longshore/transfer'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeTestKeys, never, type TestKeys } from './gpg.fixture.ts'
import { Policy, readPolicy } from './index.ts'
import { parsePolicy } from './policy-schema.ts'

let keys: TestKeys
let alice: string
let bob: string
let ring: Readonly<Record<'alice' | 'bob' | 'both', string>>
/** A `dir:` image that skopeo can copy: a configuration and no layers. */
const config = Buffer.from('{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[]}}')
const manifest = Buffer.from(JSON.stringify({
  schemaVersion: 2, mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
  config: { mediaType: 'application/vnd.docker.container.image.v1+json', size: config.byteLength, digest: digestOf(config) }, layers: [],
}))
const digest = digestOf(manifest)

beforeAll(async () => {
  keys = await makeTestKeys()
  alice = await keys.key('alice')
  bob = await keys.key('bob')
  const [a, b] = [await keys.publicKey(alice), await keys.publicKey(bob)]
  ring = { alice: await keys.write('alice.gpg', a), bob: await keys.write('bob.gpg', b), both: await keys.write('both.gpg', Buffer.concat([a, b])) }
})
afterAll(async () => { await keys[Symbol.asyncDispose]() })

interface Claim { readonly by?: 'alice' | 'bob'; readonly reference?: string; readonly digest?: string; readonly raw?: string }

async function signed({ by = 'alice', reference = 'example.com/app:1', digest: claimed = digest, raw }: Claim): Promise<Buffer> {
  if (raw !== undefined) return Buffer.from(raw, 'latin1')
  return await keys.sign(by === 'alice' ? alice : bob, JSON.stringify({ critical: { type: 'atomic container signature', image: { 'docker-manifest-digest': claimed }, identity: { 'docker-reference': reference } }, optional: {} }))
}

let count = 0
async function makeImage(claims: readonly Claim[]): Promise<{ readonly folder: string; readonly signatures: readonly Signature[] }> {
  const folder = keys.path(`image-${++count}`)
  await mkdir(folder)
  await writeFile(`${folder}/version`, 'Directory Transport Version: 1.1\n')
  await writeFile(`${folder}/manifest.json`, manifest)
  await writeFile(`${folder}/${digestOf(config).slice(7)}`, config)
  const signatures: Signature[] = []
  for (const [at, claim] of claims.entries()) {
    const bytes = await signed(claim)
    await writeFile(`${folder}/signature-${at + 1}`, bytes)
    signatures.push({ kind: 'simple', bytes })
  }
  return { folder, signatures }
}

const exact = (reference: string) => ({ signedIdentity: { type: 'exactReference', dockerReference: reference } })
const by = (name: keyof typeof ring, more: object = exact('example.com/app:1')) => ({ type: 'signedBy', keyType: 'GPGKeys', keyPath: ring[name], ...more })

/** Both are asked about `dir:folder`; `FOLDER` in a scope is the image's place. */
describe('as skopeo decides', () => {
  test.each<[string, (folder: string) => unknown, readonly Claim[], boolean]>([
    ['everything is accepted', () => ({ default: [{ type: 'insecureAcceptAnything' }] }), [], true],
    ['everything is rejected', () => ({ default: [{ type: 'reject' }] }), [{}], false],
    ['accept and reject together', () => ({ default: [{ type: 'insecureAcceptAnything' }, { type: 'reject' }] }), [], false],
    ['signed as asked', () => ({ default: [by('alice')] }), [{}], true],
    ['no signature', () => ({ default: [by('alice')] }), [], false],
    ['another key', () => ({ default: [by('alice')] }), [{ by: 'bob' }], false],
    ['another identity', () => ({ default: [by('alice')] }), [{ reference: 'example.com/other:1' }], false],
    ['another tag', () => ({ default: [by('alice')] }), [{ reference: 'example.com/app:2' }], false],
    ['another digest', () => ({ default: [by('alice')] }), [{ digest: digestOf(config) }], false],
    ['the second of two is good', () => ({ default: [by('alice')] }), [{ by: 'bob' }, {}], true],
    ['both of two are bad', () => ({ default: [by('alice')] }), [{ by: 'bob' }, { reference: 'example.com/other:1' }], false],
    ['noise', () => ({ default: [by('alice')] }), [{ raw: 'noise' }], false],
    ['two requirements, both met', () => ({ default: [by('alice'), by('bob')] }), [{}, { by: 'bob' }], true],
    ['two requirements, one met', () => ({ default: [by('alice'), by('bob')] }), [{}], false],
    ['a ring of two', () => ({ default: [by('both')] }), [{ by: 'bob' }], true],
    ['the repository only', () => ({ default: [by('alice', { signedIdentity: { type: 'exactRepository', dockerRepository: 'example.com/app' } })] }), [{ reference: 'example.com/app:7' }], true],
    ['another repository', () => ({ default: [by('alice', { signedIdentity: { type: 'exactRepository', dockerRepository: 'example.com/app' } })] }), [{ reference: 'example.com/apps:7' }], false],
    ['a claim without tag', () => ({ default: [by('alice')] }), [{ reference: 'example.com/app' }], false],
    ['short names are expanded', () => ({ default: [by('alice', exact('docker.io/library/busybox:1'))] }), [{ reference: 'busybox:1' }], true],
    ['matchExact, which a folder has not', () => ({ default: [by('alice', { signedIdentity: { type: 'matchExact' } })] }), [{}], false],
    ['the default identity, which a folder has not', () => ({ default: [by('alice', {})] }), [{}], false],
    ['remapIdentity, which a folder has not', () => ({ default: [by('alice', { signedIdentity: { type: 'remapIdentity', prefix: 'example.com', signedPrefix: 'example.com' } })] }), [{}], false],
    ['another keyType', () => ({ default: [{ ...by('alice'), keyType: 'signedByGPGKeys' }] }), [{}], false],
    ['a key that is not there', () => ({ default: [{ ...by('alice'), keyPath: '/nowhere/key.gpg' }] }), [{}], false],
    ['a key that is none', (folder) => ({ default: [{ ...by('alice'), keyPath: `${folder}/version` }] }), [{}], false],
    ['its own scope wins', (folder) => ({ default: [{ type: 'reject' }], transports: { dir: { [folder]: [{ type: 'insecureAcceptAnything' }], '': [{ type: 'reject' }] } } }), [], true],
    ['the scope of a parent wins', (folder) => ({ default: [{ type: 'insecureAcceptAnything' }], transports: { dir: { [folder.replace(/\/[^/]*$/, '')]: [{ type: 'reject' }], '': [{ type: 'insecureAcceptAnything' }] } } }), [], false],
    ['the longest scope wins', (folder) => ({ default: [{ type: 'reject' }], transports: { dir: { [folder]: [{ type: 'insecureAcceptAnything' }], [folder.replace(/\/[^/]*$/, '')]: [{ type: 'reject' }] } } }), [], true],
    ['a scope that only begins alike', (folder) => ({ default: [{ type: 'reject' }], transports: { dir: { [folder.slice(0, -1)]: [{ type: 'insecureAcceptAnything' }] } } }), [], false],
    ['the default of the transport', () => ({ default: [{ type: 'reject' }], transports: { dir: { '': [{ type: 'insecureAcceptAnything' }] } } }), [], true],
    ['the default of another transport', () => ({ default: [{ type: 'reject' }], transports: { docker: { '': [{ type: 'insecureAcceptAnything' }] } } }), [], false],
  ])('%s', async (_what, makePolicy, claims, expected) => {
    const { folder, signatures } = await makeImage(claims)
    const path = await keys.write('policy.json', JSON.stringify(makePolicy(folder)))
    const theirs = await keys.run('skopeo', ['--policy', path, 'copy', '--remove-signatures', `dir:${folder}`, `dir:${keys.path('copy')}`])
    await using policy = await readPolicy({ path, home: keys.home, env: {} })
    const ours = await policy.isAllowed({ place: parseEndpoint(`dir:${folder}`, '/'), manifest: digest, signatures: async () => signatures }, never)
    expect({ skopeo: theirs.code === 0, ours: ours.allowed }, theirs.stderr + JSON.stringify(ours)).toEqual({ skopeo: expected, ours: expected })
  })

  test.each<[string, (good: object) => unknown]>([
    ['not JSON', () => '{'], ['nothing', () => ''], ['an array', () => []], ['null', () => null],
    ['no default', () => ({})], ['an empty default', () => ({ default: [] })], ['a default that is no array', () => ({ default: {} })],
    ['an unknown member', () => ({ default: [{ type: 'reject' }], more: 1 })],
    ['an unknown type', () => ({ default: [{ type: 'signedByNobody' }] })], ['no type', () => ({ default: [{}] })],
    ['a member too many', () => ({ default: [{ type: 'reject', more: 1 }] })],
    ['a duplicate', () => '{"default":[{"type":"reject"}],"default":[{"type":"insecureAcceptAnything"}]}'],
    ['a duplicate within', () => '{"default":[{"type":"reject"}],"transports":{"docker":{"a.example":[{"type":"reject"}],"a.example":[{"type":"insecureAcceptAnything"}]}}}'],
    ['text behind it', () => '{"default":[{"type":"reject"}]} x'],
    ['no key', (good) => ({ default: [{ ...good, keyPath: undefined }] })],
    ['two keys', (good) => ({ default: [{ ...good, keyData: 'AAAA' }] })],
    ['an unknown keyType', (good) => ({ default: [{ ...good, keyType: 'Keys' }] })],
    ['no keyType', (good) => ({ default: [{ ...good, keyType: undefined }] })],
    ['an unknown identity', (good) => ({ default: [{ ...good, signedIdentity: { type: 'matchSome' } }] })],
    ['a member too many in an identity', (good) => ({ default: [{ ...good, signedIdentity: { type: 'matchExact', more: 1 } }] })],
    ['an exactReference without tag', (good) => ({ default: [{ ...good, signedIdentity: { type: 'exactReference', dockerReference: 'example.com/app' } }] })],
    ['a malformed repository', (good) => ({ default: [{ ...good, signedIdentity: { type: 'exactRepository', dockerRepository: 'UPPER/case' } }] })],
    ['a prefix that is no full name', (good) => ({ default: [{ ...good, signedIdentity: { type: 'remapIdentity', prefix: 'example.com/App', signedPrefix: 'example.com' } }] })],
    ['a key path that is a number', (good) => ({ default: [{ ...good, keyPath: 1 }] })],
    ['key data that is no base64', (good) => ({ default: [{ ...good, keyPath: undefined, keyData: '!' }] })],
    ['a relative path as scope', () => ({ default: [{ type: 'reject' }], transports: { dir: { 'a/b': [{ type: 'reject' }] } } })],
    ['the root as scope', () => ({ default: [{ type: 'reject' }], transports: { dir: { '/': [{ type: 'reject' }] } } })],
    ['a path that is not normal', () => ({ default: [{ type: 'reject' }], transports: { oci: { '/a/../b': [{ type: 'reject' }] } } })],
    ['a scope where there are none', () => ({ default: [{ type: 'reject' }], transports: { 'docker-archive': { x: [{ type: 'reject' }] } } })],
  ])('a policy that is not understood is an error: %s', async (_what, make) => {
    const { folder } = await makeImage([{}])
    const value = make(by('alice'))
    const path = await keys.write('policy.json', typeof value === 'string' ? value : JSON.stringify(value))
    expect((await keys.run('skopeo', ['--policy', path, 'copy', `dir:${folder}`, `dir:${keys.path('copy')}`])).code).toBe(1)
    await expect(readPolicy({ path, home: keys.home, env: {} })).rejects.toMatchObject({ code: 'POLICY_INVALID', message: expect.stringContaining(`invalid policy in "${path}": `) as string })
  })
})

describe('reasons', () => {
  const reason = async (policy: object, claims: readonly Claim[], image = 'docker://example.com/app:1') => {
    const { signatures } = await makeImage(claims)
    await using read = new Policy(parsePolicy(Buffer.from(JSON.stringify(policy)), 'p'))
    return await read.check({ place: parseEndpoint(image, '/'), manifest: digest, signatures: async () => signatures }, never).then(() => 'allowed', (error: Error) => error.message)
  }
  test('are the words of skopeo', async () => {
    expect(await reason({ default: [{ type: 'reject' }] }, [])).toBe('Source image rejected: Running image docker://example.com/app:1 is rejected by policy.')
    expect(await reason({ default: [by('alice')] }, [])).toBe('Source image rejected: A signature was required, but no signature exists')
    expect(await reason({ default: [by('alice')] }, [{ reference: 'example.com/b:1' }])).toBe('Source image rejected: Signature for identity "example.com/b:1" is not accepted')
    expect(await reason({ default: [by('alice')] }, [{ raw: 'x' }, { digest: digestOf(config) }])).toMatch(/^Source image rejected: None of the signatures were accepted, reasons: Invalid GPG signature: .*; Signature for digest sha256:\w+ does not match$/)
  })

  test('name the place in a policy', () => {
    expect(() => parsePolicy(Buffer.from('{"default":[{"type":"signedBy","keyType":"GPGKeys","keyPath":"/k","more":1}]}'), '/p')).toThrow(/invalid policy in "\/p": default\[0\]: .*more/)
    expect(() => parsePolicy(Buffer.from('{"default":[{"type":"reject"}],"transports":{"docker":{"a":[{"type":"x"}]}}}'), '/p')).toThrow('transports.docker.a[0].type: Unknown policy requirement type "x"')
    expect(() => parsePolicy(Buffer.from('{"default":[{"type":"reject"}],\n"default":[]}'), '/p')).toThrow('duplicate member "default" at 2:1')
  })
})

describe('identities of registries', () => {
  const digested = `docker://example.com/app@${digest}`
  test.each<[string, string, object, string, boolean]>([
    ['the tag asked for', 'docker://example.com/app:1', {}, 'example.com/app:1', true],
    ['another tag', 'docker://example.com/app:2', {}, 'example.com/app:1', false],
    ['no tag is latest', 'docker://example.com/app', {}, 'example.com/app:latest', true],
    ['by digest any tag of the repository', digested, {}, 'example.com/app:1', true],
    ['by digest no other repository', digested, {}, 'example.com/apps:1', false],
    ['by digest no claim without tag', digested, {}, 'example.com/app', false],
    ['matchExact by digest', digested, { type: 'matchExact' }, 'example.com/app:1', false],
    ['matchExact', 'docker://example.com/app:1', { type: 'matchExact' }, 'example.com/app:1', true],
    ['matchRepository', 'docker://example.com/app:1', { type: 'matchRepository' }, 'example.com/app:2', true],
    ['matchRepository takes cosign\'s claim without tag', 'docker://example.com/app:1', { type: 'matchRepository' }, 'example.com/app', true],
    ['matchRepository of another', 'docker://example.com/app:1', { type: 'matchRepository' }, 'example.com/b/app:1', false],
    ['Docker Hub by its short name', 'docker://busybox:1', {}, 'busybox:1', true],
    ['Docker Hub by its old name', 'docker://busybox:1', {}, 'index.docker.io/library/busybox:1', true],
    ['a mirror', 'docker://mirror:5000/vendor/app:1', { type: 'remapIdentity', prefix: 'mirror:5000/vendor', signedPrefix: 'vendor.example' }, 'vendor.example/app:1', true],
    ['a mirror, another tag', 'docker://mirror:5000/vendor/app:1', { type: 'remapIdentity', prefix: 'mirror:5000/vendor', signedPrefix: 'vendor.example' }, 'vendor.example/app:2', false],
    ['a prefix ends at a slash', 'docker://mirror:5000/vendors/app:1', { type: 'remapIdentity', prefix: 'mirror:5000/vendor', signedPrefix: 'vendor.example' }, 'vendor.examples/app:1', false],
    ['what has not the prefix is itself', 'docker://other.example/app:1', { type: 'remapIdentity', prefix: 'mirror:5000', signedPrefix: 'vendor.example' }, 'other.example/app:1', true],
    ['a malformed claim', 'docker://example.com/app:1', {}, 'example.com/APP:1', false],
  ])('%s', async (_what, image, signedIdentity, claim, expected) => {
    const policy = { default: [by('alice', Object.keys(signedIdentity).length === 0 ? {} : { signedIdentity })] }
    await using read = new Policy(parsePolicy(Buffer.from(JSON.stringify(policy)), 'p'))
    const bytes = await signed({ reference: claim })
    expect((await read.isAllowed({ place: parseEndpoint(image, '/'), manifest: digest, signatures: async () => [{ kind: 'simple', bytes }] }, never)).allowed).toBe(expected)
  })
})

describe('scopes of registries', () => {
  test.each<[string, string, readonly string[], string]>([
    ['the tag', 'docker://a.b.example.com:5000/x/y:1', ['a.b.example.com:5000/x/y:1', 'a.b.example.com:5000/x/y', ''], 'a.b.example.com:5000/x/y:1'],
    ['the repository', 'docker://a.b.example.com:5000/x/y:1', ['a.b.example.com:5000/x/y:2', 'a.b.example.com:5000/x/y', 'a.b.example.com:5000/x'], 'a.b.example.com:5000/x/y'],
    ['the namespace', 'docker://a.b.example.com:5000/x/y:1', ['a.b.example.com:5000', 'a.b.example.com:5000/x'], 'a.b.example.com:5000/x'],
    ['the host with its port', 'docker://a.b.example.com:5000/x/y:1', ['a.b.example.com', 'a.b.example.com:5000', '*.b.example.com'], 'a.b.example.com:5000'],
    ['the nearest wildcard', 'docker://a.b.example.com:5000/x/y:1', ['*.example.com', '*.b.example.com', ''], '*.b.example.com'],
    ['a wider wildcard', 'docker://a.b.example.com:5000/x/y:1', ['*.com', '*.example.com'], '*.example.com'],
    ['a wildcard is not for its own domain', 'docker://example.com/x:1', ['*.example.com', ''], ''],
    ['not the host without its port', 'docker://a.example.com:5000/x:1', ['a.example.com', ''], ''],
    ['a digest', `docker://example.com/x@${digest}`, [`example.com/x@${digest}`, 'example.com/x'], `example.com/x@${digest}`],
    ['Docker Hub in full', 'docker://busybox:1', ['busybox:1', 'library/busybox', 'docker.io/library'], 'docker.io/library'],
    ['an OCI layout', 'oci:/nowhere/layout:v1', ['/nowhere', '/nowhere/layout', '/nowhere/layout:v1'], '/nowhere/layout:v1'],
    ['a storage tree', 'registry-storage:/nowhere/tree:a/b:1', ['/nowhere', '/nowhere/tree:a/b'], '/nowhere/tree:a/b'],
    ['nothing but the default', 'docker-archive:/nowhere/x.tar', [''], ''],
  ])('%s', async (_what, image, scopes, wins) => {
    const transport = image.slice(0, image.indexOf(':'))
    const policy = { default: [{ type: 'reject' }], transports: { [transport]: Object.fromEntries(scopes.map((scope) => [scope, [{ type: scope === wins ? 'insecureAcceptAnything' : 'reject' }]])) } }
    await using read = new Policy(parsePolicy(Buffer.from(JSON.stringify(policy)), 'p'))
    expect(await read.isAllowed({ place: parseEndpoint(image, '/'), manifest: digest, signatures: async () => [] }, never)).toEqual({ allowed: true })
  })

  test('those of containers-storage cannot be told, so they reject', async () => {
    const policy = { default: [{ type: 'insecureAcceptAnything' }], transports: { 'containers-storage': { '[overlay@/var/lib/containers/storage]': [{ type: 'reject' }], '': [{ type: 'insecureAcceptAnything' }] } } }
    await using read = new Policy(parsePolicy(Buffer.from(JSON.stringify(policy)), 'p'))
    expect(await read.isAllowed({ place: parseEndpoint('containers-storage:busybox:1', '/'), manifest: digest, signatures: async () => [] }, never)).toMatchObject({ allowed: false })
  })
})

describe('where the policy is', () => {
  const reject = '{"default":[{"type":"reject"}]}'
  const accept = '{"default":[{"type":"insecureAcceptAnything"}]}'
  const read = async (options: Partial<Parameters<typeof readPolicy>[0]>) => {
    await using policy = await readPolicy({ home: keys.path('home'), root: keys.path('root'), env: {}, ...options })
    return (await policy.isAllowed({ place: parseEndpoint('dir:/x', '/'), manifest: digest, signatures: async () => [] }, never)).allowed
  }

  test('nowhere is an error', async () => {
    await expect(read({})).rejects.toThrow(`Error loading trust policy: open ${keys.path('root/etc/containers/policy.json')}: no such file or directory`)
    await expect(read({ path: '/nowhere/p.json' })).rejects.toThrow('Error loading trust policy: open /nowhere/p.json: no such file or directory')
  })

  test('the user\'s comes before the machine\'s, the variable before both, the flag before all', async () => {
    await mkdir(keys.path('root/etc/containers'), { recursive: true })
    await mkdir(keys.path('home/.config/containers'), { recursive: true })
    await mkdir(keys.path('xdg/containers'), { recursive: true })
    await keys.write('root/etc/containers/policy.json', accept)
    expect(await read({})).toBe(true)
    await keys.write('home/.config/containers/policy.json', reject)
    expect(await read({})).toBe(false)
    await keys.write('xdg/containers/policy.json', accept)
    expect(await read({ env: { XDG_CONFIG_HOME: keys.path('xdg') } })).toBe(true)
    const env = { CONTAINERS_POLICY_JSON: await keys.write('env.json', accept) }
    expect(await read({ env })).toBe(true)
    expect(await read({ env, path: await keys.write('flag.json', reject) })).toBe(false)
    await expect(read({ env: { CONTAINERS_POLICY_JSON: '/nowhere' } })).rejects.toThrow('open /nowhere')
    // One that is broken is not passed over.
    await keys.write('home/.config/containers/policy.json', '{')
    await expect(read({})).rejects.toThrow('invalid policy')
  })

  test('--require-signed leaves nothing of insecureAcceptAnything', async () => {
    const path = await keys.write('accept.json', accept)
    expect(await read({ path, requireSigned: true })).toBe(false)
    expect(await read({ path })).toBe(true)
  })
})
