// Lists that come in pages: tags, the catalog. distribution-spec v1.1.1, "Listing Tags"; `Link` leads on.
import { isTag, InvalidManifestError, RegistryError, type RepositoryName, type Tag } from '@longshore/oci'
import type { Answer } from './answer.ts'
import { catalogScope, pullScope, type Scope } from './scope.ts'
import type { Host } from './host.ts'
import { nextLink, resolveLocation, wirePath } from './paths.ts'

/** ECR refuses more: https://github.com/google/go-containerregistry/issues/681. */
const pageSize = 1000
const maxPageBytes = 64 * 1024 * 1024

/** Every page of a list as JSON. A 404 on the first ends it before it began: `missing` hears of it. @throws RegistryError */
export async function* pages(
  host: Host, path: string, scope: Scope, repository: RepositoryName | undefined, missing: (refusal: RegistryError) => void, signal: AbortSignal,
): AsyncGenerator<{ readonly json: Record<string, unknown>; readonly answer: Answer }> {
  const seen = new Set<string>()
  for (let next: string | undefined = path; next !== undefined;) {
    // A server that leads in circles would never end.
    if (seen.has(next)) return
    seen.add(next)
    const ask = { method: 'GET', path: next, scope, ...(repository === undefined ? {} : { repository }), limit: maxPageBytes } as const
    const answer = await host.exchange(ask, signal)
    if (answer.status === 404 && seen.size === 1) return missing(host.refusal(ask, answer))
    if (answer.status !== 200) throw host.refusal(ask, answer)
    yield { json: parse(answer, `${host.registry}: the answer to GET ${path.split('?', 1)[0] ?? path}`), answer }
    const link = resolveLocation(nextLink(answer.headers['link']), host.origin, next)
    // Behind a proxy the link may name an inner host; the path is what counts, and credentials go nowhere else.
    next = link?.path
  }
}

export async function listTags(host: Host, repository: RepositoryName, signal: AbortSignal): Promise<readonly Tag[] | undefined> {
  const path = wirePath(host.registry, repository)
  const list = async (query: string): Promise<readonly Tag[] | undefined> => {
    let found = true
    const tags = new Set<Tag>()
    for await (const { json } of pages(host, `/v2/${path}/tags/list${query}`, pullScope(path), repository, () => { found = false }, signal)) {
      // `null` is an empty list to some. What is not a tag could not be asked for.
      for (const tag of Array.isArray(json['tags']) ? json['tags'] : []) if (typeof tag === 'string' && isTag(tag)) tags.add(tag)
    }
    return found ? [...tags] : undefined
  }
  return await withSmallerPages(list)
}

export async function* listCatalog(host: Host, signal: AbortSignal): AsyncGenerator<string> {
  const seen = new Set<string>()
  for (const query of [`?n=${pageSize}`, '?n=100', '']) {
    try {
      for await (const { json } of pages(host, `/v2/_catalog${query}`, catalogScope, undefined, (refusal) => { throw refusal }, signal)) {
        for (const name of Array.isArray(json['repositories']) ? json['repositories'] : []) {
          if (typeof name !== 'string' || seen.has(name)) continue
          seen.add(name)
          yield name
        }
      }
      return
    } catch (error) {
      if (!isBadPageSize(error) || query === '') throw withoutCatalog(error)
    }
  }
}

/** Many registries have no catalog, or show it to nobody: that is what a person has to know. */
function withoutCatalog(error: unknown): unknown {
  if (!(error instanceof RegistryError) || ![401, 403, 404, 405, 501].includes(error.status)) return error
  const why = error.status === 401 || error.status === 403 ? 'it does not show its catalog to these credentials' : 'it has no catalog'
  const code = error.details[0]?.code ?? (error.status === 401 ? 'UNAUTHORIZED' : error.status === 403 ? 'DENIED' : 'UNSUPPORTED')
  const { status, registry, request } = error
  return new RegistryError({ status, registry, request, details: [{ code, message: `${why}; name the repositories instead` }] })
}

async function withSmallerPages<T>(list: (query: string) => Promise<T>): Promise<T> {
  try {
    return await list(`?n=${pageSize}`)
  } catch (error) {
    if (!isBadPageSize(error)) throw error
  }
  try {
    return await list('?n=100')
  } catch (error) {
    if (!isBadPageSize(error)) throw error
  }
  return await list('')
}

function isBadPageSize(error: unknown): boolean {
  return error instanceof Error && 'status' in error && error.status === 400
}

function parse(answer: Answer, what: string): Record<string, unknown> {
  if (answer.truncated) throw new InvalidManifestError(what, `is longer than ${maxPageBytes} bytes`)
  try {
    const json: unknown = JSON.parse(answer.body.toString('utf8'))
    if (typeof json === 'object' && json !== null) return json as Record<string, unknown>
  } catch {
    // Said below.
  }
  throw new InvalidManifestError(what, 'is not JSON')
}
