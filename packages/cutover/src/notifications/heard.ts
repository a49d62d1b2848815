import { type Digest, isDigest, isRepositoryName, isTag } from '@longshore/oci'
import type { Change } from '../record.ts'

/** What a notification came to. */
export interface Heard {
  readonly sender: 'docker-registry' | 'harbor'
  readonly changes: readonly Change[]
  /** Events that change nothing which a cutover moves (pulls, blobs, scans), and those that nobody understands. */
  readonly ignored: number
}

interface Named { readonly repository: unknown; readonly tag?: unknown; readonly digest?: unknown; readonly action: Change['action'] }

/**
 * `undefined` where the names are none. One event like that is passed over, not refused: docker-registry would send it again for ever, and
 * all that comes behind it would wait.
 */
export function toChange(registry: string, { repository, tag, digest, action }: Named): Change | undefined {
  if (typeof repository !== 'string' || !isRepositoryName(repository)) return undefined
  const named: { tag?: string; digest?: Digest } = {
    ...(typeof tag === 'string' && isTag(tag) ? { tag } : {}), ...(typeof digest === 'string' && isDigest(digest) ? { digest } : {}),
  }
  if (named.tag === undefined && named.digest === undefined) return undefined
  return { registry, repository, ...named, action }
}
