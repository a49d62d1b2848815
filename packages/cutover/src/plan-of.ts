import type { CutoverPlan } from '@longshore/spec'
import type { CutoverRecord } from './record.ts'

/** What the cutover goes by: whoever begins one fills the defaults in. */
export function planOf({ id, spec: { cutover } }: CutoverRecord): CutoverPlan {
  if (!cutover) throw new TypeError(`cutover ${id} was begun without a plan`)
  return cutover
}
