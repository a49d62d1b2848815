/** How a registry wants to be shown credentials. RFC 9110 §11.6.1; distribution's token specification. */
export type Challenge =
  | { readonly scheme: 'basic' }
  | { readonly scheme: 'bearer'; readonly realm: string; readonly service?: string; readonly scope?: string; readonly error?: string }

/** The bearer challenge where there is one, else basic; `undefined` when neither is offered. */
export function parseChallenge(header: string | string[] | undefined): Challenge | undefined {
  if (header === undefined) return undefined
  const text = Array.isArray(header) ? header.join(', ') : header
  const bearer = /(?:^|,)\s*bearer\s+(.*)$/i.exec(text)?.[1]
  if (bearer !== undefined) {
    const fields = new Map<string, string>()
    for (const [, name, quoted, token] of bearer.matchAll(/([a-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/gi)) {
      if (name !== undefined && !fields.has(name.toLowerCase())) fields.set(name.toLowerCase(), (quoted ?? token ?? '').replace(/\\(.)/g, '$1'))
    }
    const realm = fields.get('realm')
    if (realm !== undefined) {
      const [service, scope, error] = [fields.get('service'), fields.get('scope'), fields.get('error')]
      return {
        scheme: 'bearer', realm, ...(service === undefined ? {} : { service }), ...(scope === undefined ? {} : { scope }),
        ...(error === undefined ? {} : { error }),
      }
    }
  }
  return /(?:^|,)\s*basic\b/i.test(text) ? { scheme: 'basic' } : undefined
}
