import { setTimeout as delay } from 'node:timers/promises'

/**
 * Whether a command failed because the connection went away while it was under way, so that nobody knows whether it was done. Single commands
 * are sent again by ioredis; pipelines that were answered in part, and commands to a cluster that is gone as a whole, are not.
 */
export function isInterrupted(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return /^(?:Command aborted due to connection close|Connection is closed\.|None of startup nodes is available|Cluster is ended\.)/.test(error.message)
    || error.name === 'ClusterAllFailedError'
}

/** For what may be done twice: again and again until it is answered. `isOver`: nobody waits for it any more. */
export async function untilAnswered<T>(act: () => Promise<T>, isOver: () => boolean): Promise<T> {
  for (;;) {
    try {
      return await act()
    } catch (error) {
      if (!isInterrupted(error) || isOver()) throw error
      await delay(100)
    }
  }
}
