export type { Credentials, Keychain } from './credentials.ts'
export { CredentialHelperError, InvalidCertificatesError, InvalidCredentialsError } from './errors.ts'
export { createKeychain, type KeychainOptions } from './keychain.ts'
export { loadTls, type TlsFiles, type TlsOptions } from './tls.ts'
