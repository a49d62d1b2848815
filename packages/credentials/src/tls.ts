import { X509Certificate } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createSecureContext, getCACertificates } from 'node:tls'
import { InvalidCertificatesError, systemCode } from './errors.ts'

/** As node:tls takes them, PEM; `cert` and `key` at the same place in their lists belong together. */
export interface TlsFiles { readonly ca?: string[]; readonly cert?: string[]; readonly key?: string[] }

export interface TlsOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly home: string
  /** `--cert-dir`: holds the files themselves, for whatever registry. */
  readonly certDir?: string
  /** Where `<host[:port]>` directories are kept for the whole machine. */
  readonly systemDirs?: readonly string[]
}

/**
 * containers-certs.d(5): the first directory that is there for exactly this `host[:port]`. `*.crt` are certificate authorities,
 * in addition to those Node trusts already; `*.cert` with `*.key` of the same name are client certificates.
 * @throws InvalidCertificatesError
 */
export async function loadTls(registry: string, options: TlsOptions): Promise<TlsFiles> {
  if (options.certDir !== undefined) {
    const names = await list(options.certDir)
    if (!names) throw new InvalidCertificatesError(`there is no directory ${options.certDir}: correct --cert-dir`)
    return load(options.certDir, names)
  }
  // The name becomes a path: nothing but a host and a port may get through.
  if (!/^[\w.:[\]-]+$/.test(registry) || registry.startsWith('.')) return {}
  const config = options.env['XDG_CONFIG_HOME']
  const roots = [
    join(config === undefined || config === '' ? join(options.home, '.config') : config, 'containers/certs.d'),
    ...(options.systemDirs ?? ['/etc/containers/certs.d', '/etc/docker/certs.d']),
  ]
  for (const root of roots) {
    const directory = join(root, registry)
    const names = await list(directory)
    if (names) return load(directory, names)
  }
  return {}
}

async function list(directory: string): Promise<readonly string[] | undefined> {
  try {
    return (await readdir(directory)).sort()
  } catch (error) {
    const code = systemCode(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw new InvalidCertificatesError(`the certificates in ${directory} cannot be read (${code})`)
  }
}

async function load(directory: string, names: readonly string[]): Promise<TlsFiles> {
  const read = async (name: string): Promise<string> => {
    try {
      return await readFile(join(directory, name), 'utf8')
    } catch (error) {
      throw new InvalidCertificatesError(`${join(directory, name)} cannot be read (${systemCode(error)})`)
    }
  }
  const ca: string[] = []
  const cert: string[] = []
  const key: string[] = []
  for (const name of names) {
    if (name.endsWith('.crt')) {
      ca.push(...authorities(await read(name), join(directory, name)))
    } else if (name.endsWith('.cert')) {
      const partner = name.replace(/cert$/, 'key')
      if (!names.includes(partner)) throw new InvalidCertificatesError(`${join(directory, name)} has no key: put ${partner} beside it`)
      const pair = { cert: await read(name), key: await read(partner) }
      try {
        createSecureContext(pair)
      } catch (error) {
        throw new InvalidCertificatesError(`${join(directory, name)} and ${partner} are not a PEM certificate and its unencrypted key (${systemCode(error)})`)
      }
      cert.push(pair.cert)
      key.push(pair.key)
    } else if (name.endsWith('.key') && !names.includes(name.replace(/key$/, 'cert'))) {
      const partner = name.replace(/key$/, 'cert')
      // The usual mistake: in certs.d a client's certificate ends in .cert, and .crt is an authority.
      const hint = names.includes(name.replace(/key$/, 'crt')) ? `; a client certificate ends in .cert, .crt is a certificate authority` : ''
      throw new InvalidCertificatesError(`${join(directory, name)} has no certificate: put ${partner} beside it${hint}`)
    }
  }
  return {
    // `ca` takes the place of Node's own roots, so they have to be in it.
    ...(ca.length === 0 ? {} : { ca: [...getCACertificates('default'), ...ca] }),
    ...(cert.length === 0 ? {} : { cert, key }),
  }
}

function authorities(text: string, path: string): readonly string[] {
  const found = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []
  if (found.length === 0) throw new InvalidCertificatesError(`${path} holds no PEM certificate`)
  for (const pem of found) {
    try {
      void new X509Certificate(pem)
    } catch (error) {
      throw new InvalidCertificatesError(`${path} holds a certificate that cannot be read (${systemCode(error)})`)
    }
  }
  return found
}
