import type { CutoverRecord } from './record.ts'

/** What a hook of a cutover is told. */
export function factsOf({ id, options }: CutoverRecord, event: 'freeze' | 'thaw'): Readonly<Record<string, string>> {
  return { event, cutover: id, ...(options.name === undefined ? {} : { name: options.name }) }
}
