/** What a request was about. `mount` and `upload-monolithic` are forms of `upload-start`. */
export type RequestKind =
  | 'ping' | 'token' | 'catalog' | 'tags' | 'referrers'
  | 'blob-get' | 'blob-head' | 'blob-delete'
  | 'upload-start' | 'upload-monolithic' | 'mount' | 'upload-status' | 'upload-patch' | 'upload-put' | 'upload-cancel'
  | 'manifest-get' | 'manifest-head' | 'manifest-put' | 'manifest-delete'
  | 'unknown'

/** One request as the registry saw it. Filled in while it is answered; `status` is 0 until then, or where the connection was cut first. */
export interface LoggedRequest {
  readonly method: string
  /** With its query. */
  readonly path: string
  readonly kind: RequestKind
  readonly repository: string | undefined
  /** The tag, digest or upload session in the path. */
  readonly reference: string | undefined
  readonly authorization: boolean
  readonly accept: string | undefined
  readonly atMs: number
  status: number
  /** Body bytes that were read. */
  bytesIn: number
  /** Body bytes that were written. */
  bytesOut: number
}

export interface RequestFilter {
  readonly method?: string
  readonly kind?: RequestKind | readonly RequestKind[]
  readonly repository?: string
  readonly status?: number
  /** On the path with its query. */
  readonly path?: RegExp
}

export function matchesRequest(filter: RequestFilter, request: LoggedRequest): boolean {
  const { kind } = filter
  return (filter.method === undefined || filter.method === request.method)
    && (kind === undefined || (typeof kind === 'string' ? kind === request.kind : kind.includes(request.kind)))
    && (filter.repository === undefined || filter.repository === request.repository)
    && (filter.status === undefined || filter.status === request.status)
    && (filter.path === undefined || filter.path.test(request.path))
}
