// When the next pass over everything is due.
import { CronExpressionParser } from 'cron-parser'
import { backoffMs } from '@longshore/concurrency'
import type { CutoverPlan } from '@longshore/spec'
import type { CutoverRecord, Pass } from './record.ts'

/** For images that failed for reasons that may pass; what the plan says comes first where it is sooner. */
const again = { baseMs: 15_000, capMs: 10 * 60_000 } as const

/**
 * Reckoned from the end of the latest pass, so that passes which are slower than their interval do not pile up, and ticks of the schedule that came
 * meanwhile are one. `undefined`: by events alone.
 */
export function nextPassAt({ passes, since, due }: Pick<CutoverRecord, 'passes' | 'since' | 'due'>, { delta }: Pick<CutoverPlan, 'delta'>): Date | undefined {
  const last = passes.findLast(({ kind }) => kind !== 'events')
  const latest = passes.at(-1)
  const from = new Date(Math.max(last === undefined ? 0 : Date.parse(last.ended), Date.parse(since)))
  const times = [
    ...(due === undefined ? [] : [Date.parse(due)]),
    ...(delta.everyMs === undefined ? [] : [from.getTime() + delta.everyMs]),
    ...(delta.schedule === undefined ? [] : [CronExpressionParser.parse(delta.schedule, { currentDate: from, tz: 'UTC' }).next().getTime()]),
    ...(latest !== undefined && latest.passing > 0 ? [Date.parse(latest.ended) + backoffMs(again, troubled(passes) - 1, () => 1)] : []),
  ]
  return times.length === 0 ? undefined : new Date(Math.min(...times))
}

/** How many of the latest passes in a row had trouble. */
function troubled(passes: readonly Pass[]): number {
  const clean = passes.findLastIndex(({ passing }) => passing === 0)
  return passes.length - 1 - clean
}
