export interface EmbeddedHarborOptions {
  /** Default 0: any free port. */
  readonly port?: number
  /** Of `admin`. Default `Harbor12345`, as a Harbor has it that nobody has changed. */
  readonly adminPassword?: string
  /** Default `v2.12.2-…`. */
  readonly version?: string
  /** How long tokens for /v2/ are good. Default: 30 minutes. */
  readonly tokenTtlMs?: number
  /** What the registry behind keeps, and where. Default: a temporary folder. */
  readonly rootDirectory?: string
  /** With `clientCa` a client certificate is demanded. All PEM. */
  readonly tls?: { readonly key: string; readonly cert: string }
}
