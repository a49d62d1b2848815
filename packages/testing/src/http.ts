// A bare HTTP client, on purpose not the one under test.
import { Agent, type ClientRequest, type IncomingHttpHeaders, request as httpRequest } from 'node:http'
import { Agent as TlsAgent, request as httpsRequest } from 'node:https'

export interface PlainAnswer { readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: Buffer }

export interface PlainRequest {
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | { readonly size: number; readonly chunks: Iterable<Uint8Array> }
  /** Given the body as it comes, in place of keeping it. */
  readonly onChunk?: (chunk: Uint8Array) => void
  readonly signal?: AbortSignal
}

/** Sends requests to one server over kept connections; give it back with `using`. */
export class PlainClient implements Disposable {
  readonly #base: string
  readonly #agent: Agent
  readonly #authorization: PlainClientOptions['authorization']
  readonly #tls: { readonly ca?: string; readonly key?: string; readonly cert?: string }

  constructor(base: string, { authorization, ca, clientCertificate, connections = 32 }: PlainClientOptions = {}) {
    this.#base = base
    this.#tls = { ...(ca === undefined ? {} : { ca }), ...clientCertificate }
    const limits = { keepAlive: true, maxSockets: connections }
    this.#agent = base.startsWith('https:') ? new TlsAgent({ ...limits, ...this.#tls }) : new Agent(limits)
    this.#authorization = authorization
  }

  /** `path` may be an absolute URL, as a `Location` may be. */
  async send(method: string, path: string, { headers = {}, body, onChunk, signal }: PlainRequest = {}): Promise<PlainAnswer> {
    const url = new URL(path, this.#base)
    const authorization = typeof this.#authorization === 'function' ? this.#authorization() : this.#authorization
    const length = body instanceof Uint8Array ? body.byteLength : body?.size ?? (method === 'GET' || method === 'HEAD' ? undefined : 0)
    return new Promise((resolve, reject) => {
      const send = url.protocol === 'https:' ? httpsRequest : httpRequest
      const request = send(url, {
        method, agent: this.#agent, ...this.#tls, ...(signal ? { signal } : {}),
        headers: { ...(authorization === undefined ? {} : { authorization }), ...(length === undefined ? {} : { 'content-length': String(length) }), ...headers },
      }, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => { if (onChunk) onChunk(chunk); else chunks.push(chunk) })
        response.on('end', () => { resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }) })
        response.on('error', reject)
      })
      request.on('error', reject)
      if (body === undefined || body instanceof Uint8Array) request.end(body)
      else void feed(request, body.chunks).then(() => request.end(), (error: unknown) => request.destroy(error as Error))
    })
  }

  [Symbol.dispose](): void {
    this.#agent.destroy()
  }
}

export interface PlainClientOptions {
  /** The Authorization header, whole; asked for at each request where it changes. */
  readonly authorization?: string | (() => string)
  /** PEM of the authority to trust. */
  readonly ca?: string
  /** PEM. */
  readonly clientCertificate?: { readonly key: string; readonly cert: string }
  readonly connections?: number
}

async function feed(request: ClientRequest, chunks: Iterable<Uint8Array>): Promise<void> {
  for (const chunk of chunks) {
    if (request.destroyed) return
    if (!request.write(chunk)) await drained(request)
  }
}

async function drained(request: ClientRequest): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  request.once('drain', resolve).once('close', resolve)
  await promise
  request.off('drain', resolve).off('close', resolve)
}
