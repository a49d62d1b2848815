// Who sends which blob to which registry, over all migrations and processes. A turn is kept alive by the process that has it,
// with Redis' time; what it had sent when it died is the next one's beginning.
import { pause } from '@longshore/concurrency'
import type { Descriptor, RepositoryName } from '@longshore/oci'
import { defineScripts, type RedisClient } from '@longshore/redis'
import { type Checkpoint, HandedOverError, type Io, type PushOutcome, type Uploads, type UploadTurn } from '@longshore/transfer'
import { keys, lifeMs } from './keys.ts'

/** How long it is remembered that a repository has a blob, and where an upload that nobody is at stands. */
const landedMs = 2 * 60_000
const savedMs = 60 * 60_000
const pollMs = { first: 50, most: 1_000 }

interface Scripts {
  enterUpload(key: string, token: string, lifeMs: number, repository: string, migration: string): Promise<readonly string[]>
  keepUpload(key: string, token: string, lifeMs: number): Promise<number>
  saveUpload(key: string, token: string, location: string, offset: number): Promise<number>
  endUpload(key: string, token: string, landed: string, landedMs: number, savedMs: number, migration: string, outcome: string): Promise<number>
}

const now = "local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)"

const scripts = {
  enterUpload: {
    keys: 1,
    lua: `if redis.replicate_commands then redis.replicate_commands() end ${now}
      local r = redis.call('HMGET', KEYS[1], 'landed', 'token', 'until', 'repository', 'location', 'offset', 'by', 'outcome')
      if r[1] then return {'landed', r[1], r[1] == ARGV[3] and r[7] == ARGV[4] and r[8] or ''} end
      if r[2] and r[2] ~= ARGV[1] and tonumber(r[3]) > now then return {'busy'} end
      local begun = r[2] ~= ARGV[1] and r[4] == ARGV[3] and r[7] == ARGV[4] and 'begun' or ''
      redis.call('HSET', KEYS[1], 'token', ARGV[1], 'until', now + ARGV[2], 'repository', ARGV[3], 'by', ARGV[4])
      if r[4] and r[4] ~= ARGV[3] then redis.call('HDEL', KEYS[1], 'location', 'offset') r[5] = false end
      redis.call('PEXPIRE', KEYS[1], ${savedMs})
      if r[5] then return {'yours', begun, r[5], r[6]} end
      return {'yours', begun}`,
  },
  keepUpload: {
    keys: 1,
    lua: `if redis.replicate_commands then redis.replicate_commands() end ${now}
      if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end
      redis.call('HSET', KEYS[1], 'until', now + ARGV[2])
      redis.call('PEXPIRE', KEYS[1], ${savedMs})
      return 1`,
  },
  saveUpload: {
    keys: 1,
    lua: `if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end
      redis.call('HSET', KEYS[1], 'location', ARGV[2], 'offset', ARGV[3])
      return 1`,
  },
  endUpload: {
    keys: 1,
    lua: `local token = redis.call('HGET', KEYS[1], 'token')
      if ARGV[2] ~= '' then
        redis.call('DEL', KEYS[1])
        redis.call('HSET', KEYS[1], 'landed', ARGV[2], 'by', ARGV[5], 'outcome', ARGV[6])
        redis.call('PEXPIRE', KEYS[1], ARGV[3])
      elseif token == ARGV[1] then
        redis.call('HDEL', KEYS[1], 'token', 'until')
        redis.call('PEXPIRE', KEYS[1], redis.call('HEXISTS', KEYS[1], 'location') == 1 and ARGV[4] or ARGV[3])
      end
      return 1`,
  },
}

export class UploadTurns {
  readonly #scripts: Scripts
  readonly #self: string
  /** What this process is at. */
  readonly #mine = new Map<string, { readonly token: string; readonly handOver: AbortController }>()
  #count = 0

  constructor(redis: RedisClient, self: string) {
    this.#scripts = defineScripts<Scripts>(redis, scripts)
    this.#self = self
  }

  of(migration: string): Uploads {
    return { enter: async (registry, repository, desc, io) => await this.#enter(migration, registry, repository, desc, io) }
  }

  async #enter(migration: string, registry: string, repository: RepositoryName, desc: Descriptor, { signal }: Io): Promise<UploadTurn> {
    const key = keys.upload(registry, desc.digest)
    const token = `${this.#self} ${++this.#count}`
    for (let ms = pollMs.first; ; ms = Math.min(pollMs.most, ms * 1.5)) {
      const [state, first = '', second, third] = await this.#scripts.enterUpload(key, token, lifeMs, repository, migration)
      const at = { key, token, repository, migration }
      if (state === 'landed') return this.#turn(at, first as RepositoryName, (second || undefined) as PushOutcome | undefined, undefined)
      if (state === 'yours') {
        return this.#turn(at, undefined, first === '' ? undefined : 'begun', second === undefined ? undefined : { location: second, offset: Number(third) })
      }
      await pause(ms, signal)
    }
  }

  /** Says that this process is at it still: to be called at every beat. */
  async beat(): Promise<void> {
    await Promise.all([...this.#mine].map(([key, { token }]) => this.#scripts.keepUpload(key, token, lifeMs)))
  }

  /** This blob, or all, if it is in parts: what is on its way may arrive, and the rest is left for another process. */
  handOver(registry?: string, digest?: string): void {
    const only = registry === undefined || digest === undefined ? undefined : keys.upload(registry, digest)
    for (const [key, { handOver }] of this.#mine) if (only === undefined || only === key) handOver.abort(new HandedOverError())
  }

  #turn(
    { key, token, repository, migration }: Readonly<Record<'key' | 'token' | 'repository' | 'migration', string>>, holder: RepositoryName | undefined, before: UploadTurn['before'],
    saved: Checkpoint['saved'],
  ): UploadTurn {
    const handOver = new AbortController()
    if (holder === undefined) this.#mine.set(key, { token, handOver })
    return {
      holder, before,
      checkpoint: { saved, handOver: handOver.signal, save: async ({ location, offset }) => { await this.#scripts.saveUpload(key, token, location, offset) } },
      end: async (outcome) => {
        this.#mine.delete(key)
        // Known already, and no news.
        if (holder !== undefined && outcome !== undefined) return
        await this.#scripts.endUpload(key, token, outcome === undefined ? '' : repository, landedMs, savedMs, migration, outcome ?? '')
      },
    }
  }
}
