import { pause } from '@longshore/concurrency'
import type { RunHook } from '@longshore/hooks'
import type { CutoverEvent } from './cutover-event.ts'
import { DivertedError } from './interruption.ts'
import type { Mover } from './mover.ts'
import type { CutoverRecord, Phase } from './record.ts'
import { isDiverted, required } from './requests.ts'
import type { CutoverStore } from './store.ts'

/** What a cutover is run with. */
export interface CutoverParts {
  readonly store: CutoverStore
  readonly mover: Mover
  readonly runHook: RunHook
  /** For hooks: where `${NAME}` is looked up, and what a command inherits. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: { readonly now: () => Date }
  readonly onEvent: (event: CutoverEvent) => void
}

/** One move of a cutover: from its record to the next one. */
export type Step = (record: CutoverRecord, parts: CutoverParts, signal: AbortSignal) => Promise<void>

/** Often enough where a store's notice is lost. */
const lookAgainMs = 60_000
/** Of a store that could not be read. */
const storeAwayMs = 2000

/**
 * Does what takes long, and leaves it when a person asks for something else meanwhile.
 * @throws DivertedError, what `work` throws, the signal's reason
 */
export async function divertible<T>(record: CutoverRecord, { store }: CutoverParts, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const left = new AbortController()
  const done = new AbortController()
  const { id, phase } = record
  const watch = async (): Promise<void> => {
    const until = AbortSignal.any([signal, done.signal])
    while (!until.aborted) {
      try {
        const now = await required(store, id)
        if (isDiverted(now, phase)) { left.abort(new DivertedError(now.request?.kind ?? 'freeze')); return }
        await store.wait(id, lookAgainMs, until)
      } catch (error) {
        if (isGone(error)) { left.abort(error); return }
        // A store that is away for a while ends no pass, and is looked at again: the pass may take hours yet.
        await pause(storeAwayMs, until)
      }
    }
  }
  const watching = watch().catch(() => { /* it is over */ })
  try {
    return await work(AbortSignal.any([signal, left.signal]))
  } catch (error) {
    signal.throwIfAborted()
    if (left.signal.aborted) throw left.signal.reason
    throw error
  } finally {
    done.abort()
    await watching
  }
}

/** Waits, but not while a person waits for it. @throws CutoverNotFoundError, the signal's reason */
export async function waitUnlessAsked({ id, request, freeze }: CutoverRecord, ms: number, { store, clock }: CutoverParts, signal: AbortSignal): Promise<void> {
  for (const end = clock.now().getTime() + ms; ;) {
    const left = end - clock.now().getTime()
    if (left <= 0) return
    await store.wait(id, left, signal)
    const now = await required(store, id)
    if (now.request?.requested !== request?.requested || now.freeze?.requested !== freeze?.requested) return
  }
}

function isGone(error: unknown): boolean { return error instanceof Error && error.name === 'CutoverNotFoundError' }

/** Into the next phase, with what `change` makes of the record; `undefined`: not after all. What a person asks meanwhile stays in it. */
export async function enter(record: CutoverRecord, phase: Phase, { store, clock, onEvent }: CutoverParts, change: (now: CutoverRecord) => CutoverRecord | undefined = (now) => now): Promise<void> {
  let entered = false
  await store.update(record.id, (now) => {
    const changed = now.phase === record.phase ? change(now) : undefined
    entered = changed !== undefined
    return changed && { ...changed, phase, since: clock.now().toISOString() }
  })
  if (entered) onEvent({ type: 'phase', phase })
}
