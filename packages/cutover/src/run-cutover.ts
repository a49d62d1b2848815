// Takes a cutover through its phases. Whatever is remembered is in the record; this process may end at any instant, and another one goes on. The state
// chart is in record.ts.
import { backoffMs } from '@longshore/concurrency'
import { toRecord } from '@longshore/oci'
import { hintFor } from '@longshore/transfer'
import { decidingStep } from './deciding-step.ts'
import { deltaStep } from './delta-step.ts'
import { freezingStep } from './freezing-step.ts'
import { DivertedError } from './interruption.ts'
import { bulkStep, finalStep } from './pass-step.ts'
import { isPermanent } from './permanent.ts'
import { type CutoverRecord, restPhases } from './record.ts'
import { requestStep } from './request-step.ts'
import { required } from './requests.ts'
import { type CutoverParts, type Step, waitUnlessAsked } from './step.ts'
import { verifyingStep } from './verifying-step.ts'

/** Of a step that could not be done. */
const again = { baseMs: 2000, capMs: 5 * 60_000 } as const

export interface RunOptions {
  /** Ends the run in front of the next step, where this is true; it can be gone on with. */
  readonly until?: (record: CutoverRecord) => boolean
}

/**
 * Steps until it rests: go, no-go or aborted. Whoever calls this has the hold.
 * @throws CutoverNotFoundError, what no further try mends (a collision, a wrong flag), the signal's reason
 */
export async function runCutover(id: string, parts: CutoverParts, signal: AbortSignal, { until }: RunOptions = {}): Promise<CutoverRecord> {
  for (let failures = 0; ;) {
    signal.throwIfAborted()
    const record = await required(parts.store, id)
    if (!record.request && (restPhases.has(record.phase) || until?.(record) === true)) return record
    try {
      await stepOf(record)(record, parts, signal)
      if (record.trouble) await parts.store.update(id, ({ trouble: _trouble, ...rest }) => rest)
      failures = 0
    } catch (error) {
      signal.throwIfAborted()
      // What was asked for is in the record: the next step is that.
      if (error instanceof DivertedError) continue
      await report(error, id, parts)
      if (isPermanent(error)) throw error
      const retryMs = Math.round(backoffMs(again, failures++))
      const trouble = toRecord(error)
      parts.onEvent({ type: 'trouble', error: trouble, hint: hintFor(trouble), retryMs })
      await waitUnlessAsked(record, retryMs, parts, signal)
    }
  }
}

function stepOf({ phase, request }: CutoverRecord): Step {
  if (request) return requestStep
  switch (phase) {
    case 'bulk': return bulkStep
    case 'delta': return deltaStep
    case 'freezing': return freezingStep
    case 'final': return finalStep
    case 'verifying': return verifyingStep
    case 'deciding': return decidingStep
    case 'go':
    case 'no-go':
    case 'aborted': throw new RangeError(`${phase} has no step`)
  }
}

async function report(error: unknown, id: string, { store, clock }: CutoverParts): Promise<void> {
  try {
    await store.update(id, (record) => ({ ...record, trouble: { at: clock.now().toISOString(), error: toRecord(error) } }))
  } catch {
    // The store is what is in trouble; it is told all the same.
  }
}
