import { Cluster, Redis, type ClusterOptions, type RedisOptions } from 'ioredis'
import type { Outage } from './outage.ts'
import type { RedisUrl } from './url.ts'

/** One server (or a Sentinel's primary), or a cluster. */
export type RedisClient = Redis | Cluster

export interface RedisTls {
  /** PEM. Instead of the CAs that Node knows. */
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  /** `false`: any certificate will do. */
  readonly verify?: boolean
}

export interface ClientOptions {
  readonly url: RedisUrl
  readonly tls: RedisTls
  /** For the sentinels, where theirs differ. */
  readonly sentinel: { readonly username?: string; readonly password?: string }
  /** CLIENT SETNAME. */
  readonly name: string
  /** Tries to connect end when this says so. */
  readonly isOver: () => boolean
  readonly outage: Outage
}

/** The first tries come soon, later ones every two seconds at most; jitter keeps a thousand processes apart. */
const firstDelayMs = 50
const mostDelayMs = 2_000
/** While a server refuses commands (a replica, a full memory), commands are tried again about so often. */
const refusedDelayMs = 500
const connectTimeoutMs = 5_000
/** Nothing comes for so long though something was asked: the connection is dead, whatever TCP thinks. Blocking commands must return sooner. */
const silenceMs = 30_000

/** For a socket to close when we go. ioredis waits for as long even where it is closed already, and keeps the process. */
const disconnectMs = 200

/** Replies that say: not now, or not here. The command was not done; it is sent again. */
const refusals: Readonly<Record<string, string>> = {
  READONLY: 'it is a replica that cannot be written to',
  LOADING: 'it loads its data',
  MASTERDOWN: 'it is a replica that has lost its primary',
  NOREPLICAS: 'it has too few replicas to be written to (min-replicas-to-write)',
  MISCONF: 'it cannot save its data, and so takes no writes: look at its disk and its log',
  OOM: 'its memory is full: raise maxmemory',
  CLUSTERDOWN: 'the cluster is down',
  UNBLOCKED: 'it has become a replica',
}
/** First word of the reply, or inside the error of a script (Redis 6.2: `ERR Error running script … -READONLY …`). */
const refusal = new RegExp(`^(?:ERR .*-)?(${Object.keys(refusals).join('|')})\\b`, 's')

/** Not connected yet. */
export function createClient({ url, tls, sentinel, name, isOver, outage }: ClientOptions): RedisClient {
  const retry = (attempt: number): number | null => {
    if (isOver()) return null
    const delay = outage.isRefused ? refusedDelayMs : Math.min(mostDelayMs, firstDelayMs * 2 ** Math.min(attempt - 1, 10))
    return Math.round(delay * (0.5 + Math.random() / 2))
  }
  const secure = url.tls ? {
    ...(tls.ca === undefined ? {} : { ca: tls.ca }), ...(tls.cert === undefined ? {} : { cert: tls.cert }), ...(tls.key === undefined ? {} : { key: tls.key }),
    rejectUnauthorized: tls.verify !== false,
  } : undefined
  const redisOptions = {
    connectionName: name,
    ...(url.username === undefined ? {} : { username: url.username }), ...(url.password === undefined ? {} : { password: url.password }),
    ...(secure === undefined ? {} : { tls: secure }),
    maxRetriesPerRequest: null, connectTimeout: connectTimeoutMs, disconnectTimeout: disconnectMs, socketTimeout: silenceMs, keepAlive: 10_000,
    maxLoadingRetryTime: 1_000, disableClientInfo: true,
    reconnectOnError(error: Error): false | 2 {
      const [, word] = refusal.exec(error.message) ?? []
      if (word === undefined) return false
      outage.refused(refusals[word] ?? word)
      // A cluster client tries again by itself.
      return word === 'CLUSTERDOWN' ? false : 2
    },
  } satisfies RedisOptions
  const lazyConnect = true
  switch (url.kind) {
    case 'single': return new Redis({ ...redisOptions, ...url.at, db: url.db, retryStrategy: retry, lazyConnect })
    case 'unix': return new Redis({ ...redisOptions, path: url.path, retryStrategy: retry, lazyConnect })
    case 'sentinel': return new Redis({
      ...redisOptions, sentinels: [...url.sentinels], name: url.master, db: url.db, retryStrategy: retry, sentinelRetryStrategy: retry, lazyConnect,
      sentinelCommandTimeout: connectTimeoutMs,
      ...(secure === undefined ? {} : { sentinelTLS: secure, enableTLSForSentinelMode: true }),
      ...sentinelUser(url, sentinel),
    })
    case 'cluster': return new Cluster([...url.nodes], {
      redisOptions, clusterRetryStrategy: retry, lazyConnect,
      // As long as it takes: a failover, or a cluster that is being started.
      maxRedirections: Number.POSITIVE_INFINITY, retryDelayOnMoved: 50, slotsRefreshTimeout: connectTimeoutMs,
      // Names stay names: certificates are for them, and addresses change.
      dnsLookup: (address, callback) => { callback(null, address) },
    } satisfies ClusterOptions)
  }
}

/** Without settings of their own the sentinels are given the same password: one that wants none accepts any. */
function sentinelUser(url: RedisUrl, { username, password }: ClientOptions['sentinel']): { sentinelUsername?: string; sentinelPassword?: string } {
  const word = password ?? url.password
  return { ...(username === undefined ? {} : { sentinelUsername: username }), ...(word === undefined ? {} : { sentinelPassword: word }) }
}
