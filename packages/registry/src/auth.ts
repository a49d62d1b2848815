// What stands in `Authorization`. A cached token costs one look into a map; tokens are fetched once per scope, by whoever comes first.
import { SingleFlight } from '@longshore/concurrency'
import type { Challenge } from './challenge.ts'
import type { Credentials, RegistryOptions } from './options.ts'
import { basicHeader, catalogScope, type Scope } from './scope.ts'
import { fetchToken } from './token.ts'
import { TokenCache } from './token-cache.ts'
import type { Wire } from './wire.ts'

/** Of the token for one request. */
const maxRenewals = 3

export class Auth {
  #challenge: Challenge | undefined
  readonly #tokens = new TokenCache()
  readonly #basic = new Map<string, string | undefined>()
  /** What the registry takes no tokens for, though it gives some: a password is shown. */
  readonly #tokenless = new Set<Scope>()
  readonly #flights = new SingleFlight<Scope, string | undefined>()
  readonly #options: RegistryOptions
  readonly #wire: Wire
  readonly #origin: () => string

  /** @param origin of the registry, once it is known */
  constructor(options: RegistryOptions, wire: Wire, origin: () => string) {
    this.#options = options
    this.#wire = wire
    this.#origin = origin
  }

  /** The registry told how it wants to be asked. */
  learn(challenge: Challenge | undefined): void {
    if (challenge) this.#challenge = challenge
  }

  /** The header for this scope, at once where it is known. @throws RegistryError, ConnectionError when no token is to be had. */
  header(scope: Scope, repository: string | undefined, signal: AbortSignal): string | undefined | Promise<string | undefined> {
    const challenge = this.#challenge
    if (challenge === undefined) return this.#unchallenged()
    if (challenge.scheme === 'basic' || this.#tokenless.has(scope)) return this.basicHeader(repository)
    const token = this.#tokens.get(scope)
    if (token && performance.now() < token.staleAtMs) return token.header
    return this.#flights.do(scope, signal, async (flight) => await this.#renew(challenge, scope, repository, flight))
  }

  /** The credentials as they are, whatever the registry asks for. */
  basicHeader(repository: string | undefined): string | undefined | Promise<string | undefined> {
    const key = repository ?? ''
    return this.#basic.has(key) ? this.#basic.get(key) : this.#basicHeader(key, repository)
  }

  async account(repository: string | undefined): Promise<string | undefined> {
    const credentials = await this.#credentials(repository)
    return credentials?.kind === 'basic' ? credentials.username : undefined
  }

  /** A 401 came to a request that carried `used`, after so many renewals of it. @returns whether another attempt makes sense. */
  refused(challenge: Challenge | undefined, scope: Scope, used: string | undefined, renewals: number): boolean {
    const first = this.#challenge === undefined
    // Harbor asks for a password whoever shows it a token that it does not take. That is no new scheme for everything else.
    const isAside = challenge?.scheme === 'basic' && this.#challenge?.scheme === 'bearer'
    if (challenge && !isAside) this.#challenge = challenge
    const token = this.#tokens.get(scope)
    // Another request may have renewed it meanwhile: then the new one is worth a try as it is.
    if (token && token.header === used) this.#tokens.delete(scope)
    if (challenge === undefined) return false
    if (isAside) {
      if (used?.startsWith('Bearer ') !== true) return false
      // Its catalog takes no token, however new.
      if (scope === catalogScope || renewals >= 1) this.#tokenless.add(scope)
      return renewals < 1
    }
    // Tokens that die young may do so between two attempts: a registry that says so is shown a few more than one that says nothing.
    const isExpired = challenge.scheme === 'bearer' && challenge.error === 'invalid_token'
    if (renewals >= (isExpired ? maxRenewals : 1)) return false
    return challenge.scheme === 'bearer' || first || used === undefined
  }

  #unchallenged(): string | undefined {
    const { credentials } = this.#options
    return typeof credentials === 'object' && credentials.kind === 'registry-token' ? `Bearer ${credentials.token}` : undefined
  }

  async #credentials(repository: string | undefined): Promise<Credentials | undefined> {
    const { credentials } = this.#options
    return typeof credentials === 'function' ? await credentials(repository) : credentials
  }

  async #basicHeader(key: string, repository: string | undefined): Promise<string | undefined> {
    const header = basicHeader(await this.#credentials(repository))
    this.#basic.set(key, header)
    return header
  }

  async #renew(challenge: Challenge & { scheme: 'bearer' }, scope: Scope, repository: string | undefined, signal: AbortSignal): Promise<string | undefined> {
    const credentials = await this.#credentials(repository)
    if (credentials?.kind === 'registry-token') return `Bearer ${credentials.token}`
    const token = await fetchToken(this.#wire, { registry: this.#options.registry, origin: this.#origin(), challenge, scope, credentials }, signal)
    this.#tokens.set(scope, token, performance.now())
    return token.header
  }
}
