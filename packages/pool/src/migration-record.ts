import type { ErrorRecord } from '@longshore/oci'
import { type Asks, everyBlob, type ImageId, type LedgerCounts, type Sample } from '@longshore/transfer'
import type { PoolCounts } from '@longshore/ledger'
import type { Migration, NamedChange } from '@longshore/spec'

/**
 * ```
 *   running ⇄ paused ──► cancelled
 *      │ ├──► stopping ──► stopped        (somebody pressed Ctrl-C; or the first failure, without keep-going)
 *      │ └──► failed                      (an error of the run itself: a collision, say)
 *      └────► complete ──► running        (retry: what failed is tried again)
 * ```
 * `complete` says that every image is at its end, not that all went well: the counts tell. Work is handed out while running.
 */
export type MigrationState = 'running' | 'paused' | 'stopping' | 'stopped' | 'cancelled' | 'failed' | 'complete'

export const endStates: ReadonlySet<MigrationState> = new Set(['stopped', 'cancelled', 'failed', 'complete'])

/** `plan` and `verify` only look: what they find of an image is kept with its result. */
export type PoolTask = { readonly kind: 'migrate' } | { readonly kind: 'plan' } | VerifyTask

export interface VerifyTask {
  readonly kind: 'verify'
  /** Which content is read and hashed. Records of former versions say whether all of it is. */
  readonly deep: Sample | boolean
}

export function sampleOf({ deep }: VerifyTask): Sample | undefined { return deep === true ? everyBlob : deep === false ? undefined : deep }

/** What every process that works on a migration has to know, and may: no secret is among it. */
export interface PoolOptions {
  readonly task: PoolTask
  readonly srcTlsVerify: boolean
  readonly destTlsVerify: boolean
  readonly keepGoing: boolean
  /** Take nothing at the destination as present (a repair). */
  readonly distrust: boolean
  /** How many images may be open at once. */
  readonly window: number
  /** Only these images of the spec (a repair). */
  readonly only?: readonly ImageId[]
  /** Only what these name, without a list of tags being asked for; `asks` is `named` then. */
  readonly changes?: readonly NamedChange[]
  /** What ages in the spec's rules are reckoned from, where it is not when the migration was created: ISO 8601. */
  readonly agesAt?: string
  /** Default: `all`. */
  readonly asks?: Asks
  /** A person's name for it. */
  readonly name?: string
  /** `CUTOVER/NUMBER` of the pass that it is, `look/…` of a plan or a verification: no other migration of the same spec is this one. */
  readonly pass?: string
}

/** A record without its spec, which may be megabytes. */
export interface MigrationHead {
  readonly id: string
  readonly options: PoolOptions
  readonly state: MigrationState
  /** ISO 8601, by Redis' clock. */
  readonly created: string
  readonly ended?: string
  /** Every image is found: the number of images is final. */
  readonly expanded: boolean
  /** Why it failed as a whole. */
  readonly error?: ErrorRecord
}

export interface MigrationRecord extends MigrationHead { readonly spec: Migration }

/** What a list of migrations is made of. */
export type MigrationEntry = Pick<MigrationHead, 'id' | 'state' | 'created'>

export interface MigrationStatus extends MigrationHead {
  readonly counts: PoolCounts
  /** Nodes of the open window by state; absent at the end. */
  readonly nodes?: LedgerCounts
  /** How many workers are alive, whatever they work on. */
  readonly workers: number
  readonly elapsedMs: number
  /** By the bytes so far; absent while nothing can be said. */
  readonly etaMs?: number
  /** Whether some coordinator leads it at the moment. */
  readonly led: boolean
}
