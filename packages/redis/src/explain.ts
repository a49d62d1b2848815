// What an error of ioredis, of a socket or of the server means, in words; sorted by what can be done about it.
import { RedisAuthError, RedisModeError, RedisTlsError } from './errors.ts'
import type { RedisUrl } from './url.ts'

export type Explanation =
  | { readonly kind: 'away'; readonly why: string }
  | { readonly kind: 'fatal'; readonly error: RedisAuthError | RedisModeError | RedisTlsError }

const untrusted = new Set([
  'SELF_SIGNED_CERT_IN_CHAIN', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'UNABLE_TO_GET_ISSUER_CERT', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_SIGNATURE_FAILURE',
])
const away: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there', ENOENT: 'there is no such socket', EACCES: 'the socket may not be opened by this user',
  ENOTFOUND: 'the host is not known', EAI_AGAIN: 'the host is not known', ETIMEDOUT: 'no answer', EHOSTUNREACH: 'no way to the host', ENETUNREACH: 'no way to the host',
  ECONNRESET: 'the connection was cut', EPIPE: 'the connection was cut',
}

/** `fatal`: waiting will not cure it. */
export function explain(error: unknown, url: RedisUrl, where: string): Explanation {
  const all = chain(error)
  const text = all.map(({ message }) => message).join(' ')
  const codes = all.map(({ code }) => code).filter((code) => code !== undefined)
  const fatal = (cause: RedisAuthError | RedisModeError | RedisTlsError): Explanation => ({ kind: 'fatal', error: cause })

  const certificate = codes.find((code) => untrusted.has(code)) ?? /self-signed certificate|unable to verify the first certificate|unable to get (?:local )?issuer certificate/i.exec(text)?.[0]
  if (certificate !== undefined) return fatal(new RedisTlsError(where, `its certificate is not trusted (${certificate}): name the CA's PEM file in LONGSHORE_REDIS_CA`, error))
  if (codes.includes('ERR_TLS_CERT_ALTNAME_INVALID')) return fatal(new RedisTlsError(where, 'its certificate is for another host: name Redis by a host that the certificate names', error))
  const dated = codes.find((code) => code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID')
  if (dated !== undefined) return fatal(new RedisTlsError(where, `its certificate is not valid now (${dated})`, error))
  if (/alert certificate required|alert handshake failure|alert bad certificate|alert unknown ca/i.test(text)) {
    return fatal(new RedisTlsError(where, 'it wants a client certificate that it trusts: name its PEM files in LONGSHORE_REDIS_CERT and LONGSHORE_REDIS_KEY', error))
  }
  if (url.tls && /wrong version number|packet length too long|ERR_SSL_|EPROTO/i.test(`${text} ${codes.join(' ')}`)) {
    return fatal(new RedisTlsError(where, 'speaks plain Redis where TLS was expected: write redis… instead of rediss…, or name the TLS port', error))
  }
  if (!url.tls && text.includes('Protocol error, got "\\u0015"')) {
    return fatal(new RedisTlsError(where, 'speaks TLS where plain Redis was expected: write rediss… instead of redis…', error))
  }
  if (/WRONGPASS|invalid username-password|invalid password/i.test(text)) return fatal(new RedisAuthError(where, 'the user or the password was refused', error))
  if (/NOAUTH/.test(text)) return fatal(new RedisAuthError(where, 'it wants a password: put it into the URL, LONGSHORE_REDIS_PASSWORD or LONGSHORE_REDIS_PASSWORD_FILE', error))
  if (/NOPERM|user executing the script can.t run/.test(text)) return fatal(new RedisAuthError(where, `the user may not do what Longshore needs (${line(text)}): docs/redis.md has the ACL`, error))
  if (/cluster support disabled/i.test(text)) return fatal(new RedisModeError(where, 'this is no cluster: write redis:// instead of redis+cluster://', error))
  if (url.kind === 'sentinel' && /unknown command.*sentinel/i.test(text)) return fatal(new RedisModeError(where, 'this is no Sentinel: name the port of the sentinels (26379), or write redis://', error))
  if (/invalid DB index|DB index is out of range/i.test(text)) return fatal(new RedisModeError(where, 'it has no such database', error))

  // Of a sentinel's error there is only the text.
  const [code, why] = [...codes, ...text.match(/\bE[A-Z]{3,}\b/g) ?? []].map((c) => [c, away[c]] as const).find(([, known]) => known !== undefined) ?? []
  if (code !== undefined) return { kind: 'away', why: `${why} (${code})` }
  if (/invalid reply: null|No such master/.test(text)) return { kind: 'away', why: 'the sentinels know no master of this name' }
  return { kind: 'away', why: text === '' ? 'the connection was lost' : line(text) }
}

/** What a server that never answered may be: neither side of a mismatch is told so. A plain one waits for the rest of a line that TLS does not end, one with TLS hangs up. */
export function guess(why: string, { tls }: RedisUrl): string {
  if (tls && why.includes('ETIMEDOUT')) return `${why}; where it speaks plain Redis, write redis… instead of rediss…`
  // Its alert may be lost when it hangs up.
  if (tls && /ECONNRESET|EPIPE/.test(why)) return `${why}; where it wants a client certificate, name its PEM files in LONGSHORE_REDIS_CERT and LONGSHORE_REDIS_KEY`
  if (!tls && /ECONNRESET|EPIPE/.test(why)) return `${why}; where it speaks TLS, write rediss… instead of redis…`
  return why
}

function line(text: string): string { return text.replace(/\s+/g, ' ').slice(0, 200) }

interface Link { readonly message: string; readonly code: string | undefined }

/** An error, its causes, the errors it gathers, and what ioredis hangs beside. */
function chain(error: unknown, depth = 0): readonly Link[] {
  if (!(error instanceof Error) || depth > 5) return []
  const { code, lastNodeError } = error as { readonly code?: unknown; readonly lastNodeError?: unknown }
  const inner = [lastNodeError, error.cause, ...(error instanceof AggregateError ? error.errors : [])]
  return [{ message: error.message, code: typeof code === 'string' ? code : undefined }, ...inner.flatMap((one) => chain(one, depth + 1))]
}
