// One leased node, made true and told to the ledger: the same in every runtime.
import { CopyError, DigestMismatchError, type ErrorRecord, toRecord } from '@longshore/oci'
import { dispose } from './dispose.ts'
import type { TransferEvent } from './event.ts'
import { HandedOverError } from './errors.ts'
import { executeNode, type ExecuteContext } from './execute-node.ts'
import type { Ledger, Lease, Progress, Take } from './ledger.ts'
import type { ManifestNode, NodeOutcome, TagNode } from './node.ts'
import type { Resolver } from './resolve-image.ts'

/** How often a manifest is tried again after the destination said that it lacks something. */
const maxReplans = 2

export interface NodeRunnerOptions extends Omit<ExecuteContext, 'signal'> {
  readonly ledger: Ledger
  readonly resolver: Pick<Resolver, 'replan'>
  readonly onEvent: (event: TransferEvent, lease: Lease) => void
}

/** What became of a lease. `retried`: the node is ready again, or will be after what it lacks: `error` says why. */
export type NodeEnd = { readonly progress: Progress } & (
  | { readonly end: 'done'; readonly outcome: NodeOutcome }
  | { readonly end: 'handed-back' }
  | { readonly end: 'failed' | 'retried'; readonly error: ErrorRecord }
)

export class NodeRunner {
  readonly #with: NodeRunnerOptions

  constructor(options: NodeRunnerOptions) { this.#with = options }

  /** @param signal gives the node back, ready for another @param take what there is room for once it has come true */
  async run(lease: Lease, signal: AbortSignal, take?: () => Take): Promise<NodeEnd> {
    const { ledger } = this.#with
    const started = performance.now()
    let outcome: NodeOutcome
    try {
      outcome = await this.#execute(lease, signal)
    } catch (error) {
      return await this.#afterFailure(lease, error, signal)
    }
    this.#tell(lease, outcome, performance.now() - started)
    return { progress: await ledger.complete(lease, outcome, take?.()), end: 'done', outcome }
  }

  /** A bit that flips on the way is chance; what comes wrong twice is wrong where it is read. */
  async #execute(lease: Lease, signal: AbortSignal): Promise<NodeOutcome> {
    const { transports, inFlight, uploads, onEvent } = this.#with
    const context = { signal, transports, inFlight, ...(uploads === undefined ? {} : { uploads }) }
    try {
      return await executeNode(lease, context)
    } catch (error) {
      if (!lies(error) || signal.aborted) throw error
      const outcome = await executeNode(lease, context)
      onEvent({ type: 'warning', message: `${error.cause.message}; read once more, it was right: something on the way changes bytes` }, lease)
      return outcome
    }
  }

  async #afterFailure(lease: Lease, error: unknown, signal: AbortSignal): Promise<NodeEnd> {
    const { ledger, resolver } = this.#with
    const { node } = lease
    if (signal.aborted || isHandedOver(error)) return await this.#handBack(lease)
    if (dispose(error) === 'replan' && lease.replans < maxReplans && (node.kind === 'manifest' || node.kind === 'tag') && !isSparse(node)) {
      try {
        return { progress: await ledger.replan(lease, await resolver.replan(node, { signal })), end: 'retried', error: toRecord(error) }
      } catch (again) {
        if (signal.aborted) return await this.#handBack(lease)
        return await this.#fail(lease, again)
      }
    }
    return await this.#fail(lease, error)
  }

  async #handBack(lease: Lease): Promise<NodeEnd> { return { progress: await this.#with.ledger.release(lease), end: 'handed-back' } }

  async #fail(lease: Lease, failure: unknown): Promise<NodeEnd> {
    const error = toRecord(failure)
    const progress = await this.#with.ledger.fail(lease, error, lies(failure))
    return { progress, end: progress.ready.includes(lease.key) ? 'retried' : 'failed', error }
  }

  #tell(lease: Lease, outcome: NodeOutcome, ms: number): void {
    const { node, again } = lease
    // What is found to be there still was counted when it came to be there.
    if (outcome === 'skipped' || (again && outcome === 'existed')) return
    const { registry, repository } = node
    const { onEvent } = this.#with
    const put = outcome === 'existed' ? 'existed' : 'pushed'
    switch (node.kind) {
      case 'blob': return onEvent({ type: 'blob', registry, repository, desc: node.desc, outcome, ms }, lease)
      case 'manifest': return onEvent({ type: 'manifest', registry, repository, reference: node.manifest.digest, digest: node.manifest.digest, outcome: put }, lease)
      case 'tag': return onEvent({ type: 'manifest', registry, repository, reference: node.tag, digest: node.manifest.digest, outcome: put }, lease)
      case 'referrers': return onEvent({ type: 'manifest', registry, repository, reference: node.tag, digest: node.subject, outcome: put }, lease)
    }
  }
}

/** An upload that this process gave up for another to go on with it. */
function isHandedOver(error: unknown): boolean {
  for (let e = error; e instanceof Error; e = e.cause) if (e instanceof HandedOverError) return true
  return false
}

/** Bytes that are not what their digest says are so in every repository of their registry. */
function lies(error: unknown): error is CopyError & { readonly cause: DigestMismatchError } {
  return error instanceof CopyError && error.side === 'source' && error.cause instanceof DigestMismatchError
}

/** A registry that refuses an index for the children that were left out would refuse it again. */
function isSparse({ manifest, options }: ManifestNode | TagNode): boolean {
  return manifest.kind === 'index' && options.platforms.length > 0 && options.platformPolicy === 'sparse'
}
