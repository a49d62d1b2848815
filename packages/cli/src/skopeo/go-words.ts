// Our errors in the words that Go's libraries have for them, as far as scripts grep for them; the others keep their own.
import { ConnectionError, MigrationError, RegistryError } from '@longshore/oci'
import { SkopeoError } from './skopeo-error.ts'

/** Text as Go's `%q` prints it. */
export function goQuote(text: string): string {
  let out = '"'
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0
    out += char === '"' || char === '\\' ? `\\${char}`
      : shortEscapes[char] ?? (code < 0x20 || code === 0x7f ? `\\x${code.toString(16).padStart(2, '0')}`
        : isPrint(char) ? char : code > 0xffff ? `\\U${code.toString(16).padStart(8, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`)
  }
  return `${out}"`
}

const shortEscapes: Readonly<Record<string, string>> = { '\u0007': '\\a', '\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\v': '\\v' }

function isPrint(char: string): boolean { return char === ' ' || !/[\p{C}\p{Z}]/u.test(char) }

/** `unauthorized: authentication required`: distribution's way to print an error of the wire. */
function registryWords(error: RegistryError): string {
  const [first] = error.details
  if (!first || first.code === 'UNKNOWN') return error.message
  const code = first.code.toLowerCase().replaceAll('_', ' ')
  return first.message === undefined || first.message === '' || first.message === code ? code : `${code}: ${first.message}`
}

function connectionWords(error: ConnectionError): string {
  const cause = error.cause instanceof Error && 'code' in error.cause ? String(error.cause.code) : ''
  const { registry } = error
  const https = `pinging container registry ${registry}: Get "https://${registry}/v2/"`
  if (cause === 'ECONNREFUSED') return `pinging container registry ${registry}: dial tcp ${registry}: connect: connection refused`
  if (cause === 'ENOTFOUND' || cause === 'EAI_AGAIN') return `pinging container registry ${registry}: dial tcp: lookup ${registry.replace(/:\d+$/, '')}: no such host`
  if (error.code === 'TLS_FAILED' && error.message.includes('plain HTTP')) return `${https}: http: server gave HTTP response to HTTPS client (if that is meant: --tls-verify=false)`
  if (/SELF_SIGNED|UNABLE_TO_(?:GET|VERIFY)/.test(cause)) return `${https}: x509: certificate signed by unknown authority`
  if (cause === 'CERT_HAS_EXPIRED') return `${https}: x509: certificate has expired or is not yet valid`
  return error.message
}

/** One line for the chain of `error`. */
export function goWords(error: unknown): string {
  if (error instanceof RegistryError) return registryWords(error)
  if (error instanceof ConnectionError) return connectionWords(error)
  if (!(error instanceof Error)) return String(error)
  if (error instanceof SkopeoError || error.cause === undefined || !(error instanceof MigrationError)) return error.message
  const rest = goWords(error.cause)
  return error.message.includes(rest) ? error.message : `${error.message}: ${rest}`
}

/** The same failure with what was being attempted before it. An interruption stays what it is. */
export function during(attempt: string, error: unknown): Error {
  if (error instanceof SkopeoError) return new SkopeoError(`${attempt}: ${error.message}`, error.code, { exitCode: error.exitCode, cause: error })
  if (error instanceof MigrationError) return new SkopeoError(`${attempt}: ${goWords(error)}`, 'SKOPEO_FAILED', { cause: error })
  return error instanceof Error ? error : new Error(String(error))
}
