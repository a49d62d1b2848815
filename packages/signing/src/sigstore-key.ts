// Private keys of sigstore: plain PKCS #8 in PEM, read by node:crypto. cosign's and skopeo's own format is scrypt and NaCl's secretbox
// (XSalsa20 and Poly1305), which node:crypto has not: it is refused by name until a library for it is agreed on.
import { createPrivateKey, type KeyObject, sign } from 'node:crypto'
import { SigningError } from './errors.ts'
import { formatPayload, PayloadType } from './payload.ts'
import { signatureAnnotation, type SigstoreSignature, simpleSigningMediaType } from './sigstore.ts'
import type { ToSign } from './simple.ts'

/** @param passphrase for an encrypted PKCS #8 key. @throws SigningError SIGNING_KEY_INVALID */
export function parseSigstorePrivateKey(pem: Uint8Array, place: string, passphrase: string | undefined): KeyObject {
  const text = Buffer.from(pem).toString('latin1')
  const [label, ...more] = [...text.matchAll(/-----BEGIN ([^-]+)-----/g)].map(([, name]) => name)
  if (label === 'ENCRYPTED SIGSTORE PRIVATE KEY' || label === 'ENCRYPTED COSIGN PRIVATE KEY') {
    throw new SigningError('SIGNING_KEY_INVALID', `${place} is encrypted in sigstore's own format, which Longshore cannot open: give the key as PKCS #8 in PEM`)
  }
  if (label === undefined || more.length > 0 || !['PRIVATE KEY', 'ENCRYPTED PRIVATE KEY'].includes(label)) throw new SigningError('SIGNING_KEY_INVALID', `${place} is not one PEM private key of PKCS #8`)
  let key: KeyObject
  try {
    key = createPrivateKey({ key: text, ...(passphrase === undefined ? {} : { passphrase }) })
  } catch {
    // What OpenSSL says is no help, and might quote.
    throw new SigningError('SIGNING_KEY_INVALID', `${place} cannot be read: ${label.startsWith('ENCRYPTED') ? passphrase === undefined ? 'it is encrypted; give its passphrase with --sign-passphrase-file' : 'the passphrase is wrong, or the key is damaged' : 'it is damaged'}`)
  }
  if (!['ec', 'rsa', 'ed25519'].includes(key.asymmetricKeyType ?? '')) throw new SigningError('SIGNING_KEY_INVALID', `${place} is a key of kind ${key.asymmetricKeyType ?? 'unknown'}: sigstore's are ECDSA, RSA or Ed25519`)
  return key
}

export function signSigstore(key: KeyObject, { manifest, reference, creator, now = new Date() }: ToSign): SigstoreSignature {
  const payload = formatPayload({ manifest, reference, creator, timestamp: Math.floor(now.getTime() / 1000) }, PayloadType.sigstore)
  const signature = sign(key.asymmetricKeyType === 'ed25519' ? null : 'sha256', payload, key)
  return { kind: 'sigstore', mediaType: simpleSigningMediaType, payload, annotations: { [signatureAnnotation]: signature.toString('base64') } }
}
