import { MigrationError, printable } from '@longshore/oci'

/** A setting of a service (an environment variable or its flag) that cannot be used. Says which; its value only where it is no secret. */
export class SettingsError extends MigrationError {
  override readonly name = 'SettingsError'
  override readonly code = 'SETTINGS_INVALID'
  readonly exitCode = 2
  constructor(setting: string, why: string, cause?: unknown) { super(printable(`${setting}: ${why}`), { cause }) }
}

/** The address cannot be listened at. */
export class ListenError extends MigrationError {
  override readonly name = 'ListenError'
  override readonly code = 'LISTEN_FAILED'
  readonly exitCode = 2
  constructor(where: string, why: string, cause?: unknown) { super(printable(`${where}: ${why}`), { cause }) }
}

/** An error that is the answer to an HTTP request, with its status. */
export abstract class RequestError extends MigrationError {
  abstract readonly status: number
  /** Header fields of the answer. */
  readonly headers: Readonly<Record<string, string>> = {}
  /** Members of the problem beside those of RFC 9457. */
  readonly facts: Readonly<Record<string, unknown>> = {}
}

/** The bearer token is missing, or another one is wanted. */
export class TokenRefusedError extends RequestError {
  override readonly name = 'TokenRefusedError'
  override readonly code = 'TOKEN_REFUSED'
  override readonly status = 401
  override readonly headers: Readonly<Record<string, string>>
  constructor(problem: 'missing' | 'wrong' | 'unset' | 'unsent' | 'notShared') {
    super({
      missing: 'this needs "Authorization: Bearer TOKEN", with the token of LONGSHORE_TOKEN',
      wrong: 'this is not the token that is wanted here: use that of the server\'s LONGSHORE_TOKEN',
      unset: 'no token is set here, so nobody has one: set LONGSHORE_METRICS_TOKEN, or LONGSHORE_METRICS_OPEN=true to let everyone read the metrics',
      unsent: 'a registry\'s notification needs the header Authorization with the secret of LONGSHORE_NOTIFICATION_SECRET: in docker-registry\'s notifications.endpoints under headers, in Harbor\'s webhook as Auth Header',
      notShared: 'this is not the secret that is wanted here: compare the header Authorization that the registry sends with LONGSHORE_NOTIFICATION_SECRET',
    }[problem])
    // RFC 6750 §3: no error code where no token was given.
    this.headers = { 'www-authenticate': problem === 'wrong' || problem === 'notShared' ? 'Bearer realm="longshore", error="invalid_token"' : 'Bearer realm="longshore"' }
  }
}

/** The request is not one that is answered here. */
export class RequestInvalidError extends RequestError {
  override readonly name = 'RequestInvalidError'
  override readonly code = 'REQUEST_INVALID'
  override readonly status: number
  override readonly facts: Readonly<Record<string, unknown>>
  constructor(status: 400 | 404 | 405 | 413 | 415, why: string, facts: Readonly<Record<string, unknown>> = {}) {
    super(printable(why))
    this.status = status
    this.facts = facts
  }
}

/** It cannot be answered now, and can be asked again. */
export class ServerBusyError extends RequestError {
  override readonly name = 'ServerBusyError'
  override readonly code = 'SERVER_BUSY'
  override readonly status = 503
  override readonly headers = { 'retry-after': '5' }
  constructor(why: string) { super(printable(why)) }
}
