// The environment and the flags that stand for it, checked once.
import { readFileSync } from 'node:fs'
import { type AccessConfig, type AccessOptions, readAccessConfig } from '@longshore/access'
import { defaultLimits, type WorkerLimits } from '@longshore/pool'
import { parseRedisUrl, redisSettings, type RedisSettings } from '@longshore/redis'
import { type Guard, type ListenAddress, type LogLevel, logLevels, parseListen, readSecret, readSettings, secretsIn, SettingsError, unknownVariables } from '@longshore/telemetry'
import { z } from 'zod'

type Env = Readonly<Record<string, string | undefined>>

/** As the command line gives them. */
export interface WorkerFlags {
  readonly redis?: string
  readonly listen?: string
  readonly tokenFile?: string
  readonly logLevel?: string
  readonly recordHours?: string
  readonly grace?: string
  readonly blobs?: string
  readonly images?: string
  /** How this process reaches registries. */
  readonly access?: AccessOptions
}

export interface WorkerConfig {
  readonly redis: RedisSettings
  readonly listen: ListenAddress
  readonly metricsGuard: Guard
  readonly logLevel: LogLevel
  readonly recordMs: number
  /** What work in hand is given to arrive after SIGTERM. */
  readonly graceMs: number
  readonly limits: WorkerLimits
  readonly access: { readonly options: AccessOptions; readonly config: AccessConfig }
  /** Never to be seen in a log. */
  readonly secrets: readonly string[]
  /** Variables that nothing reads. */
  readonly unknown: readonly string[]
}

const yes = z.enum(['true', 'false', '1', '0'], { error: 'give true or false' }).transform((text) => text === 'true' || text === '1')
const whole = (most: number): z.ZodPipe<z.ZodString, z.ZodTransform<number, string>> => z.string().regex(/^[1-9]\d*$/, 'give a whole number')
  .refine((text) => Number(text) <= most, `${most} is the most`).transform(Number)

/** Images of one batch, which is resolved as a whole. */
const batchSize = 16

const schema = z.object({
  LONGSHORE_LISTEN: z.string().default('0.0.0.0:8081'),
  LONGSHORE_LOG_LEVEL: z.enum(logLevels, { error: `give one of ${logLevels.join(', ')}` }).default('info'),
  LONGSHORE_RECORD_HOURS: z.coerce.number({ error: 'give a number of hours' }).positive('give a number of hours').max(87_600, 'ten years are the most').default(168),
  // Kubernetes' terminationGracePeriodSeconds is 40 in infra/kubernetes: what is handed back has to be written down as well.
  LONGSHORE_GRACE_SECONDS: z.coerce.number({ error: 'give a number of seconds' }).min(0, 'give a number of seconds').max(86_400, 'a day is the most').default(25),
  // As the client's own: long enough for a registry that fetches a blob itself first, or asks an object store.
  LONGSHORE_STALL_SECONDS: z.coerce.number({ error: 'give a number of seconds' }).min(1, 'a second is the least').max(3_600, 'an hour is the most').default(60),
  LONGSHORE_BLOBS: whole(1_000).default(defaultLimits.blobs),
  LONGSHORE_IMAGES: whole(1_600).default(defaultLimits.batches * batchSize),
  LONGSHORE_METRICS_OPEN: yes.default(false),
})

/** @throws SettingsError, InvalidRedisUrlError, RedisSettingsError */
export function readWorkerConfig(env: Env, flags: WorkerFlags, readFile: (path: string) => string = (path) => readFileSync(path, 'utf8')): WorkerConfig {
  const settings = readSettings(schema, env, {
    LONGSHORE_LISTEN: { flag: '--listen', value: flags.listen }, LONGSHORE_LOG_LEVEL: { flag: '--log-level', value: flags.logLevel }, LONGSHORE_RECORD_HOURS: { flag: '--record-hours', value: flags.recordHours },
    LONGSHORE_GRACE_SECONDS: { flag: '--grace', value: flags.grace }, LONGSHORE_BLOBS: { flag: '--blobs', value: flags.blobs }, LONGSHORE_IMAGES: { flag: '--images', value: flags.images },
  })
  const redis = redisSettings(env, readFile, flags.redis)
  if (!redis) throw new SettingsError('LONGSHORE_REDIS_URL', 'which Redis? Give --redis URL, or set it')
  const tokens = [readSecret(env, 'LONGSHORE_TOKEN', readFile, { name: '--token-file', path: flags.tokenFile }), readSecret(env, 'LONGSHORE_METRICS_TOKEN', readFile)].filter((one) => one !== undefined)
  const { blobs: defaultBlobs, nodes } = defaultLimits
  const blobs = settings.LONGSHORE_BLOBS
  return Object.freeze({
    redis, listen: parseListen(settings.LONGSHORE_LISTEN, flags.listen === undefined ? 'LONGSHORE_LISTEN' : '--listen'),
    metricsGuard: settings.LONGSHORE_METRICS_OPEN ? { kind: 'open' } : { kind: 'token', tokens },
    logLevel: settings.LONGSHORE_LOG_LEVEL, recordMs: settings.LONGSHORE_RECORD_HOURS * 3_600_000, graceMs: settings.LONGSHORE_GRACE_SECONDS * 1000,
    limits: { ...defaultLimits, blobs, nodes: Math.ceil(nodes * blobs / defaultBlobs), batches: Math.ceil(settings.LONGSHORE_IMAGES / batchSize) },
    access: { options: flags.access ?? {}, config: { ...readAccessConfig(env), stallMs: settings.LONGSHORE_STALL_SECONDS * 1000 } },
    secrets: [...tokens, ...secretsIn(flags.access ?? {}), redis.password, redis.sentinel?.password, parseRedisUrl(redis.url).password].filter((one) => one !== undefined), unknown: unknownVariables(env),
  } satisfies WorkerConfig)
}
