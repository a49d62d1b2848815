import { MigrationError, printable } from '@longshore/oci'

// None of these quotes the content of a file, the output of a helper or the value of a flag: a secret could be in it.

/** Flags that contradict each other, or an auth file that cannot be read. */
export class InvalidCredentialsError extends MigrationError {
  override readonly name = 'InvalidCredentialsError'
  override readonly code = 'CREDENTIALS_INVALID'
  constructor(message: string) { super(printable(message)) }
}

/** A credential helper is missing, failed, was too slow or answered nonsense. */
export class CredentialHelperError extends MigrationError {
  override readonly name = 'CredentialHelperError'
  override readonly code = 'CREDENTIAL_HELPER_FAILED'
  readonly helper: string
  readonly reason: 'missing' | 'failed'
  constructor(helper: string, reason: 'missing' | 'failed', message: string) {
    super(printable(message))
    this.helper = helper
    this.reason = reason
  }
}

/** A certs.d directory whose files cannot be used. */
export class InvalidCertificatesError extends MigrationError {
  override readonly name = 'InvalidCertificatesError'
  override readonly code = 'CERTIFICATES_INVALID'
  constructor(message: string) { super(printable(message)) }
}

/** The `code` of a system error (`ENOENT`), for messages: it never holds content. */
export function systemCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown error'
}
