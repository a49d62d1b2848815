// What has to happen to a cutover's keys at once. The record is a hash: `spec`, which stays (but for its `cutover`); `body`, all else, as JSON; `v`, which grows with
// each change of it; `pos`, which grows with each change at the source that is heard of; `wakes`, which grows where there is nothing else to see; `fence`, which grows with
// each leader: a write of an earlier one is refused. Others than leaders write without one.
import { defineScripts, type RedisClient } from '@longshore/redis'

export interface CutoverScripts {
  /** 1: it is so now; 0: it was changed meanwhile; -1: it is not known; -3: another one leads. `lifeMs` 0: it is not at its end. */
  putCutover(prefix: string, fence: string, v: string, nonce: string, body: string, phase: string, options: string, due: string, lifeMs: number): Promise<number>
  /** How many are waiting now; -1: it is not known; -2: there were too many, all are forgotten, and everything is due. */
  addChanges(prefix: string, most: number, now: string, ...pairs: readonly string[]): Promise<number>
  /** Position and change, in turns. */
  readChanges(prefix: string, limit: number): Promise<readonly string[]>
  /** -3: another one leads. */
  removeChanges(prefix: string, fence: string, ...pairs: readonly string[]): Promise<number>
  /** -3: another one leads. */
  setPass(prefix: string, fence: string, number: string, migration: string): Promise<number>
  forgetPasses(prefix: string, fence: string, ...numbers: readonly string[]): Promise<number>
  wakeCutover(prefix: string): Promise<number>
}

/** Whether whoever writes, by the fence that came as the first argument, led once and another one leads by now. */
const stale = "(ARGV[1] ~= '' and redis.call('HGET', KEYS[1] .. 'record', 'fence') ~= ARGV[1])"

const scripts = {
  // A command whose answer was lost is sent again: the nonces of the latest changes tell that it was done. Changed twice, a pass would count twice.
  putCutover: {
    keys: 1,
    lua: `local record = KEYS[1] .. 'record'
      local known = redis.call('HMGET', record, 'v', 'nonces')
      if not known[1] then return -1 end
      local nonces = known[2] or ''
      if string.find(nonces, ARGV[3], 1, true) then return 1 end
      if ${stale} then return -3 end
      if known[1] ~= ARGV[2] then return 0 end
      redis.call('HSET', record, 'body', ARGV[4], 'phase', ARGV[5], 'options', ARGV[6], 'nonces', string.sub(nonces .. ARGV[3], -16 * #ARGV[3]))
      if ARGV[7] == '' then redis.call('HDEL', record, 'due') else redis.call('HSET', record, 'due', ARGV[7]) end
      redis.call('HINCRBY', record, 'v', 1)
      for _, name in ipairs({'record', 'changes', 'bodies', 'passes'}) do
        if ARGV[8] == '0' then redis.call('PERSIST', KEYS[1] .. name) else redis.call('PEXPIRE', KEYS[1] .. name, ARGV[8]) end
      end
      return 1`,
  },
  // What waits is bounded: a registry that is filled anew says more than anybody has to remember, as one pass over everything finds it all.
  addChanges: {
    keys: 1,
    lua: `local record, changes, bodies = KEYS[1] .. 'record', KEYS[1] .. 'changes', KEYS[1] .. 'bodies'
      if redis.call('EXISTS', record) == 0 then return -1 end
      for i = 3, #ARGV, 2 do
        redis.call('ZADD', changes, redis.call('HINCRBY', record, 'pos', 1), ARGV[i])
        redis.call('HSET', bodies, ARGV[i], ARGV[i + 1])
      end
      local life = redis.call('PTTL', record)
      if life > 0 then for _, key in ipairs({changes, bodies}) do redis.call('PEXPIRE', key, life) end end
      local count = redis.call('ZCARD', changes)
      if count > tonumber(ARGV[1]) then
        redis.call('UNLINK', changes, bodies)
        redis.call('HSETNX', record, 'due', ARGV[2])
        redis.call('HINCRBY', record, 'v', 1)
        return -2
      end
      return count`,
  },
  readChanges: {
    keys: 1,
    lua: `local out, waiting = {}, redis.call('ZRANGE', KEYS[1] .. 'changes', 0, ARGV[1] - 1, 'WITHSCORES')
      for i = 1, #waiting, 2 do
        out[i] = waiting[i + 1]
        out[i + 1] = redis.call('HGET', KEYS[1] .. 'bodies', waiting[i]) or ''
      end
      return out`,
  },
  removeChanges: {
    keys: 1,
    lua: `if ${stale} then return -3 end
      for i = 2, #ARGV, 2 do
        local at = redis.call('ZSCORE', KEYS[1] .. 'changes', ARGV[i])
        if at and tonumber(at) == tonumber(ARGV[i + 1]) then
          redis.call('ZREM', KEYS[1] .. 'changes', ARGV[i])
          redis.call('HDEL', KEYS[1] .. 'bodies', ARGV[i])
        end
      end
      return 1`,
  },
  setPass: { keys: 1, lua: `if ${stale} then return -3 end return redis.call('HSET', KEYS[1] .. 'passes', ARGV[2], ARGV[3])` },
  forgetPasses: { keys: 1, lua: `if ${stale} then return -3 end return redis.call('HDEL', KEYS[1] .. 'passes', unpack(ARGV, 2))` },
  wakeCutover: {
    keys: 1, lua: "if redis.call('EXISTS', KEYS[1] .. 'record') == 0 then return 0 end return redis.call('HINCRBY', KEYS[1] .. 'record', 'wakes', 1)",
  },
}

export function cutoverScripts(redis: RedisClient): CutoverScripts { return defineScripts<CutoverScripts>(redis, scripts) }
