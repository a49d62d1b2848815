import type { Io } from '@longshore/transfer'

/** One request to a host's own API; the registry client has the same. */
export interface ApiRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Path and query. */
  readonly path: string
  readonly json?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** Whose credentials to show, where several are kept for one host. */
  readonly repository?: string
  readonly idempotent?: boolean
  readonly attempts?: number
}

export interface ApiAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly body: Uint8Array
}

/** Where a Harbor is asked: TLS, proxies, pauses and credentials are those of the registry on the same host. */
export interface Requester {
  /** `host[:port]`. */
  readonly registry: string
  api(request: ApiRequest, io: Io): Promise<ApiAnswer>
  /** The name of the account whose credentials are shown. */
  account(repository?: string): Promise<string | undefined>
}
