// Every cutover that Redis knows of. All of it is in Redis, so any process may have one of these: a coordinator that leads, one that only
// answers, the command of a person.
import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import {
  type Change, changeKey, cutoverKey, CutoverNotFoundError, type CutoverOptions, type CutoverRecord, type CutoverStore, endPhases, type Hold, newRecord, type Phase, restPhases, type WaitingChange,
} from '@longshore/cutover'
import { type RedisClient, redisTimeMs } from '@longshore/redis'
import type { Migration } from '@longshore/spec'
import { type CutoverScripts, cutoverScripts } from './cutover-scripts.ts'
import type { Ears } from './ears.ts'
import { LeadershipLostError } from './errors.ts'
import { keys } from './keys.ts'
import { type Lead, leaderOf, takeLead } from './leadership.ts'
import { newId } from './new-id.ts'

export interface RedisCutoverStoreOptions {
  /** How long a cutover is kept after its end. */
  readonly recordMs: number
  /** How many changes may wait; fewer in tests. */
  readonly mostChanges?: number
}

/** A record without its images, which may be megabytes. */
export interface CutoverHead extends Omit<CutoverRecord, 'spec'> { readonly cutover?: Migration['cutover'] }
export type CutoverEntry = Pick<CutoverRecord, 'id' | 'phase' | 'created' | 'options'>

/** 20 MB of Redis, at 200 bytes each. */
const defaultMostChanges = 100_000
/** Changes that one script takes: Redis answers others between. */
const mostAtOnce = 500
/** Whoever waits hears of it at once, and looks as often as this in case that the word was lost. */
const lookMs = 2_000

export class RedisCutoverStore implements CutoverStore {
  readonly #redis: RedisClient
  readonly #ears: Ears
  readonly #scripts: CutoverScripts
  readonly #recordMs: number
  readonly #mostChanges: number
  readonly #images = new Map<string, Images>()
  /** How it was when it was last read here: what happens from then on ends a wait, even where it happened before. Hence whoever leads has a store of its own. */
  readonly #seen = new Map<string, string>()
  /** What is held by way of this store: all that it writes of them is their leader's. */
  readonly #leads = new Map<string, Lead>()

  constructor(redis: RedisClient, ears: Ears, { recordMs, mostChanges = defaultMostChanges }: RedisCutoverStoreOptions) {
    this.#redis = redis
    this.#ears = ears
    this.#scripts = cutoverScripts(redis)
    this.#recordMs = recordMs
    this.#mostChanges = mostChanges
  }

  async begin(spec: Migration, options: CutoverOptions): Promise<{ readonly record: CutoverRecord; readonly resumed: boolean }> {
    const key = keys.cutoverSpec(cutoverKey(spec))
    let made: CutoverRecord | undefined
    for (;;) {
      const known = await this.#redis.get(key)
      const record = known === null ? undefined : await this.#goOn(known, spec, options)
      if (record) {
        // Somebody was quicker.
        if (made && made.id !== record.id) await this.#redis.unlink(this.#key(made.id, 'record'))
        return { record, resumed: true }
      }
      // It has ended, or is gone: the next one takes its place, unless somebody else does.
      if (known !== null && await this.#redis.get(key) === known) await this.#redis.del(key)
      made ??= await this.#make(spec, options, key)
      if (await this.#redis.set(key, made.id, 'NX') === null && await this.#redis.get(key) !== made.id) continue
      await Promise.all([this.#redis.zadd(keys.cutovers, Date.parse(made.created), made.id), this.#redis.sadd(keys.activeCutovers, made.id)])
      return { record: made, resumed: false }
    }
  }

  /** Of the one that is under way with the same images; `undefined` where there is none. */
  async #goOn(id: string, { cutover }: Migration, options: CutoverOptions): Promise<CutoverRecord | undefined> {
    try {
      const record = await this.update(id, (known) => {
        if (endPhases.has(known.phase)) return undefined
        const { cutover: _, ...images } = known.spec
        return { ...known, spec: { ...images, ...(cutover === undefined ? {} : { cutover }) }, options: { ...known.options, ...options } }
      })
      return endPhases.has(record.phase) ? undefined : record
    } catch (error) {
      if (error instanceof CutoverNotFoundError) return undefined
      throw error
    }
  }

  /** Not in any list yet: whoever finds it there finds all of it. */
  async #make({ cutover, ...images }: Migration, options: CutoverOptions, key: string): Promise<CutoverRecord> {
    const id = newId()
    const record = newRecord(id, { ...images, ...(cutover === undefined ? {} : { cutover }) }, options, new Date(await redisTimeMs(this.#redis)))
    await this.#redis.hset(this.#key(id, 'record'), { spec: JSON.stringify(images), key, ...fieldsOf(record), created: record.created, v: '1' })
    return record
  }

  async get(id: string): Promise<CutoverRecord | undefined> { return (await this.#read(id))?.record }

  async head(id: string): Promise<CutoverHead | undefined> {
    const [body, due] = await this.#redis.hmget(this.#key(id, 'record'), 'body', 'due')
    return typeof body === 'string' ? fromBody(body, due ?? null) : undefined
  }

  async list(): Promise<readonly CutoverEntry[]> {
    const ids = await this.#redis.zrevrange(keys.cutovers, 0, -1)
    const entries = await Promise.all(ids.map(async (id): Promise<CutoverEntry | string> => {
      const [phase, created, options] = await this.#redis.hmget(this.#key(id, 'record'), 'phase', 'created', 'options')
      return typeof phase === 'string' && typeof created === 'string' && typeof options === 'string' ? { id, phase: phase as Phase, created, options: JSON.parse(options) as CutoverOptions } : id
    }))
    // Records end by themselves; the list of them is tidied by whoever looks at it.
    const gone = entries.filter((entry) => typeof entry === 'string')
    if (gone.length > 0) await this.drop(...gone)
    return entries.filter((entry) => typeof entry !== 'string')
  }

  /** The latest one with these images, where it was a go. */
  async lastGo(spec: Migration): Promise<string | undefined> {
    const key = keys.cutoverSpec(cutoverKey(spec))
    for (const { id, phase } of await this.list()) {
      if (await this.#redis.hget(this.#key(id, 'record'), 'key') === key) return phase === 'go' ? id : undefined
    }
    return undefined
  }

  /** The one that is under way with these images. */
  async underWay(spec: Migration): Promise<string | undefined> { return await this.#redis.get(keys.cutoverSpec(cutoverKey(spec))) ?? undefined }

  /** Cutovers that are not at their end. */
  async active(): Promise<readonly string[]> { return await this.#redis.smembers(keys.activeCutovers) }

  /** Nothing is known of them any more: nor shall anybody look for them. */
  async drop(...ids: readonly string[]): Promise<void> {
    await Promise.all([this.#redis.zrem(keys.cutovers, ...ids), this.#redis.srem(keys.activeCutovers, ...ids)])
  }

  async update(id: string, change: (record: CutoverRecord) => CutoverRecord | undefined): Promise<CutoverRecord> {
    for (;;) {
      const known = await this.#read(id)
      if (!known) throw new CutoverNotFoundError(id)
      const changed = change(known.record)
      if (!changed) return known.record
      // Active before the record says so: a leader that finds it too early passes it over, one that does not find it would never lead it.
      if (isActive(changed)) await this.#redis.sadd(keys.activeCutovers, id)
      const { body, phase, options } = fieldsOf(changed)
      const lifeMs = endPhases.has(changed.phase) ? this.#recordMs : 0
      const answer = await this.#scripts.putCutover(keys.cutover(id), this.#fence(id), known.v, randomBytes(6).toString('hex'), body, phase, options, changed.due ?? '', lifeMs)
      if (answer === -1) throw new CutoverNotFoundError(id)
      this.#refuseStale(id, answer)
      if (answer === 0) continue
      this.#seen.set(id, stampOf(String(Number(known.v) + 1), known.pos, known.wakes))
      await this.#redis.publish(keys.wakes, id)
      if (!isActive(changed)) await this.#rest(id, changed.phase, known.key)
      return changed
    }
  }

  async hold(id: string, holder: string): Promise<Hold | undefined> {
    const lead = await takeLead(this.#redis, keys.cutover(id), this.#key(id, 'record'), holder, `cutover ${id}`)
    if (!lead) return undefined
    this.#leads.set(id, lead)
    return {
      signal: lead.signal,
      [Symbol.asyncDispose]: async () => {
        if (this.#leads.get(id) === lead) this.#leads.delete(id)
        await lead[Symbol.asyncDispose]()
      },
    }
  }

  async holder(id: string): Promise<string | undefined> { return await leaderOf(this.#redis, keys.cutover(id)) }

  /** @throws CutoverNotFoundError */
  async addChanges(id: string, changes: readonly Change[]): Promise<void> {
    const nowMs = await redisTimeMs(this.#redis)
    const now = new Date(nowMs).toISOString()
    for (let from = 0; from < changes.length; from += mostAtOnce) {
      const pairs = changes.slice(from, from + mostAtOnce).flatMap((change) => [changeKey(change), `${nowMs} ${JSON.stringify(change)}`])
      if (await this.#scripts.addChanges(keys.cutover(id), this.#mostChanges, now, ...pairs) === -1) throw new CutoverNotFoundError(id)
    }
    if (changes.length > 0) await this.#redis.publish(keys.wakes, id)
  }

  async changes(id: string, limit: number): Promise<readonly WaitingChange[]> {
    const answer = await this.#scripts.readChanges(keys.cutover(id), limit)
    const waiting: WaitingChange[] = []
    for (let at = 0; at + 1 < answer.length; at += 2) waiting.push({ position: answer[at] ?? '', change: JSON.parse((answer[at + 1] ?? '').replace(/^\d+ /, '')) as Change })
    return waiting
  }

  /** Which migrations its passes are, by number: those whose migrations are still known, most likely. */
  async passes(id: string): Promise<ReadonlyMap<number, string>> {
    return new Map(Object.entries(await this.#redis.hgetall(this.#key(id, 'passes'))).map(([number, migration]) => [Number(number), migration]))
  }

  /** @throws LeadershipLostError */
  async setPass(id: string, number: number, migration: string): Promise<void> { this.#refuseStale(id, await this.#scripts.setPass(keys.cutover(id), this.#fence(id), String(number), migration)) }

  async forgetPasses(id: string, numbers: readonly number[]): Promise<void> {
    if (numbers.length > 0) this.#refuseStale(id, await this.#scripts.forgetPasses(keys.cutover(id), this.#fence(id), ...numbers.map(String)))
  }

  async countChanges(id: string): Promise<number> { return await this.#redis.zcard(this.#key(id, 'changes')) }

  /** How long the oldest change that waits has been waiting, ms; 0 when none does. */
  async lagMs(id: string): Promise<number> {
    const [, oldest] = await this.#scripts.readChanges(keys.cutover(id), 1)
    return oldest === undefined ? 0 : Math.max(0, await redisTimeMs(this.#redis) - Number.parseInt(oldest, 10))
  }

  async removeChanges(id: string, changes: readonly WaitingChange[]): Promise<void> {
    for (let from = 0; from < changes.length; from += mostAtOnce) {
      this.#refuseStale(id, await this.#scripts.removeChanges(keys.cutover(id), this.#fence(id), ...changes.slice(from, from + mostAtOnce).flatMap(({ position, change }) => [changeKey(change), position])))
    }
  }

  /** Ends the wait of whoever leads it. */
  async wake(id: string): Promise<void> {
    await this.#scripts.wakeCutover(keys.cutover(id))
    await this.#redis.publish(keys.wakes, id)
  }

  /** Another one after anything has happened to it. */
  async stamp(id: string): Promise<string> { return stampOf(...await this.#redis.hmget(this.#key(id, 'record'), 'v', 'pos', 'wakes')) }

  /** @throws the signal's reason */
  async wait(id: string, ms: number, signal: AbortSignal): Promise<void> {
    const until = performance.now() + ms
    // Of several that wait at once, each has its own.
    const seen = this.#seen.get(id) ?? await this.stamp(id)
    let heard = Promise.withResolvers<void>()
    using _ear = this.#ears.onWake((cutover) => { if (cutover === id) heard.resolve() })
    for (;;) {
      signal.throwIfAborted()
      const stamp = await this.stamp(id)
      if (stamp !== seen) {
        this.#seen.set(id, stamp)
        return
      }
      const leftMs = until - performance.now()
      if (leftMs <= 0) return
      const over = new AbortController()
      await Promise.race([heard.promise, delay(Math.min(leftMs, lookMs), undefined, { signal: AbortSignal.any([signal, over.signal]) })]).catch(() => { signal.throwIfAborted() })
      over.abort()
      heard = Promise.withResolvers<void>()
    }
  }

  /** Empty where this store does not lead it. */
  #fence(id: string): string { return this.#leads.get(id)?.fence ?? '' }

  /** @throws LeadershipLostError where a script found that another one leads */
  #refuseStale(id: string, answer: number): void {
    if (answer !== -3) return
    throw this.#leads.get(id)?.lose() ?? new LeadershipLostError(`cutover ${id}`)
  }

  /** Nobody has to lead it any more. Should a process die before this is done, the next one that would lead it does it. */
  async rest(id: string): Promise<void> {
    const known = await this.#read(id)
    if (!known) await this.drop(id)
    else if (!isActive(known.record)) await this.#rest(id, known.record.phase, known.key)
  }

  async #rest(id: string, phase: Phase, key: string): Promise<void> {
    if (endPhases.has(phase) && await this.#redis.get(key) === id) await this.#redis.del(key)
    await this.#redis.srem(keys.activeCutovers, id)
    // Somebody has it go on.
    const head = await this.head(id)
    if (head && isActive(head)) await this.#redis.sadd(keys.activeCutovers, id)
    this.#images.delete(id)
    this.#seen.delete(id)
  }

  async #read(id: string): Promise<Read | undefined> {
    const cached = this.#images.get(id)
    const [body, due, v, pos, wakes, key, text] = await this.#redis.hmget(this.#key(id, 'record'), 'body', 'due', 'v', 'pos', 'wakes', 'key', ...(cached ? [] : ['spec']))
    if (typeof body !== 'string' || typeof v !== 'string') {
      this.#images.delete(id)
      return undefined
    }
    const images = cached ?? JSON.parse(text ?? '') as Images
    this.#seen.set(id, stampOf(v, pos, wakes))
    const { cutover, ...head } = fromBody(body, due ?? null)
    // Of one that has ended nobody asks often: megabytes are not kept for that.
    if (endPhases.has(head.phase)) this.#images.delete(id)
    else this.#images.set(id, images)
    return { record: { ...head, spec: { ...images, ...(cutover === undefined ? {} : { cutover }) } }, v, pos, wakes, key: key ?? '' }
  }

  #key(id: string, name: 'record' | 'changes' | 'passes'): string { return `${keys.cutover(id)}${name}` }
}

type Images = Omit<Migration, 'cutover'>
type Field = string | null | undefined
interface Read { readonly record: CutoverRecord; readonly v: string; readonly pos: Field; readonly wakes: Field; readonly key: string }

function stampOf(...fields: readonly Field[]): string { return fields.map((field) => field ?? '0').join(' ') }

function fieldsOf({ spec: { cutover }, due: _due, ...head }: CutoverRecord): { readonly body: string; readonly phase: Phase; readonly options: string } {
  return { body: JSON.stringify({ ...head, ...(cutover === undefined ? {} : { cutover }) } satisfies CutoverHead), phase: head.phase, options: JSON.stringify(head.options) }
}

function fromBody(body: string, due: string | null): CutoverHead { return { ...JSON.parse(body) as CutoverHead, ...(due === null ? {} : { due }) } }

/** Whether somebody has to lead it. */
function isActive({ phase, request }: Pick<CutoverRecord, 'phase' | 'request'>): boolean {
  return !restPhases.has(phase) || (request !== undefined && !endPhases.has(phase))
}
