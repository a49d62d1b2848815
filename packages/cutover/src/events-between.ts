// Whoever watches a cutover that another process leads sees its record, now and then: what happened in between is told as its leader would tell it.
import { hintFor } from '@longshore/transfer'
import type { CutoverEvent } from './cutover-event.ts'
import type { CutoverRecord } from './record.ts'

export type WatchedCutover = Pick<CutoverRecord, 'phase' | 'passes' | 'current' | 'freeze' | 'verification' | 'decision' | 'trouble'>

export function eventsBetween(before: WatchedCutover | undefined, after: WatchedCutover): readonly CutoverEvent[] {
  const events: CutoverEvent[] = []
  const known = before?.passes.at(-1)?.number ?? 0
  // Of what was there before anybody watched, only how it stands.
  const passes = before ? after.passes.filter(({ number }) => number > known).map((pass) => ({ type: 'pass', pass }) as const) : []
  events.push(...passes.filter(({ pass }) => pass.kind !== 'final'))
  if (after.freeze?.frozen !== undefined && after.freeze.frozen !== before?.freeze?.frozen) events.push({ type: 'frozen', freeze: after.freeze })
  // The last pass comes behind the freeze, however much was missed.
  events.push(...passes.filter(({ pass }) => pass.kind === 'final'))
  if (after.verification && after.verification.ended !== before?.verification?.ended) events.push({ type: 'verified', verification: after.verification })
  if (after.decision && after.decision.at !== before?.decision?.at) events.push({ type: 'decided', decision: after.decision })
  if (after.phase !== before?.phase) events.push({ type: 'phase', phase: after.phase })
  if (after.current && after.current.number !== before?.current?.number) {
    const { number, kind, changes } = after.current
    events.push({ type: 'pass-begins', number, kind, ...(changes === undefined ? {} : { changes }), again: before === undefined })
  }
  if (after.trouble && after.trouble.at !== before?.trouble?.at) events.push({ type: 'trouble', error: after.trouble.error, hint: hintFor(after.trouble.error) })
  return events
}
