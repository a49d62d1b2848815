// Each migration has one leader, and so has each cutover: whoever holds its lock. A leader that was out of touch for longer than the lock lives has lost it, if
// anybody has taken it meanwhile: that is told by the fence, a number in the record that grows with each taking.
import { defineScripts, type RedisClient } from '@longshore/redis'
import { LeadershipLostError } from './errors.ts'
import { beatMs, lifeMs } from './keys.ts'

interface Scripts {
  /** The fence; -1: somebody else leads. */
  takeLead(key: string, record: string, holder: string, lifeMs: number): Promise<number>
  renewLead(key: string, record: string, holder: string, lifeMs: number, fence: string): Promise<number>
  endLead(key: string, holder: string): Promise<number>
}
const scripts = {
  // The answer to the first attempt may have been lost, and the command sent again: then it is ours already.
  takeLead: {
    keys: 2,
    lua: `local now = redis.call('GET', KEYS[1])
      if now and now ~= ARGV[1] then return -1 end
      if not now then
        redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
        if redis.call('EXISTS', KEYS[2]) == 1 then redis.call('HINCRBY', KEYS[2], 'fence', 1) end
      end
      return tonumber(redis.call('HGET', KEYS[2], 'fence') or '0')`,
  },
  // Redis was away for longer than the lock lives, and perhaps nobody else was there to take it.
  renewLead: {
    keys: 2,
    lua: `local now = redis.call('GET', KEYS[1])
      if now and now ~= ARGV[1] then return 0 end
      if not now and (redis.call('HGET', KEYS[2], 'fence') or '0') ~= ARGV[3] then return 0 end
      redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
      return 1`,
  },
  endLead: { keys: 1, lua: "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end redis.call('DEL', KEYS[1]) return 1" },
}

export interface Lead extends AsyncDisposable {
  /** Aborts when the lock is lost. */
  readonly signal: AbortSignal
  /** What a write of its holder carries: an older one is refused. */
  readonly fence: string
  /** A write was refused: it is lost, though no beat has told so yet. Returns the signal's reason. */
  lose(): Error
}

/**
 * `undefined`: somebody else leads.
 * @param record the hash of what is led, which keeps the fence
 * @param what `migration ID`, `cutover ID`
 */
export async function takeLead(redis: RedisClient, prefix: string, record: string, holder: string, what: string): Promise<Lead | undefined> {
  const run = defineScripts<Scripts>(redis, scripts)
  const key = `${prefix}lead`
  const taken = await run.takeLead(key, record, holder, lifeMs)
  if (taken < 0) return undefined
  const fence = String(taken)
  const lost = new AbortController()
  let hasEnded = false
  let timer: NodeJS.Timeout | undefined
  const lose = (): Error => {
    lost.abort(new LeadershipLostError(what))
    return lost.signal.reason as Error
  }
  /** One at a time: while Redis is away they would gather. */
  const renew = async (): Promise<void> => {
    try {
      if (await run.renewLead(key, record, holder, lifeMs, fence) !== 1) {
        lose()
        return
      }
      if (hasEnded) await run.endLead(key, holder)
    } catch { /* commands wait while Redis is away: whatever this is, the next beat tells */ }
    if (!hasEnded && !lost.signal.aborted) timer = setTimeout(() => { void renew() }, beatMs)
  }
  timer = setTimeout(() => { void renew() }, beatMs)
  return {
    signal: lost.signal, fence, lose,
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
