// The environment, read in one place and handed on as values.
import { readFileSync } from 'node:fs'
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

export interface Server { readonly url: URL; readonly token: string | undefined }

/** Which coordinator, by the flags or by LONGSHORE_SERVER, LONGSHORE_TOKEN and LONGSHORE_TOKEN_FILE. @throws UsageError */
export function serverFrom({ env }: Config, flags: { readonly server?: string; readonly tokenFile?: string }): Server {
  const setting = flags.server === undefined ? 'LONGSHORE_SERVER' : '--server'
  const text = flags.server ?? (env['LONGSHORE_SERVER'] === '' ? undefined : env['LONGSHORE_SERVER'])
  if (text === undefined) throw new UsageError('which coordinator? Give --server URL, or set LONGSHORE_SERVER')
  // Without a scheme, a port would be taken for a path, and a host for a scheme.
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`)
  if (!url || !['http:', 'https:'].includes(url.protocol)) throw new UsageError(`${setting} is not a URL: write http://HOST:PORT or https://HOST`)
  if (url.username !== '' || url.password !== '') throw new UsageError(`${setting} holds a user or a password, which a coordinator does not know: give its token with --token-file, LONGSHORE_TOKEN_FILE or LONGSHORE_TOKEN`)
  url.search = ''
  url.hash = ''
  if (!url.pathname.endsWith('/')) url.pathname += '/'
  return { url, token: tokenFrom(env, flags.tokenFile) }
}

function tokenFrom(env: Config['env'], flag: string | undefined): string | undefined {
  const value = env['LONGSHORE_TOKEN'] === '' ? undefined : env['LONGSHORE_TOKEN']
  const path = flag ?? (value === undefined && env['LONGSHORE_TOKEN_FILE'] !== '' ? env['LONGSHORE_TOKEN_FILE'] : undefined)
  if (path === undefined) return value
  const setting = flag === undefined ? 'LONGSHORE_TOKEN_FILE' : '--token-file'
  let token: string
  try {
    token = readFileSync(path, 'utf8').trim()
  } catch (error) {
    throw new UsageError(`${setting} ${path} cannot be read (${error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'}): name the file that holds the coordinator's token`)
  }
  if (!/^[!-~]+$/.test(token)) throw new UsageError(`${setting} ${path} holds no token: it should be one line of letters and digits`)
  return token
}
