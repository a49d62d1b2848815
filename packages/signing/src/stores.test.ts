// registries.d, lookaside folders and cosign's attachments, beside the real skopeo and a real registry.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { generateKeyPairSync, sign } from 'node:crypto'
import { digestOf, parseEndpoint, type RepositoryName } from '@longshore/oci'
import type { Signature } from '@longshore/transfer'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeTestKeys, never, type TestKeys } from './gpg.fixture.ts'
import { deleteLookaside, parseDockerName, Policy, readLookaside, readRegistriesD, Signer, writeLookaside } from './index.ts'
import { parsePolicy } from './policy-schema.ts'

let keys: TestKeys
beforeAll(async () => { keys = await makeTestKeys() })
afterAll(async () => { await keys[Symbol.asyncDispose]() })

const noFetch = async (): Promise<undefined> => { throw new Error('nothing is fetched here') }
let folders = 0
async function registriesD(files: Readonly<Record<string, string>>) {
  const path = keys.path(`registries-${++folders}.d`)
  await mkdir(path)
  for (const [name, text] of Object.entries(files)) await writeFile(`${path}/${name}`, text)
  return await readRegistriesD({ path, home: keys.home, uid: 0 })
}

describe('registries.d', () => {
  const image = parseDockerName('r.example:5000/team/app:1')
  test('the longest scope that says it wins; what it leaves out comes from the next', async () => {
    const read = await registriesD({
      'a.yaml': 'default-docker:\n  lookaside: https://default.example/\n  use-sigstore-attachments: true\n',
      'b.yaml': 'docker:\n  r.example:5000:\n    sigstore: https://host.example\n    sigstore-staging: file:///host\n  r.example:5000/team/app:\n    lookaside: https://app.example/sig\n  r.example:\n    lookaside: https://no.example\n',
      'c.txt': 'not: read',
    })
    expect(read.lookaside(image, 'read').href).toBe('https://app.example/sig')
    expect(read.lookaside(image, 'write').href).toBe('https://app.example/sig')
    expect(read.lookaside(parseDockerName('r.example:5000/team/other:1'), 'write').href).toBe('file:///host')
    expect(read.lookaside(parseDockerName('r.example:5000/team/other:1'), 'read').hostname).toBe('host.example')
    expect(read.lookaside(parseDockerName('elsewhere.example/x:1'), 'read').hostname).toBe('default.example')
    expect(read.usesAttachments(image)).toBe(true)
  })

  test('without any file there is upstream\'s own place', async () => {
    expect((await readRegistriesD({ home: '/home/me', uid: 1000, root: '/nowhere' })).lookaside(image, 'write').href).toBe('file:///home/me/.local/share/containers/sigstore')
    expect((await readRegistriesD({ path: '/nowhere', home: '/home/me', uid: 0 })).lookaside(image, 'write').href).toBe('file:///var/lib/containers/sigstore')
  })

  test.each([
    ['an unknown key', { 'a.yaml': 'docker:\n  x:\n    lookasides: file:///x\n' }, 'lookasides'],
    ['an unknown section', { 'a.yaml': 'dockers: {}\n' }, 'dockers'],
    ['a value of another type', { 'a.yaml': 'default-docker: {use-sigstore-attachments: "yes"}\n' }, 'use-sigstore-attachments'],
    ['a key twice', { 'a.yaml': 'docker:\n  x: {}\n  x: {}\n' }, 'unique'],
    ['no YAML', { 'a.yaml': '{' }, 'a.yaml'],
    ['a scope in two files', { 'a.yaml': 'docker: {x: {}}', 'b.yaml': 'docker: {x: {}}' }, '"docker" namespace "x" defined both in'],
    ['two defaults', { 'a.yaml': 'default-docker: {lookaside: a}', 'b.yaml': 'default-docker: {lookaside: a}' }, '"default-docker" defined both in'],
  ])('%s is an error', async (_what, files, why) => {
    await expect(registriesD(files as unknown as Record<string, string>)).rejects.toThrow(why)
  })

  test('a URL of another kind is an error', async () => {
    const read = await registriesD({ 'a.yaml': 'default-docker: {lookaside: "ftp://user:secret@x/"}' })
    expect(() => read.lookaside(image, 'read')).toThrow(/^(?!.*secret).*Invalid signature storage URL/)
  })
})

describe('lookaside', () => {
  const repository = 'team/app' as RepositoryName
  const manifest = digestOf(Buffer.from('m'))
  const place = (base: string) => ({ base: new URL(base), repository, manifest })
  const read = async (at: ReturnType<typeof place>) => (await readLookaside(at, noFetch, never)).map((bytes) => Buffer.from(bytes).toString())

  test('a folder is written, added to, read and emptied', async () => {
    const at = place(`file://${keys.path('look aside')}`.replace(' ', '%20'))
    expect(await read(at)).toEqual([])
    await writeLookaside(at, [Buffer.from('one'), Buffer.from('two')], noFetch, never)
    await writeLookaside(at, [Buffer.from('two'), Buffer.from('three')], noFetch, never)
    expect(await read(at)).toEqual(['one', 'two', 'three'])
    expect((await readdir(keys.path(`look aside/team/app@sha256=${manifest.slice(7)}`))).sort()).toEqual(['signature-1', 'signature-2', 'signature-3'])
    await deleteLookaside(at)
    expect(await read(at)).toEqual([])
  })

  test('over HTTP it is read, never written', async () => {
    const asked: string[] = []
    const found = await readLookaside(place('https://s.example/base'), async (url) => {
      asked.push(url.href)
      return asked.length < 3 ? Buffer.from('x') : undefined
    }, never)
    expect(found).toHaveLength(2)
    expect(asked[2]).toBe(`https://s.example/base/team/app@sha256=${manifest.slice(7)}/signature-3`)
    await expect(writeLookaside(place('https://s.example'), [Buffer.from('x')], noFetch, never)).rejects.toThrow('Writing directly to a https lookaside is not supported')
    await expect(deleteLookaside(place('http://s.example'))).rejects.toThrow('Writing directly to a http lookaside')
  })

  test('a server that has everything is not believed', async () => {
    await expect(readLookaside(place('https://s.example'), async () => Buffer.from('x'), never)).rejects.toThrow('more than 128 signatures')
  })

  test('a place that cannot be read is an error, not an absence', async () => {
    await mkdir(keys.path(`odd/team/app@sha256=${manifest.slice(7)}/signature-1`), { recursive: true })
    await expect(read(place(`file://${keys.path('odd')}`))).rejects.toMatchObject({ code: 'SIGNATURE_STORE' })
  })
})

describe('sigstore by key', () => {
  const manifest = digestOf(Buffer.from('m'))
  const place = parseEndpoint('docker://r.example/team/app:1', '/')
  const pairs = { ec: generateKeyPairSync('ec', { namedCurve: 'P-256' }), ed25519: generateKeyPairSync('ed25519'), rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }) }
  const publicPem = (kind: keyof typeof pairs) => pairs[kind].publicKey.export({ type: 'spki', format: 'pem' }).toString()
  const decide = async (requirement: object, signatures: readonly Signature[]) => {
    await using policy = new Policy(parsePolicy(Buffer.from(JSON.stringify({ default: [{ type: 'sigstoreSigned', ...requirement }] })), 'p'))
    return await policy.isAllowed({ place, manifest, signatures: async () => signatures }, never)
  }
  const signBy = async (kind: keyof typeof pairs, reference = 'r.example/team/app:1') => {
    const sigstoreKeyPath = await keys.write(`${kind}.pem`, pairs[kind].privateKey.export({ type: 'pkcs8', format: 'pem' }))
    return await (await Signer.open({ sigstoreKeyPath, creator: 'Longshore 0.1.0', signal: never }))!.sign(manifest, parseDockerName(reference), never)
  }
  const data = (pem: string) => Buffer.from(pem).toString('base64')

  test.each(['ec', 'ed25519', 'rsa'] as const)('%s: what we sign is accepted, by its own key and no other', async (kind) => {
    const signatures = await signBy(kind)
    expect(await decide({ keyPath: await keys.write(`${kind}.pub`, publicPem(kind)) }, signatures)).toEqual({ allowed: true })
    expect(await decide({ keyDatas: [data(publicPem(kind === 'ec' ? 'rsa' : 'ec')), data(publicPem(kind))] }, signatures)).toEqual({ allowed: true })
    expect(await decide({ keyData: data(publicPem(kind === 'ec' ? 'rsa' : 'ec')) }, signatures)).toMatchObject({ allowed: false, reason: 'cryptographic signature verification failed: invalid signature' })
  })

  test('every other reason refuses', async () => {
    const key = { keyData: data(publicPem('ec')) }
    const [good] = await signBy('ec') as [Extract<Signature, { kind: 'sigstore' }>]
    expect(await decide(key, [])).toMatchObject({ reason: 'A signature was required, but no signature exists' })
    expect(await decide(key, await signBy('ec', 'r.example/team/other:1'))).toMatchObject({ reason: 'Signature for identity "r.example/team/other:1" is not accepted' })
    expect(await decide(key, [{ ...good, payload: Buffer.from(Buffer.from(good.payload).toString().replace('team/app', 'team/apq')) }])).toMatchObject({ reason: 'cryptographic signature verification failed: invalid signature' })
    expect(await decide(key, [{ ...good, annotations: {} }])).toMatchObject({ reason: 'missing dev.cosignproject.cosign/signature annotation' })
    expect(await decide(key, [{ ...good, annotations: { 'dev.cosignproject.cosign/signature': '!' } }])).toMatchObject({ reason: 'dev.cosignproject.cosign/signature is not base64' })
    expect(await decide(key, [{ ...good, mediaType: 'application/other' }])).toMatchObject({ allowed: false })
    expect(await decide({ ...key, rekorPublicKeyData: data(publicPem('ec')) }, [good])).toMatchObject({ allowed: false, reason: 'the policy asks for "rekorPublicKeyData", which Longshore does not verify' })
    expect(await decide({ fulcio: { caData: data(publicPem('ec')), oidcIssuer: 'i', subjectEmail: 'e' }, rekorPublicKeyData: data(publicPem('ec')) }, [good])).toMatchObject({ allowed: false, reason: expect.stringContaining('"fulcio", which Longshore does not verify') as string })
    expect(await decide({ keyData: data(pairs.ec.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()) }, [good])).toMatchObject({ allowed: false, reason: expect.stringContaining('not one PEM public key') as string })
  })

  test('cosign\'s payloads, which have null for optional and no tag, are taken where the policy asks for the repository', async () => {
    const payload = Buffer.from(JSON.stringify({ critical: { identity: { 'docker-reference': 'r.example/team/app' }, image: { 'docker-manifest-digest': manifest }, type: 'cosign container image signature' }, optional: null }))
    const signature: Signature = { kind: 'sigstore', mediaType: 'application/vnd.dev.cosign.simplesigning.v1+json', payload, annotations: { 'dev.cosignproject.cosign/signature': sign('sha256', payload, pairs.ec.privateKey).toString('base64') } }
    const key = { keyData: data(publicPem('ec')) }
    expect(await decide({ ...key, signedIdentity: { type: 'matchRepository' } }, [signature])).toEqual({ allowed: true })
    expect(await decide(key, [signature])).toMatchObject({ reason: 'Signature for identity "r.example/team/app" is not accepted' })
  })

  test('keys that cannot be used are known at once', async () => {
    const open = async (pem: string, passphrase?: string) => await Signer.open({ sigstoreKeyPath: await keys.write('k', pem), passphrasePath: passphrase === undefined ? undefined : await keys.write('pass', `${passphrase}\n`), creator: 'x', signal: never })
    await expect(open('-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n')).rejects.toThrow('--sign-passphrase-file')
    await expect(open('x')).rejects.toThrow('not one PEM private key')
    await expect(open(publicPem('ec'))).rejects.toThrow('not one PEM private key')
    const locked = pairs.ec.privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' }).toString()
    await expect(open(locked)).rejects.toThrow('--sign-passphrase-file')
    await expect(open(locked, 'wrong')).rejects.toThrow('the passphrase is wrong')
    expect(await open(locked, 'secret')).toBeInstanceOf(Signer)
    await expect(Signer.open({ sigstoreKeyPath: '/nowhere/k', creator: 'x', signal: never })).rejects.toThrow('open /nowhere/k: no such file or directory')
    expect(await Signer.open({ creator: 'x', signal: never })).toBeUndefined()
    expect(await readFile(keys.path('k'), 'utf8')).toBe(locked)
  })
})
