import { type ErrorRecord, MigrationError, printable } from '@longshore/oci'
import type { MigrationState } from './migration-record.ts'

/** No migration of that id is known. */
export class MigrationNotFoundError extends MigrationError {
  override readonly name = 'MigrationNotFoundError'
  override readonly code = 'MIGRATION_NOT_FOUND'
  constructor(id: string) { super(printable(`there is no migration ${id}; longshore status lists those that are known`)) }
}

/** What was asked for cannot be done in the state that the migration is in. */
export class WrongStateError extends MigrationError {
  override readonly name = 'WrongStateError'
  override readonly code = 'WRONG_STATE'
  constructor(id: string, state: MigrationState, why: string) { super(printable(`migration ${id} is ${state}: ${why}`)) }
}

/** Another process leads the migration, or the cutover, now. */
export class LeadershipLostError extends MigrationError {
  override readonly name = 'LeadershipLostError'
  override readonly code = 'LEADERSHIP_LOST'
  /** @param what `migration ID`, `cutover ID` */
  constructor(what: string) { super(printable(`another coordinator leads ${what} now; this process was out of touch with Redis for too long`)) }
}

/** The process is asked to end: its work is given back. */
export class ShutdownError extends MigrationError {
  override readonly name = 'ShutdownError'
  override readonly code = 'SHUTDOWN'
  constructor() { super('the process is shutting down; its work is given back') }
}

/** The migration was cancelled, or has ended, while this worked on it. */
export class MigrationEndedError extends MigrationError {
  override readonly name = 'MigrationEndedError'
  override readonly code = 'MIGRATION_ENDED'
  constructor(id: string) { super(printable(`migration ${id} has ended`)) }
}

/** The migration that a pass is failed as a whole; `code` is that of its reason. */
export class PassFailedError extends MigrationError {
  override readonly name = 'PassFailedError'
  override readonly code: string
  constructor({ code, message }: ErrorRecord) {
    super(printable(message))
    this.code = code
  }
}

/** Whether Redis knows nothing of a migration any more. */
export function isLost(error: unknown): boolean { return error instanceof Error && 'code' in error && error.code === 'MIGRATION_LOST' }
