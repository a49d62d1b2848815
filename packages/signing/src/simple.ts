// "Simple signing": one OpenPGP message that holds its content. containers-signature(5).
import { type Digest } from '@longshore/oci'
import { SigningError } from './errors.ts'
import type { Keyring } from './keyring.ts'
import { formatPayload, parsePayload, type Payload, PayloadType } from './payload.ts'
import { runGpg } from './run-gpg.ts'

export interface SimpleKey {
  /** Fingerprint of the key, as gpg found it. */
  readonly fingerprint: string
  readonly home: string | undefined
  readonly passphrase: string | undefined
}

export interface SimpleKeyOptions {
  /** Whatever names one secret key of the ring; a fingerprint names it best. */
  readonly fingerprint: string
  readonly passphrase?: string | undefined
  /** Where not GNUPGHOME or `~/.gnupg`. */
  readonly gnupgHome?: string | undefined
  readonly signal: AbortSignal
}

/**
 * Finds the secret key and, where a passphrase is given, tries it.
 * @throws SigningError SIGNING_FAILED when there is none, or several, or it cannot sign any more
 */
export async function openSimpleKey({ fingerprint, passphrase, gnupgHome: home, signal }: SimpleKeyOptions): Promise<SimpleKey> {
  const fail = (why: string): SigningError => new SigningError('SIGNING_FAILED', `cannot sign by "${fingerprint}": ${why}`)
  if (passphrase?.includes('\n') === true) throw new SigningError('SIGNING_FAILED', 'invalid passphrase: must not contain a line break')
  const { code, stdout, messages } = await runGpg({ args: ['--with-colons', '--fixed-list-mode', '--list-secret-keys', '--', fingerprint], home, signal })
  // doc/DETAILS of GnuPG: `sec` begins a key, its second field is what is wrong with it; the first `fpr` behind is its own.
  const lines = stdout.toString().split('\n').map((line) => line.split(':'))
  const keys = lines.flatMap(([kind, validity], at) => (kind === 'sec' ? [{ validity, fpr: lines.slice(at).find(([next]) => next === 'fpr')?.[9] }] : []))
  const [key, ...others] = keys
  if (code !== 0 || key?.fpr === undefined) throw fail(/No secret key|not found|error reading key/i.test(messages) || messages === '' ? 'there is no such secret key in the keyring (gpg --list-secret-keys lists what there is)' : messages)
  if (others.length > 0) throw fail(`${keys.length} secret keys go by that name; give the fingerprint of one`)
  const trouble: Readonly<Record<string, string>> = { e: 'the key has expired', r: 'the key was revoked', d: 'the key is disabled', i: 'the key is invalid' }
  const wrong = trouble[key.validity ?? '']
  if (wrong !== undefined) throw fail(wrong)
  const found = { fingerprint: key.fpr, home, passphrase }
  if (passphrase !== undefined) await gpgSign(found, Buffer.from('Longshore: may this key sign?'), signal)
  return found
}

export interface ToSign { readonly manifest: Digest; readonly reference: string; readonly creator: string; readonly now?: Date }

/** One signature. @throws SigningError SIGNING_FAILED */
export async function signSimple(key: SimpleKey, { manifest, reference, creator, now = new Date() }: ToSign, signal: AbortSignal): Promise<Uint8Array> {
  return await gpgSign(key, formatPayload({ manifest, reference, creator, timestamp: Math.floor(now.getTime() / 1000) }, PayloadType.simple), signal)
}

async function gpgSign({ fingerprint, home, passphrase }: SimpleKey, content: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
  const { code, stdout, status, messages } = await runGpg({ args: ['--no-armor', '--local-user', fingerprint, '--output', '-', '--sign', '--', '-'], input: content, home, passphrase, signal })
  if (code === 0 && status.some(([keyword]) => keyword === 'SIG_CREATED')) return stdout
  const why = status.some(([keyword]) => keyword === 'BAD_PASSPHRASE') || /bad passphrase/i.test(messages) ? 'the passphrase is wrong' : messages.split('\n').at(-1) ?? `gpg ended with ${String(code)}`
  throw new SigningError('SIGNING_FAILED', `cannot sign by "${fingerprint}": ${why}`)
}

/** A claim whose signature was verified; what it claims is still to be compared with what is there. */
export interface VerifiedSimple extends Payload { readonly fingerprint: string; readonly primaryFingerprint: string }

/** @throws SigningError SIGNATURE_INVALID */
export async function verifySimple(signature: Uint8Array, keyring: Keyring, signal: AbortSignal): Promise<VerifiedSimple> {
  const { content, fingerprint, primaryFingerprint } = await keyring.verify(signature, signal)
  return { ...parsePayload(content, PayloadType.simple), fingerprint, primaryFingerprint }
}

/** Nothing of it is proved: for people who manage signatures. @throws SigningError SIGNATURE_INVALID */
export async function dumpSimpleWithoutVerification(signature: Uint8Array, home: string, signal: AbortSignal): Promise<Payload & { readonly keyId: string }> {
  const { stdout, status } = await runGpg({ args: ['--no-options', '--no-autostart', '--no-auto-key-retrieve', '--trust-model', 'always', '--output', '-', '--verify', '--', '-'], input: signature, home, signal })
  const [, keyId] = status.find(([keyword]) => keyword === 'ERRSIG' || keyword === 'NO_PUBKEY') ?? []
  if (keyId === undefined) throw new SigningError('SIGNATURE_INVALID', 'this is no signed OpenPGP message')
  return { ...parsePayload(stdout, PayloadType.simple), keyId }
}
