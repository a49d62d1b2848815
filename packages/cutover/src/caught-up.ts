import type { CutoverPlan } from '@longshore/spec'
import { isClean } from './kept-passes.ts'
import { nextPassAt } from './next-pass.ts'
import type { CutoverRecord } from './record.ts'

/** What was pushed before this is at the destination: the beginning of the latest pass over everything in which nothing failed. */
export function caughtUpTo({ passes }: Pick<CutoverRecord, 'passes'>): string | undefined {
  return passes.findLast(isClean)?.started
}

/** When the next pass over everything is due, where the cutover waits for one. */
export function nextPassOf(record: Pick<CutoverRecord, 'passes' | 'since' | 'due' | 'phase' | 'current'>, plan: Pick<CutoverPlan, 'delta'>): string | undefined {
  return record.phase === 'delta' && !record.current ? nextPassAt(record, plan)?.toISOString() : undefined
}
