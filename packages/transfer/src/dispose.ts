import { ConnectionError, CopyError, RegistryError } from '@longshore/oci'

/** What to do about an error: try again, wait first, look again at what is there, or give up. */
export type Disposition = 'retry' | 'backoff' | 'replan' | 'fatal'

const transientStatus = new Set([408, 425, 500, 502, 503, 504, 522])

/**
 * Status decides, code refines: a 4xx body may be in any format. Unknown content at the destination means that what was
 * taken as present is gone; at the source it means that the image is.
 */
export function dispose(error: unknown): Disposition {
  let side: 'source' | 'destination' | undefined
  for (let e = error; e instanceof Error; e = e.cause) {
    if (e instanceof CopyError) side = e.side
    if (e instanceof RegistryError) {
      if (e.status === 429 || e.code === 'TOOMANYREQUESTS') return 'backoff'
      if (e.code === 'MANIFEST_BLOB_UNKNOWN' || e.code === 'BLOB_UNKNOWN' || e.code === 'MANIFEST_UNKNOWN') return side === 'source' ? 'fatal' : 'replan'
      if (e.code === 'BLOB_UPLOAD_UNKNOWN' || e.code === 'BLOB_UPLOAD_INVALID') return 'retry'
      return transientStatus.has(e.status) ? 'retry' : 'fatal'
    }
    if (e instanceof ConnectionError) return e.code === 'CONNECTION_FAILED' || e.code === 'STALLED' ? 'retry' : 'fatal'
  }
  return 'fatal'
}
