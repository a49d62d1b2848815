// What a worker tells of itself: for its log and its metrics.
import type { ErrorRecord } from '@longshore/oci'
import { hintFor, type NodeKey, objectsOf, type SettledImage, type TransferEvent } from '@longshore/transfer'
import { isToldLate } from './told-late.ts'

/** What is done at the moment, and for which job of the queues: what is taken along has the job that made it ready. */
export interface Errand {
  readonly migration: string
  readonly queue: 'images' | 'blobs' | 'manifests'
  /** Or a batch. */
  readonly node: NodeKey
  readonly job: string
  readonly isTakenAlong: boolean
}

/** `put-aside`: its registry wants to be left alone; it comes again. `void`: somebody else had done it, or its time is over. */
export type ErrandStep = 'started' | 'done' | 'failed' | 'retried' | 'handed-back' | 'put-aside' | 'void'

export type WorkerEvent =
  /** Without `node` where it is about none. */
  | { readonly type: 'transfer'; readonly migration: string; readonly node?: NodeKey; readonly job?: string; readonly event: TransferEvent }
  | { readonly type: 'job'; readonly migration: string; readonly errand: Errand; readonly step: ErrandStep; readonly error?: ErrorRecord }
  | { readonly type: 'migration'; readonly migration: string; readonly state: 'opened' | 'closed' }
  | { readonly type: 'pause'; readonly migration: string; readonly registry: string; readonly ms: number }
  | { readonly type: 'reclaimed'; readonly migration: string; readonly worker: string; readonly count: number }
  | { readonly type: 'trouble'; readonly migration: string; readonly errand: Errand; readonly error: unknown }

/** What is told of an image at its end; `undefined`: nothing, or later: what may pass is tried again at the end of the migration. */
export function endOf({ result }: SettledImage): TransferEvent | undefined {
  if (!result) return undefined
  const { wanted, outcome, digest, rewritten, referrers = 0, blobs, ms, error } = result
  const { image } = wanted
  if (outcome === 'failed') return error && !isToldLate(error) ? { type: 'failed', image, error, hint: hintFor(error), ...objectsOf(wanted) } : undefined
  if (digest === undefined || !blobs) return undefined
  return { type: 'done', image, outcome, digest, ...(rewritten === undefined ? {} : { rewritten }), blobs, referrers, ms, ...objectsOf(wanted) }
}
