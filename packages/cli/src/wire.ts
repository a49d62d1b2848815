// The only place that knows concrete classes: it constructs them and joins them.
import { Bandwidth } from '@longshore/concurrency'
import { createKeychain, CredentialHelperError, InvalidCredentialsError, type Keychain, loadTls, type TlsFiles } from '@longshore/credentials'
import { MemoryLedger } from '@longshore/ledger'
import { MemoryQueue } from '@longshore/queue'
import { createRegistry, type Registry, type RegistryOptions } from '@longshore/registry'
import type { Migration } from '@longshore/spec'
import type { Ledger, Queue, Transports } from '@longshore/transfer'
import type { Config } from './config.ts'
import type { AccessFlags } from './flags.ts'
import { UsageError } from './usage-error.ts'

/** What one registry was asked over a run. */
export interface RegistryUse {
  readonly side: 'source' | 'destination'
  readonly registry: string
  readonly requests: number
  readonly bytesIn: number
  readonly bytesOut: number
  readonly retries: number
  readonly pauses: number
}

export interface Wiring extends AsyncDisposable {
  readonly transports: Transports
  /** In the order of first use. */
  uses(): readonly RegistryUse[]
}

type Side = RegistryUse['side']

/**
 * Joins the clients for every registry that the migration names.
 * @throws UsageError, InvalidCredentialsError, InvalidCertificatesError
 */
export async function wire(migration: Migration, flags: AccessFlags, config: Config, onPause: (registry: string, ms: number) => void): Promise<Wiring> {
  const bandwidth = flags.maxBandwidth === undefined ? undefined : new Bandwidth(flags.maxBandwidth)
  const names = { source: new Set<string>(), destination: new Set<string>() }
  for (const { source, destinations } of migration.entries) {
    names.source.add(source.registry)
    for (const { registry } of destinations) names.destination.add(registry)
  }
  const source = await side('source', names.source, sourceFlags(flags), config)
  const destination = await side('destination', names.destination, destinationFlags(flags), config)
  const clients = new Map<string, Registry>()
  const open = (side: Side, registry: string): Registry => {
    const key = `${side} ${registry}`
    const known = clients.get(key)
    if (known) return known
    const { tls, keychain, tlsVerify } = side === 'source' ? source : destination
    const options: RegistryOptions = {
      registry, tlsVerify, credentials: (repository) => keychain.credentialsFor(registry, repository),
      tls: toTls(tls.get(registry) ?? {}),
      ...(flags.concurrency === undefined ? {} : { concurrency: flags.concurrency }),
      // Bytes that are read are paid for. What is sent was read before, so a cap on the reading caps both.
      ...(bandwidth === undefined ? {} : { bandwidth }),
      ...(config.proxy === undefined ? {} : { proxy: config.proxy }),
      onPause: ({ registry, ms }) => onPause(registry, ms),
    }
    const client = createRegistry(options)
    clients.set(key, client)
    return client
  }
  // Both ends are looked for at once; whoever asks first waits for that, and is told what went wrong with it.
  const leaving = new AbortController()
  const greetings = [...[...names.source].map((registry) => open('source', registry)), ...[...names.destination].map((registry) => open('destination', registry))]
    .map((client) => client.ping({ signal: leaving.signal }).catch(() => {}))
  return {
    transports: { source: (registry) => open('source', registry), target: (registry) => open('destination', registry) },
    uses: () => [...clients].map(([key, { registry, stats }]) => {
      const { requests, bytesIn, bytesOut, retries, pauses } = stats
      return { side: key.startsWith('source ') ? 'source' as const : 'destination' as const, registry, requests, bytesIn, bytesOut, retries, pauses }
    }),
    async [Symbol.asyncDispose]() {
      leaving.abort()
      await Promise.all(greetings)
      await Promise.all([...clients.values()].map((client) => client[Symbol.asyncDispose]()))
    },
  }
}

/** The in-process runtime. */
export function createRuntime(): { readonly ledger: Ledger; readonly queues: { readonly blobs: Queue; readonly manifests: Queue } } {
  return { ledger: new MemoryLedger(), queues: { blobs: new MemoryQueue(), manifests: new MemoryQueue() } }
}

interface SideFlags {
  readonly prefix: 'src' | 'dest'
  readonly tlsVerify: boolean
  readonly authFile: string | undefined
  readonly creds: string | undefined
  readonly username: string | undefined
  readonly password: string | undefined
  readonly noCreds: boolean
  readonly registryToken: string | undefined
  readonly certDir: string | undefined
}

function sourceFlags(f: AccessFlags): SideFlags {
  return {
    prefix: 'src', tlsVerify: f.srcTlsVerify ?? true, authFile: f.srcAuthfile ?? f.authfile, creds: f.srcCreds, username: f.srcUsername,
    password: f.srcPassword, noCreds: f.srcNoCreds ?? false, registryToken: f.srcRegistryToken, certDir: f.srcCertDir,
  }
}

function destinationFlags(f: AccessFlags): SideFlags {
  return {
    prefix: 'dest', tlsVerify: f.destTlsVerify ?? true, authFile: f.destAuthfile ?? f.authfile, creds: f.destCreds, username: f.destUsername,
    password: f.destPassword, noCreds: f.destNoCreds ?? false, registryToken: f.destRegistryToken, certDir: f.destCertDir,
  }
}

interface OpenSide { readonly keychain: Keychain; readonly tls: ReadonlyMap<string, TlsFiles>; readonly tlsVerify: boolean }

/** Credentials and certificates that cannot be read are known before the first request. */
async function side(name: Side, registries: ReadonlySet<string>, flags: SideFlags, config: Config): Promise<OpenSide> {
  const { env, home, uid, platform } = config
  const { prefix, tlsVerify, authFile, creds, username, password, noCreds, registryToken, certDir } = flags
  try {
    const keychain = createKeychain({
      env, home, uid, platform, noCreds, ...(creds === undefined ? {} : { creds }), ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }), ...(registryToken === undefined ? {} : { registryToken }), ...(authFile === undefined ? {} : { authFile }),
    })
    const tls = new Map<string, TlsFiles>()
    for (const registry of registries) {
      tls.set(registry, await loadTls(registry, { env, home, ...(certDir === undefined ? {} : { certDir }) }))
      // A helper that fails may be one that this registry never asks for; it is told when it does.
      await keychain.credentialsFor(registry).catch((error: unknown) => { if (!(error instanceof CredentialHelperError)) throw error })
    }
    return { keychain, tls, tlsVerify }
  } catch (error) {
    if (!(error instanceof InvalidCredentialsError)) throw error
    // The message speaks of --creds; on this command line it is --src-creds.
    throw new UsageError(`${name}: ${error.message.replace(/--(creds|username|password|no-creds|registry-token)/g, `--${prefix}-$1`)}`)
  }
}

function toTls({ ca, cert, key }: TlsFiles): NonNullable<RegistryOptions['tls']> {
  const [firstCert] = cert ?? []
  const [firstKey] = key ?? []
  return { ...(ca === undefined ? {} : { ca }), ...(firstCert === undefined || firstKey === undefined ? {} : { cert: firstCert, key: firstKey }) }
}
