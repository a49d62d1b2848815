// Signs manifests by every key that was asked for. Opening it finds the keys, so that a missing one is known before anything is moved.
import type { KeyObject } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Digest } from '@longshore/oci'
import type { Signature } from '@longshore/transfer'
import { type DockerName, formatDockerName, isNameOnly } from './docker-name.ts'
import { SigningError, systemWords } from './errors.ts'
import { openSimpleKey, signSimple, type SimpleKey } from './simple.ts'
import { parseSigstorePrivateKey, signSigstore } from './sigstore-key.ts'

export interface SignerOptions {
  /** `--sign-by`. */
  readonly fingerprint?: string | undefined
  /** `--sign-by-sigstore-private-key`. */
  readonly sigstoreKeyPath?: string | undefined
  /** `--sign-passphrase-file`: its first line, for either key. */
  readonly passphrasePath?: string | undefined
  readonly gnupgHome?: string | undefined
  /** `Longshore VERSION`. */
  readonly creator: string
  readonly signal: AbortSignal
}

export class Signer {
  readonly #simple: SimpleKey | undefined
  readonly #sigstore: KeyObject | undefined
  readonly #creator: string

  private constructor(simple: SimpleKey | undefined, sigstore: KeyObject | undefined, creator: string) {
    this.#simple = simple
    this.#sigstore = sigstore
    this.#creator = creator
  }

  /** `undefined` when no key was asked for. @throws SigningError when a key cannot be used */
  static async open({ fingerprint, sigstoreKeyPath, passphrasePath, gnupgHome, creator, signal }: SignerOptions): Promise<Signer | undefined> {
    if (fingerprint === undefined && sigstoreKeyPath === undefined) return undefined
    const passphrase = passphrasePath === undefined ? undefined : await readPassphrase(passphrasePath)
    const sigstore = sigstoreKeyPath === undefined ? undefined
      : parseSigstorePrivateKey(await readFile(sigstoreKeyPath).catch((error: unknown) => { throw new SigningError('SIGNING_KEY_INVALID', `open ${sigstoreKeyPath}: ${systemWords(error)}`, error) }), sigstoreKeyPath, passphrase)
    const simple = fingerprint === undefined ? undefined : await openSimpleKey({ fingerprint, passphrase, gnupgHome, signal })
    return new Signer(simple, sigstore, creator)
  }

  /** @param identity what the image is to be known as. @throws SigningError SIGNING_FAILED */
  async sign(manifest: Digest, identity: DockerName, signal: AbortSignal): Promise<readonly Signature[]> {
    if (isNameOnly(identity)) throw new SigningError('SIGNING_FAILED', `Sign identity must be a fully specified reference: ${formatDockerName(identity)} has neither a tag nor a digest`)
    const what = { manifest, reference: formatDockerName(identity), creator: this.#creator }
    return [
      ...(this.#simple ? [{ kind: 'simple' as const, bytes: await signSimple(this.#simple, what, signal) }] : []),
      ...(this.#sigstore ? [signSigstore(this.#sigstore, what)] : []),
    ]
  }
}

/** The first line of a file. @throws SigningError SIGNING_FAILED */
export async function readPassphrase(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => { throw new SigningError('SIGNING_FAILED', `open ${path}: ${systemWords(error)}`, error) })
  return text.split(/\r?\n/, 1)[0] ?? ''
}
