// Which operation of the swagger file a request is for.
import type { Handler } from './call.ts'

export interface Route {
  readonly method: string
  /** As in the swagger file, without `/api/v2.0`. */
  readonly path: string
  /** Its `operationId`. */
  readonly operation: string
  readonly act: Handler
}

export interface FoundRoute { readonly route: Route; readonly params: Readonly<Record<string, string>> }

export class Router {
  readonly #routes: readonly { readonly route: Route; readonly pattern: RegExp; readonly names: readonly string[] }[]

  constructor(routes: readonly Route[]) {
    this.#routes = routes.map((route) => {
      const names = [...route.path.matchAll(/\{([^}]+)\}/g)].map(([, name]) => name ?? '')
      return { route, names, pattern: new RegExp(`^${route.path.replaceAll('.', '\\.').replace(/\{[^}]+\}/g, '([^/]+)')}$`) }
    })
  }

  /** `path`: as it came. undefined: there is no such path; `allowed`: there is, with these methods. */
  find(method: string, path: string): FoundRoute | { readonly allowed: readonly string[] } | undefined {
    const matches = this.#routes.flatMap(({ route, pattern, names }) => {
      const match = pattern.exec(path)
      const values = names.map((name, i) => [name, decoded(match?.[i + 1] ?? '')] as const)
      // What was encoded once is a slash to the proxy in front of Harbor: other segments.
      return !match || values.some(([, value]) => value.includes('/')) ? [] : [{ route, params: Object.fromEntries(values) }]
    })
    if (matches.length === 0) return undefined
    return matches.find(({ route }) => route.method === method) ?? { allowed: matches.map(({ route }) => route.method) }
  }
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}
