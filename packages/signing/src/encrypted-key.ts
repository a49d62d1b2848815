// Private keys as sigstore's tools write them: PKCS #8 in NaCl's secretbox, under a key that scrypt makes of the passphrase
// (go-securesystemslib, package encrypted). node:crypto has scrypt, and not XSalsa20 and Poly1305: those are @noble/ciphers', audited and without dependencies.
import { randomBytes, scryptSync } from 'node:crypto'
import { xsalsa20poly1305 } from '@noble/ciphers/salsa.js'
import { z } from 'zod'
import { SigningError } from './errors.ts'

export const encryptedLabels: ReadonlySet<string> = new Set(['ENCRYPTED SIGSTORE PRIVATE KEY', 'ENCRYPTED COSIGN PRIVATE KEY'])

const base64 = (bytes: number) => z.base64().transform((text) => Buffer.from(text, 'base64')).refine((decoded) => decoded.byteLength === bytes, `not ${bytes} bytes`)
const schema = z.object({
  kdf: z.object({
    name: z.literal('scrypt'),
    // What the tools have written so far; anything larger is a way to keep a signer busy.
    params: z.object({ N: z.union([z.literal(32_768), z.literal(65_536), z.literal(131_072)]), r: z.literal(8), p: z.literal(1) }),
    salt: base64(32),
  }),
  cipher: z.object({ name: z.literal('nacl/secretbox'), nonce: base64(24) }),
  ciphertext: z.base64().transform((text) => Buffer.from(text, 'base64')),
})

/** Bytes of memory that scrypt may take: 128 × N × r, and a little. */
const maxMemory = 256 * 1024 * 1024

/** The PKCS #8 in DER. @param text the JSON within the PEM. @throws SigningError SIGNING_KEY_INVALID */
export function decryptKey(text: string, passphrase: string, place: string): Buffer {
  let box: z.infer<typeof schema>
  try {
    box = schema.parse(JSON.parse(text))
  } catch {
    throw new SigningError('SIGNING_KEY_INVALID', `${place} is damaged, or encrypted in a way that Longshore does not know`)
  }
  const { kdf: { params: { N, r, p }, salt }, cipher: { nonce }, ciphertext } = box
  const key = scryptSync(passphrase, salt, 32, { N, r, p, maxmem: maxMemory })
  try {
    return Buffer.from(xsalsa20poly1305(key, nonce).decrypt(ciphertext))
  } catch {
    throw new SigningError('SIGNING_KEY_INVALID', `${place} cannot be decrypted: the passphrase is wrong, or the key is damaged`)
  }
}

/** As skopeo and cosign write it today. @param der PKCS #8 */
export function encryptKey(der: Uint8Array, passphrase: string): string {
  const params = { N: 65_536, r: 8, p: 1 } as const
  const salt = randomBytes(32)
  const nonce = randomBytes(24)
  const key = scryptSync(passphrase, salt, 32, { ...params, maxmem: maxMemory })
  const text = JSON.stringify({
    kdf: { name: 'scrypt', params, salt: salt.toString('base64') }, cipher: { name: 'nacl/secretbox', nonce: nonce.toString('base64') },
    ciphertext: Buffer.from(xsalsa20poly1305(key, nonce).encrypt(der)).toString('base64'),
  })
  const lines = Buffer.from(text).toString('base64').match(/.{1,64}/g) ?? []
  return ['-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----', ...lines, '-----END ENCRYPTED SIGSTORE PRIVATE KEY-----', ''].join('\n')
}
