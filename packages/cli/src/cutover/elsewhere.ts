// A cutover that is kept in Redis, seen there or through a coordinator.
import type { CutoverRecord } from '@longshore/cutover'
import type { CutoverPlaceFlags } from '../flags.ts'
import { UsageError } from '../usage-error.ts'
import type { Standing } from './standing.ts'

export type Ask = 'freeze' | 'unfreeze' | 'retry' | 'abort'

export interface Elsewhere extends AsyncDisposable {
  standing(): Promise<Standing>
  /** Written down; whoever leads it does it. @throws CutoverPhaseError, RemoteError */
  ask(what: Ask): Promise<Standing>
  report(form: 'json' | 'markdown'): Promise<string>
  /** Who takes it up where nobody leads it. */
  readonly whoGoesOn: string
}

/** How it stands, by what others tell of it. */
export type SeenRecord = Omit<CutoverRecord, 'spec'>

export const whoGoesOn = 'a coordinator goes on with it: longshore coordinator, or longshore cutover SPEC --redis URL'

/** The cutover that `--server` or `--redis` speak of: by its id or the beginning of one, else the one that has not ended. `undefined`: it is a folder's. @throws UsageError */
export async function openElsewhere(given: readonly string[], flags: CutoverPlaceFlags): Promise<Elsewhere | undefined> {
  const { server, redis, state } = flags
  if (server === undefined && redis === undefined) return undefined
  if (server !== undefined && redis !== undefined) throw new UsageError('--server and --redis name two places: give one of them')
  if (state !== undefined) throw new UsageError(`--state is for a cutover of one process; with ${server === undefined ? '--redis' : '--server'} it is in Redis`)
  if (given.length > 1) throw new UsageError('give one id of a cutover, or none for the one that has not ended')
  const [text] = given
  if (text !== undefined && !/^[\w-]{1,64}$/.test(text)) throw new UsageError(`"${text}" is no id of a cutover: with ${server === undefined ? '--redis' : '--server'} it is named by the id that longshore cutover printed, or not at all`)
  if (server !== undefined) {
    const { ServerCutover } = await import('./server-cutover.ts')
    return await ServerCutover.open(text, flags)
  }
  const { RedisCutover } = await import('./redis-cutover.ts')
  return await RedisCutover.open(text, flags)
}

/** Of several, newest first: the one that is meant. @throws UsageError; `undefined`: there is none */
export function meantOf<T extends { readonly id: string; readonly phase: string }>(text: string | undefined, all: readonly T[], hasEnded: (one: T) => boolean): T | undefined {
  if (text === undefined) {
    const open = all.filter((one) => !hasEnded(one))
    if (open.length > 1) throw new UsageError(`${open.length} cutovers have not ended: give the id of one of them (${open.slice(0, 5).map(({ id }) => id).join(', ')}${open.length > 5 ? ', …' : ''})`)
    return open[0] ?? all[0]
  }
  const alike = all.filter(({ id }) => id.startsWith(text))
  const exact = alike.find(({ id }) => id === text)
  if (!exact && alike.length > 1) throw new UsageError(`${text} is the beginning of ${alike.length} cutovers: ${alike.slice(0, 5).map(({ id }) => id).join(', ')}; give more of it`)
  return exact ?? alike[0]
}
