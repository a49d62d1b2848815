import { expect, test } from 'vitest'
import type { CopyFlags } from './copy-flags.ts'
import { settleFlags } from './settle-flags.ts'

const unwarned = (message: string): never => { throw new Error(`warned: ${message}`) }

test.each<readonly [string, CopyFlags, CopyFlags]>([
  ['screds are srcCreds', { screds: 'a:b' }, { screds: 'a:b', srcCreds: 'a:b' }],
  ['dcreds are destCreds', { dcreds: 'a:b' }, { dcreds: 'a:b', destCreds: 'a:b' }],
  ['the new name wins', { screds: 'a:b', srcCreds: 'c:d' }, { screds: 'a:b', srcCreds: 'c:d' }],
  ['the rest is left alone', { all: true, srcTlsVerify: false }, { all: true, srcTlsVerify: false }],
])('%s', (_what, flags, settled) => { expect(settleFlags(flags, unwarned)).toEqual(settled) })

test('--tls-verify is of both sides, unless a side says otherwise; a warning tells', () => {
  const warnings: string[] = []
  expect(settleFlags<CopyFlags>({ tlsVerify: false, destTlsVerify: true }, (message) => warnings.push(message))).toEqual({ tlsVerify: false, srcTlsVerify: false, destTlsVerify: true })
  expect(warnings).toEqual(['\'--tls-verify\' is deprecated, instead use: --src-tls-verify, --dest-tls-verify'])
})

test.each<readonly [CopyFlags, string]>([
  [{ encryptLayer: [0] }, '--encrypt-layer is not taken'], [{ encryptionKey: ['jwe:a'] }, '--encryption-key is not taken'], [{ decryptionKey: ['a'] }, '--decryption-key is not taken'],
  [{ signBySqFingerprint: 'A' }, '--sign-by-sq-fingerprint is not taken'], [{ signBySigstore: 'a' }, '--sign-by-sigstore is not taken'],
  [{ srcCreds: 'a:b', srcNoCreds: true }, 'creds and no-creds cannot be specified at the same time'], [{ dcreds: 'a:b', destNoCreds: true }, 'creds and no-creds cannot be specified at the same time'],
  [{ destUsername: 'a' }, 'password must be specified when username is specified'], [{ screds: '' }, 'credentials can\'t be empty'],
])('%j is refused: %s', (flags, why) => { expect(() => settleFlags(flags, unwarned)).toThrow(why) })
