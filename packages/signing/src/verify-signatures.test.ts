import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { decodeManifest, type Digest, digestOf, hexOf, MediaType, parseRepositoryName, type Tag } from '@longshore/oci'
import { createRegistry, type Registry } from '@longshore/registry'
import { type DockerRegistry, fill, image, index, openerOf, startDockerRegistry, startEmbeddedRegistry } from '@longshore/testing'
import type { Image, Target } from '@longshore/transfer'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { attachmentTag, writeAttachments } from './attachments.ts'
import { signSigstore } from './sigstore-key.ts'
import { verifySignatures } from './verify-signatures.ts'

const io = { signal: new AbortController().signal }
const repository = parseRepositoryName('team/app')
const ours = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const theirs = generateKeyPairSync('rsa', { modulusLength: 2048 })

let server: DockerRegistry
let client: Registry
beforeAll(async () => {
  server = await startDockerRegistry()
  client = createRegistry({ registry: server.host, tlsVerify: false })
})
afterAll(async () => {
  await client[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
})

async function push(tag: string, target: Target = client): Promise<Digest> {
  const content = image({ seed: tag, layers: [100] })
  await fill(target, repository, content, tag as Tag)
  return content.root.digest
}
const at = (reference: string, registry = client.registry): Image => {
  const end = { registry, repository, reference: reference as Tag }
  return { source: { ...end, registry: 'elsewhere.example' }, destination: end }
}
const attach = async (about: Digest, key: KeyObject, manifest = about): Promise<void> => {
  await writeAttachments(client, repository, about, [signSigstore(key, { manifest, reference: 'old.example/other/name:1', creator: 'test' })], io)
}
const check = async (tags: readonly string[], keys = [ours.publicKey], target: Target = client) => (
  await verifySignatures(tags.map((tag) => at(tag, target.registry)), { target: () => target, keys, concurrency: 4 }, io.signal))

describe('by the tag', () => {
  test('a signature of the digest by one of the keys counts, under whatever name it was made', async () => {
    await attach(await push('signed'), ours.privateKey)
    await attach(await push('signed-by-others'), theirs.privateKey)
    await push('unsigned')
    expect(await check(['signed', 'signed-by-others', 'unsigned', 'absent'])).toEqual({
      checked: 4, verified: 1, unsigned: [
        { destination: `${server.host}/team/app:absent`, why: 'it is not there' },
        { destination: `${server.host}/team/app:signed-by-others`, why: 'cryptographic signature verification failed: invalid signature' },
        { destination: `${server.host}/team/app:unsigned`, why: 'it has no signature of cosign\'s' },
      ],
    })
    expect(await check(['signed', 'signed-by-others'], [ours.publicKey, theirs.publicKey])).toMatchObject({ checked: 2, verified: 2 })
  })

  test('one good signature is enough among others', async () => {
    const digest = await push('twice')
    await attach(digest, theirs.privateKey)
    expect(await check(['twice'])).toMatchObject({ verified: 0 })
    await attach(digest, ours.privateKey)
    expect(await check(['twice'])).toMatchObject({ verified: 1 })
  })

  test('a good signature of something else proves nothing', async () => {
    const [digest, other] = [await push('wrong'), await push('other')]
    await attach(digest, ours.privateKey, other)
    expect((await check(['wrong'])).unsigned).toEqual([{ destination: `${server.host}/team/app:wrong`, why: `a signature of ${other}` }])
  })

  test('what is no signature under the tag is told, and fails that image alone', async () => {
    const digest = await push('odd')
    const content = index({ children: [image({ seed: 'odd child', layers: [10] })] })
    await fill(client, repository, content, attachmentTag(digest))
    const { verified, unsigned } = await check(['odd', 'signed'])
    expect(verified).toBe(1)
    expect(unsigned[0]?.why).toContain('holds no signatures')
  })

  test('companion tags are signatures themselves', async () => {
    expect(await check(['signed', `sha256-${'a'.repeat(64)}.sig`])).toMatchObject({ checked: 1, verified: 1 })
  })
})

/** As `cosign sign --registry-referrers-mode=oci-1-1` and cosign 3 put them. */
async function refer(target: Target, subject: Digest, artifactType: string, layer: { readonly mediaType: string; readonly bytes: Uint8Array; readonly annotations?: Readonly<Record<string, string>> }, tag: boolean): Promise<void> {
  const config = Buffer.from('{}')
  const descriptor = { mediaType: layer.mediaType, digest: digestOf(layer.bytes), size: layer.bytes.byteLength, ...(layer.annotations ? { annotations: layer.annotations } : {}) }
  const configDescriptor = { mediaType: 'application/vnd.oci.empty.v1+json', digest: digestOf(config), size: 2 }
  await target.push(repository, descriptor, openerOf(layer.bytes), io)
  await target.push(repository, configDescriptor, openerOf(config), io)
  const about = await target.resolve(repository, subject, io)
  const manifest = decodeManifest(Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MediaType.ociManifest, artifactType, config: configDescriptor, layers: [descriptor], subject: about })), MediaType.ociManifest, 'test')
  await target.put(repository, manifest, manifest.digest, io)
  if (!tag) return
  const listed = { mediaType: MediaType.ociManifest, digest: manifest.digest, size: manifest.bytes.byteLength, artifactType }
  await target.put(repository, decodeManifest(Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [listed] })), MediaType.ociIndex, 'test'), `sha256-${hexOf(subject)}` as Tag, io)
}

const bundleType = 'application/vnd.dev.sigstore.bundle.v0.3+json'
function bundleOf(digest: Digest, key: KeyObject, predicateType = 'https://sigstore.dev/cosign/sign/v1'): Buffer {
  const payload = Buffer.from(JSON.stringify({ _type: 'https://in-toto.io/Statement/v1', subject: [{ digest: { sha256: hexOf(digest) } }], predicateType, predicate: {} }))
  const payloadType = 'application/vnd.in-toto+json'
  const sig = sign('sha256', Buffer.from(`DSSEv1 ${payloadType.length} ${payloadType} ${payload.length} ${payload.toString()}`), key).toString('base64')
  return Buffer.from(JSON.stringify({ mediaType: bundleType, verificationMaterial: { publicKey: { hint: 'x' } }, dsseEnvelope: { payload: payload.toString('base64'), payloadType, signatures: [{ sig }] } }))
}

describe.each([['by the referrers API', true], ['by the fallback tag', false]])('referrers, %s', (_, hasApi) => {
  test('a signature and a bundle count; a claim of another kind, and one about another image, do not', async () => {
    await using embedded = await startEmbeddedRegistry({ referrersApi: hasApi })
    await using target = createRegistry({ registry: embedded.host, tlsVerify: false })
    const [signature, bundle, claim, other] = [await push('signature', target), await push('bundle', target), await push('claim', target), await push('other', target)]
    const made = signSigstore(ours.privateKey, { manifest: signature, reference: 'x.example/y:1', creator: 'test' })
    await refer(target, signature, 'application/vnd.dev.cosign.artifact.sig.v1+json', { mediaType: made.mediaType, bytes: made.payload, annotations: made.annotations }, !hasApi)
    await refer(target, bundle, bundleType, { mediaType: bundleType, bytes: bundleOf(bundle, ours.privateKey) }, !hasApi)
    await refer(target, claim, bundleType, { mediaType: bundleType, bytes: bundleOf(claim, ours.privateKey, 'https://slsa.dev/provenance/v1') }, !hasApi)
    await refer(target, other, bundleType, { mediaType: bundleType, bytes: bundleOf(bundle, ours.privateKey) }, !hasApi)
    const { verified, unsigned } = await check(['signature', 'bundle', 'claim', 'other'], [ours.publicKey], target)
    expect(unsigned.map(({ destination, why }) => [destination.split(':').at(-1), why])).toEqual([
      ['claim', 'the signed statement is a https://slsa.dev/provenance/v1, not a signature'], ['other', `the signed statement is not about ${other}`],
    ])
    expect(verified).toBe(2)
    expect((await check(['signature', 'bundle'], [theirs.publicKey], target)).verified).toBe(0)
  })
})

test('a registry that does not answer proves nothing', async () => {
  await using embedded = await startEmbeddedRegistry()
  await using target = createRegistry({ registry: embedded.host, tlsVerify: false })
  await push('signed', target)
  embedded.fail({ match: { kind: 'manifest-get' }, times: 100, how: { kind: 'status', status: 403 } })
  expect((await check(['signed'], [ours.publicKey], target)).unsigned[0]?.why).toContain('403')
})
