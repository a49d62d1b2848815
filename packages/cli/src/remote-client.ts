// The coordinator's API as the commands need it. Whatever goes wrong on the way is told with what to do about it.
import { MigrationError, printable } from '@longshore/oci'
import { z } from 'zod'
import type { Server } from './config.ts'
import { UsageError } from './usage-error.ts'

/** The coordinator does not answer. */
export class ServerUnreachableError extends MigrationError {
  override readonly name = 'ServerUnreachableError'
  override readonly code = 'SERVER_UNREACHABLE'
  constructor(url: URL, why: string) {
    super(printable(`${url.origin}: ${why}; check --server (LONGSHORE_SERVER), and whether longshore coordinator runs there`))
  }
}

/** Something answers, and it is no coordinator. */
export class NotACoordinatorError extends MigrationError {
  override readonly name = 'NotACoordinatorError'
  override readonly code = 'NOT_A_COORDINATOR'
  constructor(url: URL, why: string) { super(printable(`${url.origin}: what answers there is no Longshore coordinator (${why}); check scheme, host, port and path of --server (LONGSHORE_SERVER)`)) }
}

/** The coordinator said no; `code` is its own. */
export class RemoteError extends MigrationError {
  override readonly name = 'RemoteError'
  override readonly code: string
  readonly status: number
  /** Of CUTOVER_OVER: which one. */
  readonly cutover: string | undefined
  constructor({ code, status, detail, cutover }: z.output<typeof problemSchema>) {
    super(detail.split('\n').map(printable).join('\n'))
    this.code = code
    this.status = status
    this.cutover = cutover
  }
}

const problemSchema = z.object({ code: z.string(), status: z.number(), detail: z.string(), cutover: z.string().optional() })
const count = z.number()
const amount = z.object({ count, bytes: z.number() })
const blobs = z.object({ pushed: amount, mounted: amount, existed: amount })
const errorSchema = z.object({ code: z.string(), message: z.string() })

/** What the commands read of a migration. A newer coordinator may say more. */
export const migrationSchema = z.looseObject({
  id: z.string(), name: z.string().optional(), task: z.string(), state: z.string(), created: z.string(), ended: z.string().optional(), expanded: z.boolean(), error: errorSchema.optional(),
  images: z.object({ found: count, resolved: count, copied: count, present: count, failed: count, open: count }), blobs, expectedBytes: count, manifests: count, referrers: count,
  workers: count, led: z.boolean(), elapsedMs: count, etaMs: count.optional(),
})
export type RemoteMigration = z.output<typeof migrationSchema>

const placeSchema = z.object({ file: z.string(), line: z.number().optional(), column: z.number().optional(), message: z.string() })
export const submittedSchema = migrationSchema.extend({ resumed: z.boolean(), warnings: z.array(placeSchema) })
export const migrationsSchema = z.object({ migrations: z.array(migrationSchema), next: z.string().optional() })
export const workersSchema = z.object({ workers: z.array(z.looseObject({ id: z.string(), role: z.string(), host: z.string(), inFlight: z.object({ images: count, blobs: count, manifests: count }) })) })
export const statusEventSchema = migrationSchema.extend({
  transfers: z.array(z.object({ registry: z.string(), repository: z.string(), digest: z.string(), size: z.number(), sent: z.number() })).default([]),
})
export type RemoteStatus = z.output<typeof statusEventSchema>

/** An answer begins within this time; how long it takes then is another matter. */
const patienceMs = 30_000
/** A coordinator that looks through a hundred thousand images. */
const longPatienceMs = 150_000

export interface Ask { readonly method?: 'GET' | 'POST'; readonly json?: unknown; readonly headers?: Readonly<Record<string, string>>; readonly isLong?: boolean; readonly signal?: AbortSignal }

export class RemoteClient {
  readonly #server: Server
  readonly #userAgent: string

  constructor(server: Server, version: string) {
    this.#server = server
    this.#userAgent = `longshore/${version}`
  }

  /** As people write it. */
  get url(): string { return this.#server.url.href.replace(/\/$/, '') }

  async json<T extends z.ZodType>(path: string, schema: T, ask: Ask = {}): Promise<z.output<T>> {
    const answer = await this.open(path, ask)
    let body: unknown
    try {
      body = await answer.json()
    } catch (error) {
      throw error instanceof SyntaxError ? new NotACoordinatorError(this.#server.url, 'its answer is not JSON') : this.#explain(error)
    }
    const result = schema.safeParse(body)
    if (!result.success) throw new NotACoordinatorError(this.#server.url, `its answer to ${path} has another form: ${result.error.issues[0]?.path.join('.') ?? ''} ${result.error.issues[0]?.message ?? ''}`)
    return result.data
  }

  /** The answer, whose body is still to be read. @throws RemoteError, ServerUnreachableError, NotACoordinatorError */
  async open(path: string, { method = 'GET', json, headers = {}, isLong = false, signal }: Ask = {}): Promise<Response> {
    const { url, token } = this.#server
    const began = new AbortController()
    const timer = setTimeout(() => began.abort(), isLong ? longPatienceMs : patienceMs)
    let answer: Response
    try {
      answer = await fetch(new URL(`api/v1${path}`, url), {
        method, redirect: 'manual', signal: signal ? AbortSignal.any([signal, began.signal]) : began.signal,
        headers: { 'user-agent': this.#userAgent, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...(json === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
        ...(json === undefined ? {} : { body: JSON.stringify(json) }),
      })
    } catch (error) {
      if (signal?.aborted === true) throw error
      throw this.#explain(error, began.signal.aborted ? `no answer within ${(isLong ? longPatienceMs : patienceMs) / 1000} s` : undefined)
    } finally {
      clearTimeout(timer)
    }
    if (answer.ok) return answer
    throw await this.#refusal(answer)
  }

  /** An id, or the beginning of one that has no like. @throws UsageError, RemoteError */
  async idOf(text: string): Promise<string> {
    if (!/^[\w-]{1,64}$/.test(text)) throw new UsageError(`"${text}" is no id of a migration: longshore status lists them`)
    try {
      return (await this.json(`/migrations/${text}`, migrationSchema)).id
    } catch (error) {
      if (!(error instanceof RemoteError) || error.code !== 'MIGRATION_NOT_FOUND') throw error
      const alike: string[] = []
      for await (const { id } of this.migrations()) if (id.startsWith(text)) alike.push(id)
      if (alike.length > 1) throw new UsageError(`${text} is the beginning of ${alike.length} migrations: ${alike.slice(0, 5).join(', ')}${alike.length > 5 ? ', …' : ''}; give more of it`)
      if (alike[0] === undefined) throw error
      return alike[0]
    }
  }

  /** All of them, the newest first. */
  async *migrations(): AsyncGenerator<RemoteMigration, void, void> {
    for (let query = ''; ;) {
      const { migrations, next } = await this.json(`/migrations?limit=200${query}`, migrationsSchema)
      yield* migrations
      if (next === undefined) return
      query = `&cursor=${encodeURIComponent(next)}`
    }
  }

  async #refusal(answer: Response): Promise<Error> {
    const { url, token } = this.#server
    const location = answer.headers.get('location')
    if (answer.status >= 300 && answer.status < 400 && location !== null) {
      await answer.body?.cancel()
      return new NotACoordinatorError(url, `it sends on to ${URL.parse(location, url.href)?.origin ?? 'somewhere else'}`)
    }
    const problem = problemSchema.safeParse(await answer.json().catch(() => undefined))
    if (!problem.success) return new NotACoordinatorError(url, `it answers ${answer.status} without saying why`)
    if (problem.data.code !== 'TOKEN_REFUSED') return new RemoteError(problem.data)
    return new RemoteError({
      ...problem.data, detail: token === undefined ? `${url.origin} wants a token: give the coordinator's with --token-file, LONGSHORE_TOKEN_FILE or LONGSHORE_TOKEN`
        : `${url.origin} wants another token than the one that was given: compare --token-file, LONGSHORE_TOKEN_FILE or LONGSHORE_TOKEN with the coordinator's`,
    })
  }

  #explain(error: unknown, known?: string): Error {
    const { url } = this.#server
    const { code, message } = innermost(error)
    if (/^ERR_SSL|EPROTO|wrong version number/i.test(`${code} ${message}`)) return new ServerUnreachableError(url, 'it speaks plain HTTP where TLS was expected: write http://')
    if (code === 'HPE_INVALID_CONSTANT' || /other side closed|invalid (?:response|header|constant)|HTTP Parser|SocketError/i.test(message)) return new NotACoordinatorError(url, known ?? 'it does not speak HTTP, or speaks TLS')
    if (/CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ALTNAME/.test(code)) return new ServerUnreachableError(url, `its certificate is not trusted (${code}): name the CA's PEM file in NODE_EXTRA_CA_CERTS`)
    if (message === 'bad port') return new ServerUnreachableError(url, 'this port is none for HTTP')
    return new ServerUnreachableError(url, known ?? `${reasons[code] ?? message} (${code})`)
  }
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there', ENOTFOUND: 'the host is not known', EAI_AGAIN: 'the host is not known', ECONNRESET: 'the connection was cut', ETIMEDOUT: 'no answer',
  EHOSTUNREACH: 'no way to the host', ENETUNREACH: 'no way to the host', UND_ERR_CONNECT_TIMEOUT: 'no answer', UND_ERR_SOCKET: 'the connection was cut',
}

function innermost(error: unknown): { readonly code: string; readonly message: string } {
  let at = error
  while (at instanceof Error && at.cause instanceof Error) at = at.cause
  if (at instanceof AggregateError && at.errors[0] instanceof Error) at = at.errors[0]
  const code = at instanceof Error && 'code' in at ? String(at.code) : 'unknown'
  return { code, message: at instanceof Error ? at.message : String(at) }
}
