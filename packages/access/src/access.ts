// The registries of a run as this process may reach them: credentials, certificates, proxies, one client per registry and side.
import { Bandwidth } from '@longshore/concurrency'
import { createKeychain, CredentialHelperError, InvalidCredentialsError, type Keychain, loadTls, type TlsFiles } from '@longshore/credentials'
import type { RepositoryName } from '@longshore/oci'
import { type PullSource, readRegistriesConf, type RegistriesConf } from '@longshore/registries-conf'
import { createFileHost, createRegistry, defaultUserAgent, type FileAnswer, type FileHost, type Pause, type Registry, type RegistryOptions } from '@longshore/registry'
import type { RegistryUse, Source, Target, Transports } from '@longshore/transfer'
import type { AccessConfig } from './access-config.ts'
import { type AccessHint, hintedKeychain, hintsFor } from './access-hint.ts'
import type { AccessOptions } from './access-options.ts'
import { RoutedSource } from './routed-source.ts'
import { withInventory } from './with-inventory.ts'
import { withTagDeletion } from './with-tag-deletion.ts'
import { routedTarget } from './routed-target.ts'

type Side = RegistryUse['side']

/** Registries by side, `host[:port]`. */
export interface Registries { readonly source: ReadonlySet<string>; readonly destination: ReadonlySet<string> }

export interface Access extends AsyncDisposable {
  readonly transports: Transports
  /** The client of a destination itself, for what is not the registry's protocol. */
  destination(registry: string): Registry
  /** In the order of first use. */
  uses(): readonly RegistryUse[]
  /** The clients opened so far. */
  clients(): Iterable<{ readonly side: Side; readonly client: Registry }>
  /**
   * A small file that lies beside a registry (a signature), where it may be another host's: reached by the settings of the side and the registry, and by the
   * certificates that there are for its own host. @throws InvalidCertificatesError, ConnectionError
   */
  fileBeside(side: Side, registry: string, url: URL, limit: number, signal: AbortSignal): Promise<FileAnswer>
  /** The files of registries.conf that were read, in order; none where nothing is said. */
  readonly registriesConf: readonly string[]
}

/**
 * Joins the clients for every registry that is named. Both ends are looked for at once.
 * @throws InvalidCredentialsError, InvalidCertificatesError, RegistriesConfError
 */
export async function openAccess(registries: Registries, options: AccessOptions, config: AccessConfig, onPause: (pause: Pause) => void): Promise<Access> {
  const bandwidth = options.maxBandwidth === undefined ? undefined : new Bandwidth(options.maxBandwidth)
  const { env, home, uid, registriesConfDir: systemDir } = config
  const conf = await readRegistriesConf({
    env, home, uid, ...(options.registriesConf === undefined ? {} : { path: options.registriesConf }), ...(systemDir === undefined ? {} : { systemDir }),
  })
  const source = await openSide('source', reachedFrom(registries.source, conf), sourceFlags(options), config, conf)
  const destination = await openSide('destination', registries.destination, destinationFlags(options), config, conf)
  const clients = new Map<string, { readonly side: Side; readonly client: Registry }>()
  const open = (side: Side, { registry, insecure = false, proxy, isElsewhere = false }: ClientPlace): Registry => {
    const key = [side, registry, insecure ? 'insecure' : '', proxy ?? '', isElsewhere ? 'elsewhere' : ''].join(' ')
    const known = clients.get(key)
    if (known) return known.client
    const { tls, keychain, storedKeychain, tlsVerify } = side === 'source' ? source : destination
    const keys = isElsewhere ? storedKeychain : keychain
    const client = createRegistry({
      registry, tlsVerify: tlsVerify(registry, insecure), credentials: (repository) => keys.credentialsFor(registry, repository),
      tls: toTls(tls.get(registry) ?? {}),
      ...(options.concurrency === undefined ? {} : { concurrency: options.concurrency }),
      ...(options.userAgentPrefix === undefined || options.userAgentPrefix === '' ? {} : { userAgent: `${options.userAgentPrefix} ${defaultUserAgent}` }),
      // Bytes that are read are paid for. What is sent was read before, so a cap on the reading caps both.
      ...(bandwidth === undefined ? {} : { bandwidth }),
      ...(proxy !== undefined ? { proxy: { http: proxy, https: proxy } } : config.proxy === undefined ? {} : { proxy: config.proxy }),
      ...(config.stallMs === undefined ? {} : { timeouts: { stallMs: config.stallMs } }),
      onPause,
    })
    clients.set(key, { side, client })
    return client
  }
  const fileHosts = new Map<string, Promise<FileHost>>()
  const openFileHost = async (side: Side, registry: string, host: string): Promise<FileHost> => {
    const { tls, tlsVerify } = side === 'source' ? source : destination
    const [own, beside] = [await loadTls(host, { env, home }), tls.get(registry) ?? {}]
    const ca = own.ca || beside.ca ? [...new Set([...own.ca ?? [], ...beside.ca ?? []])] : undefined
    return createFileHost({
      host, tlsVerify: tlsVerify(registry, false),
      // Authorities of both; a client certificate of the host's own, else the registry's, as skopeo shows it.
      tls: toTls({ ...(own.cert === undefined ? beside : own), ...(ca === undefined ? {} : { ca }) }),
      ...(config.proxy === undefined ? {} : { proxy: config.proxy }), ...(config.stallMs === undefined ? {} : { timeouts: { stallMs: config.stallMs } }),
    })
  }
  const routed = new Map<string, Source | Target>()
  const once = <T extends Source>(key: string, make: () => T): T => {
    const known = routed.get(key) ?? make()
    routed.set(key, known)
    return known as T
  }
  const isPlain = (registry: string): boolean => conf?.concerns(registry) !== true
  // Whoever asks first waits for the greeting, and is told what went wrong with it.
  const leaving = new AbortController()
  const greetings = (['source', 'destination'] as const)
    .flatMap((side) => [...registries[side]].filter(isPlain).map((registry) => open(side, { registry })))
    .map((client) => client.ping({ signal: leaving.signal }).catch(() => {}))
  return {
    transports: {
      source: (registry) => (conf === undefined || isPlain(registry) ? withInventory(open('source', { registry }))
        : once(`source ${registry}`, () => new RoutedSource(registry, conf, (place) => withInventory(open('source', { ...place, isElsewhere: place.registry !== registry }))))),
      target: (registry) => (conf === undefined || isPlain(registry) ? withTagDeletion(open('destination', { registry }))
        : once(`destination ${registry}`, () => routedTarget(registry, conf, (place) => withTagDeletion(open('destination', place))))),
    },
    async fileBeside(side, registry, url, limit, signal) {
      const key = [side, registry, url.host].join(' ')
      let host = fileHosts.get(key)
      if (!host) fileHosts.set(key, host = openFileHost(side, registry, url.host))
      return await (await host).get(url, limit, signal)
    },
    destination: (registry) => {
      if (conf === undefined || isPlain(registry)) return open('destination', { registry })
      const place = { registry, repository: '' as RepositoryName }
      const proxy = conf.proxy(place)
      return open('destination', { registry, insecure: conf.insecure(place), ...(proxy === undefined ? {} : { proxy }) })
    },
    registriesConf: conf?.files ?? [],
    uses: () => [...clients.values()].map(({ side, client: { registry, stats } }) => {
      const { requests, bytesIn, bytesOut, retries, pauses } = stats
      return { side, registry, requests, bytesIn, bytesOut, retries, pauses }
    }),
    clients: () => clients.values(),
    async [Symbol.asyncDispose]() {
      leaving.abort()
      await Promise.all(greetings)
      await Promise.all([...clients.values()].map(({ client }) => client[Symbol.asyncDispose]()))
      await Promise.all([...fileHosts.values()].map(async (host) => { await (await host.catch(() => undefined))?.[Symbol.asyncDispose]() }))
    },
  }
}

/** `isElsewhere`: not the registry that was named, so that credentials given on the command line are none of its business. */
interface ClientPlace extends Pick<PullSource, 'registry' | 'proxy'> { readonly insecure?: boolean; readonly isElsewhere?: boolean }

/** The registries that are named, and those that registries.conf has them read from. */
function reachedFrom(registries: ReadonlySet<string>, conf: RegistriesConf | undefined): ReadonlySet<string> {
  if (!conf) return registries
  return new Set([...registries].flatMap((registry) => (conf.concerns(registry) ? [...conf.hostsOf(registry)] : [registry])))
}

interface SideFlags {
  readonly prefix: 'src' | 'dest'
  /** Absent: the hints and registries.conf say, or it is verified. */
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

interface OpenSide {
  readonly keychain: Keychain
  /** What is stored, and nothing of what was given as a flag. */
  readonly storedKeychain: Keychain
  readonly tls: ReadonlyMap<string, TlsFiles>
  /** Whether to verify, where registries.conf says this of the place. */
  readonly tlsVerify: (registry: string, insecure: boolean) => boolean
}

/** Credentials and certificates that cannot be read are known before the first request. */
async function openSide(name: Side, registries: ReadonlySet<string>, flags: SideFlags, config: AccessConfig, conf: RegistriesConf | undefined): Promise<OpenSide> {
  const { env, home, uid, platform } = config
  const { prefix, tlsVerify, hints, authFile, creds, username, password, noCreds, registryToken, certDir } = flags
  try {
    const stored = { env, home, uid, platform, noCreds, ...(authFile === undefined ? {} : { authFile }), ...(conf === undefined ? {} : { helpers: { names: conf.credentialHelpers, file: conf.files.join(', ') } }) }
    const flagged = createKeychain({
      ...stored, ...(creds === undefined ? {} : { creds }), ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }), ...(registryToken === undefined ? {} : { registryToken }),
    })
    const hinted = (keychain: Keychain): Keychain => (noCreds || authFile !== undefined ? keychain : hintedKeychain(hints, name, keychain, env))
    const keychain = [creds, username, registryToken].some((flag) => flag !== undefined) ? flagged : hinted(flagged)
    const storedKeychain = hinted(createKeychain(stored))
    const tls = new Map<string, TlsFiles>()
    for (const registry of registries) {
      const directory = certDir ?? hintsFor(hints, name, registry).find((hint) => hint.certDir !== undefined)?.certDir
      tls.set(registry, await loadTls(registry, { env, home, ...(directory === undefined ? {} : { certDir: directory }) }))
      // A helper that fails may be one that this registry never asks for; it is told when it does.
      await keychain.credentialsFor(registry).catch((error: unknown) => { if (!(error instanceof CredentialHelperError)) throw error })
    }
    return { keychain, storedKeychain, tls, tlsVerify: (registry, insecure) => tlsVerify ?? (!insecure && hintsFor(hints, name, registry).every((hint) => hint.tlsVerify !== false)) }
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
