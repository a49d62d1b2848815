// Each migration has one leader, and so has each cutover: whoever holds its lock. A leader that was out of touch for longer than the lock lives has lost it.
import { defineScripts, type RedisClient } from '@longshore/redis'
import { LeadershipLostError } from './errors.ts'
import { beatMs, lifeMs } from './keys.ts'

interface Scripts {
  renewLead(key: string, holder: string, lifeMs: number): Promise<number>
  endLead(key: string, holder: string): Promise<number>
}
const scripts = {
  renewLead: { keys: 1, lua: "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end redis.call('PEXPIRE', KEYS[1], ARGV[2]) return 1" },
  endLead: { keys: 1, lua: "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end redis.call('DEL', KEYS[1]) return 1" },
}

export interface Lead extends AsyncDisposable {
  /** Aborts when the lock is lost. */
  readonly signal: AbortSignal
}

/** `undefined`: somebody else leads. @param what `migration ID`, `cutover ID` */
export async function takeLead(redis: RedisClient, prefix: string, holder: string, what: string): Promise<Lead | undefined> {
  const run = defineScripts<Scripts>(redis, scripts)
  const key = `${prefix}lead`
  const taken = await redis.set(key, holder, 'PX', lifeMs, 'NX')
  // The answer to the first attempt may have been lost, and the command sent again.
  if (taken === null && await redis.get(key) !== holder) return undefined
  const lost = new AbortController()
  let hasEnded = false
  let timer: NodeJS.Timeout | undefined
  /** One at a time: while Redis is away they would gather, and each would find that another of ours has taken the lock. */
  const renew = async (): Promise<void> => {
    try {
      if (await run.renewLead(key, holder, lifeMs) !== 1 && !hasEnded) {
        // Redis was away for longer than the lock lives, and perhaps nobody else was there to take it.
        if (await redis.set(key, holder, 'PX', lifeMs, 'NX') === null && await redis.get(key) !== holder) {
          lost.abort(new LeadershipLostError(what))
          return
        }
        if (hasEnded) await run.endLead(key, holder)
      }
    } catch { /* commands wait while Redis is away: whatever this is, the next beat tells */ }
    if (!hasEnded) timer = setTimeout(() => { void renew() }, beatMs)
  }
  timer = setTimeout(() => { void renew() }, beatMs)
  return {
    signal: lost.signal,
    async [Symbol.asyncDispose]() {
      hasEnded = true
      clearTimeout(timer)
      await run.endLead(key, holder)
    },
  }
}

export async function isLed(redis: RedisClient, prefix: string): Promise<boolean> {
  return await redis.exists(`${prefix}lead`) === 1
}

export async function leaderOf(redis: RedisClient, prefix: string): Promise<string | undefined> {
  return await redis.get(`${prefix}lead`) ?? undefined
}
