import { MigrationError, printable } from '@longshore/oci'
import type { Phase, RequestKind } from './record.ts'

export class CutoverNotFoundError extends MigrationError {
  override readonly name = 'CutoverNotFoundError'
  override readonly code = 'CUTOVER_NOT_FOUND'
  constructor(what: string) { super(printable(`there is no cutover ${what}`)) }
}

/** Somebody else takes it through its phases at this moment. */
export class CutoverHeldError extends MigrationError {
  override readonly name = 'CutoverHeldError'
  override readonly code = 'CUTOVER_HELD'
  constructor(id: string, holder: string) { super(printable(`cutover ${id} is under way already, in ${holder}`)) }
}

/** A person asks for what its phase does not allow. */
export class CutoverPhaseError extends MigrationError {
  override readonly name = 'CutoverPhaseError'
  override readonly code = 'CUTOVER_PHASE'
  constructor(id: string, what: RequestKind | 'freeze', phase: Phase, why: string) { super(printable(`${what} of cutover ${id}, which is at ${phase}: ${why}`)) }
}

/** The folder that keeps a cutover cannot be used. */
export class CutoverStateError extends MigrationError {
  override readonly name = 'CutoverStateError'
  override readonly code = 'CUTOVER_STATE'
  constructor(folder: string, why: string, cause?: unknown) { super(printable(`${folder}: ${why}`), { cause }) }
}
