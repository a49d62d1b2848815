import type { Digest } from '@longshore/oci'

/** The path of a repository on the wire. Docker Hub keeps its own images under `library/`. */
export function wirePath(registry: string, repository: string): string {
  const hub = registry === 'docker.io' || registry === 'index.docker.io'
  return hub && !repository.includes('/') ? `library/${repository}` : repository
}

export function blobPath(path: string, digest: Digest): string { return `/v2/${path}/blobs/${digest}` }
export function manifestPath(path: string, reference: string): string { return `/v2/${path}/manifests/${reference}` }
export function uploadsPath(path: string): string { return `/v2/${path}/blobs/uploads/` }

/** The most redirects that are followed in a row. */
export const maxRedirects = 5

/** Where a `Location` or `Link` leads: relative to the request, or absolute. `undefined` when it is no http(s) URL. */
export function resolveLocation(location: string | undefined, origin: string, path: string): { readonly origin: string; readonly path: string } | undefined {
  if (location === undefined || location === '') return undefined
  // Nearly all are absolute paths or on the same origin: no URL need be made of them.
  if (location.startsWith('/') && !location.startsWith('//') && !/[\s#\\]|\/\.\.?(?:\/|$)/.test(location)) return { origin, path: location }
  const base = origin + path
  if (!URL.canParse(location, base)) return undefined
  const url = new URL(location, base)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return undefined
  // A registry behind a TLS proxy often does not know that it is: its "http://" is the same door.
  const secured = url.protocol === 'http:' && base.startsWith('https:') && url.hostname === new URL(base).hostname
  return { origin: secured ? origin : url.origin, path: url.pathname + url.search }
}

/** The target of the `next` link. RFC 8288, as distribution-spec v1.1.1 "Listing Tags" uses it. */
export function nextLink(header: string | string[] | undefined): string | undefined {
  const text = Array.isArray(header) ? header.join(', ') : header
  if (text === undefined) return undefined
  for (const [, target, parameters] of text.matchAll(/<([^>]*)>((?:\s*;\s*[^,;]+)*)/g)) {
    if (/;\s*rel\s*=\s*"?next"?/i.test(parameters ?? '')) return target
  }
  return undefined
}
