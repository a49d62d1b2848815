// What a person asked for: to try a no-go again, to go back to deltas, to end it.
import { factsOf } from './facts.ts'
import { deadlineFrom } from './pass-step.ts'
import { planOf } from './plan-of.ts'
import type { CutoverRecord } from './record.ts'
import { type CutoverParts, enter, type Step } from './step.ts'

export const requestStep: Step = async (record, parts, signal) => {
  const { clock, mover } = parts
  if (record.request) await mover.drop?.(record.id)
  switch (record.request?.kind) {
    case undefined: return
    case 'retry': {
      const { freeze } = record
      const now = clock.now()
      return await enter(record, 'final', parts, (latest) => ({
        ...anew(latest, record), freeze: { requested: freeze?.requested ?? now.toISOString(), by: freeze?.by ?? 'person', frozen: freeze?.frozen ?? now.toISOString(), deadline: deadlineFrom(record, now) },
      }))
    }
    case 'unfreeze': {
      await thaw(record, parts, signal)
      return await enter(record, 'delta', parts, (latest) => ({ ...anew(latest, record), unfrozen: clock.now().toISOString() }))
    }
    case 'abort': {
      await thaw(record, parts, signal)
      return await enter(record, 'aborted', parts, ({ request: _request, current: _current, ...latest }) => ({ ...latest, ended: clock.now().toISOString() }))
    }
  }
}

/** Without what belonged to the attempt that is over, and without the request that was done: a hook takes its time, and another may have come since. */
function anew({ request, current: _current, freeze: _freeze, verification: _verification, decision: _decision, ended: _ended, ...rest }: CutoverRecord, { request: done }: CutoverRecord): CutoverRecord {
  return request === undefined || request.kind === done?.kind ? rest : { ...rest, request }
}

/** The source takes writes again. Nothing was frozen before its phase; what a hook may have begun is undone. */
async function thaw(record: CutoverRecord, { runHook, env, onEvent }: CutoverParts, signal: AbortSignal): Promise<void> {
  const hook = planOf(record).freeze.thaw
  if (!hook || !record.freeze || record.phase === 'bulk' || record.phase === 'delta') return
  onEvent({ type: 'hook', hook: 'thaw' })
  await runHook(hook, { facts: factsOf(record, 'thaw'), env, signal })
}
