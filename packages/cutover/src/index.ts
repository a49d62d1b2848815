export { cutoverKey } from './cutover-key.ts'
export { CutoverHeldError, CutoverNotFoundError, CutoverPhaseError, CutoverStateError } from './errors.ts'
export type { PassOrder, PassOutcome, Mover, VerifyOrder } from './mover.ts'
export {
  type Change, type CriterionResult, type CutoverOptions, type CutoverRecord, type Decision, endPhases, type FailedImage, type Freeze, type Pass, type PassKind, type Phase,
  type RequestKind, restPhases, type VerificationSummary,
} from './record.ts'
export type { CutoverStore, Hold, WaitingChange } from './store.ts'
export type { Heard } from './notifications/heard.ts'
export { NotificationInvalidError } from './notifications/notification-error.ts'
export { maxNotificationBytes, notificationTypes, readNotification } from './notifications/read-notification.ts'
