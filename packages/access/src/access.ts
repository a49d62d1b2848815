// The registries of a run as this process may reach them: credentials, certificates, proxies, one client per registry and side.
import { Bandwidth } from '@longshore/concurrency'
import { createKeychain, CredentialHelperError, InvalidCredentialsError, type Keychain, loadTls, type TlsFiles } from '@longshore/credentials'
import { createRegistry, type Pause, type Registry, type RegistryOptions } from '@longshore/registry'
import type { RegistryUse, Transports } from '@longshore/transfer'
import type { AccessConfig } from './access-config.ts'
import { type AccessHint, hintedKeychain, hintsFor } from './access-hint.ts'
import type { AccessOptions } from './access-options.ts'

type Side = RegistryUse['side']

/** Registries by side, `host[:port]`. */
export interface Registries { readonly source: ReadonlySet<string>; readonly destination: ReadonlySet<string> }

export interface Access extends AsyncDisposable {
  readonly transports: Transports
  /** In the order of first use. */
  uses(): readonly RegistryUse[]
  /** The clients opened so far. */
  clients(): Iterable<{ readonly side: Side; readonly client: Registry }>
}

/**
 * Joins the clients for every registry that is named. Both ends are looked for at once.
 * @throws InvalidCredentialsError, InvalidCertificatesError
 */
export async function openAccess(registries: Registries, options: AccessOptions, config: AccessConfig, onPause: (pause: Pause) => void): Promise<Access> {
  const bandwidth = options.maxBandwidth === undefined ? undefined : new Bandwidth(options.maxBandwidth)
  const source = await openSide('source', registries.source, sourceFlags(options), config)
  const destination = await openSide('destination', registries.destination, destinationFlags(options), config)
  const clients = new Map<string, { readonly side: Side; readonly client: Registry }>()
  const open = (side: Side, registry: string): Registry => {
    const key = `${side} ${registry}`
    const known = clients.get(key)
    if (known) return known.client
    const { tls, keychain, tlsVerify } = side === 'source' ? source : destination
    const client = createRegistry({
      registry, tlsVerify: tlsVerify(registry), credentials: (repository) => keychain.credentialsFor(registry, repository),
      tls: toTls(tls.get(registry) ?? {}),
      ...(options.concurrency === undefined ? {} : { concurrency: options.concurrency }),
      // Bytes that are read are paid for. What is sent was read before, so a cap on the reading caps both.
      ...(bandwidth === undefined ? {} : { bandwidth }),
      ...(config.proxy === undefined ? {} : { proxy: config.proxy }),
      ...(config.stallMs === undefined ? {} : { timeouts: { stallMs: config.stallMs } }),
      onPause,
    })
    clients.set(key, { side, client })
    return client
  }
  // Whoever asks first waits for the greeting, and is told what went wrong with it.
  const leaving = new AbortController()
  const greetings = [...[...registries.source].map((registry) => open('source', registry)), ...[...registries.destination].map((registry) => open('destination', registry))]
    .map((client) => client.ping({ signal: leaving.signal }).catch(() => {}))
  return {
    transports: { source: (registry) => open('source', registry), target: (registry) => open('destination', registry) },
    uses: () => [...clients.values()].map(({ side, client: { registry, stats } }) => {
      const { requests, bytesIn, bytesOut, retries, pauses } = stats
      return { side, registry, requests, bytesIn, bytesOut, retries, pauses }
    }),
    clients: () => clients.values(),
    async [Symbol.asyncDispose]() {
      leaving.abort()
      await Promise.all(greetings)
      await Promise.all([...clients.values()].map(({ client }) => client[Symbol.asyncDispose]()))
    },
  }
}

interface SideFlags {
  readonly prefix: 'src' | 'dest'
  /** Absent: the hints say, or it is verified. */
  readonly tlsVerify: boolean | undefined
  readonly hints: readonly AccessHint[]
  readonly authFile: string | undefined
  readonly creds: string | undefined
  readonly username: string | undefined
  readonly password: string | undefined
  readonly noCreds: boolean
  readonly registryToken: string | undefined
  readonly certDir: string | undefined
}

function sourceFlags(f: AccessOptions): SideFlags {
  return {
    prefix: 'src', tlsVerify: f.srcTlsVerify, hints: f.hints ?? [], authFile: f.srcAuthfile ?? f.authfile, creds: f.srcCreds, username: f.srcUsername,
    password: f.srcPassword, noCreds: f.srcNoCreds ?? false, registryToken: f.srcRegistryToken, certDir: f.srcCertDir,
  }
}

function destinationFlags(f: AccessOptions): SideFlags {
  return {
    prefix: 'dest', tlsVerify: f.destTlsVerify, hints: f.hints ?? [], authFile: f.destAuthfile ?? f.authfile, creds: f.destCreds, username: f.destUsername,
    password: f.destPassword, noCreds: f.destNoCreds ?? false, registryToken: f.destRegistryToken, certDir: f.destCertDir,
  }
}

interface OpenSide { readonly keychain: Keychain; readonly tls: ReadonlyMap<string, TlsFiles>; readonly tlsVerify: (registry: string) => boolean }

/** Credentials and certificates that cannot be read are known before the first request. */
async function openSide(name: Side, registries: ReadonlySet<string>, flags: SideFlags, config: AccessConfig): Promise<OpenSide> {
  const { env, home, uid, platform } = config
  const { prefix, tlsVerify, hints, authFile, creds, username, password, noCreds, registryToken, certDir } = flags
  try {
    const flagged = createKeychain({
      env, home, uid, platform, noCreds, ...(creds === undefined ? {} : { creds }), ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }), ...(registryToken === undefined ? {} : { registryToken }), ...(authFile === undefined ? {} : { authFile }),
    })
    const isFlagged = noCreds || [authFile, creds, username, registryToken].some((flag) => flag !== undefined)
    const keychain = isFlagged ? flagged : hintedKeychain(hints, name, flagged, env)
    const tls = new Map<string, TlsFiles>()
    for (const registry of registries) {
      const directory = certDir ?? hintsFor(hints, name, registry).find((hint) => hint.certDir !== undefined)?.certDir
      tls.set(registry, await loadTls(registry, { env, home, ...(directory === undefined ? {} : { certDir: directory }) }))
      // A helper that fails may be one that this registry never asks for; it is told when it does.
      await keychain.credentialsFor(registry).catch((error: unknown) => { if (!(error instanceof CredentialHelperError)) throw error })
    }
    return { keychain, tls, tlsVerify: (registry) => tlsVerify ?? hintsFor(hints, name, registry).every((hint) => hint.tlsVerify !== false) }
  } catch (error) {
    if (!(error instanceof InvalidCredentialsError)) throw error
    // The message speaks of --creds; on this command line it is --src-creds.
    throw new InvalidCredentialsError(`${name}: ${error.message.replace(/--(creds|username|password|no-creds|registry-token)/g, `--${prefix}-$1`)}`)
  }
}

function toTls({ ca, cert, key }: TlsFiles): NonNullable<RegistryOptions['tls']> {
  const [firstCert] = cert ?? []
  const [firstKey] = key ?? []
  return { ...(ca === undefined ? {} : { ca }), ...(firstCert === undefined || firstKey === undefined ? {} : { cert: firstCert, key: firstKey }) }
}
