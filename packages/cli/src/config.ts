// The environment, read in one place and handed on as values.
import { type AccessConfig, readAccessConfig } from '@longshore/access'
import type { RedisSettings } from '@longshore/redis'
import { UsageError } from './usage-error.ts'

export interface Config extends AccessConfig {
  /** A terminal that cannot move its cursor. */
  readonly dumbTerminal: boolean
}

export function readConfig(env: Readonly<Record<string, string | undefined>> = process.env): Config {
  return { ...readAccessConfig(env), dumbTerminal: env['TERM'] === 'dumb' || env['TERM'] === '' }
}

/**
 * Which Redis, by the flag or by LONGSHORE_REDIS_URL and what belongs to it.
 * @throws UsageError, InvalidRedisUrlError, RedisSettingsError
 */
export async function redisSettingsFrom({ env }: Config, flag: string | undefined): Promise<RedisSettings> {
  const [{ redisSettings }, { readFileSync }] = await Promise.all([import('@longshore/redis'), import('node:fs')])
  const settings = redisSettings(env, (path) => readFileSync(path, 'utf8'), flag)
  if (!settings) throw new UsageError('which Redis? Give --redis URL, or set LONGSHORE_REDIS_URL')
  return settings
}

const defaultRecordHours = 168

/** How long the record of a finished migration is kept: LONGSHORE_RECORD_HOURS. @throws UsageError */
export function recordMsFrom({ env }: Config): number {
  const text = env['LONGSHORE_RECORD_HOURS'] ?? ''
  const hours = text === '' ? defaultRecordHours : Number(text)
  if (!(hours > 0 && Number.isFinite(hours))) throw new UsageError(`LONGSHORE_RECORD_HOURS is "${text}": give a number of hours, such as ${defaultRecordHours}`)
  return hours * 3_600_000
}
