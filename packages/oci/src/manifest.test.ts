import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { decodeManifest, type Descriptor, digestOf, isForeign, MediaType, successors } from './index.ts'

const desc = (name: string, mediaType: string = MediaType.ociLayer): Descriptor => ({ mediaType, digest: digestOf(Buffer.from(name)), size: name.length })
const decode = (json: unknown, mediaType: string) => decodeManifest(Buffer.from(typeof json === 'string' ? json : JSON.stringify(json)), mediaType, 'r.test/a:1')
const image = { schemaVersion: 2, mediaType: MediaType.ociManifest, config: desc('config'), layers: [desc('one'), desc('two'), desc('one')] }

describe('decodeManifest', () => {
  test('keeps the bytes and takes their digest', () => {
    const text = JSON.stringify(image, undefined, 3)
    const manifest = decode(text, MediaType.ociManifest)
    expect(Buffer.from(manifest.bytes).toString()).toBe(text)
    expect(manifest.digest).toBe(`sha256:${createHash('sha256').update(text).digest('hex')}`)
  })

  test('an image needs its config and each layer once', () => {
    expect(successors(decode(image, MediaType.ociManifest))).toEqual({ blobs: [desc('config'), desc('one'), desc('two')], manifests: [] })
  })

  test('an index needs manifests, and blobs where it lists some', () => {
    const child = desc('child', MediaType.dockerManifest)
    const index = decode({ schemaVersion: 2, manifests: [child, desc('blob')] }, MediaType.ociIndex)
    expect(successors(index)).toEqual({ blobs: [desc('blob')], manifests: [child] })
  })

  test('lists that are null are empty: Go writes them so', () => {
    expect(successors(decode({ schemaVersion: 2, manifests: null }, MediaType.ociIndex))).toEqual({ blobs: [], manifests: [] })
    expect(successors(decode({ ...image, layers: null }, MediaType.ociManifest)).blobs).toEqual([desc('config')])
    expect(() => decode({ schemaVersion: 2 }, MediaType.ociIndex)).toThrow('manifests is not a list')
  })

  test('the subject is known and no need', () => {
    const manifest = decode({ ...image, subject: desc('subject', MediaType.ociManifest), artifactType: 'a/b' }, MediaType.ociManifest)
    expect(manifest).toMatchObject({ subject: { digest: desc('subject').digest }, artifactType: 'a/b' })
    expect(successors(manifest).manifests).toEqual([])
  })

  test.each([
    ['application/json', { ...image }, 'image'],
    ['', { schemaVersion: 2, config: image.config, layers: [] }, 'image'],
    ['text/plain', { schemaVersion: 2, manifests: [] }, 'index'],
    ['', { schemaVersion: 1, fsLayers: [] }, 'schema1'],
    [MediaType.ociArtifact, { mediaType: MediaType.ociArtifact, blobs: [desc('x')] }, 'image'],
  ])('tells the kind from the content where the Content-Type "%s" does not', (mediaType, json, kind) => {
    expect(decode(json, mediaType).kind).toBe(kind)
  })

  test.each([
    ['<html>', MediaType.ociManifest, 'is not JSON'],
    ['[]', MediaType.ociManifest, 'is not a JSON object'],
    [{ schemaVersion: 2 }, 'text/html', 'which is no manifest'],
    [{ schemaVersion: 2, layers: [] }, MediaType.ociManifest, 'config is not a descriptor'],
    [{ ...image, layers: [{ ...desc('x'), digest: 'md5:1' }] }, MediaType.ociManifest, 'layers[0].digest is not a valid digest'],
    [{ ...image, layers: [{ ...desc('x'), size: -3 }] }, MediaType.ociManifest, 'layers[0].size is not a size'],
    [{ ...image, layers: 'none' }, MediaType.ociManifest, 'layers is not a list'],
    [{ manifests: [{}] }, MediaType.ociIndex, 'manifests[0].digest'],
    [{ schemaVersion: 1, fsLayers: [{ blobSum: '../../etc' }] }, MediaType.dockerSchema1, 'no valid blobSum'],
  ])('refuses %j', (json, mediaType, why) => expect(() => decode(json, mediaType)).toThrow(why))

  test('the digest of a signed schema 1 manifest is that of its payload', () => {
    const payload = '{\n   "schemaVersion": 1,\n   "fsLayers": []\n}'
    const head = payload.slice(0, payload.lastIndexOf('\n}'))
    const header = Buffer.from(JSON.stringify({ formatLength: head.length, formatTail: Buffer.from('\n}').toString('base64url') })).toString('base64url')
    const signed = `${head},\n   "signatures": [{"protected": "${header}"}]\n}`
    expect(decode(signed, MediaType.dockerSchema1Signed).digest).toBe(digestOf(Buffer.from(payload)))
  })
})

test('a layer is foreign by its media type and its URLs', () => {
  const foreign = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip'
  expect(isForeign({ ...desc('x', foreign), urls: ['https://example.com'] })).toBe(true)
  expect(isForeign(desc('x', foreign))).toBe(false)
  expect(isForeign({ ...desc('x'), urls: ['https://example.com'] })).toBe(false)
})
