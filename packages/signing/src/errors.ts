import { MigrationError, printable } from '@longshore/oci'

/**
 * `SIGNATURE_INVALID`: this signature does not prove what it should. `SIGNING_FAILED`: none can be made. `POLICY_INVALID`: policy.json is
 * missing or not understood. `POLICY_REJECTED`: it does not let this image through. `SIGNATURE_STORE`: where signatures are kept cannot
 * be used, or registries.d is not understood. `SIGNING_KEY_INVALID`: a key is missing or not understood.
 */
export class SigningError extends MigrationError {
  override readonly name = 'SigningError'
  override readonly code: 'SIGNATURE_INVALID' | 'SIGNING_FAILED' | 'POLICY_INVALID' | 'POLICY_REJECTED' | 'SIGNATURE_STORE' | 'SIGNING_KEY_INVALID'
  constructor(code: SigningError['code'], message: string, cause?: unknown) {
    super(printable(message), { cause })
    this.code = code
  }
}

/** `ENOENT` and the like of a system error, in the words that scripts grep for where there are such. */
export function systemWords(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
  switch (code) {
    case 'ENOENT': return 'no such file or directory'
    case 'EACCES': return 'permission denied'
    case 'EISDIR': return 'is a directory'
    default: return code
  }
}
