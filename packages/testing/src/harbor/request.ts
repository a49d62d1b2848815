import { matchesRequest, type RequestFilter, type RequestKind } from '../registry/request.ts'

/** One request as Harbor saw it. `status` is 0 until it is answered. */
export interface HarborRequest {
  readonly method: string
  /** With its query. */
  readonly path: string
  /** `api`: of the REST API; the others as of a registry. */
  readonly kind: RequestKind | 'api'
  /** Of the API: the swagger file's `operationId`. */
  readonly operation: string | undefined
  readonly repository: string | undefined
  readonly reference: string | undefined
  readonly authorization: boolean
  readonly accept: string | undefined
  readonly atMs: number
  /** Who it was taken for; empty: anonymous. */
  user: string
  status: number
  /** Body bytes that were passed on to the registry, and back from it. */
  bytesIn: number
  bytesOut: number
}

export interface HarborFilter extends Omit<RequestFilter, 'kind'> {
  readonly kind?: HarborRequest['kind'] | readonly HarborRequest['kind'][]
  readonly operation?: string
  readonly user?: string
}

export function matchesHarborRequest({ kind, operation, user, ...filter }: HarborFilter, request: HarborRequest): boolean {
  return (kind === undefined || (typeof kind === 'string' ? kind === request.kind : kind.includes(request.kind)))
    && (operation === undefined || operation === request.operation)
    && (user === undefined || user === request.user)
    && matchesRequest(filter, { ...request, kind: 'unknown' })
}

/** Called once the request is understood and allowed, before it is acted on; what it returns is awaited. */
export type HarborHook = (request: HarborRequest) => void | Promise<void>
