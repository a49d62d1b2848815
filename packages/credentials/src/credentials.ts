/** What is shown to a registry, or to the token service it names. `undefined` in its place means anonymous. */
export type Credentials =
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  /** An OAuth2 refresh token: exchanged at the token service, never sent to the registry itself. */
  | { readonly kind: 'identity-token'; readonly username?: string; readonly token: string }
  /** A bearer token that is sent to the registry as it is. */
  | { readonly kind: 'registry-token'; readonly token: string }

/** Answers which credentials a repository needs. */
export interface Keychain {
  /**
   * `registry` is `host[:port]`; `repository` narrows the search to keys such as `host/team/app`.
   * @throws InvalidCredentialsError, CredentialHelperError
   */
  credentialsFor(registry: string, repository?: string): Promise<Credentials | undefined>
}
