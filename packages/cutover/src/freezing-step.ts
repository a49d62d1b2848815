import { deadlineFrom } from './pass-step.ts'
import { factsOf } from './facts.ts'
import { planOf } from './plan-of.ts'
import { divertible, enter, type Step } from './step.ts'

/** The source takes no more writes from here on. After a kill the hook runs again. */
export const freezingStep: Step = async (record, parts, signal) => {
  const { runHook, env, clock, onEvent } = parts
  const { hook } = planOf(record).freeze
  if (hook) {
    onEvent({ type: 'hook', hook: 'freeze' })
    await divertible(record, parts, signal, (scoped) => runHook(hook, { facts: factsOf(record, 'freeze'), env, signal: scoped }))
  }
  const frozen = clock.now()
  const freeze = { requested: frozen.toISOString(), by: 'spec' as const, ...record.freeze, frozen: frozen.toISOString(), deadline: deadlineFrom(record, frozen) }
  await enter(record, 'final', parts, (now) => ({ ...now, freeze }))
  onEvent({ type: 'frozen', freeze })
}
