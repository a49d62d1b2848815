export type { CutoverEvent } from './cutover-event.ts'
export { cutoverKey } from './cutover-key.ts'
export { decide } from './decide.ts'
export { CutoverHeldError, CutoverNotFoundError, CutoverPhaseError, CutoverStateError } from './errors.ts'
export { FileStore } from './file-store.ts'
export type { PassOrder, PassOutcome, Mover, VerifyOrder } from './mover.ts'
export { newRecord } from './new-record.ts'
export { nextPassAt } from './next-pass.ts'
export { passOutcome } from './pass-outcome.ts'
export { planOf } from './plan-of.ts'
export {
  type Change, type CriterionResult, type CutoverOptions, type CutoverRecord, type Decision, endPhases, type FailedImage, type Freeze, type Pass, type PassKind, type Phase,
  type RequestKind, restPhases, type VerificationSummary,
} from './record.ts'
export { request, requestFreeze, required } from './requests.ts'
export { runCutover, type RunOptions } from './run-cutover.ts'
export type { CutoverParts } from './step.ts'
export type { CutoverStore, Hold, WaitingChange } from './store.ts'
export { type Verified, verificationSummary, type VerifyOutcome } from './verification-summary.ts'
