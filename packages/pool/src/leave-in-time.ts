import { setTimeout as delay } from 'node:timers/promises'

/**
 * Waits for what was told to stop, but no longer than `ms` after that: commands wait while Redis is away, perhaps for ever. What could not
 * be said to it any more, silence says: leases and locks end by themselves.
 */
export async function leaveInTime(working: Promise<void>, stop: AbortSignal, ms: number): Promise<void> {
  // Nobody may be left to hear of it.
  working.catch(() => {})
  const over = new AbortController()
  const late = (async () => {
    await new Promise<void>((resolve) => {
      const signal = AbortSignal.any([stop, over.signal])
      if (signal.aborted) resolve()
      else signal.addEventListener('abort', () => resolve(), { once: true })
    })
    await delay(ms, undefined, { signal: over.signal })
  })()
  late.catch(() => {})
  try {
    await Promise.race([working, late])
  } finally {
    over.abort()
  }
}
