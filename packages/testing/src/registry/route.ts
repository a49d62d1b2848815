import type { RequestKind } from './request.ts'

export interface Route { readonly kind: RequestKind; readonly repository: string | undefined; readonly reference: string | undefined }

type Resource = 'blobs/uploads' | 'blobs' | 'manifests' | 'tags' | 'referrers'

const unknown: Route = { kind: 'unknown', repository: undefined, reference: undefined }

/** Which endpoint of distribution-spec v1.1.1, "Endpoints", a request is for. The repository's name is not checked yet. */
export function routeOf(method: string, url: URL): Route {
  const path = url.pathname
  if (path === '/token') return { ...unknown, kind: 'token' }
  if (path === '/v2/' || path === '/v2') return { ...unknown, kind: 'ping' }
  if (path === '/v2/_catalog') return method === 'GET' ? { ...unknown, kind: 'catalog' } : unknown
  const match = /^\/v2\/(.+)\/(blobs\/uploads|blobs|manifests|tags|referrers)(?:\/([^/]*))?$/.exec(path)
  if (!match) return unknown
  const [, repository, resource, reference = ''] = match
  const kind = kindOf(method, resource as Resource, reference, url.searchParams)
  return kind === undefined ? { kind: 'unknown', repository, reference } : { kind, repository, reference }
}

function kindOf(method: string, resource: Resource, reference: string, query: URLSearchParams): RequestKind | undefined {
  switch (resource) {
    case 'blobs/uploads':
      if (reference === '') return method !== 'POST' ? undefined : query.has('mount') ? 'mount' : query.has('digest') ? 'upload-monolithic' : 'upload-start'
      return ({ GET: 'upload-status', PATCH: 'upload-patch', PUT: 'upload-put', DELETE: 'upload-cancel' } as const)[method]
    case 'blobs': return ({ GET: 'blob-get', HEAD: 'blob-head', DELETE: 'blob-delete' } as const)[method]
    case 'manifests': return ({ GET: 'manifest-get', HEAD: 'manifest-head', PUT: 'manifest-put', DELETE: 'manifest-delete' } as const)[method]
    case 'tags': return method === 'GET' && reference === 'list' ? 'tags' : undefined
    case 'referrers': return method === 'GET' ? 'referrers' : undefined
  }
}
