// Which images are worth a second try when all others are done.
import type { ErrorRecord } from '@longshore/oci'

/** How many images may wait for a second try; beyond that something is wrong that waiting does not mend. */
export const maxDeferred = 1000

/**
 * `trouble`: the network's, or a registry's, which may pass. `refused`: one source repository refused a blob that another, met
 * since, may serve. `undefined`: the same would come of it.
 * @param wasReached whether registries have answered in this run at all: one that never did is not there
 */
export function secondTry(error: ErrorRecord, wasReached: boolean): 'trouble' | 'refused' | undefined {
  if (mayPass(error, wasReached)) return 'trouble'
  return isRefusedBlob(error) ? 'refused' : undefined
}

/** Whether a failure may be gone later: the network's trouble, or a registry's. `wasReached`: as above; later, a host may be there that never was. */
export function mayPass(error: ErrorRecord, wasReached = true): boolean {
  for (let e: ErrorRecord | undefined = error; e; e = e.cause) {
    switch (e.code) {
      case 'CONNECTION_FAILED': case 'STALLED': case 'TOOMANYREQUESTS': return true
      case 'HOST_UNREACHABLE': return wasReached
      case 'CONTENT_REFUSED': return false
      default: if (e.status !== undefined) return e.status === 408 || e.status === 425 || e.status === 429 || e.status >= 500
    }
  }
  return false
}

/** A blob that one source repository refuses may be served by another that has not been met yet. */
function isRefusedBlob({ side, op, cause }: ErrorRecord): boolean {
  return side === 'source' && op === 'fetch' && cause?.status !== undefined
}
