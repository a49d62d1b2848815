// A process' way to Redis. Commands wait while Redis is away, and go on when it is back; the process is told of it once.
import { setTimeout as delay } from 'node:timers/promises'
import type { Cluster, Redis } from 'ioredis'
import { createClient, type RedisClient, type RedisTls } from './client.ts'
import { RedisUnreachableError } from './errors.ts'
import { explain, guess } from './explain.ts'
import { gatherWrites } from './gather-writes.ts'
import { Outage, type OutageListener } from './outage.ts'
import { checkServer } from './server-check.ts'
import { parseRedisUrl, printRedisUrl, type RedisUrl } from './url.ts'

export interface RedisConnectionOptions extends OutageListener {
  readonly url: string
  /** Before those of the URL. */
  readonly username?: string
  readonly password?: string
  readonly tls?: RedisTls
  /** Where the sentinels have another user or password than the servers. */
  readonly sentinel?: { readonly username?: string; readonly password?: string }
  /** What this process is called in `CLIENT LIST`. */
  readonly name: string
  /** How long the first connect may take. */
  readonly connectMs?: number
  /** Ends the first connect, with its reason. */
  readonly signal?: AbortSignal
}

export interface RedisConnection extends AsyncDisposable {
  /** For commands that do not block. */
  readonly client: RedisClient
  /** Redacted. */
  readonly url: string
  /** About the server: what works, and should be otherwise. */
  readonly warnings: readonly string[]
  /** Whether commands are answered at the moment, as far as this process knows. */
  readonly isUp: boolean
  /** A connection of its own, for commands that block or subscribe; closed with this one at the latest. Blocking commands must return within 20 seconds. */
  duplicate(purpose: string): RedisClient
}

const defaultConnectMs = 10_000
const quitMs = 1_000
/** How often a server is asked whether it is there, and how long it may take to answer before it counts as away: TCP alone notices after a minute or never. */
const askMs = 1_000
const patienceMs = 3_000

/**
 * @throws InvalidRedisUrlError REDIS_URL_INVALID, RedisUnreachableError REDIS_UNREACHABLE, RedisTlsError REDIS_TLS_FAILED, RedisAuthError
 * REDIS_AUTH_FAILED, RedisTooOldError REDIS_TOO_OLD, RedisModeError REDIS_WRONG_MODE, the signal's reason
 */
export async function connectRedis(options: RedisConnectionOptions): Promise<RedisConnection> {
  const parsed = parseRedisUrl(options.url)
  const url: RedisUrl = {
    ...parsed, ...(options.username === undefined ? {} : { username: options.username }), ...(options.password === undefined ? {} : { password: options.password }),
  }
  const connection = new Connection(url, options)
  try {
    await connection.open(options.connectMs ?? defaultConnectMs, options.signal)
    return connection
  } catch (error) {
    await connection[Symbol.asyncDispose]()
    throw error
  }
}

class Connection implements RedisConnection {
  readonly client: RedisClient
  readonly url: string
  warnings: readonly string[] = []
  readonly #parsed: RedisUrl
  readonly #name: string
  readonly #outage: Outage
  readonly #clients = new Set<RedisClient>()
  #lastError: unknown
  #isOver = false
  #asking: NodeJS.Timeout | undefined

  constructor(url: RedisUrl, { name, tls = {}, sentinel = {}, onTrouble, onRecovered }: RedisConnectionOptions) {
    this.#parsed = url
    this.url = printRedisUrl(url)
    this.#name = name.replace(/[^!-~]/g, '-')
    this.#outage = new Outage({ onTrouble: (why) => { onTrouble(`${this.url}: ${why}; work waits until it is back`) }, onRecovered })
    this.client = this.#watch(createClient({ url, tls, sentinel, name: this.#name, isOver: () => this.#isOver, outage: this.#outage }))
  }

  get isUp(): boolean { return this.#outage.isUp && !this.#isOver }

  async open(connectMs: number, signal: AbortSignal | undefined): Promise<void> {
    const { client } = this
    const ready = Promise.withResolvers<void>()
    const stopped = Promise.withResolvers<never>()
    stopped.promise.catch(() => { /* told where it is waited for */ })
    const stop = (): void => { stopped.reject(signal?.reason) }
    if (signal?.aborted === true) stop()
    else signal?.addEventListener('abort', stop, { once: true })
    const fail = (error: unknown): void => {
      const what = explain(error, this.#parsed, this.url)
      if (what.kind === 'fatal') ready.reject(what.error)
    }
    client.once('ready', ready.resolve)
    const telling = ['error', 'node error', 'sentinelError']
    for (const event of telling) (client as Redis).on(event, fail)
    const late = setTimeout(() => { ready.reject(this.#unreachable(connectMs)) }, connectMs)
    try {
      client.connect().catch(fail)
      await Promise.race([ready.promise, stopped.promise])
      const info = client.info().catch((error: unknown) => {
        const what = explain(error, this.#parsed, this.url)
        throw what.kind === 'fatal' ? what.error : error
      })
      this.warnings = checkServer(await Promise.race([info, stopped.promise]), this.#parsed, this.url)
    } finally {
      signal?.removeEventListener('abort', stop)
      clearTimeout(late)
      for (const event of telling) client.off(event, fail)
    }
    this.#ask()
  }

  /** A server that hangs keeps its connections, and nobody would hear of it. */
  #ask(): void {
    const hanging = {}
    this.#asking = setTimeout(() => {
      const late = setTimeout(() => { this.#outage.down(hanging, 'it does not answer') }, patienceMs).unref()
      const answered = (): void => {
        clearTimeout(late)
        if (this.#isOver) return
        this.#outage.up(hanging)
        this.#ask()
      }
      this.client.ping().then(answered, answered)
    }, askMs).unref()
  }

  duplicate(purpose: string): RedisClient {
    const connectionName = `${this.#name}:${purpose}`
    // Not `this.client.duplicate(…)`, whose types differ between the two.
    return isCluster(this.client)
      ? this.client.duplicate([], { redisOptions: { connectionName } })
      : this.client.duplicate({ connectionName })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isOver) return
    this.#isOver = true
    clearTimeout(this.#asking)
    this.#outage.end()
    await Promise.all([...this.#clients].map((client) => close(client, client === this.client)))
  }

  #unreachable(connectMs: number): RedisUnreachableError {
    const what = explain(this.#lastError, this.#parsed, this.url)
    const why = this.#lastError === undefined || what.kind === 'fatal' ? 'no answer' : guess(what.why, this.#parsed)
    return new RedisUnreachableError(this.url, `${why}, for ${connectMs / 1000} s`, this.#lastError)
  }

  /** Knows of a client and of every duplicate that is made of it, also by others (BullMQ makes its blocking connections so). */
  #watch<T extends RedisClient>(client: T): T {
    this.#clients.add(client)
    gatherWrites(client)
    let sentinelError: unknown
    const down = (raw?: unknown): void => {
      if (this.#isOver) return
      const error = raw instanceof Error && sentinelError !== undefined && raw.message.startsWith('All sentinels are unreachable') ? sentinelError : raw
      if (error !== undefined) this.#lastError = error
      const what = explain(error, this.#parsed, this.url)
      this.#outage.down(client, what.kind === 'fatal' ? what.error.message.replace(`${this.url}: `, '') : what.why)
    }
    const listen = client as Redis
    // Never without a listener: an 'error' event that nobody hears ends the process.
    listen.on('error', down)
    // A cluster tells so which node it could not ask; when none is left, there is an 'error' as well.
    listen.on('node error', (error: unknown) => { this.#lastError = error })
    // What each sentinel said is told apart from that none was of use.
    listen.on('sentinelError', (error: unknown) => { sentinelError = error })
    listen.on('close', () => { if (this.#outage.isUp) down() })
    listen.on('ready', () => { this.#outage.up(client) })
    // Closed on purpose. BullMQ may open it again.
    listen.on('end', () => { this.#clients.delete(client); this.#outage.up(client) })
    listen.on('connecting', () => { this.#clients.add(client) })
    if (isCluster(client)) {
      const duplicate = client.duplicate.bind(client)
      client.duplicate = (nodes, override) => this.#watch(duplicate(nodes, { ...override, lazyConnect: false }))
    } else {
      const single: Redis = client
      const duplicate = single.duplicate.bind(single)
      single.duplicate = (override) => this.#watch(duplicate({ ...override, lazyConnect: false }))
    }
    return client
  }
}

function isCluster(client: RedisClient): client is Cluster { return client.isCluster }

/** @param politely what was asked is still answered, if that goes quickly */
async function close(client: RedisClient, politely: boolean): Promise<void> {
  if (client.status === 'end') return
  const ended = new Promise((resolve) => { (client as Redis).once('end', resolve) })
  if (politely && client.status === 'ready') await Promise.race([client.quit().catch(() => { /* it is gone already */ }), delay(quitMs, undefined, { ref: false })])
  else if (client.status === 'reconnecting') {
    // Waiting for its next try, ioredis would stay so for ever, and never answer the commands that wait: it has to be trying to be stopped.
    client.disconnect()
    client.connect().catch(() => { /* as wanted */ })
  }
  client.disconnect()
  await Promise.race([ended, delay(quitMs, undefined, { ref: false })])
}

/** Redis' clock, ms. */
export async function redisTimeMs(client: RedisClient): Promise<number> {
  const [seconds, micros] = await client.time()
  return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000)
}
