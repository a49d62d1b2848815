// Signatures as files, in the format of containers/image internal/signature/signature.go.
import type { Signature } from '@longshore/transfer'
import { LayoutError } from '../errors.ts'

const sigstorePrefix = Buffer.from('\0sigstore-json\n')
/** First bytes of an OpenPGP message: compressed data, a one-pass signature, a signature packet. */
const openPgp = new Set([0xa0, 0xa1, 0xa2, 0xa3, 0xc8, 0x90, 0x91, 0x92, 0x3d, 0xc4, 0x88, 0x89, 0x8a, 0x8b, 0xc2])

/** @param what names the file. @throws LayoutError LAYOUT_INVALID when the format is not known: a signature that is not understood is not passed over */
export function decodeSignature(bytes: Buffer, what: string): Signature {
  const [first] = bytes
  if (first !== undefined && openPgp.has(first)) return { kind: 'simple', bytes }
  if (!bytes.subarray(0, sigstorePrefix.length).equals(sigstorePrefix)) throw new LayoutError('LAYOUT_INVALID', `${what} is in no format of signatures that is known: remove it, or leave signatures out`)
  let json: unknown
  try { json = JSON.parse(bytes.subarray(sigstorePrefix.length).toString()) } catch (error) { throw new LayoutError('LAYOUT_INVALID', `${what} is not JSON behind its first line`, error) }
  const { mimeType, payload, annotations } = (json ?? {}) as Readonly<Record<string, unknown>>
  if (typeof mimeType !== 'string' || typeof payload !== 'string' || !isTexts(annotations ?? {})) {
    throw new LayoutError('LAYOUT_INVALID', `${what} is no sigstore signature: mimeType, payload and annotations are needed`)
  }
  return { kind: 'sigstore', mediaType: mimeType, payload: Buffer.from(payload, 'base64'), annotations: (annotations ?? {}) as Readonly<Record<string, string>> }
}

export function encodeSignature(signature: Signature): Buffer {
  if (signature.kind === 'simple') return Buffer.from(signature.bytes)
  const { mediaType, payload, annotations } = signature
  // Keys in the order that Go prints them in, so that the same signature is the same file.
  const sorted = Object.fromEntries(Object.entries(annotations).sort(([a], [b]) => (a < b ? -1 : 1)))
  return Buffer.concat([sigstorePrefix, Buffer.from(JSON.stringify({ mimeType: mediaType, payload: Buffer.from(payload).toString('base64'), annotations: sorted }))])
}

function isTexts(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.values(value).every((text) => typeof text === 'string')
}
