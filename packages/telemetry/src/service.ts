// The life of a service's process: its settings, its signals, and its patience with what it needs.
import { setTimeout as delay } from 'node:timers/promises'
import { toRecord } from '@longshore/oci'
import { SettingsError } from './errors.ts'
import type { Logger } from './logger.ts'

type Env = Readonly<Record<string, string | undefined>>

/** As a zod schema is, of an object whose keys are the variables. */
interface SettingsSchema<T> {
  readonly shape: Readonly<Record<string, unknown>>
  safeParse(value: unknown): { readonly success: true; readonly data: T } | { readonly success: false; readonly error: { readonly issues: ReadonlyArray<{ readonly path: readonly PropertyKey[]; readonly message: string }> } }
}

/** A flag, by the variable that it stands for. */
export type SettingFlags = Readonly<Record<string, { readonly flag: string; readonly value: string | undefined }>>

/** The variables of a schema, or the flags given in their place. Set and empty is as good as not set: that is how templates leave things out. @throws SettingsError */
export function readSettings<T>(schema: SettingsSchema<T>, env: Env, flags: SettingFlags = {}): T {
  const given = Object.fromEntries(Object.keys(schema.shape).flatMap((name) => {
    const value = flags[name]?.value ?? env[name]
    return value === undefined || value === '' ? [] : [[name, value]]
  }))
  const result = schema.safeParse(given)
  if (result.success) return Object.freeze(result.data)
  const [issue] = result.error.issues
  const name = String(issue?.path[0] ?? '')
  throw new SettingsError(flags[name]?.value === undefined ? name : flags[name].flag, `${JSON.stringify(given[name] ?? '')}: ${issue?.message ?? 'cannot be used'}`)
}

export interface StopSignals extends Disposable {
  /** Aborts at the first SIGTERM or SIGINT. */
  readonly signal: AbortSignal
}

/** The first signal asks the process to end well, the second ends it. */
export function stopOnSignals(log: Logger): StopSignals {
  const stop = new AbortController()
  const hear = (signal: NodeJS.Signals): void => {
    if (stop.signal.aborted) process.exit(signal === 'SIGINT' ? 130 : 143)
    log.info({ signal }, 'stopping: work in hand may arrive; a second signal ends at once')
    stop.abort()
  }
  process.on('SIGTERM', hear)
  process.on('SIGINT', hear)
  return {
    signal: stop.signal,
    [Symbol.dispose]() {
      process.off('SIGTERM', hear)
      process.off('SIGINT', hear)
    },
  }
}

const againMs = 1_000

/**
 * Opens what may not be there yet: services and what they need are started in any order.
 * @param open hears of `stop` by itself
 * @param isAway whether an error says: not yet; others are thrown
 * @returns undefined when `stop` aborts first
 */
export async function untilOpen<T>(open: () => Promise<T>, isAway: (error: unknown) => boolean, log: Logger, stop: AbortSignal): Promise<T | undefined> {
  for (let told = false; ;) {
    if (stop.aborted) return undefined
    try {
      return await open()
    } catch (error) {
      if (stop.aborted) return undefined
      if (!isAway(error)) throw error
      if (!told) log.warn({ err: toRecord(error) }, 'redis is out of reach; waiting for it')
      told = true
      await delay(againMs, undefined, { signal: stop }).catch(() => { /* asked to end */ })
    }
  }
}
