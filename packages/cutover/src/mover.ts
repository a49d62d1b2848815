import type { Criteria, Migration } from '@longshore/spec'
import type { Change, CutoverOptions, Pass, PassKind, VerificationSummary } from './record.ts'

export interface PassOrder {
  /** Of the cutover and of the pass: a pass that was cut off and is ordered again is the same one. */
  readonly cutover: string
  readonly number: number
  readonly kind: PassKind
  readonly spec: Migration
  readonly options: CutoverOptions
  /** What ages in the spec's rules are reckoned from: ISO 8601. */
  readonly agesAt: string
  /** Only these, without a list of tags being asked for; absent: everything that the spec selects. */
  readonly changes?: readonly Change[]
}

export type PassOutcome = Omit<Pass, 'number' | 'kind' | 'started' | 'ended'>

export interface VerifyOrder {
  readonly cutover: string
  readonly spec: Migration
  readonly options: CutoverOptions
  /** As in the last pass: an image that grows too old, or old enough, behind it was not to be moved either way. Absent where that was cut off: the present. */
  readonly agesAt?: string
  readonly deepPercent: number
  readonly signatures?: NonNullable<Criteria['signatures']>
}

/** What moves and looks: the engine in this process, or the pool. */
export interface Mover {
  /** @throws what ends a pass as a whole (a collision), the signal's reason */
  pass(order: PassOrder, signal: AbortSignal): Promise<PassOutcome>
  verify(order: VerifyOrder, signal: AbortSignal): Promise<Omit<VerificationSummary, 'started' | 'ended'>>
  /** Ends what goes on in other processes though nobody waits for it any more: whoever ordered it was killed. Absent: there is no such thing. */
  drop?(cutover: string): Promise<void>
}
