import { type Access, type AccessConfig, type AccessOptions, openAccess } from '@longshore/access'
import type { Pause } from '@longshore/registry'
import { registriesOf } from '@longshore/spec'
import type { MigrationRecord } from './migration-record.ts'

/**
 * The registries of a migration: how TLS is checked is the migration's to say, credentials, limits and registries.conf are this
 * process' own. A migration that checks TLS, as all do that do not say otherwise, leaves `insecure` of registries.conf to that file.
 */
export async function openMigrationAccess({ spec, options }: MigrationRecord, own: AccessOptions, config: AccessConfig, onPause: (pause: Pause) => void): Promise<Access> {
  const { srcTlsVerify, destTlsVerify, ...rest } = own
  return await openAccess(registriesOf(spec), {
    ...rest,
    ...(!options.srcTlsVerify ? { srcTlsVerify: false } : srcTlsVerify === true ? { srcTlsVerify } : {}),
    ...(!options.destTlsVerify ? { destTlsVerify: false } : destTlsVerify === true ? { destTlsVerify } : {}),
  }, config, onPause)
}
