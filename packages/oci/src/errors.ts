import type { Descriptor } from './descriptor.ts'
import { printable } from './printable.ts'

/** distribution-spec v1.1.1 error codes, then two that registries send anyway. */
export const RegistryErrorCodes = [
  'BLOB_UNKNOWN', 'BLOB_UPLOAD_INVALID', 'BLOB_UPLOAD_UNKNOWN', 'DIGEST_INVALID', 'MANIFEST_BLOB_UNKNOWN', 'MANIFEST_INVALID',
  'MANIFEST_UNKNOWN', 'NAME_INVALID', 'NAME_UNKNOWN', 'SIZE_INVALID', 'UNAUTHORIZED', 'DENIED', 'UNSUPPORTED', 'TOOMANYREQUESTS',
  'UNKNOWN', 'UNAVAILABLE',
] as const
export type RegistryErrorCode = (typeof RegistryErrorCodes)[number] | (string & {})

export interface RegistryErrorDetail { readonly code: RegistryErrorCode; readonly message?: string; readonly detail?: unknown }

/** Every error that a user can meet derives from this; `code` is its name in docs/errors.md. */
export abstract class MigrationError extends Error {
  abstract readonly code: string
}

/** A registry answered, and the answer was no. `request` is a method and a redacted path, on which host. */
export class RegistryError extends MigrationError {
  override readonly name = 'RegistryError'
  override readonly code: RegistryErrorCode
  readonly status: number
  readonly registry: string
  readonly request: string
  readonly details: readonly RegistryErrorDetail[]
  readonly retryAfterMs?: number

  constructor(fields: { status: number; registry: string; request: string; details?: readonly RegistryErrorDetail[]; retryAfterMs?: number }) {
    const [first] = fields.details ?? []
    const what = [first?.code, first?.message].filter((part) => part !== undefined && part !== '').join(': ')
    super(printable(`${fields.registry} answered ${fields.status} to ${fields.request}${what === '' ? '' : ` (${what})`}`))
    this.code = first?.code ?? `HTTP_${fields.status}`
    this.status = fields.status
    this.registry = fields.registry
    this.request = fields.request
    this.details = fields.details ?? []
    if (fields.retryAfterMs !== undefined) this.retryAfterMs = fields.retryAfterMs
  }
}

/** No usable answer came: name not found, refused, cut, timed out, TLS. `cause` is the socket's error. */
export class ConnectionError extends MigrationError {
  override readonly name = 'ConnectionError'
  override readonly code: 'CONNECTION_FAILED' | 'HOST_UNREACHABLE' | 'TLS_FAILED' | 'STALLED' | 'NOT_A_REGISTRY'
  readonly registry: string
  constructor(code: ConnectionError['code'], registry: string, message: string, cause?: unknown) {
    super(printable(message), { cause })
    this.code = code
    this.registry = registry
  }
}

export type Side = 'source' | 'destination'
export type Operation = 'list' | 'resolve' | 'fetch' | 'exists' | 'mount' | 'push' | 'tag'

/** What was being done, and which side failed. Always has a cause. */
export class CopyError extends MigrationError {
  override readonly name = 'CopyError'
  override readonly code = 'COPY_FAILED'
  readonly side: Side
  readonly op: Operation
  readonly desc: Descriptor | undefined
  constructor(side: Side, op: Operation, desc: Descriptor | undefined, cause: unknown) {
    super(`${op}${desc ? ` ${desc.digest}` : ''} on the ${side}`, { cause })
    this.side = side
    this.op = op
    this.desc = desc
  }
}

/** Bytes did not hash to the digest that named them. */
export class DigestMismatchError extends MigrationError {
  override readonly name = 'DigestMismatchError'
  override readonly code = 'DIGEST_MISMATCH'
  constructor(what: string, expected: string, actual: string) {
    super(printable(`${what}: the bytes hash to ${actual}, not to ${expected}`))
  }
}

/** More or fewer bytes than the descriptor says. */
export class SizeMismatchError extends MigrationError {
  override readonly name = 'SizeMismatchError'
  override readonly code = 'SIZE_MISMATCH'
  constructor(what: string, expected: number, actual: number) {
    super(printable(`${what}: ${actual} bytes arrived where the descriptor says ${expected}`))
  }
}

export class ManifestTooLargeError extends MigrationError {
  override readonly name = 'ManifestTooLargeError'
  override readonly code = 'MANIFEST_TOO_LARGE'
  constructor(what: string, limit: number) { super(printable(`${what} is larger than ${limit} bytes, the most a registry has to take`)) }
}

export class InvalidManifestError extends MigrationError {
  override readonly name = 'InvalidManifestError'
  override readonly code = 'MANIFEST_INVALID'
  constructor(what: string, why: string) { super(printable(`${what}: ${why}`)) }
}

/** A reference, repository, tag or digest that is not well formed. */
export class InvalidReferenceError extends MigrationError {
  override readonly name = 'InvalidReferenceError'
  override readonly code = 'REFERENCE_INVALID'
  readonly input: string
  constructor(input: string, why: string) {
    super(printable(`"${input}" is not a valid reference: ${why}`))
    this.input = input
  }
}

/** An error as data: classes do not survive a queue or a report. */
export interface ErrorRecord {
  readonly name: string
  readonly code: string
  readonly message: string
  readonly side?: Side
  readonly op?: Operation
  readonly status?: number
  readonly registry?: string
  readonly cause?: ErrorRecord
}

export function toRecord(error: unknown): ErrorRecord {
  if (!(error instanceof Error)) return { name: 'Error', code: 'UNKNOWN', message: printable(String(error)) }
  return {
    name: error.name,
    code: 'code' in error && typeof error.code === 'string' ? error.code : 'UNKNOWN',
    // A record is told in one line; some of our own errors have several.
    message: printable(error.message.replaceAll('\n', '; ')),
    ...(error instanceof CopyError ? { side: error.side, op: error.op } : {}),
    ...(error instanceof RegistryError ? { status: error.status, registry: error.registry } : {}),
    ...(error instanceof ConnectionError ? { registry: error.registry } : {}),
    ...(error.cause === undefined ? {} : { cause: toRecord(error.cause) }),
  }
}

/** One line for a person: what was attempted, then why it did not work. */
export function describeRecord(record: ErrorRecord): string {
  const parts: string[] = []
  for (let r: ErrorRecord | undefined = record; r; r = r.cause) if (!parts.includes(r.message)) parts.push(r.message)
  return parts.join(': ')
}
