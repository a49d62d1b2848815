// The policy and the signatures of copy and sync: what may be read, what is carried along, what is signed anew. All that can fail fails before anything moves.
import { type Digest, InvalidReferenceError, transportOf } from '@longshore/oci'
import { type DockerName, dockerNameOf, openSignatures, openSignatureSink, parseDockerName, Policy, readPolicy, readRegistriesD, type RegistriesD, Signer } from '@longshore/signing'
import type { Io, Signature, SignatureSink, SignatureSource } from '@longshore/transfer'
import type { Config } from '../config.ts'
import { readVersion } from '../version.ts'
import type { CopyFlags, SharedCopyFlags } from './copy-flags.ts'
import { type End, formatImageName } from './copy-request.ts'
import type { SignatureHandling } from './copy-run.ts'
import type { Endpoints } from './endpoint-access.ts'
import { fetchBeside } from './fetch-bytes.ts'
import { SkopeoError } from './skopeo-error.ts'

export interface Signing extends SignatureHandling, AsyncDisposable {}

type Flags = SharedCopyFlags & Pick<CopyFlags, 'signIdentity'>

/** @throws SkopeoError, SigningError: no policy, an unknown key, a passphrase that cannot be read */
export async function openSigning(endpoints: Endpoints, flags: Flags, config: Config, signal: AbortSignal): Promise<Signing> {
  const { insecurePolicy = false, requireSigned = false } = flags
  if (insecurePolicy && requireSigned) throw new SkopeoError('--insecure-policy and --require-signed exclude each other')
  const policy = insecurePolicy ? Policy.acceptAnything() : await readPolicy({ path: flags.policy, home: config.home, env: config.env, requireSigned })
  const signer = await Signer.open({
    fingerprint: flags.signBy, sigstoreKeyPath: flags.signBySigstorePrivateKey, passphrasePath: flags.signPassphraseFile, creator: `Longshore ${readVersion()}`, signal,
    gnupgHome: config.env['GNUPGHOME'],
  })
  const registriesD = await readRegistriesD({ path: flags['registries.d'], home: config.home, uid: config.uid })
  return new ImageSigning({ endpoints, policy, signer, registriesD, flags })
}

interface Parts { readonly endpoints: Endpoints; readonly policy: Policy; readonly signer: Signer | undefined; readonly registriesD: RegistriesD; readonly flags: Flags }

class ImageSigning implements Signing {
  readonly #with: Parts
  readonly signs: boolean
  readonly judgesChildren: boolean

  constructor(parts: Parts) {
    this.#with = parts
    this.signs = parts.signer !== undefined
    this.judgesChildren = !parts.policy.acceptsEverything
  }

  async admit(source: End, manifest: Digest, io: Io): Promise<readonly Signature[]> {
    const { policy, flags } = this.#with
    let read: Promise<readonly Signature[]> | undefined
    const signatures = async (): Promise<readonly Signature[]> => await (read ??= this.#sourceOf(source)?.signatures(source.repository, manifest, io) ?? Promise.resolve([]))
    const reference = source.reference === '' ? undefined : source.reference
    await policy.check({ place: { transport: transportOf(source.registry), registry: source.registry, repository: source.repository, reference }, manifest, signatures }, io.signal)
    return flags.removeSignatures === true ? [] : await signatures()
  }

  /** Fails now where the destination could not keep what is carried. */
  check(destination: End): void { this.#sinkOf(destination) }

  async sign(destination: End, manifest: Digest, io: Io): Promise<readonly Signature[]> {
    const { signer } = this.#with
    if (!signer) return []
    this.#sinkOf(destination)
    return await signer.sign(manifest, this.#identityOf(destination), io.signal)
  }

  async store(destination: End, manifest: Digest, signatures: readonly Signature[], io: Io): Promise<void> {
    await this.#sinkOf(destination).putSignatures(destination.repository, manifest, signatures, io)
  }

  [Symbol.asyncDispose](): PromiseLike<void> { return this.#with.policy[Symbol.asyncDispose]() }

  #identityOf(destination: End): DockerName {
    const { signIdentity } = this.#with.flags
    try {
      if (signIdentity !== undefined) return parseDockerName(signIdentity)
    } catch (error) {
      if (!(error instanceof InvalidReferenceError)) throw error
      throw new SkopeoError(`Could not parse --sign-identity: ${error.message}`)
    }
    const name = dockerNameOf({ transport: transportOf(destination.registry), ...destination })
    if (!name) throw new SkopeoError(`Cannot determine canonical Docker reference for destination ${formatImageName(destination)}: say with --sign-identity what is signed`)
    return name
  }

  #sourceOf(end: End): SignatureSource | undefined {
    const { endpoints, registriesD } = this.#with
    if (transportOf(end.registry) === 'docker') return openSignatures({ client: endpoints.raw(end.registry), registriesD, fetchBytes: fetchBeside(endpoints.access, 'source', end.registry), reference: end.reference })
    const place = endpoints.placeOf('source', end.registry)
    return place && 'signatures' in place ? place as SignatureSource : undefined
  }

  /** @throws SkopeoError where the destination keeps no signatures */
  #sinkOf(end: End): SignatureSink {
    const { endpoints, registriesD } = this.#with
    if (transportOf(end.registry) === 'docker') return openSignatureSink({ client: endpoints.transports.target(end.registry), registriesD, fetchBytes: fetchBeside(endpoints.access, 'destination', end.registry), reference: end.reference })
    const place = endpoints.placeOf('destination', end.registry)
    if (place && 'putSignatures' in place) return place as unknown as SignatureSink
    throw new SkopeoError(`Can not copy signatures to ${formatImageName(end)}: ${transportOf(end.registry)}: keeps none; leave them behind with --remove-signatures`)
  }
}
