// HTTP/1.1 over undici's lowest interface. Blobs in parallel want sockets of their own, not streams within one window.
import { createRequire } from 'node:module'
import { ConnectionError } from '@longshore/oci'
import type { Dispatcher, EnvHttpProxyAgent, Pool as PoolOf } from 'undici'
import { watchAbort } from './abort.ts'
import { type Answer, AnswerHandler } from './answer.ts'
import { BodyStream } from './body.ts'
import type { RegistryOptions, Timeouts } from './options.ts'
import type { RegistryStats } from './stats.ts'

// undici's own index loads fetch, caches, mocks and WebSockets too: 80 modules and as many milliseconds before the first request
// of a slow machine. What a proxy needs is loaded where there is one.
const load = createRequire(import.meta.url)
const Pool = load('undici/lib/dispatcher/pool.js') as typeof PoolOf

export type Body = Buffer | AsyncIterable<Uint8Array>

export interface Call {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Path and query. */
  readonly path: string
  /** Names and values in turn. */
  readonly headers: string[]
  readonly body?: Body
  /** The most bytes an answer may have. */
  readonly limit: number
  readonly headersMs: number
}

/** Servers that close earlier say so in `Keep-Alive`, which undici heeds. */
const keepAliveMs = 15_000

export class Wire implements AsyncDisposable {
  readonly #pools = new Map<string, Dispatcher>()
  readonly #options: RegistryOptions
  readonly #timeouts: Timeouts
  readonly #stats: RegistryStats

  constructor(options: RegistryOptions, timeouts: Timeouts, stats: RegistryStats) {
    this.#options = options
    this.#timeouts = timeouts
    this.#stats = stats
  }

  /** A small answer. @throws the socket's error or the signal's reason, as they are. */
  async send(origin: string, call: Call, signal: AbortSignal): Promise<Answer> {
    signal.throwIfAborted()
    // First: a proxy's setting may be no URL, and then nothing has begun.
    const pool = this.#poolOf(origin)
    const handler = new AnswerHandler(call.limit, signal)
    watchAbort(signal, handler)
    this.#dispatch(pool, origin, call, handler)
    try {
      const answer = await handler.answered
      this.#stats.bytesIn += answer.body.byteLength
      this.#count(call.method, answer.status)
      return answer
    } catch (error) {
      if (handler.sent) this.#count(call.method, '-')
      throw error
    }
  }

  /** An answer whose body is read as it comes. */
  async open(origin: string, call: Call, signal: AbortSignal): Promise<BodyStream> {
    signal.throwIfAborted()
    const pool = this.#poolOf(origin)
    const stream = new BodyStream(signal)
    watchAbort(signal, stream)
    this.#dispatch(pool, origin, call, stream)
    try {
      await stream.started
      this.#count(call.method, stream.status)
      return stream
    } catch (error) {
      if (stream.sent) this.#count(call.method, '-')
      throw error
    }
  }

  /** What a registry saw: where no connection came about (TLS asked of a plain port, say), nothing was asked. */
  #count(method: string, status: number | '-'): void {
    this.#stats.requests++
    const key = `${method} ${status}`
    this.#stats.byStatus[key] = (this.#stats.byStatus[key] ?? 0) + 1
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const pools = [...this.#pools.values()]
    this.#pools.clear()
    await Promise.all(pools.map((pool) => pool.destroy()))
  }

  #poolOf(origin: string): Dispatcher { return this.#pools.get(origin) ?? this.#open(origin) }

  #dispatch(pool: Dispatcher, origin: string, call: Call, handler: Dispatcher.DispatchHandler): void {
    pool.dispatch({
      origin, path: call.path, method: call.method,
      // undici's way through a proxy without a tunnel knows headers by name only.
      headers: pool instanceof Pool ? call.headers : byName(call.headers),
      // undici takes any async iterable; its types know streams only.
      body: (call.body ?? null) as Buffer | null,
      headersTimeout: call.headersMs, bodyTimeout: this.#timeouts.stallMs,
      // undici closes the connection behind every HEAD unless told not to.
      reset: false,
    }, handler)
  }

  #open(origin: string): Dispatcher {
    const { tlsVerify = true, tls = {}, proxy } = this.#options
    // A client certificate says who we are: it is the registry's own origin that may ask for it, as with every credential.
    const own = origin === `https://${this.#options.registry}`
    const connect = {
      timeout: this.#timeouts.connectMs, rejectUnauthorized: tlsVerify,
      // Where nothing is verified, no authorities are needed; to read the system's takes 50 ms in which nothing else is done.
      ...(tls.ca ? { ca: [...tls.ca] } : tlsVerify ? {} : { ca: [] }),
      ...(own && tls.cert !== undefined ? { cert: tls.cert } : {}), ...(own && tls.key !== undefined ? { key: tls.key } : {}),
    }
    const settings = { allowH2: false, pipelining: 1, keepAliveTimeout: keepAliveMs }
    const via = proxyUrl(this.#options.registry, origin.startsWith('https:') ? proxy?.https : proxy?.http)
    const pool = via === undefined
      ? new Pool(origin, { ...settings, connect })
      : new (load('undici') as { readonly EnvHttpProxyAgent: typeof EnvHttpProxyAgent }).EnvHttpProxyAgent({ ...settings, connect, requestTls: connect, httpProxy: via, httpsProxy: via, noProxy: proxy?.no ?? '' })
    this.#pools.set(origin, pool)
    return pool
  }
}

/** People write `proxy:3128` as well. @throws ConnectionError, without the setting: a password may be in it */
function proxyUrl(registry: string, setting: string | undefined): string | undefined {
  if (setting === undefined || setting === '') return undefined
  const url = setting.includes('://') ? setting : `http://${setting}`
  if (URL.canParse(url) && /^(?:https?|socks5?):$/.test(new URL(url).protocol)) return url
  throw new ConnectionError('HOST_UNREACHABLE', registry, `${registry}: the proxy for it is not a URL; check HTTP_PROXY and HTTPS_PROXY`)
}

function byName(headers: readonly string[]): Record<string, string> {
  return Object.fromEntries(Array.from({ length: headers.length / 2 }, (_, i): [string, string] => [headers[2 * i] ?? '', headers[2 * i + 1] ?? '']))
}
