// "Too many requests" is said to all of us: a host that one client was told to leave alone is left alone by every client of every process.
import type { Access } from '@longshore/access'
import { defineScripts, type RedisClient } from '@longshore/redis'
import type { Pause } from '@longshore/registry'
import { keys } from './keys.ts'

interface Scripts { keepPause(key: string, from: string, ms: number): Promise<number> }
const scripts = {
  // A short pause does not end a long one.
  keepPause: { keys: 1, lua: "if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end return 1" },
}

export class SharedPauses {
  readonly #redis: RedisClient
  readonly #scripts: Scripts
  readonly #self: string
  readonly #accesses = new Set<Access>()
  /** By registry: until when, ms on the monotonic clock. */
  readonly #until = new Map<string, number>()
  readonly #listeners = new Set<() => void>()

  constructor(redis: RedisClient, self: string) {
    this.#redis = redis
    this.#scripts = defineScripts<Scripts>(redis, scripts)
    this.#self = self
  }

  /** A client of this process was told to wait. Sent off, and not waited for: the host waits here in any case. */
  tell({ registry, ms }: Pause): void {
    const wait = Math.ceil(ms)
    if (wait <= 0) return
    // The same registry may have other clients here: of another migration, or as the other side of this one.
    this.#apply(registry, wait)
    this.#scripts.keepPause(keys.pause(registry), this.#self, wait).catch(() => {})
    this.#redis.publish(keys.pauses, JSON.stringify({ registry, ms: wait, from: this.#self })).catch(() => {})
  }

  /** What came over the channel. */
  heard(message: string): void {
    const { registry, ms, from } = JSON.parse(message) as { readonly registry: string; readonly ms: number; readonly from: string }
    if (from !== this.#self) this.#apply(registry, ms)
  }

  /** For how many milliseconds more this registry is to be left alone. */
  leftMs(registry: string): number { return Math.max(0, (this.#until.get(registry) ?? 0) - performance.now()) }

  /** Whenever a registry wants to be left alone, or for longer. */
  onPause(hear: () => void): Disposable {
    this.#listeners.add(hear)
    return { [Symbol.dispose]: () => { this.#listeners.delete(hear) } }
  }

  /** Clients that come to an access later are told of the pauses that are on. */
  async join(access: Access, registries: Iterable<string>): Promise<Disposable> {
    this.#accesses.add(access)
    await Promise.all([...registries].map(async (registry) => {
      const ms = await this.#redis.pttl(keys.pause(registry))
      if (ms > 0) this.#apply(registry, ms)
    }))
    return { [Symbol.dispose]: () => { this.#accesses.delete(access) } }
  }

  #apply(registry: string, ms: number): void {
    const now = performance.now()
    for (const [other, until] of this.#until) if (until < now) this.#until.delete(other)
    this.#until.set(registry, Math.max(this.#until.get(registry) ?? 0, now + ms))
    for (const hear of this.#listeners) hear()
    for (const access of this.#accesses) for (const { client } of access.clients()) if (client.registry === registry) client.pauseFor(ms)
  }
}
