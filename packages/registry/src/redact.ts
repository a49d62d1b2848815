// Anything in a query that the protocol does not define may be a signature or a token: only these are shown.
const shown = new Set(['digest', 'mount', 'from', 'n', 'last', 'artifactType', 'service', 'scope'])

/** A path or URL for a message: user info is dropped, and the query's values that are not the protocol's. */
export function redact(url: string): string {
  const at = url.indexOf('?')
  const path = (at < 0 ? url : url.slice(0, at)).replace(/^([a-z]+:\/\/)[^/@]*@/i, '$1')
  if (at < 0) return path
  const query = url.slice(at + 1).split('&').filter((pair) => shown.has(pair.split('=', 1)[0] ?? ''))
  return query.length === 0 ? path : `${path}?${query.join('&')}`
}
