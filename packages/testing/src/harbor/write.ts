import type { Answer, Call } from './call.ts'
import type { HarborRefusal } from './harbor-error.ts'

/** JSON ends with a line feed, as Go's encoder has it. */
export function write({ response, log, request }: Call, { status, body, headers = {} }: Answer): void {
  log.status = status
  if (response.destroyed) return
  const bytes = body === undefined ? undefined : Buffer.from(`${JSON.stringify(body)}\n`)
  response.writeHead(status, {
    ...(bytes ? { 'content-type': 'application/json' } : {}), 'content-length': String(bytes?.byteLength ?? 0), ...headers,
    // What is left of the request's body is not waited for.
    ...(request.complete ? {} : { connection: 'close' }),
  })
  log.bytesOut += bytes?.byteLength ?? 0
  response.end(request.method === 'HEAD' ? undefined : bytes)
}

export function writeRefusal(call: Call, { status, code, message, headers }: HarborRefusal): void {
  // The error's detail is Harbor's own affair.
  const told = status >= 500 ? 'internal server error' : message
  write(call, { status, body: { errors: [{ code, message: told }] }, headers: { 'content-type': 'application/json; charset=utf-8', ...headers } })
}
