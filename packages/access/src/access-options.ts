import type { AccessHint } from './access-hint.ts'

/** How the registries of each side are reached: what a person may say on the command line. Secrets: never logged, stored or sent on. */
export interface AccessOptions {
  readonly srcTlsVerify?: boolean
  readonly destTlsVerify?: boolean
  readonly authfile?: string
  readonly srcAuthfile?: string
  readonly destAuthfile?: string
  readonly srcCreds?: string
  readonly destCreds?: string
  readonly srcUsername?: string
  readonly destUsername?: string
  readonly srcPassword?: string
  readonly destPassword?: string
  readonly srcNoCreds?: boolean
  readonly destNoCreds?: boolean
  readonly srcRegistryToken?: string
  readonly destRegistryToken?: string
  readonly srcCertDir?: string
  readonly destCertDir?: string
  /** The file in place of the user's and the system's registries.conf. */
  readonly registriesConf?: string
  /** Of the files that are read; flags win. */
  readonly hints?: readonly AccessHint[]
  /** The most requests at once to one registry. */
  readonly concurrency?: number
  /** Bytes per second. */
  readonly maxBandwidth?: number
}
