import { nextPassAt } from './next-pass.ts'
import { pass } from './pass-step.ts'
import { planOf } from './plan-of.ts'
import type { CutoverRecord, Pass } from './record.ts'
import { isDiverted, required } from './requests.ts'
import { type CutoverParts, enter, type Step, waitUnlessAsked } from './step.ts'

/** Changes that one pass takes. */
const changesAtOnce = 1000
/** A wait ends by itself now and then: a clock that was set is noticed. */
const longestWaitMs = 60_000

/** One pass that is due, the freeze, or a wait for either. */
export const deltaStep: Step = async (record, parts, signal) => {
  const { store, clock, onEvent } = parts
  const { id, current } = record
  const plan = planOf(record)
  // Unless it has been taken back since.
  if (record.freeze) return await enter(record, 'freezing', parts, (now) => (now.freeze ? now : undefined))
  const { when } = plan.freeze
  const at = record.unfrozen === undefined && when.kind === 'at' ? Date.parse(when.at) : undefined
  if (at !== undefined && at <= clock.now().getTime()) return await freezeBySpec(record, parts)
  // More changes came than are kept: what they named is found by a pass over everything, before those that have come since.
  if (current?.kind === 'delta' || (record.due !== undefined && !current)) return await afterWhole(record, await pass(record, 'delta', parts, signal), parts)

  const waiting = plan.delta.events ? await store.changes(id, changesAtOnce) : []
  if (waiting.length > 0) {
    // What comes together is one pass; those that are read again afterwards are all there are by then.
    if (current?.kind !== 'events') await waitUnlessAsked(record, plan.delta.events?.coalesceMs ?? 0, parts, signal)
    if (isDiverted(await required(store, id), 'delta')) return
    return await eventsPass(record, parts, signal)
  }
  const due = nextPassAt(record, plan)
  const now = clock.now().getTime()
  if (due !== undefined && due.getTime() <= now) return await afterWhole(record, await pass(record, 'delta', parts, signal), parts)

  const next = Math.min(due?.getTime() ?? Number.POSITIVE_INFINITY, at ?? Number.POSITIVE_INFINITY)
  onEvent({ type: 'waiting', ...(Number.isFinite(next) ? { until: new Date(next).toISOString() } : {}) })
  await store.wait(id, Math.max(1, Math.min(next - now, longestWaitMs)), signal)
}

async function eventsPass(record: CutoverRecord, parts: CutoverParts, signal: AbortSignal): Promise<void> {
  const { store } = parts
  // A pass that is gone on with takes what it had taken: it is the same migration then, and what has come since is the next one's.
  const changes = await store.changes(record.id, record.current?.changes ?? changesAtOnce)
  await pass(record, 'events', parts, signal, { changes })
  // What failed for a reason that may pass is left to the pass over everything that comes soon for it.
  await store.removeChanges(record.id, changes)
}

async function afterWhole(record: CutoverRecord, { copied, failed, unlisted }: Pass, parts: CutoverParts): Promise<void> {
  const isCaughtUp = copied === 0 && failed === 0 && unlisted === 0
  if (isCaughtUp && record.unfrozen === undefined && planOf(record).freeze.when.kind === 'caught-up') await freezeBySpec(record, parts)
}

async function freezeBySpec(record: CutoverRecord, { store, clock }: CutoverParts): Promise<void> {
  await store.update(record.id, (now) => (now.freeze || now.unfrozen !== undefined || now.phase !== 'delta' ? undefined : { ...now, freeze: { requested: clock.now().toISOString(), by: 'spec' } }))
}
