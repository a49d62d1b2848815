// Which Redis, from the environment: the same variables for the command, the workers and the coordinators.
import type { RedisTls } from './client.ts'
import { RedisSettingsError } from './errors.ts'
import { parseRedisUrl } from './url.ts'

export interface RedisSettings {
  readonly url: string
  readonly username?: string
  readonly password?: string
  readonly tls?: RedisTls
  readonly sentinel?: { readonly username?: string; readonly password?: string }
}

/**
 * @param readFile reads a text file, synchronously; what it throws is told with the variable that named the file
 * @param flagUrl `--redis`, before LONGSHORE_REDIS_URL
 * @returns `undefined`: no Redis is named
 * @throws InvalidRedisUrlError REDIS_URL_INVALID; RedisSettingsError REDIS_SETTINGS_INVALID
 */
export function redisSettings(env: Readonly<Record<string, string | undefined>>, readFile: (path: string) => string, flagUrl?: string): RedisSettings | undefined {
  const url = flagUrl ?? read(env, 'LONGSHORE_REDIS_URL')
  if (url === undefined) return undefined
  const parsed = parseRedisUrl(url)
  const username = read(env, 'LONGSHORE_REDIS_USERNAME')
  const password = secret(env, readFile, 'LONGSHORE_REDIS_PASSWORD')
  if (password !== undefined && parsed.password !== undefined) {
    throw new RedisSettingsError('both the Redis URL and LONGSHORE_REDIS_PASSWORD (or its _FILE) hold a password: leave one out')
  }
  const sentinelUsername = read(env, 'LONGSHORE_REDIS_SENTINEL_USERNAME')
  const sentinelPassword = secret(env, readFile, 'LONGSHORE_REDIS_SENTINEL_PASSWORD')
  const tls = tlsOf(env, readFile)
  if (tls && !parsed.tls) throw new RedisSettingsError('LONGSHORE_REDIS_CA, _CERT, _KEY and _TLS_VERIFY are for TLS: write rediss… instead of redis… in the Redis URL')
  return {
    url, ...(username === undefined ? {} : { username }), ...(password === undefined ? {} : { password }), ...(tls === undefined ? {} : { tls }),
    ...(sentinelUsername === undefined && sentinelPassword === undefined ? {} : {
      sentinel: { ...(sentinelUsername === undefined ? {} : { username: sentinelUsername }), ...(sentinelPassword === undefined ? {} : { password: sentinelPassword }) },
    }),
  }
}

type Env = Readonly<Record<string, string | undefined>>

/** Set and empty is as good as not set: that is how templates leave things out. */
function read(env: Env, name: string): string | undefined {
  const value = env[name]
  return value === '' ? undefined : value
}

function secret(env: Env, readFile: (path: string) => string, name: string): string | undefined {
  const value = read(env, name)
  const path = read(env, `${name}_FILE`)
  if (path === undefined) return value
  if (value !== undefined) throw new RedisSettingsError(`${name} and ${name}_FILE exclude each other: give one of them`)
  const text = fileOf(readFile, `${name}_FILE`, path).replace(/\r?\n$/, '')
  if (text === '') throw new RedisSettingsError(`${name}_FILE: ${path} is empty: it should hold the password`)
  return text
}

function tlsOf(env: Env, readFile: (path: string) => string): RedisTls | undefined {
  const pem = (part: 'CA' | 'CERT' | 'KEY'): string | undefined => {
    const name = `LONGSHORE_REDIS_${part}`
    const path = read(env, name)
    if (path === undefined) return undefined
    const text = fileOf(readFile, name, path)
    if (!text.includes('-----BEGIN ')) throw new RedisSettingsError(`${name}: ${path} holds no PEM`)
    return text
  }
  const [ca, cert, key] = [pem('CA'), pem('CERT'), pem('KEY')]
  if ((cert === undefined) !== (key === undefined)) throw new RedisSettingsError('LONGSHORE_REDIS_CERT and LONGSHORE_REDIS_KEY belong together: give both or neither')
  const verify = read(env, 'LONGSHORE_REDIS_TLS_VERIFY')
  if (verify !== undefined && verify !== 'true' && verify !== 'false') throw new RedisSettingsError('LONGSHORE_REDIS_TLS_VERIFY must be true or false')
  if (ca === undefined && cert === undefined && verify === undefined) return undefined
  return {
    ...(ca === undefined ? {} : { ca }), ...(cert === undefined ? {} : { cert }), ...(key === undefined ? {} : { key }), ...(verify === undefined ? {} : { verify: verify === 'true' }),
  }
}

function fileOf(readFile: (path: string) => string, name: string, path: string): string {
  try {
    return readFile(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new RedisSettingsError(`${name}: ${path} cannot be read (${code ?? String(error)})`, { cause: error })
  }
}
