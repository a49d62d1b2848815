import type { RunHook } from '@longshore/hooks'
import { MigrationError } from '@longshore/oci'
import { RequestError } from '@longshore/telemetry'

/** A coordinator that anyone may command must be asked for by name. */
export class TokenMissingError extends MigrationError {
  override readonly name = 'TokenMissingError'
  override readonly code = 'TOKEN_MISSING'
  readonly exitCode = 2
  constructor() {
    super('a coordinator without a token would move images for everybody who reaches it: make one (openssl rand -hex 32 >token), and give it with --token-file, LONGSHORE_TOKEN_FILE or '
      + 'LONGSHORE_TOKEN; to try things out on this machine alone: --listen 127.0.0.1:8080 with LONGSHORE_INSECURE_NO_TOKEN=true')
  }
}

/** A spec or an option carries credentials; says where, never what. */
export class CredentialsRefusedError extends RequestError {
  override readonly name = 'CredentialsRefusedError'
  override readonly code = 'CREDENTIALS_REFUSED'
  override readonly status = 422
  override readonly facts: Readonly<Record<string, unknown>>
  constructor(places: ReadonlyArray<{ readonly file: string; readonly line?: number; readonly column?: number; readonly message: string }>) {
    super(`${places.map(({ file, line, column, message }) => `${[file, line, column].filter((part) => part !== undefined).join(':')}: ${message}`).slice(0, 5).join('\n')}\n`
      + 'credentials never pass through the API: each worker has its own (REGISTRY_AUTH_FILE, or --authfile), so leave them out')
    this.facts = { problems: places }
  }
}

export class RegistryNotAllowedError extends RequestError {
  override readonly name = 'RegistryNotAllowedError'
  override readonly code = 'REGISTRY_NOT_ALLOWED'
  override readonly status = 403
  override readonly facts: Readonly<Record<string, unknown>>
  constructor(registries: readonly string[]) {
    super(`this coordinator may not move images from or to ${registries.join(', ')}: its LONGSHORE_ALLOWED_REGISTRIES leaves them out`)
    this.facts = { registries }
  }
}

/** Hooks are commands and addresses of whoever submits. */
export class HooksRefusedError extends RequestError {
  override readonly name = 'HooksRefusedError'
  override readonly code = 'HOOKS_NOT_ALLOWED'
  override readonly status = 403
  constructor() {
    super('the spec has hooks (commands or addresses that the coordinator would call): leave them out, or have whoever runs the coordinator start it with --allow-hooks (LONGSHORE_ALLOW_HOOKS=true)')
  }
}

export class ImageUnknownError extends RequestError {
  override readonly name = 'ImageUnknownError'
  override readonly code = 'IMAGE_UNKNOWN'
  override readonly status = 404
  constructor(migration: string) { super(`migration ${migration} has no image of that id (yet); GET /api/v1/migrations/${migration}/images lists those that it has`) }
}

/** A plan or a check: it moved nothing, and its findings have another form. */
export class NoReportError extends RequestError {
  override readonly name = 'NoReportError'
  override readonly code = 'WRONG_STATE'
  override readonly status = 409
  constructor(id: string, task: string) { super(`${id} is a ${task === 'plan' ? 'plan' : 'check'}, which moves nothing: whoever asked for it prints what it found`) }
}

/** In place of a hook: a spec may come to Redis by other ways than the API. */
export const refuseHook: RunHook = async () => { throw new HooksRefusedError() }

/** Begun again, it would carry the source's older content over what has been pushed to the destination since. */
export class CutoverOverError extends RequestError {
  override readonly name = 'CutoverOverError'
  override readonly code = 'CUTOVER_OVER'
  override readonly status = 409
  override readonly facts: Readonly<Record<string, unknown>>
  constructor(id: string) {
    super(`cutover ${id} moved these images and was a go; nothing is moved: again=true (--again) begins another one, which may overwrite what has been pushed to the destination since`)
    this.facts = { cutover: id }
  }
}
