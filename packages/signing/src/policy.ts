// Whether an image may be read, by the rules of a policy.json. What is not understood is not let through.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { KeyObject } from 'node:crypto'
import type { Digest } from '@longshore/oci'
import type { Signature } from '@longshore/transfer'
import { dockerNameOf } from './docker-name.ts'
import { SigningError, systemWords } from './errors.ts'
import { Keyring } from './keyring.ts'
import { matchesIdentity } from './match-identity.ts'
import type { Payload } from './payload.ts'
import { parsePolicy, type PolicyData, type Requirement, type SignedBy, type SigstoreSigned } from './policy-schema.ts'
import { type ImagePlace, scopesOf } from './scopes.ts'
import { parseSigstorePublicKey, simpleSigningMediaType, verifySigstore } from './sigstore.ts'
import { verifySimple } from './simple.ts'

/** What is asked about: one manifest (an index and each of its children are asked about one by one). */
export interface PolicyImage {
  readonly place: ImagePlace
  /** Of the bytes that were read. */
  readonly manifest: Digest
  /** Asked for only where a requirement needs them. */
  readonly signatures: () => Promise<readonly Signature[]>
}

/** `reason` is what skopeo says behind `Source image rejected: `. */
export type Verdict = { readonly allowed: true } | { readonly allowed: false; readonly reason: string }

export interface ReadPolicyOptions {
  /** `--policy`. */
  readonly path?: string | undefined
  readonly home: string
  /** Of it: `CONTAINERS_POLICY_JSON`, `XDG_CONFIG_HOME`. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** `--require-signed`: `insecureAcceptAnything` counts for nothing. */
  readonly requireSigned?: boolean
  /** Default `/`: where `etc/containers/policy.json` is looked for. */
  readonly root?: string
}

/**
 * The policy of this user or of this machine. @throws SigningError POLICY_INVALID when there is none, or it is not understood
 */
export async function readPolicy({ path, home, env, requireSigned = false, root = '/' }: ReadPolicyOptions): Promise<Policy> {
  const named = path ?? (env['CONTAINERS_POLICY_JSON'] === '' ? undefined : env['CONTAINERS_POLICY_JSON'])
  const system = join(root, 'etc/containers/policy.json')
  const xdg = env['XDG_CONFIG_HOME']
  const candidates = named === undefined ? [join(xdg === undefined || xdg === '' ? join(home, '.config') : xdg, 'containers/policy.json'), system] : [named]
  for (const candidate of candidates) {
    const bytes = await readFile(candidate).catch((error: unknown) => {
      if (candidate !== candidates.at(-1) && error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
      throw new SigningError('POLICY_INVALID', `Error loading trust policy: open ${candidate}: ${systemWords(error)}`, error)
    })
    if (bytes) return new Policy(parsePolicy(bytes, candidate), requireSigned)
  }
  throw new SigningError('POLICY_INVALID', `Error loading trust policy: open ${system}: no such file or directory`)
}

/** Keeps the keys that it has read until it is disposed of. */
export class Policy implements AsyncDisposable {
  readonly #data: PolicyData
  readonly #requireSigned: boolean
  readonly #keyrings = new Map<SignedBy, Promise<Keyring>>()
  readonly #keys = new Map<SigstoreSigned, Promise<readonly KeyObject[]>>()

  constructor(data: PolicyData, requireSigned = false) {
    this.#data = data
    this.#requireSigned = requireSigned
  }

  /** `--insecure-policy`. */
  static acceptAnything(): Policy { return new Policy({ default: [{ type: 'insecureAcceptAnything' }], transports: new Map() }) }

  /** Whether no image of any transport is looked at, let alone rejected. */
  get acceptsEverything(): boolean {
    const accepts = (requirements: readonly Requirement[]): boolean => requirements.every(({ type }) => type === 'insecureAcceptAnything')
    return !this.#requireSigned && accepts(this.#data.default) && [...this.#data.transports.values()].every((scopes) => [...scopes.values()].every(accepts))
  }

  /** @throws SigningError POLICY_REJECTED */
  async check(image: PolicyImage, signal: AbortSignal): Promise<void> {
    const verdict = await this.isAllowed(image, signal)
    if (!verdict.allowed) throw new SigningError('POLICY_REJECTED', `Source image rejected: ${verdict.reason}`)
  }

  /** Every requirement of the most specific scope has to be met. A place that cannot tell its signatures rejects with its own error. */
  async isAllowed(image: PolicyImage, signal: AbortSignal): Promise<Verdict> {
    const found = await this.#requirements(image.place)
    if (found === undefined) return { allowed: false, reason: `the policy has scopes of ${image.place.transport}:, which Longshore cannot tell apart; give that transport one default scope ""` }
    const requirements = this.#requireSigned ? found.filter(({ type }) => type !== 'insecureAcceptAnything') : found
    if (requirements.length === 0) return { allowed: false, reason: 'List of verification policy requirements must not be empty' }
    for (const requirement of requirements) {
      const verdict = await this.#meets(requirement, image, signal)
      if (!verdict.allowed) return verdict
    }
    return { allowed: true }
  }

  async #requirements(place: ImagePlace): Promise<readonly Requirement[] | undefined> {
    const scopes = this.#data.transports.get(place.transport)
    if (!scopes) return this.#data.default
    const names = await scopesOf(place)
    if (names === undefined && [...scopes.keys()].some((scope) => scope !== '')) return undefined
    for (const name of [...names ?? [], '']) {
      const requirements = scopes.get(name)
      if (requirements) return requirements
    }
    return this.#data.default
  }

  async #meets(requirement: Requirement, image: PolicyImage, signal: AbortSignal): Promise<Verdict> {
    switch (requirement.type) {
      case 'insecureAcceptAnything': return { allowed: true }
      case 'reject': return { allowed: false, reason: `Running image ${imageName(image.place)} is rejected by policy.` }
      case 'signedBy': return await this.#oneOf(image, signal, async (signature) => {
        if (signature.kind !== 'simple') return undefined
        if (requirement.keyType !== 'GPGKeys') throw new SigningError('POLICY_INVALID', `Unimplemented "keyType" value "${requirement.keyType}"`)
        return { match: requirement, payload: await verifySimple(signature.bytes, await this.#keyring(requirement, signal), signal) }
      })
      case 'sigstoreSigned': return await this.#oneOf(image, signal, async (signature) => {
        if (signature.kind !== 'sigstore' || signature.mediaType !== simpleSigningMediaType) return undefined
        return { match: requirement, payload: verifySigstore(signature, await this.#publicKeys(requirement)) }
      })
    }
  }

  /** One good signature is enough; `prove` gives `undefined` for those of another kind. */
  async #oneOf(image: PolicyImage, signal: AbortSignal, prove: (signature: Signature) => Promise<{ readonly match: SignedBy | SigstoreSigned; readonly payload: Payload } | undefined>): Promise<Verdict> {
    const reasons: string[] = []
    for (const signature of await image.signatures()) {
      try {
        const proved = await prove(signature)
        if (!proved) continue
        const { match, payload } = proved
        if (payload.manifest !== image.manifest) throw new SigningError('SIGNATURE_INVALID', `Signature for digest ${payload.manifest} does not match`)
        if (!matchesIdentity(match.signedIdentity, dockerNameOf(image.place), payload.reference)) throw new SigningError('SIGNATURE_INVALID', `Signature for identity "${payload.reference}" is not accepted`)
        return { allowed: true }
      } catch (error) {
        signal.throwIfAborted()
        // Whatever goes wrong, this signature proves nothing.
        reasons.push(error instanceof Error ? error.message : String(error))
      }
    }
    const [reason = 'A signature was required, but no signature exists', ...more] = reasons
    return { allowed: false, reason: more.length === 0 ? reason : `None of the signatures were accepted, reasons: ${reasons.join('; ')}` }
  }

  async #keyring(requirement: SignedBy, signal: AbortSignal): Promise<Keyring> {
    const { keyPath, keyPaths, keyData } = requirement
    return await remembered(this.#keyrings, requirement, async () => Keyring.of(keyData ? [keyData] : await Promise.all((keyPaths ?? [keyPath ?? '']).map(readKey)), signal))
  }

  async #publicKeys(requirement: SigstoreSigned): Promise<readonly KeyObject[]> {
    const { keyPath, keyPaths, keyData, keyDatas } = requirement
    for (const member of ['fulcio', 'pki', 'rekorPublicKeyPath', 'rekorPublicKeyPaths', 'rekorPublicKeyData', 'rekorPublicKeyDatas'] as const) {
      if (requirement[member] !== undefined) throw new SigningError('POLICY_INVALID', `the policy asks for "${member}", which Longshore does not verify`)
    }
    return await remembered(this.#keys, requirement, async () => {
      if (keyData ?? keyDatas) return (keyDatas ?? [keyData ?? Buffer.alloc(0)]).map((pem) => parseSigstorePublicKey(pem, 'a key of the policy'))
      return await Promise.all((keyPaths ?? [keyPath ?? '']).map(async (path) => parseSigstorePublicKey(await readKey(path), path)))
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const keyring of this.#keyrings.values()) await (await keyring.catch(() => undefined))?.[Symbol.asyncDispose]()
    this.#keyrings.clear()
  }
}

/** What failed is tried again for the next image. */
async function remembered<K, V>(memory: Map<K, Promise<V>>, key: K, make: () => Promise<V>): Promise<V> {
  let value = memory.get(key)
  if (!value) {
    value = make()
    memory.set(key, value)
    value.catch(() => memory.delete(key))
  }
  return await value
}

async function readKey(path: string): Promise<Uint8Array> {
  return await readFile(path).catch((error: unknown) => { throw new SigningError('SIGNING_KEY_INVALID', `open ${path}: ${systemWords(error)}`, error) })
}

/** `docker://registry/repository:tag`, as upstream prints images. */
function imageName({ transport, registry, repository, reference }: ImagePlace): string {
  if (transport !== 'docker') return reference === undefined || reference === '' ? registry : `${registry}:${reference}`
  return `docker://${registry}/${repository}${reference?.includes(':') === true ? '@' : ':'}${reference ?? 'latest'}`
}
