import { generateKeyPairSync, scryptSync } from 'node:crypto'
import { createRequire } from 'node:module'
import { digestOf } from '@longshore/oci'
import { describe, expect, test } from 'vitest'
import { encryptKey } from './encrypted-key.ts'
import { parseSigstorePrivateKey, signSigstore } from './sigstore-key.ts'
import { verifySigstore } from './sigstore.ts'

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const der = privateKey.export({ type: 'pkcs8', format: 'der' })
const pemOf = (json: unknown, label = 'ENCRYPTED SIGSTORE PRIVATE KEY'): Buffer => Buffer.from(`-----BEGIN ${label}-----\n${Buffer.from(JSON.stringify(json)).toString('base64')}\n-----END ${label}-----\n`)
const jsonOf = (pem: string): { kdf: { params: { N: number; r: number; p: number }; salt: string }; cipher: { nonce: string }; ciphertext: string } => JSON.parse(Buffer.from(pem.replace(/-----.*-----/g, ''), 'base64').toString())

describe('keys in sigstore\'s own encryption', () => {
  test('what was written opens with the passphrase, and signs', () => {
    const key = parseSigstorePrivateKey(Buffer.from(encryptKey(der, 'secret words')), 'key.private', 'secret words')
    const signed = signSigstore(key, { manifest: digestOf(Buffer.from('x')), reference: 'example.com/app:1', creator: 'test' })
    expect(verifySigstore(signed, [publicKey]).manifest).toBe(digestOf(Buffer.from('x')))
  })

  test('the box is NaCl\'s: another implementation opens it, and what that one closed opens here', () => {
    const nacl = createRequire(import.meta.url)('tweetnacl') as { readonly secretbox: ((message: Uint8Array, nonce: Uint8Array, key: Uint8Array) => Uint8Array) & { open(box: Uint8Array, nonce: Uint8Array, key: Uint8Array): Uint8Array | null } }
    const ours = jsonOf(encryptKey(der, 'p'))
    const key = (salt: Buffer, N: number): Buffer => scryptSync('p', salt, 32, { N, r: 8, p: 1, maxmem: 256 * 1024 * 1024 })
    const opened = nacl.secretbox.open(Buffer.from(ours.ciphertext, 'base64'), Buffer.from(ours.cipher.nonce, 'base64'), key(Buffer.from(ours.kdf.salt, 'base64'), ours.kdf.params.N))
    expect(Buffer.from(opened ?? []).equals(der)).toBe(true)

    const salt = Buffer.alloc(32, 7)
    const nonce = Buffer.alloc(24, 9)
    const theirs = {
      kdf: { name: 'scrypt', params: { N: 32_768, r: 8, p: 1 }, salt: salt.toString('base64') }, cipher: { name: 'nacl/secretbox', nonce: nonce.toString('base64') },
      ciphertext: Buffer.from(nacl.secretbox(der, nonce, key(salt, 32_768))).toString('base64'),
    }
    expect(parseSigstorePrivateKey(pemOf(theirs, 'ENCRYPTED COSIGN PRIVATE KEY'), 'cosign.key', 'p').asymmetricKeyType).toBe('ec')
  })

  test('a wrong passphrase, none, a flipped bit, and costs that nobody writes are refused', () => {
    const pem = encryptKey(der, 'right')
    expect(() => parseSigstorePrivateKey(Buffer.from(pem), 'k', 'wrong')).toThrow('k cannot be decrypted')
    expect(() => parseSigstorePrivateKey(Buffer.from(pem), 'k', undefined)).toThrow('--sign-passphrase-file')
    const json = jsonOf(pem)
    const flipped = Buffer.from(json.ciphertext, 'base64')
    flipped[40] = (flipped[40] ?? 0) ^ 1
    expect(() => parseSigstorePrivateKey(pemOf({ ...json, ciphertext: flipped.toString('base64') }), 'k', 'right')).toThrow('cannot be decrypted')
    expect(() => parseSigstorePrivateKey(pemOf({ ...json, kdf: { ...json.kdf, params: { N: 2 ** 24, r: 8, p: 1 } } }), 'k', 'right')).toThrow('does not know')
    expect(() => parseSigstorePrivateKey(Buffer.from('-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n!!\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n'), 'k', 'right')).toThrow('damaged')
  })
})
