// The policy and the signatures of copy and sync: what may be read, what is carried along, what is signed anew. All that can fail fails before anything moves.
import { readFile } from 'node:fs/promises'
import { type Endpoint, isDigest, type Manifest, splitReference, transportOf } from '@longshore/oci'
import { openSimpleKey, Policy, readPolicy, signSimple, type SimpleKey } from '@longshore/signing'
import { formatEnd, type Io, type Signature, type SignatureSink, type SignatureSource } from '@longshore/transfer'
import type { Config } from '../config.ts'
import { readVersion } from '../version.ts'
import type { CopyFlags, SharedCopyFlags } from './copy-flags.ts'
import { type CopyRequest, type End, formatImageName } from './copy-request.ts'
import type { SignatureHandling } from './copy-run.ts'
import type { Endpoints } from './endpoint-access.ts'
import { SkopeoError } from './skopeo-error.ts'

export interface Signing extends SignatureHandling, AsyncDisposable {}

type Flags = SharedCopyFlags & Pick<CopyFlags, 'signIdentity'>

/** @throws SkopeoError, SigningError: no policy, an unknown key, a passphrase that cannot be read */
export async function openSigning(endpoints: Endpoints, flags: Flags, config: Config, signal: AbortSignal): Promise<Signing> {
  const policy = flags.insecurePolicy === true ? Policy.acceptAnything() : await readPolicy({
    path: flags.policy, home: config.home, env: config.env, ...(flags.requireSigned === undefined ? {} : { requireSigned: flags.requireSigned }),
  })
  const key = await openKey(flags, signal)
  return new ImageSigning(endpoints, policy, key, flags)
}

async function openKey({ signBy, signPassphraseFile }: Flags, signal: AbortSignal): Promise<SimpleKey | undefined> {
  if (signBy === undefined) return undefined
  // The first line is the passphrase, as containers/image reads it.
  const passphrase = signPassphraseFile === undefined ? undefined : (await readFile(signPassphraseFile, 'utf8')).split('\n', 1)[0]
  return await openSimpleKey({ fingerprint: signBy, signal, ...(passphrase === undefined ? {} : { passphrase }) })
}

class ImageSigning implements Signing {
  readonly judges: boolean
  readonly signs: boolean
  readonly #endpoints: Endpoints
  readonly #policy: Policy
  readonly #key: SimpleKey | undefined
  readonly #flags: Flags

  constructor(endpoints: Endpoints, policy: Policy, key: SimpleKey | undefined, flags: Flags) {
    this.#endpoints = endpoints
    this.#policy = policy
    this.#key = key
    this.#flags = flags
    this.judges = flags.insecurePolicy !== true || flags.removeSignatures !== true
    this.signs = key !== undefined
  }

  async admit(source: End, manifest: Manifest, io: Io): Promise<readonly Signature[]> {
    let read: Promise<readonly Signature[]> | undefined
    const signatures = (): Promise<readonly Signature[]> => read ??= this.#sourceOf(source)?.signatures(source.repository, manifest.digest, io) ?? Promise.resolve([])
    await this.#policy.check({ place: placeOf(source), manifest: manifest.digest, signatures }, io.signal)
    return this.#flags.removeSignatures === true ? [] : await signatures()
  }

  async sign(destination: End, manifest: Manifest, io: Io): Promise<readonly Signature[]> {
    if (!this.#key) return []
    const reference = this.#flags.signIdentity ?? (transportOf(destination.registry) === 'docker' ? formatEnd(destination) : undefined)
    if (reference === undefined) throw new SkopeoError(`Cannot determine canonical Docker reference for destination ${formatImageName(destination)}: say what is signed with --sign-identity`)
    const { registry, tag, digest } = splitReference(reference)
    if (registry === undefined || (tag === undefined && digest === undefined)) throw new SkopeoError(`Could not parse --sign-identity: ${reference} is not a full reference, with a registry and a tag`)
    this.#sinkOf(destination)
    return [{ kind: 'simple', bytes: await signSimple(this.#key, { manifest: manifest.digest, reference, creator: `Longshore ${readVersion()}` }, io.signal) }]
  }

  async store(destination: CopyRequest['destination'], manifest: Manifest['digest'], signatures: readonly Signature[], io: Io): Promise<void> {
    await this.#sinkOf(destination).putSignatures(destination.repository, manifest, signatures, io)
  }

  [Symbol.asyncDispose](): PromiseLike<void> { return this.#policy[Symbol.asyncDispose]() }

  #sourceOf(end: End): SignatureSource | undefined {
    const place = this.#endpoints.placeOf('source', end.registry)
    return place && 'signatures' in place ? place as SignatureSource : undefined
  }

  /** @throws SkopeoError where the destination keeps no signatures */
  #sinkOf(end: End): SignatureSink {
    const place = this.#endpoints.placeOf('destination', end.registry)
    if (place && 'putSignatures' in place) return place as unknown as SignatureSink
    throw new SkopeoError(`Can not copy signatures to ${formatImageName(end)}: it keeps none; leave them behind with --remove-signatures`)
  }
}

function placeOf({ registry, repository, reference }: End): Pick<Endpoint, 'transport' | 'registry' | 'repository' | 'reference'> {
  return { transport: transportOf(registry), registry, repository, reference: isDigest(reference) || reference !== '' ? reference : undefined }
}
