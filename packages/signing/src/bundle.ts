// sigstore's bundle, as cosign 3 attaches it to images: a DSSE envelope about an in-toto statement, or a signature over a digest.
// https://github.com/sigstore/protobuf-specs (sigstore_bundle.proto) and https://github.com/secure-systems-lab/dsse (protocol.md)
import type { KeyObject } from 'node:crypto'
import { algorithmOf, type Digest, hexOf } from '@longshore/oci'
import { z } from 'zod'
import { SigningError } from './errors.ts'
import { isSignedBy } from './sigstore.ts'

/** The one that says "this image is signed", and no more; others are claims about it (a build's provenance, say). */
const signPredicate = 'https://sigstore.dev/cosign/sign/v1'
const inTotoType = 'application/vnd.in-toto+json'

const schema = z.looseObject({
  dsseEnvelope: z.looseObject({ payload: z.base64(), payloadType: z.string(), signatures: z.array(z.looseObject({ sig: z.base64() })).min(1) }),
})
const statementSchema = z.looseObject({
  _type: z.string().regex(/^https:\/\/in-toto\.io\/Statement\/v(?:0\.1|1)$/),
  predicateType: z.string(),
  subject: z.array(z.looseObject({ digest: z.record(z.string(), z.string()) })).min(1),
})

/**
 * The public key alone is believed: neither certificates nor the transparency log are looked at.
 * @throws SigningError SIGNATURE_INVALID unless one of the keys signed that this manifest is signed
 */
export function verifyBundle(bytes: Uint8Array, keys: readonly KeyObject[], manifest: Digest): void {
  const { dsseEnvelope: { payload, payloadType, signatures } } = parsed(schema, bytes, 'the bundle')
  if (payloadType !== inTotoType) throw new SigningError('SIGNATURE_INVALID', `the bundle holds a ${payloadType}, not an in-toto statement`)
  const content = Buffer.from(payload, 'base64')
  const signed = Buffer.concat([Buffer.from(`DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${content.byteLength} `), content])
  if (!signatures.some(({ sig }) => isSignedBy(keys, signed, Buffer.from(sig, 'base64')))) throw new SigningError('SIGNATURE_INVALID', 'cryptographic signature verification failed: invalid signature')
  const { predicateType, subject } = parsed(statementSchema, content, 'the signed statement')
  if (predicateType !== signPredicate) throw new SigningError('SIGNATURE_INVALID', `the signed statement is a ${predicateType}, not a signature`)
  if (!subject.some(({ digest }) => digest[algorithmOf(manifest)] === hexOf(manifest))) throw new SigningError('SIGNATURE_INVALID', `the signed statement is not about ${manifest}`)
}

function parsed<T>(type: z.ZodType<T>, bytes: Uint8Array, what: string): T {
  let value: unknown
  try { value = JSON.parse(Buffer.from(bytes).toString('utf8')) } catch { throw new SigningError('SIGNATURE_INVALID', `${what} is not JSON`) }
  const { success, data, error } = type.safeParse(value)
  if (!success) throw new SigningError('SIGNATURE_INVALID', `${what} is not as specified: ${error.issues[0]?.path.join('.') ?? ''}: ${error.issues[0]?.message ?? ''}`)
  return data
}
