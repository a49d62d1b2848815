// Every failure of the wire becomes one of two errors here: a registry that said no, or no usable answer.
import { ConnectionError, RegistryError, type RegistryErrorDetail } from '@longshore/oci'
import { type AnswerHeaders, headerOf } from './answer.ts'
import { redact } from './redact.ts'

const unreachable = new Set(['ENOTFOUND', 'EAI_AGAIN', 'ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT', 'UND_ERR_CONNECT_TIMEOUT'])
const stalled = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'LONGSHORE_STALLED'])
const certificate = /^(?:DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_|CERT_|HOSTNAME_MISMATCH|ERR_TLS_CERT)/
/** Node's own, behind what went wrong: the system's CAs are trusted already. */
const advice = /; if the root CA is installed locally, try running Node\.js with --use-system-ca/

/** A peer that takes no bytes any more, noticed by ourselves. */
export function stallError(ms: number): Error {
  return Object.assign(new Error(`no byte moved in ${ms} ms`), { code: 'LONGSHORE_STALLED' })
}

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : ''
}

/** No usable answer came to `request` (a method and a path). */
export function connectionError(registry: string, request: string, cause: unknown): ConnectionError {
  const code = codeOf(cause)
  const text = (cause instanceof Error ? cause.message : String(cause)).replace(advice, '')
  const where = `${registry}: ${request}`
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return new ConnectionError('HOST_UNREACHABLE', registry, `${registry}: no such host (${code}); check the name, or the DNS and proxy settings`, cause)
  }
  if (code === 'ECONNREFUSED') {
    const told = text === '' ? code : text
    return new ConnectionError('HOST_UNREACHABLE', registry, `${registry}: nothing listens there (${told}); check host and port, and the proxy settings`, cause)
  }
  if (unreachable.has(code)) {
    return new ConnectionError('HOST_UNREACHABLE', registry, `${registry}: cannot be reached (${code}); check the network, a firewall and the proxy settings`, cause)
  }
  const refused = /Proxy response \((\d+)\)|Proxy Authentication Required \((\d+)\)/.exec(text)
  if (refused) {
    const status = refused[1] ?? refused[2]
    const remedy = status === '407' ? 'put its user name and password into HTTP_PROXY and HTTPS_PROXY' : 'ask its operator, or add the host to NO_PROXY'
    return new ConnectionError('HOST_UNREACHABLE', registry, `${registry}: the proxy answered ${status} instead of connecting; ${remedy}`, cause)
  }
  if (stalled.has(code)) return new ConnectionError('STALLED', registry, `${where} made no progress (${text}); the registry or the way to it hangs: try again later`, cause)
  if (certificate.test(code)) {
    const remedy = 'put its CA into certs.d, or pass --src-tls-verify=false or --dest-tls-verify=false'
    return new ConnectionError('TLS_FAILED', registry, `${registry}: its certificate is not trusted (${code}: ${text}); ${remedy}`, cause)
  }
  if (/wrong version number|packet length too long|WRONG_VERSION|PACKET_LENGTH|http request/i.test(`${code} ${text}`)) {
    const remedy = 'if that is meant, pass --src-tls-verify=false or --dest-tls-verify=false'
    return new ConnectionError('TLS_FAILED', registry, `${registry}: speaks plain HTTP where TLS was expected; ${remedy}`, cause)
  }
  if (/^ERR_(?:TLS|SSL)|^EPROTO$/.test(code)) return new ConnectionError('TLS_FAILED', registry, `${registry}: TLS was not agreed on (${code}: ${text}); check host, port and, where it wants one, the client certificate`, cause)
  return new ConnectionError('CONNECTION_FAILED', registry, `${where} got no answer (${code === '' ? text : `${code}: ${text}`})`, cause)
}

/** Whether a later attempt may go better. `reached`: the host has answered before, so a refusal is likely a restart. */
export function isTransient(error: unknown, reached: boolean): boolean {
  if (error instanceof RegistryError) return isTransientStatus(error.status)
  if (!(error instanceof ConnectionError)) return false
  return error.code === 'CONNECTION_FAILED' || error.code === 'STALLED' || (error.code === 'HOST_UNREACHABLE' && reached)
}

export function isTransientStatus(status: number): boolean {
  switch (status) {
    case 408: case 425: case 429: case 500: case 502: case 503: case 504: return true
    default: return false
  }
}

/** The registry said no to `method path`. Any body will do: JSON by the specification, text, HTML, none. */
export function registryError(
  registry: string, method: string, path: string, answer: { readonly status: number; readonly headers: AnswerHeaders; readonly body: Uint8Array },
): RegistryError {
  const waitMs = parseRetryAfter(answer.headers)
  return new RegistryError({
    status: answer.status, registry, request: `${method} ${redact(path)}`,
    details: isRedirect(answer.status) ? [{ code: 'UNKNOWN', message: 'a redirect that leads nowhere, or in circles' }] : errorDetails(answer.body, answer.headers), ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }),
  })
}

function isRedirect(status: number): boolean { return status >= 300 && status < 400 }

function errorDetails(body: Uint8Array, headers: AnswerHeaders): readonly RegistryErrorDetail[] {
  if (body.byteLength === 0) return []
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8')
  try {
    const { errors } = JSON.parse(text) as { errors?: unknown }
    if (Array.isArray(errors)) {
      const details = errors.filter((e): e is Record<string, unknown> => typeof e === 'object' && e !== null).slice(0, 20)
        .map((e): RegistryErrorDetail => ({
          code: typeof e['code'] === 'string' ? e['code'] : 'UNKNOWN',
          ...(typeof e['message'] === 'string' ? { message: e['message'].slice(0, 500) } : {}),
          ...(e['detail'] === undefined ? {} : { detail: e['detail'] }),
        }))
      if (details.length > 0) return details
    }
  } catch {
    // Not JSON: the text itself is the message.
  }
  const html = /html/i.test(headerOf(headers, 'content-type') ?? '') || /^\s*<(?:!doctype|html)/i.test(text)
  const message = html ? /<title>([^<]*)<\/title>/i.exec(text)?.[1]?.trim() ?? 'an HTML page' : text.trim().replace(/\s+/g, ' ')
  return message === '' ? [] : [{ code: 'UNKNOWN', message: message.slice(0, 500) }]
}

/** Milliseconds from `Retry-After`, which is in seconds or a date: a date by the clock of whoever answered, as far as he tells the time. RFC 9110 §10.2.3. */
export function parseRetryAfter(headers: AnswerHeaders): number | undefined {
  const value = headerOf(headers, 'retry-after')
  if (value === undefined) return undefined
  if (/^\s*\d+(?:\.\d+)?\s*$/.test(value)) return Number(value) * 1000
  const until = Date.parse(value)
  const now = Date.parse(headerOf(headers, 'date') ?? '')
  return Number.isNaN(until) ? undefined : Math.max(0, until - (Number.isNaN(now) ? Date.now() : now))
}
