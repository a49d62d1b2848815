import { type Access, type AccessConfig, type AccessOptions, openAccess } from '@longshore/access'
import type { Pause } from '@longshore/registry'
import { registriesOf } from '@longshore/spec'
import type { MigrationRecord } from './migration-record.ts'

/** The registries of a migration: how TLS is checked is the migration's to say, credentials and limits are this process' own. */
export async function openMigrationAccess(
  { spec, options: { srcTlsVerify, destTlsVerify } }: MigrationRecord, own: AccessOptions, config: AccessConfig, onPause: (pause: Pause) => void,
): Promise<Access> {
  return await openAccess(registriesOf(spec), { ...own, srcTlsVerify, destTlsVerify }, config, onPause)
}
