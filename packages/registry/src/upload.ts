// One upload session and the requests within it. distribution-spec v1.1.1, "Pushing blobs". A `Location` comes from the registry and is
// followed as it is, with its query, but never with credentials to another origin.
import { type Descriptor, type RepositoryName, RegistryError } from '@longshore/oci'
import { unwatchAbort, watchAbort } from './abort.ts'
import { type Answer, headerOf } from './answer.ts'
import { mountScope, pushScope } from './scope.ts'
import { isTransientStatus, stallError } from './failure.ts'
import type { Ask, Host } from './host.ts'
import type { Supply } from './gather.ts'
import { blobPath, resolveLocation, uploadsPath, wirePath } from './paths.ts'

/** Where the next request of an upload goes. */
export interface Session { readonly path: string; readonly origin?: string }

/** A blob on its way into a repository. */
export interface Placement {
  readonly host: Host
  readonly repository: RepositoryName
  readonly desc: Descriptor
  readonly signal: AbortSignal
}

const octets = ['content-type', 'application/octet-stream']

function ask(to: Placement, part: Pick<Ask, 'method' | 'path'> & Partial<Ask>): Ask {
  const path = wirePath(to.host.registry, to.repository)
  return { scope: pushScope(path), repository: to.repository, idempotent: false, headersMs: to.host.timeouts.commitMs, ...part }
}

function within(session: Session): Partial<Ask> { return session.origin === undefined ? {} : { origin: session.origin } }

function uploads(to: Placement): string { return uploadsPath(wirePath(to.host.registry, to.repository)) }

/** The registry wants the same request elsewhere, and its body streams: whoever can open that again has to send it. */
export class Redirected extends Error {
  readonly session: Session
  /** For when it has been sent about enough. */
  readonly refusal: RegistryError
  constructor(session: Session, refusal: RegistryError) {
    super(refusal.message)
    this.session = session
    this.refusal = refusal
  }
}

function sessionOf(to: Placement, answer: Answer, asked: Pick<Ask, 'method' | 'path' | 'origin'>): Session {
  const { host } = to
  const { origin = host.origin, path } = answer.from ?? asked
  const at = resolveLocation(headerOf(answer.headers, 'location'), origin, path)
  if (!at) {
    throw new RegistryError({
      status: answer.status, registry: host.registry, request: `${asked.method} ${uploads(to)}`,
      details: [{ code: 'BLOB_UPLOAD_INVALID', message: 'its answer names no usable Location to upload to; if a proxy stands before it, check that' }],
    })
  }
  const least = Number(headerOf(answer.headers, 'oci-chunk-min-length') ?? 0)
  if (least > host.capabilities.minChunkBytes) host.capabilities.minChunkBytes = least
  return at.origin === host.origin ? { path: at.path } : at
}

/** Asks for the blob out of another repository; a registry that will not still gives a session to upload in, or neither. */
export async function mount(to: Placement, from: RepositoryName): Promise<'mounted' | Session | undefined> {
  const { host, desc } = to
  const [path, source] = [wirePath(host.registry, to.repository), wirePath(host.registry, from)]
  const asked = ask(to, {
    method: 'POST', path: `${uploads(to)}?mount=${desc.digest}&from=${encodeURIComponent(source)}`,
    scope: path === source ? pushScope(path) : mountScope(path, source), idempotent: true,
  })
  const learn = (status: number): void => {
    if (path === source) host.capabilities.selfMountAnswered(to.repository, status)
    else host.capabilities.mountAnswered(status)
  }
  let answer: Answer
  try {
    answer = await host.exchange(asked, to.signal)
  } catch (error) {
    // The token service may refuse the scope of the source; that is no reason not to upload, nor does it tell of the registry.
    if (!(error instanceof RegistryError) || error.status >= 500 || error.status === 429) throw error
    learn(403)
    return undefined
  }
  const { status } = answer
  if (status !== 201 && status !== 202 && status !== 501 && (status < 400 || status > 499 || status === 429)) throw host.refusal(asked, answer)
  learn(status)
  return status === 201 ? 'mounted' : status === 202 ? sessionOf(to, answer, asked) : undefined
}

/** A HEAD. "May not ask" counts as no: the upload will tell what is really the matter. `idempotent` false: whoever asks owns the retries. */
export async function blobExists(
  { host, repository, desc, signal }: Placement, scope: (path: string) => string, idempotent = true,
): Promise<boolean> {
  const path = wirePath(host.registry, repository)
  const asked: Ask = { method: 'HEAD', path: blobPath(path, desc.digest), scope: scope(path), repository, idempotent }
  const answer = await host.exchange(asked, signal)
  switch (answer.status) {
    case 200: case 204: case 302: case 307: return true
    case 401: case 403: case 404: return false
    default: throw host.refusal(asked, answer)
  }
}

export async function start(to: Placement): Promise<Session> {
  const asked = ask(to, { method: 'POST', path: uploads(to), held: true })
  const answer = await to.host.exchange(asked, to.signal)
  if (answer.status !== 202) throw to.host.refusal(asked, answer)
  return sessionOf(to, answer, asked)
}

/** The whole blob in the first request, where a registry takes that. `undefined`: done. A session: it would not. */
export async function postWhole(to: Placement, bytes: Buffer): Promise<Session | undefined> {
  const asked = ask(to, { method: 'POST', path: `${uploads(to)}?digest=${to.desc.digest}`, headers: octets, body: bytes, held: true })
  const answer = await to.host.exchange(asked, to.signal)
  to.host.stats.bytesOut += bytes.byteLength
  if (answer.status === 201) return undefined
  if (answer.status === 202) return sessionOf(to, answer, asked)
  throw to.host.refusal(asked, answer)
}

/** The rest of the blob, from `offset` on, and the end of the session. */
export async function putRest(to: Placement, session: Session, offset: number, body: Buffer | Stream): Promise<void> {
  const { host, desc } = to
  // Where a PUT was redirected, the digest is part of the address already.
  const path = /[?&]digest=/.test(session.path) ? session.path : `${session.path}${session.path.includes('?') ? '&' : '?'}digest=${desc.digest}`
  const range = offset > 0 && desc.size > offset ? ['content-range', `${offset}-${desc.size - 1}`] : []
  const asked = ask(to, { method: 'PUT', path, headers: [...octets, ...range], held: true, ...within(session) })
  const answer = await send(to, asked, body, desc.size < 0 ? undefined : desc.size - offset)
  if (answer.status < 200 || answer.status > 299) throw host.refusal(asked, answer)
}

/** One chunk of `length` bytes from `offset` on. The answer names where the next one goes. */
export async function patch(to: Placement, session: Session, offset: number, length: number, body: Stream): Promise<Session> {
  const asked = ask(to, {
    method: 'PATCH', path: session.path, headers: [...octets, 'content-range', `${offset}-${offset + length - 1}`], held: true, ...within(session),
  })
  const answer = await send(to, asked, body, length)
  if (answer.status < 200 || answer.status > 299) throw to.host.refusal(asked, answer)
  return answer.headers['location'] === undefined ? session : sessionOf(to, answer, asked)
}

/**
 * What of the blob the registry holds, and where to go on; `undefined` when the session is no more.
 * @throws RegistryError, ConnectionError when the registry does not say
 */
export async function status(
  to: Placement, session: Session, { held, attempts }: Required<Pick<Ask, 'held' | 'attempts'>>,
): Promise<{ readonly session: Session; readonly offset: number } | undefined> {
  const asked = ask(to, {
    method: 'GET', path: session.path, idempotent: true, attempts, held, headersMs: to.host.timeouts.headersMs, ...within(session),
  })
  const answer = await to.host.exchange(asked, to.signal)
  if (isTransientStatus(answer.status)) throw to.host.refusal(asked, answer)
  if (answer.status < 200 || answer.status > 299) return undefined
  const range = /^(?:bytes=)?(\d+)-(\d+)$/.exec(headerOf(answer.headers, 'range') ?? '')
  // "0-0" is one byte by the letter, and none to most registries: beginning anew is right either way.
  const offset = range && range[2] !== '0' ? Number(range[2]) + 1 : 0
  return { session: answer.headers['location'] === undefined ? session : sessionOf(to, answer, asked), offset }
}

/** Gives a session up. It would expire anyway: a failure is no matter. `held`: the caller has a slot. */
export async function cancel(to: Placement, session: Session, held = true): Promise<void> {
  const signal = AbortSignal.timeout(5_000)
  await to.host.exchange(ask(to, { method: 'DELETE', path: session.path, held, ...within(session) }), signal).catch(() => {})
}

export interface Stream { readonly outlet: Supply; readonly limit: number; readonly onSent: (bytes: number) => void }

async function send(to: Placement, asked: Ask, body: Buffer | Stream, length: number | undefined): Promise<Answer> {
  const { host, signal } = to
  if (Buffer.isBuffer(body)) {
    const answer = await host.exchange({ ...asked, body }, signal)
    host.stats.bytesOut += body.byteLength
    return answer
  }
  /** Aborted by the caller's signal, or when the peer stops reading. A composite signal is made slowly, and there is an upload per blob. */
  const ended = new AbortController()
  const caller = { cancel: (reason: Error) => ended.abort(reason) }
  watchAbort(signal, caller)
  const { outlet, limit, onSent } = body
  let moved = 0
  let seen = -1
  let over = false
  const bytes = outlet.take(limit, (count) => {
    // A request that was answered early may still be waiting for its source: what comes then goes nowhere.
    if (over) return
    moved += count
    host.stats.bytesOut += count
    onSent(count)
  })
  // undici watches for the answer; a peer that stops reading in mid-body is noticed here. A slow source is not its fault.
  const watch = setInterval(() => {
    if (!outlet.pulling && moved === seen && moved < limit) ended.abort(stallError(host.timeouts.stallMs))
    seen = moved
  }, host.timeouts.stallMs)
  watch.unref()
  const headers = length === undefined ? asked.headers ?? [] : [...asked.headers ?? [], 'content-length', String(length)]
  try {
    const answer = await host.exchange({ ...asked, headers, body: bytes }, ended.signal)
    const elsewhere = host.redirected(asked, answer)
    if (elsewhere) throw new Redirected({ path: elsewhere.path, ...(elsewhere.origin === undefined ? {} : { origin: elsewhere.origin }) }, host.refusal(asked, answer))
    return answer
  } catch (error) {
    throw ended.signal.aborted && !signal.aborted ? host.translate(ended.signal.reason, `${asked.method} ${uploads(to)}`) : error
  } finally {
    over = true
    unwatchAbort(signal, caller)
    clearInterval(watch)
  }
}
