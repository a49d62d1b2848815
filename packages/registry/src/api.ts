// What stands beside the registry on the same host: a product's own API, asked with the same TLS, proxies, pauses and credentials.
// Credentials are shown as they are (basic), for such APIs take no tokens of the registry's.
import type { Answer } from './answer.ts'
import type { Call } from './wire.ts'
import type { Host } from './host.ts'

export interface ApiRequest {
  readonly method: Call['method']
  /** Path and query. */
  readonly path: string
  /** Sent as JSON. */
  readonly json?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** Whose credentials to show, where several are kept for one host. */
  readonly repository?: string
  /** It may be asked again when no answer came. Default: GET and HEAD. */
  readonly idempotent?: boolean
  /** The most attempts; the registry client's own number when absent. */
  readonly attempts?: number
}

export type ApiAnswer = Pick<Answer, 'status' | 'headers' | 'body'>

/** Pages of a hundred artifacts with all that belongs to them are some hundred KiB. */
const maxAnswerBytes = 16 * 1024 * 1024

/** The answer, whatever its status. @throws ConnectionError, RegistryError for a host that is out of order, or the signal's reason */
export async function askApi(host: Host, { method, path, json, headers = {}, repository, idempotent, attempts }: ApiRequest, signal: AbortSignal): Promise<ApiAnswer> {
  const all = ['accept', 'application/json', ...Object.entries(headers).flat(), ...(json === undefined ? [] : ['content-type', 'application/json'])]
  return await host.exchange({
    method, path, scope: '', basic: true, headers: all, limit: maxAnswerBytes, follow: false, ...(repository === undefined ? {} : { repository }),
    ...(idempotent === undefined ? {} : { idempotent }), ...(attempts === undefined ? {} : { attempts }), ...(json === undefined ? {} : { body: Buffer.from(JSON.stringify(json)) }),
  }, signal)
}
