// sigstore's signatures: over the payload's bytes, by a key of node:crypto's kinds, with SHA-256.
import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import type { Signature } from '@longshore/transfer'
import { SigningError } from './errors.ts'
import { parsePayload, type Payload, PayloadType } from './payload.ts'

export const signatureAnnotation = 'dev.cosignproject.cosign/signature'
export const simpleSigningMediaType = 'application/vnd.dev.cosign.simplesigning.v1+json'

export type SigstoreSignature = Extract<Signature, { readonly kind: 'sigstore' }>

/** One PEM public key: EC, RSA or Ed25519. @throws SigningError SIGNING_KEY_INVALID */
export function parseSigstorePublicKey(pem: Uint8Array, place: string): KeyObject {
  const text = Buffer.from(pem).toString('latin1')
  const labels = [...text.matchAll(/-----BEGIN ([^-]+)-----/g)].map(([, label]) => label)
  if (labels.length !== 1 || (labels[0] !== 'PUBLIC KEY' && labels[0] !== 'RSA PUBLIC KEY')) throw new SigningError('SIGNING_KEY_INVALID', `${place} is not one PEM public key`)
  let key: KeyObject
  try {
    key = createPublicKey(text)
  } catch (error) {
    throw new SigningError('SIGNING_KEY_INVALID', `${place} is not a PEM public key that can be read`, error)
  }
  if (!['ec', 'rsa', 'ed25519'].includes(key.asymmetricKeyType ?? '')) throw new SigningError('SIGNING_KEY_INVALID', `${place} is a key of kind ${key.asymmetricKeyType ?? 'unknown'}: sigstore's are ECDSA, RSA or Ed25519`)
  return key
}

/** @throws SigningError SIGNATURE_INVALID unless one of the keys made it */
export function verifySigstore({ payload, annotations }: SigstoreSignature, keys: readonly KeyObject[]): Payload {
  const base64 = annotations[signatureAnnotation]
  if (base64 === undefined) throw new SigningError('SIGNATURE_INVALID', `missing ${signatureAnnotation} annotation`)
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(base64)) throw new SigningError('SIGNATURE_INVALID', `${signatureAnnotation} is not base64`)
  const signature = Buffer.from(base64, 'base64')
  if (!isSignedBy(keys, payload, signature)) throw new SigningError('SIGNATURE_INVALID', 'cryptographic signature verification failed: invalid signature')
  return parsePayload(payload, PayloadType.sigstore)
}

/** RSA is PKCS #1 v1.5, as sigstore has it for keys that say nothing else. */
export function isSignedBy(keys: readonly KeyObject[], content: Uint8Array, signature: Uint8Array): boolean {
  return keys.some((key) => verify(key.asymmetricKeyType === 'ed25519' ? null : 'sha256', content, key, signature))
}
