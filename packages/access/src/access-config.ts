// The environment, as far as it says how registries are reached.
import { homedir } from 'node:os'

export interface AccessConfig {
  /** For the keychain and certs.d, which look for files by several variables. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly home: string
  readonly uid: number
  readonly platform: NodeJS.Platform
  readonly proxy?: { readonly http?: string; readonly https?: string; readonly no?: string }
  /** Where the machine's registries.conf is; `/etc/containers`. */
  readonly registriesConfDir?: string
  /** Milliseconds without progress, after which a connection is given up. */
  readonly stallMs?: number
}

export function readAccessConfig(env: Readonly<Record<string, string | undefined>>): AccessConfig {
  // The lower-case names come first, as in curl and Go.
  const either = (name: string): string | undefined => nonEmpty(env[name.toLowerCase()]) ?? nonEmpty(env[name])
  const http = either('HTTP_PROXY')
  const https = either('HTTPS_PROXY')
  const no = either('NO_PROXY')
  return {
    env, home: nonEmpty(env['HOME']) ?? homedir(), uid: process.getuid?.() ?? 0, platform: process.platform,
    ...(http === undefined && https === undefined ? {} : {
      proxy: { ...(http === undefined ? {} : { http }), ...(https === undefined ? {} : { https }), ...(no === undefined ? {} : { no }) },
    }),
  }
}

function nonEmpty(text: string | undefined): string | undefined { return text === '' ? undefined : text }
