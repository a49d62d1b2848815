import { MigrationError, printable } from '@longshore/oci'

/** Redis knows nothing of the migration (any more). */
export class MigrationLostError extends MigrationError {
  override readonly name = 'MigrationLostError'
  override readonly code = 'MIGRATION_LOST'
  constructor(id: string, cause?: unknown) {
    super(printable(`Redis no longer knows migration ${id}: it was emptied, or restarted without persistence, or the record has run out; nothing at the destination is lost: `
      + 'submit the same spec again, and what is there is not moved again'), { cause })
  }
}
