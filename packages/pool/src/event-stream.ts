// What watchers see. A hint: a migration's counts and results are the truth, and the stream is cut to its latest part.
import { defineScripts, type RedisClient } from '@longshore/redis'
import type { RunEvent } from '@longshore/report'
import type { RegistryUse } from '@longshore/transfer'

/**
 * What is kept. An entry is what one process had to say within a moment: a few bytes or half a megabyte, and 4,000 of these would
 * fill a small Redis.
 */
const defaultKept = { entries: 4_000, bytes: 32 * 1024 * 1024 }
const flushMs = 50
const flushEvents = 500
/** What one read holds, and one entry more. */
const readBytes = 1024 * 1024

interface Scripts {
  publishEvents(prefix: string, events: string, keptEntries: number, keptBytes: number, ...uses: ReadonlyArray<string | number>): Promise<number>
  readEvents(prefix: string, after: string, entries: number, bytes: number): Promise<readonly string[]>
}
const scripts = {
  // Whoever comes after the end of a migration leaves nothing behind that would outlive its record. Each entry says in `n` how many
  // bytes were told up to its end, so that what is kept is the difference of two of them.
  publishEvents: {
    keys: 1,
    lua: `local life = redis.call('PTTL', KEYS[1] .. 'meta')
      if life == -2 then return 0 end
      for i = 4, #ARGV, 2 do redis.call('HINCRBY', KEYS[1] .. 'uses', ARGV[i], ARGV[i + 1]) end
      if ARGV[1] ~= '' then
        local stream = KEYS[1] .. 'events'
        local last = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
        local told = (last and tonumber(last[2][4]) or 0) + #ARGV[1]
        redis.call('XADD', stream, 'MAXLEN', '~', ARGV[2], '*', 'e', ARGV[1], 'n', string.format('%.0f', told))
        local first = redis.call('XRANGE', stream, '-', '+', 'COUNT', 2)
        while first[2] and told - (tonumber(first[1][2][4]) or 0) + #first[1][2][2] > tonumber(ARGV[3]) do
          redis.call('XDEL', stream, first[1][1])
          first = redis.call('XRANGE', stream, '-', '+', 'COUNT', 2)
        end
      end
      if life > 0 then for _, name in ipairs({'uses', 'events'}) do redis.call('PEXPIRE', KEYS[1] .. name, life) end end
      return 1`,
  },
  // An entry may be a few bytes or half a megabyte: how many are enough shows as they are read.
  readEvents: {
    keys: 1,
    lua: `local out, from, bytes = {}, '(' .. ARGV[1], 0
      while #out < 2 * ARGV[2] and bytes < tonumber(ARGV[3]) do
        local entry = redis.call('XRANGE', KEYS[1] .. 'events', from, '+', 'COUNT', 1)[1]
        if not entry then break end
        out[#out + 1] = entry[1]
        out[#out + 1] = entry[2][2]
        from = '(' .. entry[1]
        bytes = bytes + #entry[2][2]
      end
      return out`,
  },
}

export interface StreamedEvent { readonly cursor: string; readonly event: RunEvent }

/** Gathers events and what registries were asked, and sends them off a few times a second. */
export class EventPublisher implements AsyncDisposable {
  readonly #scripts: Scripts
  readonly #prefix: string
  readonly #uses: () => readonly RegistryUse[]
  readonly #kept: typeof defaultKept
  readonly #told = new Map<string, number>()
  #waiting: RunEvent[] = []
  #timer: NodeJS.Timeout | undefined
  #sending: Promise<unknown> = Promise.resolve()

  /** @param prefix of the migration's keys @param uses what this process asked of the migration's registries so far */
  constructor(redis: RedisClient, prefix: string, uses: () => readonly RegistryUse[], kept = defaultKept) {
    this.#scripts = defineScripts<Scripts>(redis, scripts)
    this.#prefix = prefix
    this.#uses = uses
    this.#kept = kept
  }

  publish(event: RunEvent): void {
    this.#waiting.push(event)
    if (this.#waiting.length >= flushEvents) this.#flush()
    else this.#timer ??= setTimeout(() => this.#flush(), flushMs)
  }

  /** All that was published, and what was asked until now, is in Redis. */
  async flush(): Promise<void> {
    this.#flush()
    await this.#sending
  }

  async [Symbol.asyncDispose](): Promise<void> { await this.flush() }

  #flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const events = this.#waiting
    this.#waiting = []
    const uses = this.#useDeltas().flat()
    if (events.length === 0 && uses.length === 0) return
    // Commands wait while Redis is away; one that fails for good takes a few events with it, and they are hints.
    this.#sending = Promise.allSettled([this.#sending, this.#scripts.publishEvents(this.#prefix, events.length === 0 ? '' : JSON.stringify(events), this.#kept.entries, this.#kept.bytes, ...uses)])
  }

  #useDeltas(): ReadonlyArray<readonly [string, number]> {
    const deltas: Array<readonly [string, number]> = []
    for (const use of this.#uses()) {
      for (const what of useNumbers) {
        const field = `${use.side} ${use.registry} ${what}`
        const delta = use[what] - (this.#told.get(field) ?? 0)
        if (delta === 0) continue
        this.#told.set(field, use[what])
        deltas.push([field, delta])
      }
    }
    return deltas
  }
}

const useNumbers = ['requests', 'bytesIn', 'bytesOut', 'retries', 'pauses'] as const

/** From the fields of a migration's `uses`. */
export function parseUses(fields: Readonly<Record<string, string>>): readonly RegistryUse[] {
  const uses = new Map<string, { -readonly [K in keyof RegistryUse]: RegistryUse[K] }>()
  for (const [field, value] of Object.entries(fields)) {
    const [side = '', registry = '', what = ''] = field.split(' ')
    const name = useNumbers.find((one) => one === what)
    if ((side !== 'source' && side !== 'destination') || name === undefined) continue
    const key = `${side} ${registry}`
    const use = uses.get(key) ?? { side, registry, requests: 0, bytesIn: 0, bytesOut: 0, retries: 0, pauses: 0 }
    use[name] = Number(value)
    uses.set(key, use)
  }
  return [...uses.values()].sort((a, b) => (`${b.side} ${a.registry}` < `${a.side} ${b.registry}` ? -1 : 1))
}

/** Up to `count` entries behind `after` (a cursor, or `0-0`: from the oldest that is kept), about a megabyte at the most. */
export async function readEvents(redis: RedisClient, prefix: string, after: string, count: number): Promise<readonly StreamedEvent[]> {
  const answer = await defineScripts<Scripts>(redis, scripts).readEvents(prefix, after, count, readBytes)
  const events: StreamedEvent[] = []
  for (let at = 0; at + 1 < answer.length; at += 2) {
    const cursor = answer[at] ?? ''
    for (const event of JSON.parse(answer[at + 1] ?? '[]') as RunEvent[]) events.push({ cursor, event })
  }
  return events
}
