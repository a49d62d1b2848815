// Whether GnuPG's status lines prove one good signature. Lines that are not known here refuse: what gpg says in a new way may be a warning.
import { SigningError } from './errors.ts'
import type { GpgResult } from './run-gpg.ts'

export interface VerifiedMessage {
  /** What was signed, as gpg itself gave it out. */
  readonly content: Uint8Array
  /** Of the key, or the subkey, that signed. */
  readonly fingerprint: string
  /** Of the key that it belongs to. */
  readonly primaryFingerprint: string
}

/** Say nothing against a signature; doc/DETAILS of GnuPG. KEYEXPIRED may be about another subkey: an expired signer has EXPKEYSIG. */
const harmless = new Set([
  'NEWSIG', 'KEY_CONSIDERED', 'SIG_ID', 'PLAINTEXT', 'PLAINTEXT_LENGTH', 'VERIFICATION_COMPLIANCE_MODE', 'KEYEXPIRED', 'SIGEXPIRED', 'PROGRESS',
  'TRUST_UNDEFINED', 'TRUST_MARGINAL', 'TRUST_FULLY', 'TRUST_ULTIMATE', 'NOTATION_NAME', 'NOTATION_FLAGS', 'NOTATION_DATA', 'POLICY_URL',
  'TOFU_USER', 'TOFU_STATS', 'TOFU_STATS_SHORT', 'TOFU_STATS_LONG', 'CHECKTRUSTDB', 'GOODSIG', 'VALIDSIG',
])
const reasons: Readonly<Record<string, string>> = {
  BADSIG: 'it does not fit what it signs', EXPSIG: 'it has expired', EXPKEYSIG: 'its key has expired', REVKEYSIG: 'its key was revoked',
  TRUST_NEVER: 'its key is marked as not trusted', NO_PUBKEY: 'its key is not among those expected', NODATA: 'it is no OpenPGP message', ERRSIG: 'it cannot be checked',
  DECRYPTION_OKAY: 'it is encrypted',
}

/** @throws SigningError SIGNATURE_INVALID */
export function readVerification(result: GpgResult): VerifiedMessage {
  const invalid = (why: string): SigningError => new SigningError('SIGNATURE_INVALID', `Invalid GPG signature: ${why}`)
  const keywords = result.status.map(([keyword]) => keyword)
  const count = keywords.filter((keyword) => keyword === 'NEWSIG').length
  // The reasons that say most come first: gpg tells several for one trouble.
  const [bad] = Object.keys(reasons).filter((keyword) => keywords.includes(keyword))
  if (count > 1) throw invalid(`Unexpected GPG signature count ${count}`)
  if (bad !== undefined) throw invalid(bad === 'NO_PUBKEY' ? `${reasons[bad]} (${result.status.find(([keyword]) => keyword === bad)?.[1] ?? 'unknown'})` : reasons[bad] ?? bad)
  const unknown = keywords.find((keyword) => !harmless.has(keyword))
  if (unknown !== undefined) throw invalid(`gpg says ${unknown}`)
  if (result.code !== 0) throw invalid(count === 0 ? 'Unexpected GPG signature count 0' : `gpg ended with ${result.code ?? 'a signal'}`)
  const all = (keyword: string): readonly (readonly string[])[] => result.status.filter(([name]) => name === keyword)
  const [good, ...moreGood] = all('GOODSIG')
  const [valid, ...moreValid] = all('VALIDSIG')
  if (count !== 1 || !good || !valid || moreGood.length + moreValid.length > 0) throw invalid(`Unexpected GPG signature count ${all('VALIDSIG').length}`)
  if (all('PLAINTEXT').length !== 1) throw invalid('it holds no content, or several')
  // VALIDSIG fpr date timestamp expires version reserved pubkey-algorithm hash class [primary-fpr]
  const [, fingerprint, , , , , , , , signatureClass, primary] = valid
  const [, keyId] = good
  if (fingerprint === undefined || !/^[0-9A-F]{40,64}$/.test(fingerprint) || (primary !== undefined && !/^[0-9A-F]{40,64}$/.test(primary))) throw invalid('gpg names no fingerprint')
  if (keyId === undefined || !fingerprint.includes(keyId)) throw invalid('gpg names two keys')
  if (signatureClass !== '00' && signatureClass !== '01') throw invalid(`it is of class ${signatureClass ?? 'none'}, which signs no document`)
  return { content: result.stdout, fingerprint, primaryFingerprint: primary ?? fingerprint }
}
