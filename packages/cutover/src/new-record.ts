import type { Migration } from '@longshore/spec'
import type { CutoverOptions, CutoverRecord } from './record.ts'

/** A cutover at its beginning. */
export function newRecord(id: string, spec: Migration, options: CutoverOptions, now: Date): CutoverRecord {
  const at = now.toISOString()
  return { id, spec, options, phase: 'bulk', created: at, since: at, passes: [], passCount: 0, moved: { copied: 0, bytes: 0 } }
}
