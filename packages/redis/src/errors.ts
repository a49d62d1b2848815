import { MigrationError } from '@longshore/oci'

/** What was given as the address of Redis cannot be understood. Says what is wrong, and never prints what was given: it may hold a password. */
export class InvalidRedisUrlError extends MigrationError {
  override readonly name = 'InvalidRedisUrlError'
  override readonly code = 'REDIS_URL_INVALID'
  constructor(why: string) {
    super(`the Redis URL is not valid: ${why}; the forms are redis://[USER[:PASSWORD]@]HOST[:PORT][/DB], redis+sentinel://HOST:PORT,HOST:PORT/MASTER[/DB], `
      + 'redis+cluster://HOST:PORT,HOST:PORT (rediss… for TLS) and unix:///PATH')
  }
}

/** Settings beside the URL that contradict each other or cannot be read. */
export class RedisSettingsError extends MigrationError {
  override readonly name = 'RedisSettingsError'
  override readonly code = 'REDIS_SETTINGS_INVALID'
}

/** Nobody answered in time at the first connect. */
export class RedisUnreachableError extends MigrationError {
  override readonly name = 'RedisUnreachableError'
  override readonly code = 'REDIS_UNREACHABLE'
  constructor(where: string, why: string, cause?: unknown) {
    super(`${where}: ${why}; check host, port and network, and that Redis runs there`, { cause })
  }
}

/** The two sides do not agree about TLS, or a certificate is not trusted. */
export class RedisTlsError extends MigrationError {
  override readonly name = 'RedisTlsError'
  override readonly code = 'REDIS_TLS_FAILED'
  constructor(where: string, why: string, cause?: unknown) { super(`${where}: ${why}`, { cause }) }
}

/** The user or password was refused, or may not do what Longshore needs. */
export class RedisAuthError extends MigrationError {
  override readonly name = 'RedisAuthError'
  override readonly code = 'REDIS_AUTH_FAILED'
  constructor(where: string, why: string, cause?: unknown) { super(`${where}: ${why}`, { cause }) }
}

export class RedisTooOldError extends MigrationError {
  override readonly name = 'RedisTooOldError'
  override readonly code = 'REDIS_TOO_OLD'
  constructor(where: string, version: string, least: string) {
    super(`${where}: this is Redis ${version}; Longshore needs ${least} or newer, or Valkey`)
  }
}

/** The URL is of one kind of server (single, Sentinel, cluster), and there is another. */
export class RedisModeError extends MigrationError {
  override readonly name = 'RedisModeError'
  override readonly code = 'REDIS_WRONG_MODE'
  constructor(where: string, why: string, cause?: unknown) { super(`${where}: ${why}`, { cause }) }
}
