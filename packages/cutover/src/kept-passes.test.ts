import { expect, test } from 'vitest'
import { keepPasses, keptPasses } from './kept-passes.ts'
import type { Pass, PassKind } from './record.ts'

const pass = (number: number, kind: PassKind, failed = 0): Pass => ({
  number, kind, started: '', ended: '', images: 1, copied: 0, present: 1, failed, bytes: 0, failures: [], unlisted: 0, passing: 0,
})

test('of many passes by events the bulk, the latest over everything and the latest that was without a failure stay', () => {
  let passes: readonly Pass[] = []
  const all = [pass(1, 'bulk'), pass(2, 'delta'), pass(3, 'delta', 1), ...Array.from({ length: 100 }, (_, i) => pass(4 + i, 'events'))]
  for (const one of all) passes = keepPasses(passes, one)
  expect(passes.map(({ number }) => number)).toEqual([1, 2, 3, ...Array.from({ length: keptPasses }, (_, i) => 104 - keptPasses + i)])
})
