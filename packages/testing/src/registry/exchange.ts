// One request and its answer. Everything that is answered goes through `answer`, which is where faults act on it.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { once } from 'node:events'
import { setImmediate as immediate, setTimeout as delay } from 'node:timers/promises'
import type { RegistryErrorCode } from '@longshore/oci'
import type { Fault } from './fault.ts'
import type { LoggedRequest } from './request.ts'
import { flipped } from './store.ts'

/** Refuses a request with the JSON of distribution-spec v1.1.1, "Error Codes". */
export class Refusal extends Error {
  readonly status: number
  readonly code: RegistryErrorCode
  readonly detail: unknown
  readonly headers: Readonly<Record<string, string>>
  constructor(status: number, code: RegistryErrorCode, message: string, detail?: unknown, headers: Readonly<Record<string, string>> = {}) {
    super(message)
    this.status = status
    this.code = code
    this.detail = detail
    this.headers = headers
  }
}

/** The connection is gone, or was destroyed by a fault: there is nobody to answer. */
export class Gone extends Error {}

export interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly url: URL
  readonly log: LoggedRequest
  fault: Fault | undefined
}

/** The request's body, counted and limited. @throws Refusal 413, Gone when the connection breaks */
export async function* bodyOf(exchange: Exchange, limit: number): AsyncGenerator<Uint8Array> {
  const { request, fault, log } = exchange
  const declared = Number(request.headers['content-length'] ?? 0)
  if (declared > limit) throw new Refusal(413, 'SIZE_INVALID', `a body of ${declared} bytes is longer than ${limit}`)
  const cutAt = fault?.kind === 'drop-after' ? fault.bytes : Infinity
  try {
    for await (const chunk of request as AsyncIterable<Uint8Array>) {
      if (log.bytesIn + chunk.byteLength > cutAt) {
        const rest = chunk.subarray(0, cutAt - log.bytesIn)
        log.bytesIn += rest.byteLength
        if (rest.byteLength > 0) yield rest
        request.socket.destroy()
        throw new Gone('cut by a fault')
      }
      log.bytesIn += chunk.byteLength
      if (log.bytesIn > limit) throw new Refusal(413, 'SIZE_INVALID', `the body is longer than ${limit} bytes`)
      yield chunk
    }
  } catch (error) {
    if (error instanceof Refusal || error instanceof Gone) throw error
    throw new Gone('the client went away', { cause: error })
  }
}

export async function readBody(exchange: Exchange, limit: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of bodyOf(exchange, limit)) chunks.push(chunk)
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)
}

export async function answerJson(exchange: Exchange, status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Promise<void> {
  let bytes = Buffer.from(JSON.stringify(value))
  if (exchange.fault?.kind === 'truncated-list') bytes = bytes.subarray(0, Math.floor(bytes.length / 2))
  await answer(exchange, status, { 'content-type': 'application/json', ...headers }, [bytes])
}

export async function answerRefusal(exchange: Exchange, refusal: Refusal): Promise<void> {
  const { code, message, detail } = refusal
  const error = { code, message, ...(detail === undefined ? {} : { detail }) }
  await answerJson(exchange, refusal.status, { errors: [error] }, refusal.headers)
}

/**
 * Writes the answer, with the exchange's fault if it has one. `chunks` undefined: no body, and Content-Length is as in
 * `headers` (an answer to HEAD) or 0.
 */
export async function answer(
  exchange: Exchange, status: number, headers: Readonly<Record<string, string>>, chunks?: readonly Uint8Array[],
): Promise<void> {
  const { response, log, fault, request } = exchange
  if (fault?.kind === 'status-after-commit' && status < 400) {
    exchange.fault = undefined
    await answerRefusal(exchange, new Refusal(fault.status, 'UNKNOWN', 'failed after the work was done'))
    return
  }
  const size = chunks?.reduce((sum, chunk) => sum + chunk.byteLength, 0) ?? 0
  const isHead = request.method === 'HEAD'
  if (response.destroyed) throw new Gone('the client went away')
  // An answer while the request's body is still on its way leaves the connection in no state to be used again.
  const unread = !request.complete
  const hasBody = size > 0 && !isHead
  if (fault?.kind === 'stall' && !hasBody) {
    await closed(exchange)
    return
  }
  log.status = status
  response.writeHead(status, {
    ...(status === 204 ? {} : { 'content-length': String(size) }),
    ...headers,
    'docker-distribution-api-version': 'registry/2.0',
    ...(unread ? { connection: 'close' } : {}),
  })
  if (!hasBody) {
    response.end()
    return
  }
  await writeBody(exchange, size, chunks ?? [])
}

async function writeBody(exchange: Exchange, size: number, chunks: readonly Uint8Array[]): Promise<void> {
  const { response, fault } = exchange
  if (fault?.kind === 'stall') {
    response.flushHeaders()
    await closed(exchange)
    return
  }
  if (fault?.kind === 'drop-after' || fault?.kind === 'truncated') {
    await write(exchange, head(chunks, fault.kind === 'truncated' ? Math.floor(size / 2) : Math.min(fault.bytes, size)))
    // Everything is handed to the kernel first: the client must see these bytes before it sees the end.
    await new Promise<void>((resolve) => { response.write('', () => { resolve() }) })
    if (fault.kind === 'truncated') response.socket?.end()
    else response.socket?.destroy()
    return
  }
  if (fault?.kind === 'slow-drip') {
    const step = Math.max(1, Math.floor(fault.bytesPerSecond / 50))
    for (const chunk of head(chunks, fault.dropAfter ?? size)) {
      for (let i = 0; i < chunk.byteLength; i += step) {
        await write(exchange, [chunk.subarray(i, i + step)])
        await delay(20)
      }
    }
    if (fault.dropAfter !== undefined) response.socket?.destroy()
  } else if (fault?.kind === 'one-byte-chunks') {
    for (const chunk of chunks) {
      for (let i = 0; i < chunk.byteLength; i++) {
        await write(exchange, [chunk.subarray(i, i + 1)])
        // Else the socket gathers them.
        await immediate()
      }
    }
  } else {
    await write(exchange, fault?.kind === 'wrong-digest' ? flipped(chunks) : chunks)
  }
  response.end()
}

/** @throws Gone when the client goes away */
async function write(exchange: Exchange, chunks: Iterable<Uint8Array>): Promise<void> {
  const { response, log } = exchange
  for (const chunk of chunks) {
    if (response.destroyed) throw new Gone('the client went away')
    log.bytesOut += chunk.byteLength
    if (!response.write(chunk)) await drained(exchange)
  }
}

async function drained({ response }: Exchange): Promise<void> {
  const done = new AbortController()
  await Promise.race([once(response, 'drain', { signal: done.signal }), once(response, 'close', { signal: done.signal })])
    .finally(() => { done.abort() })
}

async function closed({ response }: Exchange): Promise<void> {
  if (!response.destroyed) await once(response, 'close')
}

function* head(chunks: readonly Uint8Array[], length: number): Generator<Uint8Array> {
  let left = length
  for (const chunk of chunks) {
    if (left <= 0) return
    yield chunk.subarray(0, left)
    left -= chunk.byteLength
  }
}
