// The way to the docker-registry behind Harbor, which knows one user only: Harbor's core.
import { Agent, type IncomingHttpHeaders, type IncomingMessage, request as httpRequest } from 'node:http'
import { pipeline } from 'node:stream/promises'
import type { Call } from '../call.ts'

/** RFC 9110, 7.6.1, and what is Harbor's own affair. */
const ownHeaders = new Set(['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'authorization', 'expect'])

export class RegistryBehind implements Disposable {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 })
  readonly #base: string
  readonly #authorization: string

  constructor(base: string, user: string, password: string) {
    this.#base = base
    this.#authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
  }

  /** The client's own request, its body as it comes or the one given. What it answers is to be relayed or drained. */
  async forward({ request, url, harbor, log }: Call, { path = `${url.pathname}${url.search}`, body }: { readonly path?: string; readonly body?: Uint8Array } = {}): Promise<IncomingMessage> {
    const headers: Record<string, string | string[]> = { ...kept(request.headers), authorization: this.#authorization, 'x-forwarded-proto': harbor.url.split(':')[0] ?? 'http' }
    if (body) headers['content-length'] = String(body.byteLength)
    else if (request.headers['transfer-encoding'] !== undefined) headers['transfer-encoding'] = 'chunked'
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    const onward = httpRequest(new URL(path, this.#base), { method: request.method ?? 'GET', agent: this.#agent, headers }, resolve)
    onward.on('error', reject)
    if (body) {
      log.bytesIn += body.byteLength
      onward.end(body)
    } else {
      request.on('data', (chunk: Buffer) => { log.bytesIn += chunk.byteLength })
      // A client that goes away mid-body takes the onward request with it.
      pipeline(request, onward).catch(reject)
    }
    return promise
  }

  /** A request of Harbor's own. */
  async send(method: string, path: string, headers: Readonly<Record<string, string>> = {}): Promise<{ readonly status: number; readonly body: Buffer; readonly headers: IncomingHttpHeaders }> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    httpRequest(new URL(path, this.#base), { method, agent: this.#agent, headers: { ...headers, authorization: this.#authorization } }, resolve).on('error', reject).end()
    const answer = await promise
    const chunks: Buffer[] = []
    for await (const chunk of answer) chunks.push(chunk as Buffer)
    return { status: answer.statusCode ?? 0, body: Buffer.concat(chunks), headers: answer.headers }
  }

  [Symbol.dispose](): void {
    this.#agent.destroy()
  }
}

/** Passes the registry's answer on to the client. */
export async function relay({ response, log }: Call, answer: IncomingMessage, headers: Readonly<Record<string, string>> = {}): Promise<void> {
  log.status = answer.statusCode ?? 502
  response.writeHead(log.status, { ...kept(answer.headers), ...headers })
  answer.on('data', (chunk: Buffer) => { log.bytesOut += chunk.byteLength })
  await pipeline(answer, response)
}

function kept(headers: IncomingHttpHeaders): Record<string, string | string[]> {
  return Object.fromEntries(Object.entries(headers).flatMap(([name, value]) => (value === undefined || ownHeaders.has(name) ? [] : [[name, value]])))
}
