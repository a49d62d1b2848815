// Who is alive, by Redis' clock. A process that is not heard of for a while has died, and its work is given to others.
import { hostname } from 'node:os'
import { defineScripts, type RedisClient } from '@longshore/redis'
import { beatMs, keys, lifeMs } from './keys.ts'

export interface WorkerInfo {
  readonly id: string
  readonly role: 'worker' | 'coordinator'
  readonly host: string
  readonly pid: number
  readonly version: string
  /** ISO 8601, by the process' own clock. */
  readonly started: string
  readonly inFlight: { readonly images: number; readonly blobs: number; readonly manifests: number }
  /** The largest transfers on their way. */
  readonly transfers: readonly Transfer[]
}
export interface Transfer { readonly migration: string; readonly registry: string; readonly repository: string; readonly digest: string; readonly size: number; readonly sent: number }

interface Scripts {
  beat(workers: string, id: string, lifeMs: number): Promise<number>
  deadWorkers(workers: string): Promise<readonly string[]>
}
const time = "if redis.replicate_commands then redis.replicate_commands() end local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)"
const scripts = {
  beat: { keys: 1, lua: `${time} return redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])` },
  deadWorkers: { keys: 1, lua: `${time} return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)` },
}

export function newProcessId(): string { return `${hostname()}-${process.pid}-${Math.random().toString(36).slice(2, 8)}` }

export interface Beating {
  /** Milliseconds for which this process was in touch with Redis without a gap that would have cost it its life. */
  readonly steadyMs: number
  /** Says goodbye. */
  end(): Promise<void>
}

/** @param onBeat is done at every beat, and waited for before the next */
export async function startBeating(redis: RedisClient, id: string, info: () => WorkerInfo, onBeat: () => Promise<void>): Promise<Beating> {
  const run = defineScripts<Scripts>(redis, scripts)
  let since = performance.now()
  let last = since
  let ended = false
  let timer: NodeJS.Timeout | undefined
  const beat = async (): Promise<void> => {
    await Promise.all<unknown>([run.beat(keys.workers, id, lifeMs), redis.set(keys.worker(id), JSON.stringify(info()), 'PX', 4 * lifeMs)])
    const now = performance.now()
    if (now - last > lifeMs) since = now
    last = now
  }
  await beat()
  const again = (): void => {
    if (ended) return
    void (async () => {
      try {
        await beat()
        await onBeat()
      } catch { /* commands wait while Redis is away; what fails for good is tried again at the next beat */ }
      if (!ended) timer = setTimeout(again, beatMs)
    })()
  }
  timer = setTimeout(again, beatMs)
  return {
    get steadyMs() { return performance.now() - last > lifeMs ? 0 : last - since },
    async end() {
      ended = true
      clearTimeout(timer)
      await Promise.all([redis.zrem(keys.workers, id), redis.del(keys.worker(id))])
    },
  }
}

/** Processes whose life has run out. */
export async function deadWorkers(redis: RedisClient): Promise<readonly string[]> {
  return await defineScripts<Scripts>(redis, scripts).deadWorkers(keys.workers)
}

export async function listWorkers(redis: RedisClient): Promise<readonly WorkerInfo[]> {
  const ids = await redis.zrangebyscore(keys.workers, '-inf', '+inf')
  const infos = await Promise.all(ids.map((id) => redis.get(keys.worker(id))))
  return infos.flatMap((info) => (info === null ? [] : [JSON.parse(info) as WorkerInfo]))
}
