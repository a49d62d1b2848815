import { expect, test } from 'vitest'
import { eventsBetween } from './events-between.ts'
import type { Pass } from './record.ts'

const at = '2026-11-30T22:00:00.000Z'
function pass(number: number, kind: Pass['kind']): Pass {
  return { number, kind, started: at, ended: at, images: 1, copied: 0, present: 1, failed: 0, bytes: 0, failures: [], unlisted: 0, passing: 0 }
}

test('what a watcher has missed is told in its order: the freeze behind the deltas, before the last pass', () => {
  const before = { phase: 'delta', passes: [pass(1, 'bulk')] } as const
  const after = { phase: 'go', passes: [pass(1, 'bulk'), pass(2, 'delta'), pass(3, 'final')], freeze: { requested: at, by: 'person', frozen: at } } as const
  expect(eventsBetween(before, after).map((event) => (event.type === 'pass' ? event.pass.kind : event.type))).toEqual(['delta', 'frozen', 'final', 'phase'])
})
