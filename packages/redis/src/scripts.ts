import type { RedisClient } from './client.ts'

export interface Script {
  /** How many of the arguments are keys. */
  readonly keys: number
  readonly lua: string
}

const defined = new WeakMap<RedisClient, Map<string, string>>()

/**
 * Loads Lua scripts as methods of the client (`EVALSHA`, and `EVAL` where a server does not know one yet, as after a restart).
 * `T` says how each is called: keys first, then arguments.
 */
export function defineScripts<T>(redis: RedisClient, scripts: Readonly<Record<keyof T & string, Script>>): T {
  const known = defined.get(redis) ?? new Map<string, string>()
  defined.set(redis, known)
  for (const [name, { keys, lua }] of Object.entries<Script>(scripts)) {
    if (known.get(name) === lua) continue
    if (name in redis) throw new Error(`${name} is a command already: call the script something else`)
    redis.defineCommand(name, { numberOfKeys: keys, lua })
    known.set(name, lua)
  }
  return redis as unknown as T
}
