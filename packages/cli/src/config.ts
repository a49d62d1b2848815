// The environment, read in one place and handed on as values.
import { type AccessConfig, readAccessConfig } from '@longshore/access'

export interface Config extends AccessConfig {
  /** A terminal that cannot move its cursor. */
  readonly dumbTerminal: boolean
}

export function readConfig(env: Readonly<Record<string, string | undefined>> = process.env): Config {
  return { ...readAccessConfig(env), dumbTerminal: env['TERM'] === 'dumb' || env['TERM'] === '' }
}
