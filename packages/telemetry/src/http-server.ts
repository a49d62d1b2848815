// What every service answers over HTTP: whether it lives, whether it can work, and its metrics. The coordinator adds its API.
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { ListenError, RequestInvalidError, TokenRefusedError } from './errors.ts'
import { formatListen, type ListenAddress } from './listen.ts'
import type { Logger } from './logger.ts'
import type { Metrics } from './metrics.ts'
import { type Answers, problemOf, problemType, toProblem } from './problem.ts'
import { isOneOf } from './secret.ts'

/** Who may ask. */
export type Guard = { readonly kind: 'open' } | { readonly kind: 'token'; readonly tokens: readonly string[] }

export type HttpApp = FastifyInstance
export type HttpRequest = FastifyRequest
export type HttpReply = FastifyReply

export interface HttpServerOptions {
  readonly listen: ListenAddress
  readonly log: Logger
  readonly metrics: Metrics
  /** For everything but health and metrics. */
  readonly guard: Guard
  readonly metricsGuard: Guard
  /** For what registries send; absent: as `guard`. Their senders put a header of a person's choice before it, so other forms than Bearer are taken. */
  readonly notificationGuard?: Guard
  /** Why this process cannot do its work at the moment; `undefined` when it can. */
  readonly ready: () => Promise<string | undefined>
  /** What errors of the domain are as answers. */
  readonly answers?: Answers
  /** Adds routes. */
  readonly extend?: (app: HttpApp) => Promise<void>
}

export interface HttpServer extends AsyncDisposable {
  readonly address: ListenAddress
  /** `http://HOST:PORT`. */
  readonly url: string
}

/** What a request without a body of note may hold. */
const bodyLimit = 64 * 1024
/** An answer that takes longer is none: Redis is away, most likely. */
const handlerMs = 25_000
/** For a request to arrive as a whole: 64 MiB at a megabyte a second. */
const requestMs = 90_000
const readyMs = 2_000
/** For answers that are under way when the server is closed. */
const closeMs = 3_000
/** An image's name in the path: registry, repository and tag, percent-encoded. */
const maxParamLength = 2_048

/** Not a part of the API. */
const unlisted: object = { hide: true }

/** What an answer says to browsers: it is data, for whoever asked, and for nobody else. */
export const securityHeaders: Readonly<Record<string, string>> = {
  'cache-control': 'no-store', 'content-security-policy': "default-src 'none'; frame-ancestors 'none'", 'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer', 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY',
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether the answer needs the token. Absent: it does. */
    readonly access?: 'open' | 'metrics' | 'notifications'
  }
}

/** @throws ListenError when nobody can be served there */
export async function serveHttp(options: HttpServerOptions): Promise<HttpServer> {
  const { listen, log, metrics, guard, metricsGuard, notificationGuard = guard, ready, answers = () => undefined, extend } = options
  const app = fastify({
    logger: false, trustProxy: false, bodyLimit, handlerTimeout: handlerMs, requestTimeout: requestMs, forceCloseConnections: 'idle', return503OnClosing: false,
    routerOptions: { maxParamLength }, frameworkErrors: (error, request, reply) => { answerError(error, request, reply) },
  })
  const answerError = (error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const answer = toProblem(error, answers)
    if (!answer) log.error({ ...routeOf(request), err: error }, 'request failed')
    const { problem, headers } = answer ?? { problem: problemOf(500, 'UNKNOWN', 'something went wrong that was not foreseen; the server\'s log has it'), headers: {} }
    return reply.code(problem.status).headers({ ...securityHeaders, ...headers }).type(problemType).send(JSON.stringify(problem))
  }
  app.setErrorHandler(answerError)
  // Schemas are there to be published; what comes in is checked by zod, where it is used.
  app.setValidatorCompiler(() => () => true)
  app.setSerializerCompiler(() => (value) => JSON.stringify(value))
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(securityHeaders)
    const { access } = request.routeOptions.config
    if (access === 'notifications') authoriseSender(request, notificationGuard)
    else if (access !== 'open') authorise(request, access === 'metrics' ? metricsGuard : guard)
  })
  // Of the path only the route's pattern, of the header nothing: neither can hold a secret then.
  app.addHook('onResponse', async (request, reply) => {
    log.debug({ ...routeOf(request), status: reply.statusCode, ms: Math.round(reply.elapsedTime), client: request.ip }, 'request answered')
  })
  app.setNotFoundHandler((request, reply) => answerError(new RequestInvalidError(404, `there is no ${request.method} ${pathOf(request.url)} here`), request, reply))

  // A process whose event loop is stuck does not answer at all: that is what the probe's own timeout finds.
  app.get('/healthz', { config: { access: 'open' }, schema: unlisted }, async () => ({ status: 'ok' }))
  app.get('/readyz', { config: { access: 'open' }, schema: unlisted }, async (_, reply) => {
    const reason = await inTime(ready)
    return reason === undefined ? { status: 'ready' } : reply.code(503).send({ status: 'not ready', reason })
  })
  app.get('/metrics', { config: { access: 'metrics' }, schema: unlisted }, async (_, reply) => {
    const { contentType, text } = await metrics.scrape()
    return reply.type(contentType).send(text)
  })
  await extend?.(app)
  try {
    await app.listen(listen)
  } catch (error) {
    await app.close()
    throw new ListenError(formatListen(listen), reasonOf(error), error)
  }
  const bound = app.server.address()
  const address = { host: listen.host, port: typeof bound === 'object' && bound !== null ? bound.port : listen.port }
  return {
    address, url: `http://${formatListen(address)}`,
    async [Symbol.asyncDispose]() {
      const late = setTimeout(() => app.server.closeAllConnections(), closeMs)
      await app.close()
      clearTimeout(late)
    },
  }
}

/** @throws TokenRefusedError */
function authorise({ headers: { authorization } }: FastifyRequest, guard: Guard): void {
  if (guard.kind === 'open') return
  if (guard.tokens.length === 0) throw new TokenRefusedError('unset')
  const [, token] = /^Bearer +(\S+)\s*$/i.exec(authorization ?? '') ?? []
  if (token === undefined) throw new TokenRefusedError('missing')
  if (!isOneOf(token, guard.tokens)) throw new TokenRefusedError('wrong')
}

/**
 * `Bearer SECRET`, `SECRET` alone (Harbor's "Auth Header" is sent as it is) or the password of `Basic` (a URL with a user, in docker-registry's configuration).
 * @throws TokenRefusedError
 */
function authoriseSender({ headers: { authorization = '' } }: FastifyRequest, guard: Guard): void {
  if (guard.kind === 'open') return
  const [, basic] = /^Basic +(\S+)\s*$/i.exec(authorization) ?? []
  const given = basic === undefined ? authorization.replace(/^Bearer +/i, '').trim() : Buffer.from(basic, 'base64').toString('utf8').replace(/^[^:]*:/, '')
  if (given === '') throw new TokenRefusedError('unsent')
  if (!isOneOf(given, guard.tokens)) throw new TokenRefusedError('notShared')
}

function routeOf({ method, routeOptions: { url } }: FastifyRequest): { readonly method: string; readonly route: string } {
  return { method, route: url ?? '-' }
}

/** A query may hold anything. */
function pathOf(url: string): string { return url.split('?', 1)[0] ?? '' }

async function inTime(ready: () => Promise<string | undefined>): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<string>((resolve) => { timer = setTimeout(() => resolve('Redis does not answer'), readyMs) })
  try {
    return await Promise.race([ready(), late])
  } catch {
    return 'it cannot be found out: the log may say why'
  } finally {
    clearTimeout(timer)
  }
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
  switch (code) {
    case 'EADDRINUSE': return 'something listens there already: end it, or give another port with --listen (LONGSHORE_LISTEN)'
    case 'EACCES': return 'this user may not listen there: ports below 1024 are for root; give another with --listen (LONGSHORE_LISTEN)'
    case 'EADDRNOTAVAIL': return 'this machine does not have that address: 0.0.0.0 is all of them (--listen, LONGSHORE_LISTEN)'
    case 'ENOTFOUND':
    case 'EAI_AGAIN': return 'this host name is not known: give an address (--listen, LONGSHORE_LISTEN)'
    default: return `cannot be listened at (${code})`
  }
}
