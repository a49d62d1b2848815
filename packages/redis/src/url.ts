// Where Redis is, as one line: the forms that docs/redis.md lists. What cannot be understood is never repeated in a message: any part may be a password.
import { isIPv6 } from 'node:net'
import { InvalidRedisUrlError } from './errors.ts'

export interface HostPort { readonly host: string; readonly port: number }

interface Common {
  readonly tls: boolean
  readonly username?: string
  readonly password?: string
  readonly db: number
}
export type RedisUrl = Common & (
  | { readonly kind: 'single'; readonly at: HostPort }
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'sentinel'; readonly sentinels: readonly HostPort[]; readonly master: string }
  | { readonly kind: 'cluster'; readonly nodes: readonly HostPort[] }
)

const schemes: Readonly<Record<string, { readonly kind: RedisUrl['kind']; readonly tls: boolean }>> = {
  redis: { kind: 'single', tls: false }, rediss: { kind: 'single', tls: true },
  'redis+sentinel': { kind: 'sentinel', tls: false }, 'rediss+sentinel': { kind: 'sentinel', tls: true },
  'redis+cluster': { kind: 'cluster', tls: false }, 'rediss+cluster': { kind: 'cluster', tls: true },
  unix: { kind: 'unix', tls: false },
}

/** @throws InvalidRedisUrlError REDIS_URL_INVALID */
export function parseRedisUrl(text: string): RedisUrl {
  const [, name = '', all = ''] = /^([a-z+]+):\/\/(.*)$/is.exec(text.trim()) ?? []
  const scheme = schemes[name.toLowerCase()]
  if (!scheme) throw new InvalidRedisUrlError('it begins with none of the known schemes')
  const { kind, tls } = scheme
  // The last @, and before anything else: a password may hold @, /, ? and # as they are.
  const at = kind === 'unix' && all.startsWith('/') ? -1 : all.lastIndexOf('@')
  const { username, password } = parseUser(all.slice(0, Math.max(at, 0)))
  const rest = all.slice(at + 1)
  if (/[?#\s]/.test(rest)) throw new InvalidRedisUrlError('it has a part that Longshore does not know (?, # or a blank)')
  const common = { tls, ...(username === undefined ? {} : { username }), ...(password === undefined ? {} : { password }) }
  if (kind === 'unix') {
    if (!/^\/.*[^/]$/.test(rest)) throw new InvalidRedisUrlError('the path of the socket is missing or not absolute')
    return { ...common, kind, path: decode(rest), db: 0 }
  }
  const [authority = '', ...path] = rest.split('/')
  while (path.at(-1) === '') path.pop()
  const hosts = authority.split(',').map((host) => parseHost(host, kind === 'sentinel' ? 26379 : 6379))
  switch (kind) {
    case 'single': {
      const [host, ...others] = hosts
      if (!host || others.length > 0) throw new InvalidRedisUrlError('several hosts are for redis+sentinel:// and redis+cluster:// only')
      if (path.length > 1) throw new InvalidRedisUrlError('there is more behind the host than the number of a database')
      return { ...common, kind, at: host, db: parseDb(path[0]) }
    }
    case 'sentinel': {
      const [master, db, ...more] = path
      if (master === undefined || more.length > 0) throw new InvalidRedisUrlError('behind the sentinels there must be the name of the master, and may be the number of a database')
      return { ...common, kind, sentinels: hosts, master: decode(master), db: parseDb(db) }
    }
    case 'cluster':
      if (path.length > 1 || parseDb(path[0]) !== 0) throw new InvalidRedisUrlError('a cluster has no databases')
      return { ...common, kind, nodes: hosts, db: 0 }
  }
}

/** As it was written, in one spelling, without the password. */
export function printRedisUrl(url: RedisUrl): string {
  const user = url.username === undefined && url.password === undefined ? ''
    : `${encodeURIComponent(url.username ?? '')}${url.password === undefined ? '' : ':***'}@`
  const db = url.db === 0 ? '' : `/${url.db}`
  const hosts = (list: readonly HostPort[]): string => list.map(printHost).join(',')
  const s = url.tls ? 's' : ''
  switch (url.kind) {
    case 'single': return `redis${s}://${user}${printHost(url.at)}${db}`
    case 'unix': return `unix://${user}${url.path}`
    case 'sentinel': return `redis${s}+sentinel://${user}${hosts(url.sentinels)}/${encodeURIComponent(url.master)}${db}`
    case 'cluster': return `redis${s}+cluster://${user}${hosts(url.nodes)}`
  }
}

function printHost({ host, port }: HostPort): string { return `${isIPv6(host) ? `[${host}]` : host}:${port}` }

function parseUser(text: string): { username?: string; password?: string } {
  if (text === '') return {}
  const colon = text.indexOf(':')
  const username = decode(colon < 0 ? text : text.slice(0, colon))
  return { ...(username === '' ? {} : { username }), ...(colon < 0 ? {} : { password: decode(text.slice(colon + 1)) }) }
}

function parseHost(text: string, defaultPort: number): HostPort {
  if (!text.startsWith('[') && text.split(':').length > 2) throw new InvalidRedisUrlError('an IPv6 address stands in [brackets]')
  const [, v6, name = v6, port] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(.*))?$/.exec(text) ?? []
  if (name === undefined || name === '') throw new InvalidRedisUrlError('a host is missing')
  if (v6 === undefined ? !/^[\w.-]+$/.test(name) : !isIPv6(v6)) throw new InvalidRedisUrlError('a host is neither a name nor an address')
  const number = port === undefined ? defaultPort : /^\d{1,5}$/.test(port) ? Number(port) : 0
  if (number < 1 || number > 65535) throw new InvalidRedisUrlError('a port is not a number from 1 to 65535')
  return { host: name, port: number }
}

function parseDb(text: string | undefined): number {
  if (text === undefined) return 0
  if (!/^\d{1,5}$/.test(text)) throw new InvalidRedisUrlError('the database is not a number')
  return Number(text)
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new InvalidRedisUrlError('a % is not followed by two hex digits (write % itself as %25)')
  }
}
