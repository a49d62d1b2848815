import type { ErrorRecord } from '@longshore/oci'
import type { Decision, Freeze, Pass, PassKind, Phase, RequestKind, VerificationSummary } from './record.ts'

/** What a cutover tells whoever watches it. */
export type CutoverEvent =
  | { readonly type: 'phase'; readonly phase: Phase }
  | { readonly type: 'pass-begins'; readonly number: number; readonly kind: PassKind; /** How many changes are named. */ readonly changes?: number; /** It was begun before a stop. */ readonly again: boolean }
  | { readonly type: 'pass'; readonly pass: Pass }
  /** Nothing to do until then, or until something happens. */
  | { readonly type: 'waiting'; readonly until?: string }
  | { readonly type: 'hook'; readonly hook: 'freeze' | 'thaw' }
  | { readonly type: 'frozen'; readonly freeze: Freeze }
  /** A pass was cut off: by the deadline, or for what a person asked. */
  | { readonly type: 'cut'; readonly number: number; readonly kind: PassKind; readonly why: 'deadline' | 'freeze' | RequestKind }
  | { readonly type: 'verified'; readonly verification: VerificationSummary }
  | { readonly type: 'decided'; readonly decision: Decision }
  /** A step could not be done; it is tried again after `retryMs`, which only its leader knows. */
  | { readonly type: 'trouble'; readonly error: ErrorRecord; readonly hint: string; readonly retryMs?: number }
