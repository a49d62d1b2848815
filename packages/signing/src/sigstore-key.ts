// Private keys of sigstore: PKCS #8 in PEM, plain, encrypted, or encrypted as cosign and skopeo do it.
import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { decryptKey, encryptedLabels, encryptKey } from './encrypted-key.ts'
import { SigningError } from './errors.ts'
import { formatPayload, PayloadType } from './payload.ts'
import { signatureAnnotation, type SigstoreSignature, simpleSigningMediaType } from './sigstore.ts'
import type { ToSign } from './simple.ts'

/** @param passphrase for an encrypted PKCS #8 key. @throws SigningError SIGNING_KEY_INVALID */
export function parseSigstorePrivateKey(pem: Uint8Array, place: string, passphrase: string | undefined): KeyObject {
  const text = Buffer.from(pem).toString('latin1')
  const [label, ...more] = [...text.matchAll(/-----BEGIN ([^-]+)-----/g)].map(([, name]) => name)
  if (label !== undefined && more.length === 0 && encryptedLabels.has(label)) {
    if (passphrase === undefined) throw new SigningError('SIGNING_KEY_INVALID', `${place} cannot be read: it is encrypted; give its passphrase with --sign-passphrase-file`)
    const json = Buffer.from(text.replaceAll(/-----[^-]+-----/g, ''), 'base64').toString()
    return checked(() => createPrivateKey({ key: decryptKey(json, passphrase, place), format: 'der', type: 'pkcs8' }), place, 'it is damaged')
  }
  if (label === undefined || more.length > 0 || !['PRIVATE KEY', 'ENCRYPTED PRIVATE KEY'].includes(label)) throw new SigningError('SIGNING_KEY_INVALID', `${place} is not one PEM private key of PKCS #8`)
  const why = !label.startsWith('ENCRYPTED') ? 'it is damaged' : passphrase === undefined ? 'it is encrypted; give its passphrase with --sign-passphrase-file' : 'the passphrase is wrong, or the key is damaged'
  return checked(() => createPrivateKey({ key: text, ...(passphrase === undefined ? {} : { passphrase }) }), place, why)
}

/** @param why what OpenSSL says is no help, and might quote */
function checked(read: () => KeyObject, place: string, why: string): KeyObject {
  let key: KeyObject
  try {
    key = read()
  } catch (error) {
    throw error instanceof SigningError ? error : new SigningError('SIGNING_KEY_INVALID', `${place} cannot be read: ${why}`)
  }
  if (!['ec', 'rsa', 'ed25519'].includes(key.asymmetricKeyType ?? '')) throw new SigningError('SIGNING_KEY_INVALID', `${place} is a key of kind ${key.asymmetricKeyType ?? 'unknown'}: sigstore's are ECDSA, RSA or Ed25519`)
  return key
}

/** A new pair as skopeo generates it: ECDSA on P-256, the private key encrypted, both in PEM. */
export function generateSigstoreKey(passphrase: string): { readonly privateKey: string; readonly publicKey: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { privateKey: encryptKey(privateKey.export({ type: 'pkcs8', format: 'der' }), passphrase), publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString() }
}

export function signSigstore(key: KeyObject, { manifest, reference, creator, now = new Date() }: ToSign): SigstoreSignature {
  const payload = formatPayload({ manifest, reference, creator, timestamp: Math.floor(now.getTime() / 1000) }, PayloadType.sigstore)
  const signature = sign(key.asymmetricKeyType === 'ed25519' ? null : 'sha256', payload, key)
  return { kind: 'sigstore', mediaType: simpleSigningMediaType, payload, annotations: { [signatureAnnotation]: signature.toString('base64') } }
}
