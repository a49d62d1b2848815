// Keys to verify with: only those that were named, in a home of their own, or those of the user.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SigningError } from './errors.ts'
import { readVerification, type VerifiedMessage } from './gpg-signature.ts'
import { runGpg } from './run-gpg.ts'

const isolated = ['--no-options', '--no-autostart', '--no-auto-key-retrieve', '--no-auto-key-locate', '--no-auto-check-trustdb'] as const

export class Keyring implements AsyncDisposable {
  /** Primary fingerprints of the keys that were imported; `undefined` for the user's keyring. */
  readonly fingerprints: readonly string[] | undefined
  readonly #home: string | undefined
  readonly #isEphemeral: boolean

  private constructor(home: string | undefined, fingerprints: readonly string[] | undefined) {
    this.#home = home
    this.fingerprints = fingerprints
    this.#isEphemeral = fingerprints !== undefined
  }

  /** @param home where not GNUPGHOME or `~/.gnupg` */
  static ofUser(home?: string): Keyring { return new Keyring(home, undefined) }

  /**
   * A ring of exactly these keys (binary or armoured, several in each), removed when disposed of.
   * @throws SigningError SIGNING_KEY_INVALID when one of them holds no public key
   */
  static async of(keys: readonly Uint8Array[], signal: AbortSignal): Promise<Keyring> {
    const home = await mkdtemp(join(tmpdir(), 'longshore-gpg-'))
    try {
      const fingerprints = new Set<string>()
      for (const input of keys) {
        const { status } = await runGpg({ args: [...isolated, '--import'], input, home, signal })
        for (const [keyword, , fingerprint] of status) if (keyword === 'IMPORT_OK' && fingerprint !== undefined) fingerprints.add(fingerprint)
      }
      if (fingerprints.size === 0) throw new SigningError('SIGNING_KEY_INVALID', 'No public keys imported')
      return new Keyring(home, [...fingerprints])
    } catch (error) {
      await rm(home, { recursive: true, force: true })
      throw error
    }
  }

  /** @throws SigningError SIGNATURE_INVALID unless it is one message with one good signature by a key of this ring */
  async verify(message: Uint8Array, signal: AbortSignal): Promise<VerifiedMessage> {
    const args = this.#isEphemeral ? [...isolated, '--trust-model', 'always'] : ['--no-auto-key-retrieve', '--no-auto-key-locate']
    const verified = readVerification(await runGpg({ args: [...args, '--output', '-', '--verify', '--', '-'], input: message, home: this.#home, signal }))
    if (this.fingerprints && !this.fingerprints.includes(verified.primaryFingerprint)) throw new SigningError('SIGNATURE_INVALID', `Signature by key ${verified.fingerprint} is not accepted`)
    return verified
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isEphemeral && this.#home !== undefined) await rm(this.#home, { recursive: true, force: true })
  }
}
