import { backoffMs } from '@longshore/concurrency'
import { DeadlineError, DivertedError } from './interruption.ts'
import { keepPasses } from './kept-passes.ts'
import type { PassOrder } from './mover.ts'
import { planOf } from './plan-of.ts'
import type { CutoverRecord, Pass, PassKind } from './record.ts'
import { isDiverted, required } from './requests.ts'
import { type CutoverParts, divertible, enter, type Step, waitUnlessAsked } from './step.ts'
import type { WaitingChange } from './store.ts'

/** A registry that was away may be back. */
const again = { baseMs: 5000, capMs: 60_000 } as const

/** Everything once. What fails is left to the deltas. */
export const bulkStep: Step = async (record, parts, signal) => {
  await pass(record, 'bulk', parts, signal)
  await enter(record, 'delta', parts)
}

/** The last pass, again and again while images fail for reasons that may pass and there is time. */
export const finalStep: Step = async (record, parts, signal) => {
  const { clock, store } = parts
  const deadline = Date.parse(record.freeze?.deadline ?? clock.now().toISOString())
  const left = (): number => deadline - clock.now().getTime()
  for (let tries = 0; left() > 0; tries++) {
    let ended: Pass
    try {
      ended = await pass(record, 'final', parts, signal, { deadline })
    } catch (error) {
      if (error instanceof DeadlineError) break
      throw error
    }
    const waitMs = backoffMs(again, tries)
    if (ended.passing === 0 || left() <= waitMs) {
      await enter(record, 'verifying', parts, (now) => (now.freeze ? { ...now, freeze: { ...now.freeze, caughtUp: ended.ended } } : now))
      return
    }
    parts.onEvent({ type: 'waiting', until: new Date(clock.now().getTime() + waitMs).toISOString() })
    await waitUnlessAsked(record, waitMs, parts, signal)
    if (isDiverted(await required(store, record.id), record.phase)) return
  }
  await enter(record, 'verifying', parts)
}

export interface PassOptions {
  readonly changes?: readonly WaitingChange[]
  /** Milliseconds since the epoch. */
  readonly deadline?: number
}

/** One pass, with its record before and after. @throws DivertedError, DeadlineError, what the mover throws, the signal's reason */
export async function pass(record: CutoverRecord, kind: PassKind, parts: CutoverParts, signal: AbortSignal, { changes, deadline }: PassOptions = {}): Promise<Pass> {
  const { mover, clock, store, onEvent } = parts
  const { id } = record
  const begun = await store.update(id, (now) => {
    if (now.current?.kind === kind) return undefined
    const number = now.passCount + 1
    const { due, ...rest } = now
    return { ...rest, ...(kind === 'events' && due !== undefined ? { due } : {}), passCount: number, current: { number, kind, started: clock.now().toISOString(), ...(changes ? { changes: changes.length } : {}) } }
  })
  const current = begun.current
  if (current?.kind !== kind) throw new DivertedError(begun.request?.kind ?? 'freeze')
  onEvent({ type: 'pass-begins', number: current.number, kind, again: begun.current?.number === record.current?.number, ...(changes ? { changes: changes.length } : {}) })
  const order: PassOrder = { cutover: id, number: current.number, kind, spec: begun.spec, options: begun.options, agesAt: current.started, ...(changes ? { changes: changes.map(({ change }) => change) } : {}) }
  try {
    const outcome = await divertible(begun, parts, signal, (scoped) => inTime(scoped, deadline, clock.now().getTime(), (within) => mover.pass(order, within)))
    const ended: Pass = { number: current.number, kind, started: current.started, ended: clock.now().toISOString(), ...outcome }
    await store.update(id, ({ current: _current, ...now }) => ({
      ...now, passes: keepPasses(now.passes, ended), moved: { copied: now.moved.copied + ended.copied, bytes: now.moved.bytes + ended.bytes },
    }))
    onEvent({ type: 'pass', pass: ended })
    return ended
  } catch (error) {
    const why = error instanceof DeadlineError ? 'deadline' : error instanceof DivertedError ? error.why : undefined
    // What was cut off is done with: what comes instead covers it.
    if (why !== undefined) {
      await store.update(id, ({ current: _current, ...now }) => now)
      onEvent({ type: 'cut', number: current.number, kind, why })
    }
    throw error
  }
}

async function inTime<T>(signal: AbortSignal, deadline: number | undefined, now: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  if (deadline === undefined) return await work(signal)
  const over = new AbortController()
  // Timers take at most 24.8 days; a deadline is within the day, or is looked at again by then.
  const timer = setTimeout(() => over.abort(new DeadlineError()), Math.min(deadline - now, 2 ** 31 - 1))
  try {
    return await work(AbortSignal.any([signal, over.signal]))
  } catch (error) {
    if (over.signal.aborted && !signal.aborted) throw over.signal.reason
    throw error
  } finally {
    clearTimeout(timer)
  }
}

/** The plan's deadline, from `from` on. */
export function deadlineFrom(record: CutoverRecord, from: Date): string {
  return new Date(from.getTime() + planOf(record).freeze.deadlineMs).toISOString()
}
