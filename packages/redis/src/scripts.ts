import type { RedisClient } from './client.ts'

export interface Script {
  /** How many of the arguments are keys. */
  readonly keys: number
  readonly lua: string
}

/**
 * Loads Lua scripts as methods of the client (`EVALSHA`, and `EVAL` where a server does not know one yet, as after a restart).
 * `T` says how each is called: keys first, then arguments.
 */
export function defineScripts<T>(redis: RedisClient, scripts: Readonly<Record<keyof T & string, Script>>): T {
  for (const [name, { keys, lua }] of Object.entries<Script>(scripts)) {
    if (!(name in redis)) redis.defineCommand(name, { numberOfKeys: keys, lua })
  }
  return redis as unknown as T
}
