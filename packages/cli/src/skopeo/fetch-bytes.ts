import type { Access } from '@longshore/access'
import type { FetchBytes } from '@longshore/signing'
import { SkopeoError } from './skopeo-error.ts'

/** Signatures beside a registry, over HTTP: small files, reached with that registry's certificates. `undefined` where there is none. The function throws SkopeoError. */
export function fetchBeside(access: Access, side: 'source' | 'destination', registry: string): FetchBytes {
  return async (url, limit, signal) => {
    const { status, body, truncated } = await access.fileBeside(side, registry, url, limit, signal)
    if (status === 404) return undefined
    if (status !== 200) throw new SkopeoError(`reading signature from ${url.origin}${url.pathname}: status ${status}`)
    if (truncated) throw new SkopeoError(`reading signature from ${url.origin}${url.pathname}: it is larger than ${limit} bytes`)
    return body
  }
}
