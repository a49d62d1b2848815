import { backoffMs } from '@longshore/concurrency'
import { caughtUpPass } from './kept-passes.ts'
import { planOf } from './plan-of.ts'
import type { VerificationSummary } from './record.ts'
import { isDiverted, required } from './requests.ts'
import { divertible, enter, type Step, waitUnlessAsked } from './step.ts'

/** A registry that answers some and not others is asked so many times before it counts against the images. */
const attempts = 3
const again = { baseMs: 5000, capMs: 30_000 } as const

/** Every image at both ends. */
export const verifyingStep: Step = async (record, parts, signal) => {
  const { mover, clock, store, onEvent } = parts
  const { id, spec, options } = record
  const { verify: { deepPercent }, criteria: { signatures } } = planOf(record)
  const last = caughtUpPass(record)
  for (let attempt = 1; ; attempt++) {
    const started = clock.now().toISOString()
    const found = await divertible(record, parts, signal, (scoped) => mover.verify({ cutover: id, spec, options, ...(last ? { agesAt: last.started } : {}), deepPercent, ...(signatures ? { signatures } : {}) }, scoped))
    const verification: VerificationSummary = { started, ended: clock.now().toISOString(), ...found }
    if (verification.passing > 0 && attempt < attempts) {
      const waitMs = backoffMs(again, attempt)
      onEvent({ type: 'waiting', until: new Date(clock.now().getTime() + waitMs).toISOString() })
      await waitUnlessAsked(record, waitMs, parts, signal)
      if (isDiverted(await required(store, id), record.phase)) return
      continue
    }
    onEvent({ type: 'verified', verification })
    await enter(record, 'deciding', parts, (now) => ({ ...now, verification }))
    return
  }
}
