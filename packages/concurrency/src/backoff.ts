import { setTimeout as sleep } from 'node:timers/promises'

export interface Backoff { readonly baseMs: number; readonly capMs: number }

/** Exponential with full jitter: somewhere between half and all of base × 2^attempt, capped. `attempt` counts from 0. */
export function backoffMs({ baseMs, capMs }: Backoff, attempt: number, random: () => number = Math.random): number {
  return Math.min(capMs, baseMs * 2 ** attempt) * (0.5 + random() / 2)
}

/** @throws the signal's reason when it aborts first. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  try {
    await sleep(ms, undefined, { signal })
  } catch (error) {
    signal.throwIfAborted()
    throw error
  }
}
