// Takes every cutover through its phases that nobody else does, until it is told to stop. Several of these may run: each cutover has one hold, and
// whoever has it leads. Its passes are migrations, which coordinators lead as they lead others.
import { pause } from '@longshore/concurrency'
import { type CutoverEvent, CutoverNotFoundError, type CutoverParts, type CutoverRecord, restPhases, runCutover } from '@longshore/cutover'
import type { Schedules } from '@longshore/queue'
import { LeadershipLostError } from './errors.ts'
import type { RedisCutoverStore } from './cutover-store.ts'

/** How often it is looked whether a cutover is without a leader. */
const lookMs = 1_000
/** How long one that could not be led is left alone, unless somebody changes something about it. */
const patienceMs = 5 * 60_000

/** What the leader of cutovers says; whoever runs it logs and counts. */
export type CutoverNews =
  | { readonly type: 'leading'; readonly cutover: string }
  | { readonly type: 'event'; readonly cutover: string; readonly event: CutoverEvent }
  | { readonly type: 'rests'; readonly cutover: string; readonly record: CutoverRecord }
  | { readonly type: 'lead-failed'; readonly cutover: string; readonly error: unknown }

export interface CutoverLeaderOptions extends Omit<CutoverParts, 'store' | 'clock' | 'onEvent'> {
  /** Of the process, as it is known in the pool. */
  readonly id: string
  readonly cutovers: RedisCutoverStore
  readonly schedules: Schedules
  readonly onNews: (news: CutoverNews) => void
}

export class CutoverLeader {
  readonly #with: CutoverLeaderOptions
  readonly #leading = new Map<string, Promise<void>>()

  constructor(options: CutoverLeaderOptions) { this.#with = options }

  /** Cutovers that this process leads at the moment. */
  get leading(): readonly string[] { return [...this.#leading.keys()] }

  /** Leads whatever has no leader, until `stop` aborts; then others take over. */
  async run(stop: AbortSignal): Promise<void> {
    const { cutovers, schedules } = this.#with
    schedules.hear(async (id) => { await this.#tick(id) })
    const failed = new Map<string, { readonly until: number; readonly stamp: string }>()
    while (!stop.aborted) {
      for (const id of await cutovers.active()) {
        const before = failed.get(id)
        if (this.#leading.has(id) || (before && before.until > performance.now() && before.stamp === await cutovers.stamp(id))) continue
        const leading = this.#leadHere(id, stop, async () => { failed.set(id, { until: performance.now() + patienceMs, stamp: await cutovers.stamp(id) }) }).finally(() => { this.#leading.delete(id) })
        this.#leading.set(id, leading)
      }
      await pause(lookMs, stop).catch(() => {})
    }
    await Promise.all(this.#leading.values())
  }

  /**
   * Sees one cutover to where it rests: leads it whenever nobody else does. A leader that has just been killed seems to lead for some seconds more.
   * @throws CutoverNotFoundError, what no further try mends, the signal's reason
   */
  async runOne(id: string, stop: AbortSignal): Promise<CutoverRecord> {
    const { cutovers, schedules } = this.#with
    schedules.hear(async (one) => { await this.#tick(one) })
    for (;;) {
      try {
        await this.#lead(id, stop)
      } catch (error) {
        if (stop.aborted || !(error instanceof LeadershipLostError)) throw error
      }
      const record = await cutovers.get(id)
      if (!record) throw new CutoverNotFoundError(id)
      if (restPhases.has(record.phase) && !record.request) return record
      await pause(lookMs, stop)
    }
  }

  async #leadHere(id: string, stop: AbortSignal, leave: () => Promise<void>): Promise<void> {
    try {
      await this.#lead(id, stop)
    } catch (error) {
      if (stop.aborted || error instanceof LeadershipLostError) return
      this.#with.onNews({ type: 'lead-failed', cutover: id, error })
      await leave()
    }
  }

  async #lead(id: string, stop: AbortSignal): Promise<void> {
    const { id: holder, cutovers, schedules, mover, runHook, env, onNews } = this.#with
    await using hold = await cutovers.hold(id, holder)
    if (!hold) return
    const before = await cutovers.get(id)
    // It rests, or is gone: a leader died over its end.
    if (!before || (restPhases.has(before.phase) && !before.request)) return await cutovers.rest(id)
    onNews({ type: 'leading', cutover: id })
    const { schedule } = before.spec.cutover?.delta ?? {}
    if (schedule === undefined) await schedules.remove(id)
    else await schedules.set(id, schedule)
    const record = await runCutover(id, {
      store: cutovers, mover, runHook, env, clock: { now: () => new Date() }, onEvent: (event) => onNews({ type: 'event', cutover: id, event }),
    }, AbortSignal.any([stop, hold.signal]))
    await schedules.remove(id)
    onNews({ type: 'rests', cutover: id, record })
  }

  /** One tick of a cutover's schedule: whoever leads it looks whether a pass is due. */
  async #tick(id: string): Promise<void> {
    const { cutovers, schedules } = this.#with
    const head = await cutovers.head(id)
    // What its leader could not take away any more, because it was killed.
    if (!head || restPhases.has(head.phase)) await schedules.remove(id)
    else await cutovers.wake(id)
  }
}
