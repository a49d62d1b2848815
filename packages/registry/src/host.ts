// One registry as everyone in this process sees it: where it is, what it wants to be shown, how much it takes. Every request of
// the protocol goes through `exchange` or `open`; retries of small idempotent requests have their only owner here.
import { backoffMs, type Limiter, pause, SingleFlight } from '@longshore/concurrency'
import { ConnectionError, RegistryError } from '@longshore/oci'
import { type Answer, headerOf } from './answer.ts'
import { Auth } from './auth.ts'
import type { BodyStream } from './body.ts'
import { Capabilities } from './capabilities.ts'
import { parseChallenge } from './challenge.ts'
import { connectionError, isTransient, isTransientStatus, parseRetryAfter, registryError } from './failure.ts'
import { Gate } from './gate.ts'
import { Lanes } from './lanes.ts'
import { defaultRetries, defaultTimeouts, defaultUserAgent, type RegistryOptions, type Timeouts } from './options.ts'
import { maxRedirects, resolveLocation } from './paths.ts'
import { findOrigin } from './ping.ts'
import { redact } from './redact.ts'
import type { Scope } from './scope.ts'
import { newStats } from './stats.ts'
import { type Body, type Call, Wire } from './wire.ts'

export interface Ask {
  readonly method: Call['method']
  readonly path: string
  readonly scope: Scope
  /** Whose credentials to show. */
  readonly repository?: string
  readonly headers?: readonly string[]
  readonly body?: Body
  /** The most bytes an answer may have; 64 KiB when absent. */
  readonly limit?: number
  readonly headersMs?: number
  /** Default: GET and HEAD. An ask that is not comes back as its first failure. */
  readonly idempotent?: boolean
  /** The most attempts of an ask that is idempotent; never more than the host's own number, which is the default. */
  readonly attempts?: number
  /** The lane the caller already holds a slot of: none is taken here. */
  readonly held?: boolean
  /** Begins something: what goes on with something begun goes before it, so that images come to their end one after another. */
  readonly begins?: boolean
  /** Another origin than the registry's own: no authorization is shown there. */
  readonly origin?: string
  /** Shows the credentials themselves, and no token. */
  readonly basic?: boolean
  /** Whether redirects are followed. Default: but for HEAD, where "elsewhere" mostly is answer enough. */
  readonly follow?: boolean
}

const defaultLimit = 64 * 1024

export class Host implements AsyncDisposable {
  readonly registry: string
  readonly options: RegistryOptions
  readonly timeouts: Timeouts
  readonly retries: typeof defaultRetries | { readonly attempts: number; readonly baseMs: number; readonly capMs: number }
  readonly stats = newStats()
  readonly capabilities = new Capabilities()
  readonly lanes: Lanes
  readonly gate: Gate
  readonly wire: Wire
  readonly #auth: Auth
  readonly #userAgent: string
  readonly #pings = new SingleFlight<string, string>()
  #origin = ''

  constructor(options: RegistryOptions) {
    this.registry = options.registry
    this.options = options
    this.timeouts = { ...defaultTimeouts, ...options.timeouts }
    this.retries = { ...defaultRetries, ...options.retries }
    this.lanes = new Lanes(options.concurrency)
    this.gate = new Gate(this.retries)
    this.wire = new Wire(options, this.timeouts, this.stats)
    this.#auth = new Auth(options, this.wire, () => this.#origin)
    this.#userAgent = options.userAgent ?? defaultUserAgent
  }

  get origin(): string { return this.#origin }

  /**
   * Sends and waits for a small answer, whatever its status. Redirects are followed, but not by a body that streams: its owner
   * has to open it again. @throws ConnectionError, or the signal's reason
   */
  async exchange(ask: Ask, signal: AbortSignal): Promise<Answer> {
    let asked = ask
    for (let redirects = 0; ; redirects++) {
      const answer = await this.#exchange(asked, signal)
      const to = isReplayable(ask.body) && ask.follow !== false && redirects < maxRedirects ? this.redirected(asked, answer) : undefined
      if (to === undefined) return redirects === 0 ? answer : { ...answer, from: { origin: asked.origin ?? this.#origin, path: asked.path } }
      asked = to
    }
  }

  /** The same request where the answer sends it; another origin gets no authorization, nor does whatever that one leads on to. */
  redirected(ask: Ask, { status, headers }: Pick<Answer, 'status' | 'headers'>): Ask | undefined {
    const reads = ask.method === 'GET' || ask.method === 'HEAD'
    const follows = status === 307 || status === 308 || (reads && (status === 301 || status === 302 || status === 303))
    if (!follows || (ask.method === 'HEAD' && ask.follow !== true)) return undefined
    const to = resolveLocation(headerOf(headers, 'location'), ask.origin ?? this.#origin, ask.path)
    return to && { ...ask, path: to.path, ...(to.origin === this.#origin && ask.origin === undefined ? {} : { origin: to.origin }) }
  }

  async #exchange(ask: Ask, signal: AbortSignal): Promise<Answer> {
    const idempotent = ask.idempotent ?? (ask.method === 'GET' || ask.method === 'HEAD')
    const attempts = idempotent ? Math.min(ask.attempts ?? Infinity, this.retries.attempts) : 1
    let renewals = 0
    for (let attempt = 1; ; attempt++) {
      let retryAfterMs: number | undefined
      try {
        await this.ready(signal)
        const authorization = await this.#authorization(ask, signal)
        const slot = ask.held === true ? undefined : this.lanes.small.tryAcquire() ?? await this.lanes.small.acquire(signal, { first: ask.begins !== true })
        const began = performance.now()
        let answer: Answer
        try {
          // It may have been closed while we waited for a token or for the slot.
          if (this.gate.closed) await this.gate.pass(signal)
          answer = await this.wire.send(ask.origin ?? this.#origin, this.#call(ask, authorization), signal)
        } finally {
          slot?.[Symbol.dispose]()
        }
        // A body that streams is the caller's to open again; the next attempt shows a new token.
        if (answer.status === 401 && ask.origin === undefined && ask.basic !== true
          && this.#auth.refused(parseChallenge(answer.headers['www-authenticate']), ask.scope, authorization, renewals++) && isReplayable(ask.body)) {
          attempt--
          continue
        }
        if (ask.body === undefined) this.lanes.answered(performance.now() - began)
        this.heed(answer)
        if (!isTransientStatus(answer.status) || attempt >= attempts) return answer
        // A host that named its time, or was told to slow down, is waited for at the gate.
        if (answer.status === 429 || this.gate.closed) retryAfterMs = 0
      } catch (cause) {
        signal.throwIfAborted()
        const error = this.translate(cause, `${ask.method} ${redact(ask.path)}`)
        if (attempt >= attempts || !isTransient(error, this.#origin !== '')) throw error
      }
      this.stats.retries++
      await pause(retryAfterMs ?? backoffMs(this.retries, attempt - 1), signal)
    }
  }

  /** Opens a body, once: the caller owns the lane and the retries. 401 is answered with credentials. @throws ConnectionError */
  async open(ask: Ask, signal: AbortSignal): Promise<BodyStream> {
    try {
      for (let renewals = 0; ; renewals++) {
        await this.ready(signal)
        const authorization = await this.#authorization(ask, signal)
        if (this.gate.closed) await this.gate.pass(signal)
        const stream = await this.wire.open(ask.origin ?? this.#origin, this.#call(ask, authorization), signal)
        this.heed(stream)
        if (stream.status !== 401 || ask.origin !== undefined) return stream
        if (!this.#auth.refused(parseChallenge(stream.headers['www-authenticate']), ask.scope, authorization, renewals)) return stream
        await stream.text()
      }
    } catch (cause) {
      signal.throwIfAborted()
      throw this.translate(cause, `${ask.method} ${redact(ask.path)}`)
    }
  }

  /** Waits until the registry is known and wants to be talked to. */
  ready(signal: AbortSignal): void | Promise<void> {
    if (this.gate.closed) return this.gate.pass(signal).then(() => this.ready(signal))
    if (this.#origin === '') return this.#find(signal)
  }

  /** Takes a lane's slot and passes the gate. */
  async enter(lane: Limiter, signal: AbortSignal): Promise<Disposable> {
    const slot = lane.tryAcquire() ?? await lane.acquire(signal)
    try {
      await this.ready(signal)
      return slot
    } catch (error) {
      slot[Symbol.dispose]()
      throw error
    }
  }

  /** Draws the lesson of an answer for everyone. */
  heed(answer: Pick<Answer, 'status' | 'headers'>): void {
    const { status } = answer
    if (status === 429 || (status === 503 && headerOf(answer.headers, 'retry-after') !== undefined)) {
      this.lanes.refused()
      const ms = this.gate.close(parseRetryAfter(answer.headers))
      this.stats.pauses++
      this.options.onPause?.({ registry: this.registry, ms, status })
    } else if (status === 503) this.lanes.refused()
    else if (status < 500) this.gate.served()
  }

  refusal(ask: Pick<Ask, 'method' | 'path'>, answer: Pick<Answer, 'status' | 'headers' | 'body'>): RegistryError {
    return registryError(this.registry, ask.method, ask.path, answer)
  }

  /** The wire's error in our words; our own pass as they are. */
  translate(cause: unknown, request: string): Error {
    if (isOurs(cause)) return cause
    const error = connectionError(this.registry, request, cause)
    if (error.code === 'CONNECTION_FAILED' || error.code === 'STALLED') this.lanes.refused()
    return error
  }

  async [Symbol.asyncDispose](): Promise<void> { await this.wire[Symbol.asyncDispose]() }

  async #find(signal: AbortSignal): Promise<void> {
    this.#origin = await this.#pings.do('', signal, async (flight) => {
      const { origin, challenge } = await findOrigin(this.wire, this.options, this.timeouts, this.retries, this.#userAgent, flight)
      this.#auth.learn(challenge)
      return origin
    })
  }

  #authorization(ask: Ask, signal: AbortSignal): string | undefined | Promise<string | undefined> {
    if (ask.origin !== undefined) return undefined
    return ask.basic === true ? this.#auth.basicHeader(ask.repository) : this.#auth.header(ask.scope, ask.repository, signal)
  }

  /** The name of the account whose credentials are shown; `undefined` where there are none, or none with a name. */
  async account(repository: string | undefined): Promise<string | undefined> { return await this.#auth.account(repository) }

  /** The header for this scope, as a request for it would show it. @throws RegistryError, ConnectionError when no token is to be had */
  async authorization(scope: Scope, repository: string, signal: AbortSignal): Promise<string | undefined> {
    await this.ready(signal)
    try {
      return await this.#auth.header(scope, repository, signal)
    } catch (cause) {
      signal.throwIfAborted()
      throw this.translate(cause, 'a token')
    }
  }

  #call(ask: Ask, authorization: string | undefined): Call {
    const headers = ['user-agent', this.#userAgent]
    if (authorization !== undefined) headers.push('authorization', authorization)
    if (ask.headers) headers.push(...ask.headers)
    return {
      method: ask.method, path: ask.path, headers, limit: ask.limit ?? defaultLimit, headersMs: ask.headersMs ?? this.timeouts.headersMs,
      ...(ask.body === undefined ? {} : { body: ask.body }),
    }
  }
}

function isReplayable(body: Body | undefined): boolean { return body === undefined || Buffer.isBuffer(body) }
function isOurs(cause: unknown): cause is Error { return cause instanceof ConnectionError || cause instanceof RegistryError }
