import { join } from 'node:path'
import { type AuthFile, readAuthFile } from './auth-file.ts'
import type { Credentials, Keychain } from './credentials.ts'
import { CredentialHelperError, InvalidCredentialsError } from './errors.ts'
import { askHelper } from './helper.ts'
import { canonicalHost, dockerHubKey, keysFor } from './registry-key.ts'
import { Remembered } from './remembered.ts'

/** The flags of one side, and the surroundings, as values. */
export interface KeychainOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  /** The home directory. */
  readonly home: string
  readonly uid: number
  readonly platform: NodeJS.Platform
  /** `USER[:PASS]` */
  readonly creds?: string
  readonly username?: string
  readonly password?: string
  readonly noCreds?: boolean
  readonly registryToken?: string
  /** Only this file is read; REGISTRY_AUTH_FILE in `env` says the same. */
  readonly authFile?: string
  /** `credential-helpers` of registries.conf, in the order in which they are asked, and the file for messages. */
  readonly helpers?: { readonly names: readonly string[]; readonly file: string }
  /** How long a helper may take; 30 s, as some open a browser or a key store. */
  readonly helperTimeoutMs?: number
  /** How long an answer is used again; 5 min, as cloud helpers hand out passwords that live an hour or less. */
  readonly rememberMs?: number
}

/**
 * Flags first, then the auth files in containers-auth.json(5)'s order, and in each file its helpers, its auths by the longest
 * path, its credsStore.
 * @throws InvalidCredentialsError when flags contradict each other
 */
export function createKeychain(options: KeychainOptions): Keychain {
  const flags = fromFlags(options)
  if (flags) return { credentialsFor: () => Promise.resolve(flags.credentials) }
  return new FileKeychain(options)
}

function fromFlags(options: KeychainOptions): { readonly credentials: Credentials | undefined } | undefined {
  const { creds, username, password, noCreds = false, registryToken } = options
  if ((username === undefined) !== (password === undefined)) {
    throw new InvalidCredentialsError(`a ${username === undefined ? 'password' : 'username'} was given alone: --username and --password go together`)
  }
  const given = [
    creds === undefined ? undefined : '--creds', username === undefined ? undefined : '--username', noCreds ? '--no-creds' : undefined,
    registryToken === undefined ? undefined : '--registry-token',
  ].filter((flag) => flag !== undefined)
  if (given.length > 1) throw new InvalidCredentialsError(`${given.join(' and ')} exclude each other: give one of them`)
  if (noCreds) return { credentials: undefined }
  if (registryToken !== undefined) {
    if (registryToken === '') throw new InvalidCredentialsError('--registry-token is empty')
    return { credentials: { kind: 'registry-token', token: registryToken } }
  }
  if (username !== undefined) {
    if (username === '') throw new InvalidCredentialsError('--username is empty')
    return { credentials: { kind: 'basic', username, password: password ?? '' } }
  }
  if (creds === undefined) return undefined
  const colon = creds.indexOf(':')
  const name = colon < 0 ? creds : creds.slice(0, colon)
  if (name === '') throw new InvalidCredentialsError('--creds has no user name: give USER or USER:PASS')
  return { credentials: { kind: 'basic', username: name, password: colon < 0 ? '' : creds.slice(colon + 1) } }
}

interface Candidate { readonly path: string; readonly legacy?: boolean; readonly required?: boolean }

/** containers-registries.conf(5): this name among the helpers stands for the auth files. */
const authFiles = 'containers-auth.json'

class FileKeychain implements Keychain {
  readonly #options: KeychainOptions
  readonly #files: Remembered<readonly AuthFile[]>
  readonly #helpers: Remembered<Credentials | undefined>

  constructor(options: KeychainOptions) {
    this.#options = options
    const rememberMs = options.rememberMs ?? 5 * 60_000
    this.#files = new Remembered(rememberMs)
    this.#helpers = new Remembered(rememberMs)
  }

  /** Where one helper fails, the others may know; that it failed is told when none does. */
  async credentialsFor(registry: string, repository?: string): Promise<Credentials | undefined> {
    const { names, file } = this.#options.helpers ?? { names: [authFiles], file: '' }
    let failed: CredentialHelperError | undefined
    for (const name of names) {
      try {
        const found = await (name === authFiles ? this.#inFiles(registry, repository) : this.#ask(file, name, canonicalHost(registry)))
        if (found) return found
      } catch (error) {
        if (!(error instanceof CredentialHelperError) || names.length === 1) throw error
        failed ??= error
      }
    }
    if (failed) throw failed
    return undefined
  }

  async #inFiles(registry: string, repository: string | undefined): Promise<Credentials | undefined> {
    for (const file of await this.#files.get('', () => readAll(candidates(this.#options)))) {
      const found = await this.#inFile(file, registry, repository)
      if (found) return found
    }
    return undefined
  }

  async #inFile(file: AuthFile, registry: string, repository: string | undefined): Promise<Credentials | undefined> {
    const host = canonicalHost(registry)
    const helper = file.credHelpers.get(host)
    if (helper) {
      const answer = await this.#ask(file.path, helper.suffix, helper.key)
      if (answer) return answer
    }
    const keys = keysFor(registry, repository)
    for (const key of keys) {
      const credentials = file.auths.get(key)
      if (credentials) return credentials
    }
    if (file.credsStore === undefined) return undefined
    try {
      return await this.#ask(file.path, file.credsStore, host === 'docker.io' ? dockerHubKey : host)
    } catch (error) {
      // Docker notes each login in `auths`. A store that is gone and never had this registry must not stop an anonymous copy.
      if (error instanceof CredentialHelperError && error.reason === 'missing' && !keys.some((key) => file.auths.has(key))) return undefined
      throw error
    }
  }

  #ask(file: string, suffix: string, server: string): Promise<Credentials | undefined> {
    const { env, helperTimeoutMs = 30_000 } = this.#options
    return this.#helpers.get(`${suffix} ${server}`, () => askHelper({ suffix, server, file, env, timeoutMs: helperTimeoutMs }))
  }
}

/** containers-auth.json(5), "FILES", then Docker's own. */
function candidates(options: KeychainOptions): readonly Candidate[] {
  const { env, home, uid, platform } = options
  const only = options.authFile ?? nonEmpty(env['REGISTRY_AUTH_FILE'])
  if (only !== undefined) return [{ path: only, required: true }]
  const runtime = nonEmpty(env['XDG_RUNTIME_DIR'])
  const config = nonEmpty(env['XDG_CONFIG_HOME']) ?? join(home, '.config')
  return [
    ...(runtime !== undefined ? [{ path: join(runtime, 'containers/auth.json') }] : []),
    ...(runtime === undefined && platform === 'linux' ? [{ path: `/run/containers/${uid}/auth.json` }] : []),
    { path: join(config, 'containers/auth.json') },
    { path: join(nonEmpty(env['DOCKER_CONFIG']) ?? join(home, '.docker'), 'config.json') },
    { path: join(home, '.dockercfg'), legacy: true },
  ]
}

async function readAll(from: readonly Candidate[]): Promise<readonly AuthFile[]> {
  const files: AuthFile[] = []
  for (const { path, legacy = false, required = false } of from) {
    const file = await readAuthFile(path, legacy)
    if (file) files.push(file)
    else if (required) throw new InvalidCredentialsError(`there is no auth file ${path}: correct --authfile or REGISTRY_AUTH_FILE`)
  }
  return files
}

function nonEmpty(text: string | undefined): string | undefined { return text === '' ? undefined : text }
