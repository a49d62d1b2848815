// The environment and the flags that stand for it, checked once.
import { readFileSync } from 'node:fs'
import { type AccessConfig, type AccessOptions, readAccessConfig } from '@longshore/access'
import { parseRedisUrl, redisSettings, type RedisSettings } from '@longshore/redis'
import { type Guard, isLoopback, type ListenAddress, type LogLevel, logLevels, parseListen, readSecret, readSettings, secretsIn, SettingsError, unknownVariables } from '@longshore/telemetry'
import { z } from 'zod'
import { type AllowedRegistries, parseAllowedRegistries } from './allowed-registries.ts'
import { TokenMissingError } from './errors.ts'

type Env = Readonly<Record<string, string | undefined>>

/** As the command line gives them. */
export interface CoordinatorFlags {
  readonly redis?: string
  readonly listen?: string
  readonly tokenFile?: string
  readonly logLevel?: string
  readonly recordHours?: string
  readonly allowHooks?: boolean
  /** How this process reaches registries. */
  readonly access?: AccessOptions
}

export interface CoordinatorConfig {
  readonly redis: RedisSettings
  readonly listen: ListenAddress
  /** Of the API. */
  readonly guard: Guard
  readonly metricsGuard: Guard
  /** Of what registries tell about changes. */
  readonly notificationGuard: Guard
  readonly logLevel: LogLevel
  /** How long the record of a migration is kept after its end. */
  readonly recordMs: number
  readonly allowed: AllowedRegistries
  /** Whether hooks of specs, commands and addresses of whoever submits, are called here. */
  readonly allowHooks: boolean
  /** How this process itself reaches registries: it lists tags and catalogs. */
  readonly access: { readonly options: AccessOptions; readonly config: AccessConfig }
  /** What hooks look variables up in, and what their commands inherit. */
  readonly env: Env
  /** Never to be seen in a log. */
  readonly secrets: readonly string[]
  /** Variables that nothing reads. */
  readonly unknown: readonly string[]
}

const yes = z.enum(['true', 'false', '1', '0'], { error: 'give true or false' }).transform((text) => text === 'true' || text === '1')
const schema = z.object({
  LONGSHORE_LISTEN: z.string().default('0.0.0.0:8080'),
  LONGSHORE_LOG_LEVEL: z.enum(logLevels, { error: `give one of ${logLevels.join(', ')}` }).default('info'),
  // A week: long enough to come back to, short enough to be forgotten.
  LONGSHORE_RECORD_HOURS: z.coerce.number({ error: 'give a number of hours' }).positive('give a number of hours').max(87_600, 'ten years are the most').default(168),
  LONGSHORE_METRICS_OPEN: yes.default(false),
  LONGSHORE_INSECURE_NO_TOKEN: yes.default(false),
  LONGSHORE_ALLOWED_REGISTRIES: z.string().optional(),
  LONGSHORE_ALLOW_HOOKS: yes.default(false),
})

/** @throws SettingsError, TokenMissingError, InvalidRedisUrlError, RedisSettingsError */
export function readCoordinatorConfig(env: Env, flags: CoordinatorFlags, readFile: (path: string) => string = (path) => readFileSync(path, 'utf8')): CoordinatorConfig {
  const settings = readSettings(schema, env, {
    LONGSHORE_LISTEN: { flag: '--listen', value: flags.listen }, LONGSHORE_LOG_LEVEL: { flag: '--log-level', value: flags.logLevel }, LONGSHORE_RECORD_HOURS: { flag: '--record-hours', value: flags.recordHours },
    LONGSHORE_ALLOW_HOOKS: { flag: '--allow-hooks', value: flags.allowHooks === undefined ? undefined : String(flags.allowHooks) },
  })
  const redis = redisSettings(env, readFile, flags.redis)
  if (!redis) throw new SettingsError('LONGSHORE_REDIS_URL', 'which Redis? Give --redis URL, or set it')
  const listen = parseListen(settings.LONGSHORE_LISTEN, flags.listen === undefined ? 'LONGSHORE_LISTEN' : '--listen')
  const token = readSecret(env, 'LONGSHORE_TOKEN', readFile, { name: '--token-file', path: flags.tokenFile })
  const metricsToken = readSecret(env, 'LONGSHORE_METRICS_TOKEN', readFile)
  const notificationSecret = readSecret(env, 'LONGSHORE_NOTIFICATION_SECRET', readFile)
  const isOpen = token === undefined && settings.LONGSHORE_INSECURE_NO_TOKEN && isLoopback(listen)
  if (token === undefined && !isOpen) throw new TokenMissingError()
  const tokens = [token, metricsToken].filter((one) => one !== undefined)
  return Object.freeze({
    redis, listen, guard: isOpen ? { kind: 'open' } : { kind: 'token', tokens: token === undefined ? [] : [token] },
    metricsGuard: settings.LONGSHORE_METRICS_OPEN || (isOpen && tokens.length === 0) ? { kind: 'open' } : { kind: 'token', tokens },
    // Whoever may command may tell, too.
    notificationGuard: isOpen && notificationSecret === undefined ? { kind: 'open' } : { kind: 'token', tokens: [notificationSecret, token].filter((one) => one !== undefined) },
    allowHooks: settings.LONGSHORE_ALLOW_HOOKS,
    logLevel: settings.LONGSHORE_LOG_LEVEL, recordMs: settings.LONGSHORE_RECORD_HOURS * 3_600_000,
    allowed: parseAllowedRegistries(settings.LONGSHORE_ALLOWED_REGISTRIES, 'LONGSHORE_ALLOWED_REGISTRIES'),
    env: hookEnv(env),
    access: { options: flags.access ?? {}, config: readAccessConfig(env) },
    secrets: [...tokens, notificationSecret, ...secretsIn(flags.access ?? {}), redis.password, redis.sentinel?.password, parseRedisUrl(redis.url).password].filter((one) => one !== undefined), unknown: unknownVariables(env),
  } satisfies CoordinatorConfig)
}

export interface NotificationSettings { readonly listen: ListenAddress; readonly guard: Guard; readonly secrets: readonly string[] }

/** Of a cutover of one process, which takes notifications at `--listen`. @throws SettingsError */
export function readNotificationSettings(env: Env, listenText: string, readFile: (path: string) => string = (path) => readFileSync(path, 'utf8')): NotificationSettings {
  const listen = parseListen(listenText, '--listen')
  const secret = readSecret(env, 'LONGSHORE_NOTIFICATION_SECRET', readFile)
  const { LONGSHORE_INSECURE_NO_TOKEN: isOpen } = readSettings(z.object({ LONGSHORE_INSECURE_NO_TOKEN: yes.default(false) }), env)
  if (secret !== undefined) return { listen, guard: { kind: 'token', tokens: [secret] }, secrets: [secret] }
  if (isOpen && isLoopback(listen)) return { listen, guard: { kind: 'open' }, secrets: [] }
  throw new SettingsError('--listen', 'whoever reaches it could have images moved: set LONGSHORE_NOTIFICATION_SECRET (openssl rand -hex 32) or LONGSHORE_NOTIFICATION_SECRET_FILE, and have the registry send it in the header Authorization; '
    + 'to try things out on this machine alone: a loopback address with LONGSHORE_INSECURE_NO_TOKEN=true')
}

/** All but our own secrets: a hook that needs one of them is none. */
function hookEnv(env: Env): Env {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^LONGSHORE_.*(?:TOKEN|SECRET|PASSWORD|REDIS_URL)/.test(name)))
}
