import { decide } from './decide.ts'
import { planOf } from './plan-of.ts'
import { enter, type Step } from './step.ts'

/** Go or no-go. What was verified too long ago, because somebody went on the next day, is verified anew first. */
export const decidingStep: Step = async (record, parts) => {
  const { clock, onEvent } = parts
  const plan = planOf(record)
  const now = clock.now()
  const { verification } = record
  if (!verification || now.getTime() - Date.parse(verification.ended) > plan.criteria.verifyAgeMs) return await enter(record, 'verifying', parts)
  const decision = decide(record, plan, now)
  await enter(record, decision.verdict, parts, (latest) => ({ ...latest, decision, ended: decision.at }))
  onEvent({ type: 'decided', decision })
}
