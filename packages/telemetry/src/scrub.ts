// What must never be read by anyone who reads logs (promise P6). A line is scrubbed when it is finished, whatever field a text came in by.

export const hidden = '[redacted]'

/** Fields that hold secrets by their name, wherever they stand. */
export const secretNames = [
  'authorization', 'proxyAuthorization', 'cookie', 'setCookie', 'password', 'passwd', 'secret', 'token', 'accessToken', 'refreshToken', 'identityToken', 'registryToken',
  'idToken', 'bearer', 'creds', 'srcCreds', 'destCreds', 'credentials', 'auth', 'privateKey', 'apiKey', 'signature',
] as const

/** Anything in a query that the registry protocol does not define may be a signature or a token: only these are shown (as in packages/registry/src/redact.ts). */
const shownParameters = new Set(['digest', 'mount', 'from', 'n', 'last', 'artifactType', 'service', 'scope'])

// By name, also in kebab and snake case; of a JSON line, and of JSON within its strings, whose quotes have backslashes before them.
const names = secretNames.map((name) => name.replace(/[A-Z]/g, (c) => `[-_]?${c.toLowerCase()}`)).join('|')
const scalar = String.raw`[\d.eE+-]+|true|false`
const string = String.raw`"(?:[^"\\]|\\.)*"`
/** What lists and objects hold, to this depth: a log line goes no deeper. */
const held = Array.from({ length: 4 }).reduce<string>((inner) => String.raw`${inner}|\[(?:${inner})*\]|\{(?:${inner})*\}`, String.raw`[^{}[\]"]|${string}`)
const secretField = new RegExp(String.raw`("(?:${names})"\s*:\s*)(?:${string}|${scalar}|\[(?:${held})*\]|\{(?:${held})*\})`, 'gi')
const nestedSecretField = new RegExp(String.raw`((\\+)"(?:${names})\2"\s*:\s*)(?:\2"(?:[^"]|(?<=\\)")*?(?<!\\)\2"|${scalar})`, 'gi')
const scheme = /\b(Bearer|Basic)(\s+|%20)[\w.~+/=:-]+/gi
const header = /\b((?:proxy-)?authorization|cookie)(\s*[:=]\s*)(?!\[redacted\])[^\s"\\,;]+/gi
const userInfo = /([a-z][a-z0-9+.-]*:\/\/)[^\s"\\/@]+@/gi
const jwt = /\beyJ[\w-]{4,}\.[\w-]{4,}\.[\w-]*/g
const parameter = /([?&])([\w.~%-]+)=([^&\s"\\#]*)/g

/** @param secrets known ones, hidden wherever they stand, in any form in which a line can hold them */
export function createScrubber(secrets: readonly string[] = []): (text: string) => string {
  // The longer first: one may be a part of another.
  const literals = [...new Set(secrets.filter((secret) => secret !== '').flatMap(formsOf))].sort((a, b) => b.length - a.length)
  const literal = literals.length === 0 ? undefined : new RegExp(literals.map((text) => RegExp.escape(text)).join('|'), 'g')
  return (text) => {
    const known = literal === undefined ? text : text.replace(literal, hidden)
    return known
      .replace(secretField, `$1"${hidden}"`)
      .replace(nestedSecretField, `$1$2"${hidden}$2"`)
      .replace(scheme, `$1 ${hidden}`)
      .replace(header, `$1$2${hidden}`)
      .replace(userInfo, '$1')
      .replace(jwt, hidden)
      .replace(parameter, (whole: string, mark: string, name: string) => (shownParameters.has(name) ? whole : `${mark}${name}=${hidden}`))
  }
}

/** As it is, inside a JSON string, inside a URL, and as credentials of the Basic scheme are. */
function formsOf(secret: string): readonly string[] {
  return [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret), Buffer.from(secret).toString('base64')]
}
