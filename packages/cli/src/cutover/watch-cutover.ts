// A cutover that somebody else leads, or this process over Redis: what happens is seen in its record.
import { pause } from '@longshore/concurrency'
import { eventsBetween, restPhases } from '@longshore/cutover'
import { ServerUnreachableError } from '../remote-client.ts'
import type { CutoverView } from './cutover-view.ts'
import type { Standing } from './standing.ts'

const lookMs = 1_000

/** Until it rests. @throws the signal's reason, what looking throws */
export async function watchCutover(look: () => Promise<Standing>, view: CutoverView, signal: AbortSignal, onLook: (standing: Standing) => Promise<void> = async () => {}): Promise<Standing> {
  let before: Standing['record'] | undefined
  for (let isAway = false; ;) {
    signal.throwIfAborted()
    try {
      const standing = await look()
      if (isAway) view.say('the coordinator answers again')
      isAway = false
      const { record, nextPass } = standing
      for (const event of eventsBetween(before, record)) view.onEvent(event)
      if (record.phase === 'delta' && !record.current) view.onEvent({ type: 'waiting', ...(nextPass === undefined ? {} : { until: nextPass }) })
      if (restPhases.has(record.phase) && !record.request) return standing
      before = record
      await onLook(standing)
    } catch (error) {
      // It may be restarted; the cutover does not mind.
      if (!(error instanceof ServerUnreachableError) || before === undefined) throw error
      if (!isAway) view.say(error.message)
      isAway = true
    }
    await pause(lookMs, signal)
  }
}
