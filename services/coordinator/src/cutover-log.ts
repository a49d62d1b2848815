// What the leading of cutovers writes to the log: each step once, and what is wrong with it.
import type { CutoverEvent } from '@longshore/cutover'
import type { CutoverNews } from '@longshore/pool'
import type { Logger } from '@longshore/telemetry'

export function logCutovers(log: Logger): (news: CutoverNews) => void {
  return (news) => {
    const { cutover } = news
    switch (news.type) {
      case 'leading': return log.info({ cutover }, 'leading a cutover')
      case 'rests': return log.info({ cutover, phase: news.record.phase, passes: news.record.passCount }, 'cutover rests')
      case 'lead-failed': return log.error({ cutover, err: news.error }, 'leading a cutover failed')
      case 'event': return logEvent(log, cutover, news.event)
    }
  }
}

function logEvent(log: Logger, cutover: string, event: CutoverEvent): void {
  switch (event.type) {
    case 'phase': return log.info({ cutover, phase: event.phase }, 'cutover in another phase')
    case 'pass-begins': return log.info({ cutover, pass: event.number, kind: event.kind, ...(event.changes === undefined ? {} : { changes: event.changes }), again: event.again }, 'pass begun')
    case 'pass': {
      const { number, kind, images, copied, present, failed, bytes, unlisted, gone } = event.pass
      return log.info({ cutover, pass: number, kind, images, copied, present, failed, bytes, unlisted, ...(gone === undefined ? {} : { gone }) }, 'pass ended')
    }
    case 'cut': return log.warn({ cutover, pass: event.number, kind: event.kind, why: event.why }, 'pass cut off')
    case 'waiting': return log.debug({ cutover, ...(event.until === undefined ? {} : { until: event.until }) }, 'waiting')
    case 'hook': return log.info({ cutover, hook: event.hook }, 'calling a hook')
    case 'frozen': return log.info({ cutover, deadline: event.freeze.deadline ?? '' }, 'source frozen')
    case 'verified': {
      const { images, sound, missing, differing, corrupt, failed, unlisted } = event.verification
      return log.info({ cutover, images, sound, missing, differing, corrupt, failed, unlisted }, 'verified')
    }
    case 'decided': return log.info({ cutover, verdict: event.decision.verdict, unmet: event.decision.criteria.filter(({ met }) => !met).map(({ name }) => name) }, 'decided')
    case 'trouble': return log.warn({ cutover, err: event.error, hint: event.hint, ...(event.retryMs === undefined ? {} : { retryMs: event.retryMs }) }, 'a step could not be done')
  }
}
