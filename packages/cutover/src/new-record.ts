import type { Migration } from '@longshore/spec'
import { cutoverKey } from './cutover-key.ts'
import type { CutoverOptions, CutoverRecord } from './record.ts'

/** A cutover at its beginning. */
export function newRecord(id: string, spec: Migration, options: CutoverOptions, now: Date): CutoverRecord {
  const at = now.toISOString()
  return { id, spec, options, phase: 'bulk', created: at, since: at, passes: [], passCount: 0, moved: { copied: 0, bytes: 0 } }
}

/** One that is gone on with, by what its spec says now. Where that names other images, what was begun or proven for the former ones does not count. */
export function renewRecord(record: CutoverRecord, spec: Migration, options: CutoverOptions): CutoverRecord {
  const renewed = { ...record, spec, options: { ...record.options, ...options } }
  if (cutoverKey(record.spec) === cutoverKey(spec)) return renewed
  const { current: _current, verification: _verification, ...rest } = renewed
  if (rest.phase !== 'verifying' && rest.phase !== 'deciding') return rest
  const { caughtUp: _caughtUp, ...freeze } = rest.freeze ?? { requested: rest.since, by: 'person' }
  return { ...rest, phase: 'final', freeze }
}
