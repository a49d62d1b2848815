// Every migration that Redis knows of: submitted, looked at, steered. All of it is in Redis, so any process may have one of these.
import { createHash } from 'node:crypto'
import { type ErrorRecord, MigrationError, toRecord } from '@longshore/oci'
import { keyPrefix, type PoolCounts, type PoolLedger, RedisLedger } from '@longshore/ledger'
import type { RedisClient } from '@longshore/redis'
import { type ExpansionNews, Tally } from '@longshore/report'
import { type Migration } from '@longshore/spec'
import { hintFor, type ImageResult, objectsOf, type RegistryUse } from '@longshore/transfer'
import { MigrationNotFoundError, WrongStateError } from './errors.ts'
import { parseUses, type StreamedEvent } from './event-stream.ts'
import { followEvents } from './follow-events.ts'
import { keys } from './keys.ts'
import { isLed } from './leadership.ts'
import { endStates, type MigrationEntry, type MigrationHead, type MigrationRecord, type MigrationState, type MigrationStatus, type PoolOptions } from './migration-record.ts'
import { listWorkers, type WorkerInfo } from './heartbeat.ts'
import { newId } from './new-id.ts'

export interface PoolStoreOptions {
  /** How long the record of a migration is kept after its end. */
  readonly recordMs: number
}

export interface Submitted { readonly record: MigrationRecord; /** It was running already. */ readonly resumed: boolean }

/** How often a record that somebody else is about to write is looked for. */
const pollMs = 200
/** How long whoever has just taken the name of a spec may take to send its record, which may be megabytes. */
const beginningMs = 5_000
/** For how long a retry waits for a leader that ends the migration. */
const closingMs = 3_000

/** What a piece of news is about. */
function placeOf(event: ExpansionNews): string {
  switch (event.type) {
    case 'dropped': return `${event.registry}/${event.repository}:${event.tag}`
    case 'unlisted': return `${event.file}:${event.line} ${event.registry}/${event.repository ?? ''} ${event.reference ?? ''}`
    case 'untagged': return event.registry
  }
}

export class PoolStore {
  readonly #redis: RedisClient
  readonly #ledgers = new Map<string, RedisLedger>()
  readonly recordMs: number

  constructor(redis: RedisClient, { recordMs }: PoolStoreOptions) {
    this.#redis = redis
    this.recordMs = recordMs
  }

  /** Begins a migration; the one that runs already, where the same was submitted before and has not ended. */
  async submit(spec: Migration, options: PoolOptions): Promise<Submitted> {
    const body = JSON.stringify(spec)
    const hash = createHash('sha256').update(body).update(JSON.stringify(options)).digest('hex')
    const id = newId()
    for (const until = performance.now() + beginningMs; ;) {
      const known = await this.#redis.set(keys.spec(hash), id, 'NX') === null ? await this.#redis.get(keys.spec(hash)) : id
      const head = known === null || known === id ? undefined : await this.head(known)
      const record = head && !endStates.has(head.state) ? await this.get(head.id) : undefined
      if (record) {
        // Whoever began it may have died before anybody could know of it.
        if (await this.#redis.zscore(keys.migrations, record.id) === null) await this.#list(record.id, Date.parse(record.created))
        return { record, resumed: true }
      }
      if (known === id) break
      if (known !== null && !head && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, pollMs))
      // It has ended, or its record is gone: the next one takes its place, unless somebody else is quicker.
      else if (known !== null && await this.#redis.get(keys.spec(hash)) === known) await this.#redis.del(keys.spec(hash))
    }
    const created = await this.#redisLedger(id).begin({ spec: body, options: JSON.stringify(options), hash })
    await this.#list(id, created)
    const record = await this.get(id)
    if (!record) throw new MigrationNotFoundError(id)
    return { record, resumed: false }
  }

  /** With its spec: for whoever works on it. */
  async get(id: string): Promise<MigrationRecord | undefined> {
    const [spec, ...fields] = await this.#redis.hmget(`${keyPrefix(id)}meta`, 'spec', ...headFields)
    const head = toMigrationHead(id, fields)
    return head && typeof spec === 'string' ? { ...head, spec: JSON.parse(spec) as Migration } : undefined
  }

  async head(id: string): Promise<MigrationHead | undefined> {
    return toMigrationHead(id, await this.#redis.hmget(`${keyPrefix(id)}meta`, ...headFields))
  }

  /** Newest first. */
  async list(): Promise<readonly MigrationEntry[]> {
    const ids = await this.#redis.zrevrange(keys.migrations, 0, -1)
    const entries = await Promise.all(ids.map(async (id): Promise<MigrationEntry | string> => {
      const [state, created] = await this.#redis.hmget(`${keyPrefix(id)}meta`, 'state', 'created')
      return typeof state === 'string' && typeof created === 'string' ? { id, state: state as MigrationState, created: toIso(created) } : id
    }))
    // Records end by themselves; the list of them is tidied by whoever looks at it.
    const gone = entries.filter((entry) => typeof entry === 'string')
    if (gone.length > 0) await this.#forget(gone)
    return entries.filter((entry) => typeof entry !== 'string')
  }

  /** Migrations that are not at their end. */
  async active(): Promise<readonly string[]> { return await this.#redis.smembers(keys.active) }

  async status(id: string): Promise<MigrationStatus | undefined> {
    const head = await this.head(id)
    if (!head) return undefined
    const ledger = this.#redisLedger(id)
    const hasEnded = endStates.has(head.state)
    const [counts, nodes, workers, led, nowMs, idleMs] = await Promise.all([
      ledger.tally(), hasEnded ? undefined : ledger.counts(), listWorkers(this.#redis), isLed(this.#redis, keyPrefix(id)), this.#redis.time().then(([s]) => Number(s) * 1000),
      this.#redis.hget(`${keyPrefix(id)}meta`, 'idle'),
    ])
    const elapsedMs = Math.max(0, (head.ended === undefined ? nowMs : Date.parse(head.ended)) - Date.parse(head.created))
    const sent = workers.flatMap(({ transfers }) => transfers).reduce((sum, one) => (one.migration === id ? sum + one.sent : sum), 0)
    const etaMs = hasEnded || head.state === 'paused' || !head.expanded ? undefined : estimate(counts, sent, elapsedMs - Number(idleMs))
    return {
      ...head, counts, ...(nodes === undefined ? {} : { nodes }), workers: workers.filter(({ role }) => role === 'worker').length, elapsedMs, ...(etaMs === undefined ? {} : { etaMs }), led,
    }
  }

  async pause(id: string): Promise<MigrationHead> { return await this.#move(id, ['running'], 'paused', 'only a running migration can be paused') }
  async resume(id: string): Promise<MigrationHead> { return await this.#move(id, ['paused'], 'running', 'only a paused migration can be resumed') }
  async cancel(id: string): Promise<MigrationHead> { return await this.#move(id, ['running', 'paused', 'stopping'], 'cancelled', 'it has ended already') }
  /** What is in flight may finish, nothing new is begun. */
  async stop(id: string): Promise<MigrationHead> { return await this.#move(id, ['running', 'paused'], 'stopping', 'it has ended already') }

  /** Tries the images that failed once more: now, if the migration runs; else it runs again, for these alone. What is answered takes effect. */
  async retry(id: string): Promise<MigrationHead> {
    for (const until = performance.now() + closingMs; ;) {
      const { state } = await this.#required(id)
      if (state === 'failed') throw new WrongStateError(id, state, 'it failed as a whole, before its images; mend the cause and submit it again')
      if (state === 'cancelled' || state === 'stopped' || state === 'stopping') throw new WrongStateError(id, state, 'submit the same spec again: what is there is not moved again')
      if (state === 'complete' && await this.#redis.sismember(keys.active, id) === 1) {
        // Its leader drops the graph at this moment.
        if (performance.now() > until) throw new WrongStateError(id, state, 'and what it needed is still being cleared away; ask again in some seconds')
        await new Promise((resolve) => setTimeout(resolve, pollMs))
        continue
      }
      if (!await this.#redisLedger(id).askRetry(state)) continue
      await this.#redis.sadd(keys.active, id)
      if (state === 'complete') await this.#announce(id, 'running')
      return await this.#required(id)
    }
  }

  /**
   * The leader's: the migration is at its end, and only its record stays. Answers false where it goes on: its state is none of `from` any more, or somebody
   * wants what failed to be tried once more.
   */
  async end(id: string, from: readonly MigrationState[], state: MigrationState, error?: unknown): Promise<boolean> {
    const ledger = this.#redisLedger(id)
    if (error !== undefined) await ledger.setField('error', JSON.stringify(error instanceof MigrationError || error instanceof Error ? toRecord(error) : error))
    // A command whose answer was lost is sent again: it may have ended by this very call.
    if (!await ledger.setState(from, state) && !endStates.has(await this.state(id))) return false
    await this.close(id)
    await this.#announce(id, state)
    return true
  }

  /** The rest of an end; once more, where the leader died over it. Until it is done, the migration counts as active. */
  async close(id: string): Promise<void> {
    await this.#redisLedger(id).close(this.recordMs)
    const hash = await this.#redis.hget(`${keyPrefix(id)}meta`, 'hash')
    if (hash !== null && await this.#redis.get(keys.spec(hash)) === id) await this.#redis.del(keys.spec(hash))
    await this.#redis.srem(keys.active, id)
    // Somebody has it run again.
    const state = await this.#redis.hget(`${keyPrefix(id)}meta`, 'state')
    if (state !== null && !endStates.has(state as MigrationState)) await this.#redis.sadd(keys.active, id)
    this.#ledgers.delete(id)
  }

  ledger(id: string): PoolLedger { return this.#redisLedger(id) }

  /** What the expansion says besides images: told once, however often the spec is expanded. */
  async note(id: string, event: ExpansionNews): Promise<boolean> {
    return await this.#redis.hsetnx(`${keyPrefix(id)}${event.type}`, placeOf(event), JSON.stringify(event)) === 1
  }

  /** @throws MigrationLostError when Redis knows nothing of it any more */
  async state(id: string): Promise<MigrationState> { return await this.#redisLedger(id).state() as MigrationState }

  /** True the first time it is asked for this word, over all processes. */
  async once(id: string, word: string): Promise<boolean> { return await this.#redis.hsetnx(`${keyPrefix(id)}meta`, word, '1') === 1 }

  async setExpanded(id: string): Promise<void> { await this.#redisLedger(id).setField('expanded', '1') }

  /** As `followEvents`. */
  events(id: string, after: string | undefined, signal: AbortSignal, ended?: Promise<unknown>): AsyncGenerator<StreamedEvent, void, void> {
    return followEvents(this.#redis, id, after, signal, ended)
  }

  /** What came of it so far, image by image: for the report, the summary and the failed list. */
  async tally(id: string): Promise<Tally> {
    const record = await this.#required(id)
    const ledger = this.#redisLedger(id)
    const tally = new Tally({ keepsEntries: true })
    for await (const result of ledger.results()) addResult(tally, result)
    if (!endStates.has(record.state) || record.state === 'stopped' || record.state === 'cancelled') {
      for await (const { wanted } of ledger.openImages()) tally.add({ type: 'found', image: wanted.image })
    }
    const prefix = keyPrefix(id)
    const [counts, ...noted] = await Promise.all([ledger.tally(), ...(['unlisted', 'untagged', 'dropped'] as const).map((type) => this.#redis.hvals(`${prefix}${type}`))])
    for (const line of noted.flat()) tally.add(JSON.parse(line) as ExpansionNews)
    Object.assign(tally.blobs, counts.blobs)
    tally.manifests = counts.manifests
    tally.resolved = counts.resolved
    tally.expectedBytes = counts.expectedBytes
    if (record.expanded) tally.add({ type: 'expanded', images: counts.found })
    return tally
  }

  /** Forgets a migration with its record. */
  async erase(id: string): Promise<void> {
    await this.end(id, ['running', 'paused', 'stopping'], 'cancelled')
    await this.#redis.unlink(...['meta', 'counts', 'results', 'unlisted', 'untagged', 'dropped', 'uses', 'events'].map((name) => `${keyPrefix(id)}${name}`))
    await this.#forget([id])
  }

  /** Nothing is known of it any more: nor shall anybody look for it. */
  async drop(id: string): Promise<void> { await this.#forget([id]) }

  async uses(id: string): Promise<readonly RegistryUse[]> { return parseUses(await this.#redis.hgetall(`${keyPrefix(id)}uses`)) }

  async workers(): Promise<readonly WorkerInfo[]> { return await listWorkers(this.#redis) }

  async #move(id: string, from: readonly MigrationState[], to: MigrationState, why: string): Promise<MigrationHead> {
    const { state } = await this.#required(id)
    if (state !== to) {
      if (!await this.#redisLedger(id).setState(from, to)) throw new WrongStateError(id, (await this.#required(id)).state, why)
      await this.#announce(id, to)
    }
    return await this.#required(id)
  }

  async #announce(id: string, state: MigrationState): Promise<void> {
    await this.#redis.publish(keys.control, JSON.stringify({ migration: id, state }))
  }

  #redisLedger(id: string): RedisLedger {
    const known = this.#ledgers.get(id)
    if (known) return known
    const ledger = new RedisLedger(this.#redis, id)
    this.#ledgers.set(id, ledger)
    return ledger
  }

  async #required(id: string): Promise<MigrationHead> {
    const head = await this.head(id)
    if (!head) throw new MigrationNotFoundError(id)
    return head
  }

  /** From now on somebody leads it, and it is shown; in this order, so that what is shown is led. */
  async #list(id: string, created: number): Promise<void> {
    await this.#redis.sadd(keys.active, id)
    await this.#redis.zadd(keys.migrations, created, id)
  }

  async #forget(ids: readonly string[]): Promise<void> {
    await Promise.all([this.#redis.zrem(keys.migrations, ...ids), this.#redis.srem(keys.active, ...ids)])
  }
}

const headFields = ['options', 'state', 'created', 'ended', 'expanded', 'error'] as const

function toMigrationHead(id: string, [options, state, created, ended, expanded, error]: ReadonlyArray<string | null>): MigrationHead | undefined {
  if (typeof options !== 'string' || typeof state !== 'string' || typeof created !== 'string') return undefined
  return {
    id, options: JSON.parse(options) as PoolOptions, state: state as MigrationState, created: toIso(created), ...(typeof ended === 'string' ? { ended: toIso(ended) } : {}),
    expanded: expanded === '1', ...(typeof error === 'string' ? { error: JSON.parse(error) as ErrorRecord } : {}),
  }
}

function toIso(ms: string): string { return new Date(Number(ms)).toISOString() }

function addResult(tally: Tally, { wanted, outcome, digest, rewritten, referrers = 0, blobs, ms, error }: ImageResult): void {
  const { image } = wanted
  tally.add({ type: 'found', image })
  if (outcome === 'failed' || digest === undefined) {
    const record = error ?? { name: 'Error', code: 'UNKNOWN', message: 'unknown' }
    tally.add({ type: 'failed', image, error: record, hint: hintFor(record), ...objectsOf(wanted) })
    return
  }
  tally.add({ type: 'done', image, outcome, digest, ...(rewritten === undefined ? {} : { rewritten }), referrers, blobs: blobs ?? noBlobs, ms, ...objectsOf(wanted) })
}

const noBlobs = { pushed: 0, pushedBytes: 0, mounted: 0, mountedBytes: 0, existed: 0, existedBytes: 0 }

/** By the bytes, once the images are all known; by the images, where nothing had to be moved. */
function estimate({ found, copied, present, failed, expectedBytes, blobs }: PoolCounts, sent: number, workedMs: number): number | undefined {
  const ended = copied + present + failed
  if (ended === 0 || workedMs <= 0) return undefined
  const moved = blobs.pushedBytes + blobs.existedBytes + sent
  const share = Math.min(expectedBytes > 0 ? moved / expectedBytes : 1, ended / found)
  return share <= 0 ? undefined : Math.max(0, Math.round(workedMs / share - workedMs))
}
