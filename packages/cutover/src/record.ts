// What is kept of a cutover: everything that its next step follows from. Plain data: it lives in a file or in Redis.
import type { Digest, ErrorRecord } from '@longshore/oci'
import type { Migration } from '@longshore/spec'

/**
 * A step's record is written before it and after it, and each step is begun again after a kill: passes are migrations, which lose
 * nothing by that, and hooks have to bear it.
 * ```
 *   bulk ──► delta ⟲ ──► freezing ──► final ──► verifying ──► deciding ──► go
 *                ▲           │          │                         │
 *                └───────────┴──────────┴──── unfreeze ◄── no-go ─┘        (a person's: deltas go on, and the day is tried again)
 *   no-go ──► final (retry: the source is still frozen, and the deadline begins anew)
 *   any of them but go ──► aborted
 * ```
 */
export type Phase = 'bulk' | 'delta' | 'freezing' | 'final' | 'verifying' | 'deciding' | 'go' | 'no-go' | 'aborted'

/** Nothing follows these. */
export const endPhases: ReadonlySet<Phase> = new Set(['go', 'aborted'])
/** Nobody has to lead a cutover in these, unless a person has asked for something: a no-go is tried again, or left by `unfreeze`. */
export const restPhases: ReadonlySet<Phase> = new Set(['go', 'no-go', 'aborted'])

/** What a person asked for and is not done yet; a freeze is asked for in `freeze`. `retry`: of a no-go, with the source still frozen. */
export type RequestKind = 'retry' | 'unfreeze' | 'abort'

export interface CutoverOptions {
  readonly srcTlsVerify: boolean
  readonly destTlsVerify: boolean
  /** A person's name for it. */
  readonly name?: string
}

export interface CutoverRecord {
  readonly id: string
  /** With its `cutover`. */
  readonly spec: Migration
  readonly options: CutoverOptions
  readonly phase: Phase
  /** ISO 8601, all of them. */
  readonly created: string
  /** Since when it is in this phase. */
  readonly since: string
  readonly ended?: string
  /** The latest ones, the newest last. */
  readonly passes: readonly Pass[]
  /** How many were begun, of all kinds. */
  readonly passCount: number
  /** Of all passes together. */
  readonly moved: { readonly copied: number; readonly bytes: number }
  /** A pass that was begun and has not ended: after a kill it is gone on with under the same number. */
  readonly current?: { readonly number: number; readonly kind: PassKind; readonly started: string; /** How many were named. */ readonly changes?: number }
  readonly request?: { readonly kind: RequestKind; readonly requested: string }
  /** Since when a pass over everything is wanted, whatever the plan says: more changes came than are kept. The pass that is begun then takes it away. */
  readonly due?: string
  readonly freeze?: Freeze
  /** When a person went back to deltas; from then on only a person freezes. */
  readonly unfrozen?: string
  readonly verification?: VerificationSummary
  readonly decision?: Decision
  /** What stopped the latest attempt at a step; the step is tried again. */
  readonly trouble?: { readonly at: string; readonly error: ErrorRecord }
}

export type PassKind = 'bulk' | 'delta' | 'events' | 'final'

/** What a pass came to. */
export interface Pass {
  readonly number: number
  readonly kind: PassKind
  readonly started: string
  readonly ended: string
  readonly images: number
  readonly copied: number
  readonly present: number
  readonly failed: number
  readonly bytes: number
  /** The first of the failed, then the first of what could not be listed. */
  readonly failures: readonly FailedImage[]
  /** Repositories that could not be listed. */
  readonly unlisted: number
  /** Of the failed and the unlisted: for reasons that may pass, so that the pass is worth another try. */
  readonly passing: number
  /** Tags that are gone at the source, though events named them, or a rule had chosen them a moment before. */
  readonly gone?: number
}

/** An image that failed; or, without a destination, a place of the spec that could not be listed. */
export interface FailedImage { readonly source: string; readonly destination?: string; readonly error: ErrorRecord; readonly hint: string }

export interface Freeze {
  readonly requested: string
  readonly by: 'person' | 'spec'
  /** When the hook had said yes, or at once where there is none. */
  readonly frozen?: string
  /** The last pass has to be through by then. */
  readonly deadline?: string
  /** When the last pass was through; absent where the deadline cut it off. */
  readonly caughtUp?: string
}

export interface VerificationSummary {
  readonly started: string
  readonly ended: string
  readonly images: number
  readonly sound: number
  readonly missing: number
  readonly differing: number
  readonly corrupt: number
  readonly failed: number
  readonly unlisted: number
  /** Findings and places that could not be looked at for reasons that may pass. */
  readonly passing: number
  readonly manifests: number
  readonly blobs: number
  readonly bytesRead: number
  readonly deepPercent: number
  /** The first of them. */
  readonly findings: ReadonlyArray<{ /** Empty where it is about no image. */ readonly destination: string; readonly problem: string; readonly what: string; readonly hint?: string }>
  /** Where the criteria ask for signatures. */
  readonly signatures?: { readonly checked: number; readonly verified: number; readonly unsigned: readonly string[] }
  /** Tags at the destination that this migration did not put there. */
  readonly extra: number
}

export interface Decision {
  readonly at: string
  readonly verdict: 'go' | 'no-go'
  readonly criteria: readonly CriterionResult[]
}

export interface CriterionResult {
  /** `images`, `missing`, `differing`, `failures`, `verify-age`, `deadline`, `signatures`. */
  readonly name: string
  readonly met: boolean
  /** In words: `0 of 300 images are missing (allowed: 0)`. */
  readonly found: string
  /** What to do, where it is not met. */
  readonly hint?: string
}

/** What a registry said has changed at the source. */
export interface Change {
  /** `host[:port]`, as the spec names it. */
  readonly registry: string
  readonly repository: string
  /** Absent: a manifest was pushed by digest alone. */
  readonly tag?: string
  readonly digest?: Digest
  readonly action: 'push' | 'delete'
}
