import { createHash, timingSafeEqual } from 'node:crypto'
import { SettingsError } from './errors.ts'

type Env = Readonly<Record<string, string | undefined>>

/** `NAME`, or the content of the file that `NAME_FILE` names. Set and empty is as good as not set. @throws SettingsError */
export function readSecret(env: Env, name: string, readFile: (path: string) => string, flag?: { readonly name: string; readonly path: string | undefined }): string | undefined {
  const value = env[name] === '' ? undefined : env[name]
  const fromFlag = flag?.path
  const path = fromFlag ?? (env[`${name}_FILE`] === '' ? undefined : env[`${name}_FILE`])
  const setting = fromFlag === undefined ? `${name}_FILE` : flag?.name ?? name
  if (path === undefined) return value === undefined ? undefined : usable(value, name)
  if (value !== undefined && fromFlag === undefined) throw new SettingsError(setting, `${name} is set too: give one of them`)
  let text: string
  try {
    text = readFile(path)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
    throw new SettingsError(setting, `${path} cannot be read (${code}): name a file that holds the token`, error)
  }
  const secret = text.replace(/\r?\n$/, '')
  if (secret === '') throw new SettingsError(setting, `${path} is empty: it should hold the token`)
  return usable(secret, setting)
}

/** What cannot be sent in a header would refuse everybody. RFC 6750 §2.1 has the letters. */
function usable(secret: string, setting: string): string {
  if (!/^[\w.~+/=:@!$%*^&()-]+$/.test(secret)) throw new SettingsError(setting, 'the token holds blanks, line breaks or other letters that cannot be sent: make one with openssl rand -hex 32')
  return secret
}

/** Compares every one of them to its end, whatever the first letters are. */
export function isOneOf(given: string, secrets: readonly string[]): boolean {
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest()
  const wanted = hash(given)
  let found = false
  for (const secret of secrets) if (timingSafeEqual(wanted, hash(secret))) found = true
  return found
}

/** Values of options that are secrets, by their names; of `USER:PASSWORD` the password. */
export function secretsIn(options: object): readonly string[] {
  return Object.entries(options).flatMap(([name, value]) => {
    if (typeof value !== 'string' || !/creds|password|token$/i.test(name)) return []
    return /creds/i.test(name) ? value.split(':').slice(1).join(':') : value
  }).filter((secret) => secret !== '')
}

const redisVariables = ['URL', 'USERNAME', 'PASSWORD', 'PASSWORD_FILE', 'SENTINEL_USERNAME', 'SENTINEL_PASSWORD', 'SENTINEL_PASSWORD_FILE', 'CA', 'CERT', 'KEY', 'TLS_VERIFY'] as const
/** Of all services and of those who talk to them: they may share one environment. docs/operations.md has what each means. */
const serviceVariables: ReadonlySet<string> = new Set([
  ...redisVariables.map((name) => `REDIS_${name}`), 'LISTEN', 'TOKEN', 'TOKEN_FILE', 'METRICS_TOKEN', 'METRICS_TOKEN_FILE', 'METRICS_OPEN', 'INSECURE_NO_TOKEN', 'ALLOWED_REGISTRIES', 'SERVER',
  'NOTIFICATION_SECRET', 'NOTIFICATION_SECRET_FILE', 'ALLOW_HOOKS', 'GRACE_SECONDS', 'LOG_LEVEL', 'RECORD_HOURS', 'BLOBS', 'IMAGES', 'STALL_SECONDS',
].map((name) => `LONGSHORE_${name}`))

/** Variables of ours, by their first letters, that nothing reads: most likely misspelt. Kubernetes sets some by itself, for Services of that name. */
export function unknownVariables(env: Env): readonly string[] {
  return Object.keys(env).filter((name) => name.startsWith('LONGSHORE_') && !serviceVariables.has(name) && !/_SERVICE_(?:HOST|PORT)|_PORT(?:_\d+_(?:TCP|UDP)(?:_.*)?)?$/.test(name)).sort()
}
