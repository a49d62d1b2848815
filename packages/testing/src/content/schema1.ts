import { generateKeyPairSync, sign } from 'node:crypto'
import { digestOf, MediaType } from '@longshore/oci'
import { layer } from './blob.ts'
import { blobMap, type SyntheticContent } from './image.ts'

/**
 * A Docker schema 1 manifest. Signed (prettyjws): the digest is over the payload, the bytes also hold the signature, with a
 * key that is new each time. Payload and digest come from the options alone.
 * https://github.com/distribution/distribution/blob/v2.8.2/docs/spec/manifest-v2-1.md
 */
export function schema1Image({ seed, name, tag, layers, signed = true }: {
  readonly seed: number | string; readonly name: string; readonly tag: string; readonly layers: readonly number[]
  /** Default true. */
  readonly signed?: boolean
}): SyntheticContent {
  const blobs = layers.map((size, i) => layer({ seed: `schema1 ${seed}#${i}`, size }))
  const fields = {
    schemaVersion: 1, name, tag, architecture: 'amd64',
    fsLayers: blobs.map((blob) => ({ blobSum: blob.digest })),
    history: blobs.map((blob, i) => ({ v1Compatibility: JSON.stringify({ id: blob.digest.slice(7), ...(i < blobs.length - 1 ? { parent: blobs[i + 1]?.digest.slice(7) } : {}) }) })),
  }
  const payload = JSON.stringify(fields, undefined, 3)
  if (!signed) {
    const bytes = Buffer.from(payload)
    const root = { digest: digestOf(bytes), mediaType: MediaType.dockerSchema1, bytes }
    return { root, manifests: [root], blobs: blobMap(blobs) }
  }
  const formatLength = payload.length - 2
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const encoded = (text: string): string => Buffer.from(text).toString('base64url')
  const protectedHeader = encoded(JSON.stringify({ formatLength, formatTail: encoded(payload.slice(formatLength)), time: '2015-01-01T00:00:00Z' }))
  const signature = sign('sha256', Buffer.from(`${protectedHeader}.${encoded(payload)}`), { key: privateKey, dsaEncoding: 'ieee-p1363' })
  const signatures = [{ header: { jwk: publicKey.export({ format: 'jwk' }), alg: 'ES256' }, signature: signature.toString('base64url'), protected: protectedHeader }]
  const bytes = Buffer.from(`${payload.slice(0, formatLength)},\n   "signatures": ${JSON.stringify(signatures)}\n}`)
  const root = { digest: digestOf(Buffer.from(payload)), mediaType: MediaType.dockerSchema1Signed, bytes }
  return { root, manifests: [root], blobs: blobMap(blobs) }
}
