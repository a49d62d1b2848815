import { expect, test } from 'vitest'
import { nextPassAt } from './next-pass.ts'
import type { Pass } from './record.ts'

const at = (time: string): string => `2026-11-30T${time}.000Z`
const pass = (ended: string, { kind = 'delta', passing = 0 }: Partial<Pick<Pass, 'kind' | 'passing'>> = {}): Pass => ({
  number: 1, kind, started: at('00:00:00'), ended: at(ended), images: 1, copied: 0, present: 1, failed: passing, bytes: 0, failures: [], unlisted: 0, passing,
})
const every = { everyMs: 300_000 }
const schedule = { schedule: '*/10 22-23 * * *' }

test.each<[string, readonly Pass[], Parameters<typeof nextPassAt>[1]['delta'], string | undefined]>([
  ['an interval after the last pass', [pass('22:03:00')], every, '22:08:00'],
  ['an interval after bulk, when deltas begin', [], every, '21:05:00'],
  ['at the next tick of the schedule, in UTC', [pass('22:03:00')], schedule, '22:10:00'],
  ['at the second that the schedule says', [pass('22:03:00')], { schedule: '30 */10 22-23 * * *' }, '22:10:30'],
  ['at the tick that a slow pass has missed', [pass('21:30:00')], schedule, '22:00:00'],
  ['at the sooner one of both', [pass('22:03:00')], { ...schedule, everyMs: 60_000 }, '22:04:00'],
  ['when events alone make passes', [pass('22:03:00')], { events: { coalesceMs: 1 } }, undefined],
  ['after events, which are no pass over everything', [pass('22:03:00'), pass('22:07:00', { kind: 'events' })], every, '22:08:00'],
  ['sooner, for what failed for a reason that may pass', [pass('22:03:00', { passing: 1 })], every, '22:03:15'],
  ['less soon when it goes on failing', [pass('22:00:00', { passing: 1 }), pass('22:03:00', { passing: 1 })], every, '22:03:30'],
  ['sooner, though events have had a good pass since', [pass('22:03:00', { passing: 1 }), pass('22:03:05', { kind: 'events' })], every, '22:03:15'],
  ['not sooner, when a pass over everything had no trouble since', [pass('22:00:00', { kind: 'events', passing: 1 }), pass('22:03:00'), pass('22:03:05', { kind: 'events' })], every, '22:08:00'],
  ['soon also where events alone make passes', [pass('22:03:00'), pass('22:07:00', { kind: 'events', passing: 2 })], { events: { coalesceMs: 1 } }, '22:07:15'],
])('%s', (_, passes, delta, expected) => {
  expect(nextPassAt({ passes, since: at('21:00:00') }, { delta })?.toISOString()).toBe(expected === undefined ? undefined : at(expected))
})
