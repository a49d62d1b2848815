// From what the pool knows to what the API answers, field by field: what a schema does not name does not leave.
import type { ErrorRecord } from '@longshore/oci'
import { codeOf } from '@longshore/report'
import type { MigrationStatus, PoolStore, WorkerInfo } from '@longshore/pool'
import { type BlobTally, formatEnd, hintFor, type ImageResult } from '@longshore/transfer'
import type { z } from 'zod'
import type { errorSchema, imageSchema, migrationSchema, nodesSchema, workerSchema } from './schemas.ts'

export type MigrationResource = z.output<typeof migrationSchema>
export type ImageResource = z.output<typeof imageSchema>
export type WorkerResource = z.output<typeof workerSchema>
type PoolLedger = ReturnType<PoolStore['ledger']>
type Node = z.output<typeof nodesSchema>['nodes'][number]
type PoolNode = Awaited<ReturnType<PoolLedger['nodesOf']>>[number]
type OpenImage = ReturnType<PoolLedger['openImages']> extends AsyncIterable<infer T> ? T : never

export function toMigration(status: MigrationStatus): MigrationResource {
  const { id, options, state, created, ended, expanded, error, counts, nodes, workers, elapsedMs, etaMs, led } = status
  const { srcTlsVerify, destTlsVerify, keepGoing, distrust, window, name, task } = options
  const { found, resolved, copied, present, failed, blobs, expectedBytes, manifests, referrers, rewritten } = counts
  return {
    id, ...(name === undefined ? {} : { name }), task: task.kind, state, created, ...(ended === undefined ? {} : { ended }), expanded,
    options: { srcTlsVerify, destTlsVerify, keepGoing, distrust, window }, ...(error === undefined ? {} : { error: toError(error) }),
    images: { found, resolved, copied, present, failed, open: Math.max(0, found - copied - present - failed) },
    blobs: toBlobs(blobs), expectedBytes, manifests, referrers, rewritten,
    ...(nodes === undefined ? {} : { nodes: { waiting: nodes.waiting, ready: nodes.ready, leased: nodes.leased, done: nodes.done, failed: nodes.failed } }),
    workers, led, elapsedMs: Math.round(elapsedMs), ...(etaMs === undefined ? {} : { etaMs: Math.round(etaMs) }),
  }
}

export function toOpenImage({ id, wanted, state }: OpenImage): ImageResource {
  return { id, source: formatEnd(wanted.image.source), destination: formatEnd(wanted.image.destination), state }
}

export function toSettledImage({ id, wanted, outcome, digest, rewritten, referrers, blobs, ms, error }: ImageResult & { readonly id: string }): ImageResource {
  return {
    id, source: formatEnd(wanted.image.source), destination: formatEnd(wanted.image.destination), state: outcome,
    ...(digest === undefined ? {} : { digest }), ...(rewritten === undefined ? {} : { rewritten }), ...(referrers === undefined ? {} : { referrers }),
    ...(blobs === undefined ? {} : { blobs: toBlobs(blobs) }), ms,
    ...(error === undefined ? {} : { code: codeOf(error), error: toError(error), hint: hintFor(error) }),
  }
}

export function toNode({ key, state, worker, error }: PoolNode): Node {
  return { key, state, ...(worker === undefined ? {} : { worker }), ...(error === undefined ? {} : { code: codeOf(error), error: toError(error) }) }
}

export function toWorker({ id, role, host, pid, version, started, inFlight: { images, blobs, manifests }, transfers }: WorkerInfo): WorkerResource {
  return { id, role, host, pid, version, started, inFlight: { images, blobs, manifests }, transfers: transfers.map(toTransfer) }
}

export function toTransfer({ migration, registry, repository, digest, size, sent }: WorkerInfo['transfers'][number]): WorkerResource['transfers'][number] {
  return { migration, registry, repository, digest, size, sent }
}

export function toError({ name, code, message, side, op, status, registry, cause }: ErrorRecord): z.output<typeof errorSchema> {
  return {
    name, code, message, ...(side === undefined ? {} : { side }), ...(op === undefined ? {} : { op }), ...(status === undefined ? {} : { status }),
    ...(registry === undefined ? {} : { registry }), ...(cause === undefined ? {} : { cause: toError(cause) }),
  }
}

function toBlobs(tally: BlobTally): MigrationResource['blobs'] {
  return {
    pushed: { count: tally.pushed, bytes: tally.pushedBytes }, mounted: { count: tally.mounted, bytes: tally.mountedBytes }, existed: { count: tally.existed, bytes: tally.existedBytes },
  }
}
