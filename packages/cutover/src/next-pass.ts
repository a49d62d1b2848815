// When the next pass over everything is due.
import { CronExpressionParser } from 'cron-parser'
import { backoffMs } from '@longshore/concurrency'
import type { CutoverPlan } from '@longshore/spec'
import { isWhole } from './kept-passes.ts'
import type { CutoverRecord } from './record.ts'

/** For images that failed for reasons that may pass; what the plan says comes first where it is sooner. */
const again = { baseMs: 15_000, capMs: 10 * 60_000 } as const

/**
 * Reckoned from the end of the latest pass, so that passes which are slower than their interval do not pile up, and ticks of the schedule that came
 * meanwhile are one. `undefined`: by events alone.
 */
export function nextPassAt({ passes, since, due }: Pick<CutoverRecord, 'passes' | 'since' | 'due'>, { delta }: Pick<CutoverPlan, 'delta'>): Date | undefined {
  const last = passes.findLast(isWhole)
  // What failed for a reason that may pass stays to be done until a pass over everything has been without such trouble: passes by events look at other images.
  const troubled = passes.slice(passes.findLastIndex((pass) => isWhole(pass) && pass.passing === 0) + 1).filter(({ passing }) => passing > 0)
  const latest = troubled.at(-1)
  const from = new Date(Math.max(last === undefined ? 0 : Date.parse(last.ended), Date.parse(since)))
  const times = [
    ...(due === undefined ? [] : [Date.parse(due)]),
    ...(delta.everyMs === undefined ? [] : [from.getTime() + delta.everyMs]),
    ...(delta.schedule === undefined ? [] : [CronExpressionParser.parse(delta.schedule, { currentDate: from, tz: 'UTC' }).next().getTime()]),
    ...(latest === undefined ? [] : [Date.parse(latest.ended) + backoffMs(again, troubled.length - 1, () => 1)]),
  ]
  return times.length === 0 ? undefined : new Date(Math.min(...times))
}
