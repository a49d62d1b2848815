// Signatures of a real registry's images, written by us and found and, where Debian's can, enforced by the real skopeo, and the other way round.
import { generateKeyPairSync } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { type Digest, parseEndpoint, type RepositoryName, type Tag } from '@longshore/oci'
import { createRegistry, type Registry } from '@longshore/registry'
import { type DockerRegistry, image, seed, startDockerRegistry } from '@longshore/testing'
import type { Signature } from '@longshore/transfer'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeTestKeys, never, type TestKeys } from './gpg.fixture.ts'
import { readAttachments, writeAttachments } from './attachments.ts'
import { attachmentTag, openSignatures, openSignatureSink, parseDockerName, readPolicy, readRegistriesD, Signer } from './index.ts'

const repository = 'team/app' as RepositoryName
const io = { signal: never }
const fetchBytes = async (): Promise<undefined> => { throw new Error('nothing is fetched here') }
let keys: TestKeys
let server: DockerRegistry
let client: Registry
let digest: Digest
let alice: string
let registries: string

beforeAll(async () => {
  keys = await makeTestKeys()
  alice = await keys.key('alice')
  await keys.write('alice.gpg', await keys.publicKey(alice))
  server = await startDockerRegistry()
  client = createRegistry({ registry: server.host, tlsVerify: false })
  const content = image({ seed: 7, layers: [1000], format: 'docker' })
  await seed(server.url, [{ repository, tag: 'v1', content }])
  digest = (await client.resolve(repository, 'v1' as Tag, io))!.digest
  registries = keys.path('registries.d')
  await mkdir(registries)
  await writeFile(`${registries}/a.yaml`, `docker:\n  ${server.host}:\n    lookaside: file://${keys.path('lookaside')}\n    use-sigstore-attachments: true\n`)
})
afterAll(async () => {
  await client[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
  await keys[Symbol.asyncDispose]()
})

const place = () => parseEndpoint(`docker://${server.host}/${repository}:v1`, '/')
const name = () => parseDockerName(`${server.host}/${repository}:v1`)
const open = async (path = registries) => openSignatureSink({ client, registriesD: await readRegistriesD({ path, home: keys.home, uid: 0 }), fetchBytes, reference: 'v1' as Tag })
const policyOf = async (requirement: object) => await keys.write('policy.json', JSON.stringify({ default: [{ type: 'reject' }], transports: { docker: { [server.host]: [requirement] } } }))
const skopeoTakes = async (policy: string) => await keys.run('skopeo', ['--policy', policy, '--registries.d', registries, 'copy', '--remove-signatures', '--src-tls-verify=false', `docker://${server.host}/${repository}:v1`, `dir:${keys.path('copy')}`])
const weTake = async (path: string) => {
  await using policy = await readPolicy({ path, home: keys.home, env: {} })
  const source = openSignatures({ client, registriesD: await readRegistriesD({ path: registries, home: keys.home, uid: 0 }), fetchBytes })
  return await policy.isAllowed({ place: place(), manifest: digest, signatures: async () => await source.signatures(repository, digest, io) }, never)
}

describe('lookaside', () => {
  test('what we write, skopeo enforces', async () => {
    const path = await policyOf({ type: 'signedBy', keyType: 'GPGKeys', keyPath: keys.path('alice.gpg') })
    expect((await skopeoTakes(path)).stderr).toContain('A signature was required, but no signature exists')
    expect(await weTake(path)).toEqual({ allowed: false, reason: 'A signature was required, but no signature exists' })
    const signer = await Signer.open({ fingerprint: alice, gnupgHome: keys.home, creator: 'Longshore 0.1.0', signal: never })
    await (await open()).putSignatures(repository, digest, await signer!.sign(digest, name(), never), io)
    expect(await skopeoTakes(path)).toMatchObject({ code: 0 })
    expect(await weTake(path)).toEqual({ allowed: true })
  })

  test('what skopeo writes, we read', async () => {
    const to = `${server.host}/team/signed:v1`
    const made = await keys.run('skopeo', ['--insecure-policy', '--registries.d', registries, 'copy', '--remove-signatures', '--sign-by', alice, '--src-tls-verify=false', '--dest-tls-verify=false', `docker://${server.host}/${repository}:v1`, `docker://${to}`])
    expect(made).toMatchObject({ code: 0 })
    const [signature, ...more] = await (await open()).signatures('team/signed' as RepositoryName, digest, io)
    expect({ kind: signature?.kind, more: more.length }).toEqual({ kind: 'simple', more: 0 })
  })
})

describe('attachments', () => {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const sign = async (tag: string): Promise<readonly Signature[]> => {
    const sigstoreKeyPath = await keys.write('key.pem', pair.privateKey.export({ type: 'pkcs8', format: 'pem' }))
    return await (await Signer.open({ sigstoreKeyPath, creator: 'Longshore 0.1.0', signal: never }))!.sign(digest, parseDockerName(`${server.host}/${repository}:${tag}`), never)
  }

  test('what we attach, skopeo finds and openssl verifies; more are added behind it, none twice', async () => {
    const path = await policyOf({ type: 'sigstoreSigned', keyPath: await keys.write('key.pub', pair.publicKey.export({ type: 'spki', format: 'pem' })) })
    const sink = await open()
    const [other, good] = [await sign('other'), await sign('v1')]
    await sink.putSignatures(repository, digest, other, io)
    expect(await weTake(path)).toMatchObject({ allowed: false, reason: `Signature for identity "${server.host}/${repository}:other" is not accepted` })
    await sink.putSignatures(repository, digest, good, io)
    await sink.putSignatures(repository, digest, [...good, ...other], io)
    expect((await sink.signatures(repository, digest, io)).filter(({ kind }) => kind === 'sigstore')).toEqual([...other, ...good].map((signature) => ({ ...signature, payload: Buffer.from((signature as { payload: Uint8Array }).payload) })))
    // Debian's skopeo verifies no sigstore signatures, but finds both; openssl verifies.
    expect((await skopeoTakes(path)).stderr).toMatch(/None of the signatures were accepted, reasons: [^;]*sigstore disabled; [^;]*sigstore disabled/)
    const { payload, annotations } = good[0] as Extract<Signature, { kind: 'sigstore' }>
    await keys.write('payload', payload)
    await keys.write('payload.sig', Buffer.from(annotations['dev.cosignproject.cosign/signature']!, 'base64'))
    expect((await keys.run('openssl', ['dgst', '-sha256', '-verify', keys.path('key.pub'), '-signature', keys.path('payload.sig'), keys.path('payload')])).stdout).toBe('Verified OK\n')
    expect(await weTake(path)).toEqual({ allowed: true })
    expect((await client.manifest(repository, attachmentTag(digest), io))?.kind).toBe('image')
  })

  /** As another process would have it: a client of its own, held up where the test wants it. */
  const otherClient = (hold: { readonly beforePush?: () => Promise<unknown>; readonly beforePut?: () => Promise<unknown>; readonly afterPut?: () => void }): Registry => {
    const held = createRegistry({ registry: server.host, tlsVerify: false })
    const [push, put] = [held.push.bind(held), held.put.bind(held)]
    held.push = async (...args) => { await hold.beforePush?.(); return await push(...args) }
    held.put = async (...args) => {
      await hold.beforePut?.()
      try { return await put(...args) } finally { hold.afterPut?.() }
    }
    return held
  }
  const identities = async (): Promise<readonly string[]> => (await readAttachments(client, repository, digest, io))
    .map(({ payload }) => (JSON.parse(Buffer.from(payload).toString()) as { critical: { identity: { 'docker-reference': string } } }).critical.identity['docker-reference'].split(':').at(-1) ?? '').sort()
  const sigstore = async (tag: string) => (await sign(tag)).filter((signature) => signature.kind === 'sigstore')

  test('what another attached since we looked is not written over', async () => {
    let once = true
    await using held = otherClient({ beforePush: async () => { if (once) { once = false; await writeAttachments(client, repository, digest, await sigstore('meanwhile'), io) } } })
    await writeAttachments(held, repository, digest, await sigstore('later'), io)
    expect(await identities()).toEqual(expect.arrayContaining(['meanwhile', 'later']))
  })

  test('who is written over by another, that had looked before, writes again', async () => {
    const [reached, written] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    // Both have compared; the slow one puts just behind the quick one.
    await using slow = otherClient({ beforePut: async () => { reached.resolve(); await written.promise } })
    await using quick = otherClient({ beforePut: () => reached.promise, afterPut: () => { written.resolve() } })
    await Promise.all([writeAttachments(slow, repository, digest, await sigstore('slow'), io), writeAttachments(quick, repository, digest, await sigstore('quick'), io)])
    expect(await identities()).toEqual(expect.arrayContaining(['slow', 'quick']))
  })

  test('of many at once, in one process and in several, none is lost', { timeout: 60_000 }, async () => {
    await using other = otherClient({})
    const names = Array.from({ length: 8 }, (_, i) => `many-${i}`)
    await Promise.all(names.map(async (name, i) => { await writeAttachments(i % 2 === 0 ? client : other, repository, digest, await sigstore(name), io) }))
    expect(await identities()).toEqual(expect.arrayContaining(names))
  })

  test('where registries.d does not say so, none are read and none written', async () => {
    const folder = keys.path('without.d')
    await mkdir(folder)
    await writeFile(`${folder}/a.yaml`, `default-docker: {lookaside: "file://${keys.path('elsewhere')}"}\n`)
    const sink = await open(folder)
    expect(await sink.signatures(repository, digest, io)).toEqual([])
    await expect(sink.putSignatures(repository, digest, await sign('v1'), io)).rejects.toThrow('set use-sigstore-attachments: true')
  })
})
