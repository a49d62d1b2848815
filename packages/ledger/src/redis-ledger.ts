// The ledger that many processes share. Each operation is one Lua script (`lua/`): atomic, and the same rules as MemoryLedger's; the
// keys are told in lua/_1-tables.lua. What is here only puts arguments in and takes answers apart.
import type { ErrorRecord } from '@longshore/oci'
import { type RedisClient, untilAnswered } from '@longshore/redis'
import {
  type ImageId, imageId, type ImageResult, type LedgerCounts, type Lease, type NodeKey, type NodeOutcome, type PlanNode, type Progress, type Registered,
  type Take, type Wanted,
} from '@longshore/transfer'
import { Answer } from './answer.ts'
import { MigrationLostError } from './errors.ts'
import { decodeResult, decodeWanted, encodeFacts, encodeWanted } from './image-codec.ts'
import { encodeNode } from './node-codec.ts'
import type { BatchKey, BatchLease, Lost, OpenImage, PoolCounts, PoolLedger, ResolvedFacts, UnfinishedNode } from './pool-ledger.ts'
import { type LedgerScripts, ledgerScripts } from './scripts.ts'

/** Images that one worker resolves together, at most. */
const batchImages = 16
const scanCount = 200
/** Bytes of manifests that open images may have in Redis together: a manifest may have 4 MiB, a window 512 images. */
const manifestBytes = 256 * 1024 * 1024
const endStates = new Set(['complete', 'failed', 'stopped', 'cancelled'])
const stateNames = { w: 'waiting', r: 'ready', l: 'leased', d: 'done', f: 'failed' } as const

/** What all keys of a migration begin with; the braces keep them in one slot of a cluster. */
export function keyPrefix(migration: string): string { return `longshore:{${migration}}:` }

export class RedisLedger implements PoolLedger {
  readonly migration: string
  readonly #redis: RedisClient
  readonly #scripts: LedgerScripts
  readonly #prefix: string
  readonly #manifestBytes: number

  constructor(redis: RedisClient, migration: string, limits: { readonly manifestBytes: number } = { manifestBytes }) {
    this.#manifestBytes = limits.manifestBytes
    this.migration = migration
    this.#redis = redis
    this.#scripts = ledgerScripts(redis)
    this.#prefix = keyPrefix(migration)
  }

  async begin(fields: Readonly<Record<string, string>>): Promise<number> {
    return Number(await this.#run('ledgerBegin', Object.entries(fields).flat()))
  }

  async state(): Promise<string> {
    const state = await this.#redis.hget(`${this.#prefix}meta`, 'state')
    if (state === null) throw new MigrationLostError(this.migration)
    return state
  }

  async setState(from: readonly string[], to: string): Promise<boolean> {
    return await this.#run('ledgerSetState', [to, endStates.has(to) ? 1 : 0, ...from]) === 1
  }

  async setField(name: string, value: string): Promise<void> { await this.#run('ledgerSetField', [name, value]) }
  async askRetry(seen: string): Promise<boolean> { return await this.#run('ledgerAskRetry', [seen]) === 1 }

  async retryAsked(): Promise<string | undefined> {
    const [asked, done] = await this.#redis.hmget(`${this.#prefix}meta`, 'retries', 'retried')
    return typeof asked === 'string' && asked !== done ? asked : undefined
  }

  async retryDone(asked: string): Promise<void> { await this.setField('retried', asked) }

  async open(images: readonly Wanted[]): Promise<{ readonly batch: BatchKey; readonly added: number } | undefined> {
    if (images.length > batchImages) throw new RangeError(`${images.length} images are too many for a batch: ${batchImages} at most`)
    if (images.length === 0) return undefined
    const [batch, added] = await this.#run('ledgerOpen', images.flatMap((wanted) => [imageId(wanted.image), encodeWanted(wanted)]))
    return batch === undefined ? undefined : { batch: batchKey(batch), added: Number(added) }
  }

  async claimBatch(key: BatchKey, worker: string): Promise<BatchLease | undefined> {
    const answer = new Answer(await this.#run('ledgerClaimBatch', [batchNumber(key), worker]))
    if (answer.isOver) return undefined
    const fence = answer.number()
    const images: Array<BatchLease['images'][number]> = []
    while (!answer.isOver) {
      const id = answer.text() as ImageId
      images.push({ id, wanted: decodeWanted(id, answer.text()) })
    }
    return { key, worker, fence, images }
  }

  async register(image: ImageId, roots: readonly NodeKey[], nodes: readonly PlanNode[], take?: Take): Promise<Registered> {
    return this.#registered(await this.#run('ledgerRegister', [image, roots.join('\n'), ...room(take), ...flat(nodes)]), take)
  }

  async registerIn(lease: BatchLease, image: ImageId, facts: ResolvedFacts, roots: readonly NodeKey[], nodes: readonly PlanNode[], take?: Take): Promise<Registered | 'full'> {
    const batch = [batchNumber(lease.key), lease.fence, encodeFacts(facts)]
    const values = await this.#run('ledgerRegisterIn', [image, roots.join('\n'), ...room(take), ...batch, this.#manifestBytes, ...flat(nodes)])
    return values[0] === -1 ? 'full' : this.#registered(values, take)
  }

  async hasRoomFor(bytes: number): Promise<boolean> {
    const onTheirWay = Number(await this.#redis.hget(`${this.#prefix}states`, 'b') ?? 0)
    return onTheirWay <= 0 || onTheirWay + bytes <= this.#manifestBytes
  }

  async failImage(lease: BatchLease, image: ImageId, error: ErrorRecord): Promise<Progress> {
    return this.#progress(await this.#run('ledgerFailImage', [image, batchNumber(lease.key), lease.fence, JSON.stringify(error)]))
  }

  async releaseBatch(lease: BatchLease): Promise<void> { await this.#run('ledgerReleaseBatch', [batchNumber(lease.key), lease.fence]) }

  async claim(key: NodeKey, worker: string): Promise<Lease | undefined> {
    const [lease] = await this.claimAll([key], worker)
    return lease
  }

  async claimAll(keys: readonly NodeKey[], worker: string): Promise<readonly Lease[]> {
    if (keys.length === 0) return []
    const answer = new Answer(await this.#run('ledgerClaim', [worker, ...keys]))
    const nowMs = performance.now()
    const leases: Lease[] = []
    while (!answer.isOver) leases.push(answer.lease(worker, nowMs))
    return leases
  }

  async complete({ key, fence }: Lease, outcome: NodeOutcome, take?: Take): Promise<Progress> {
    return this.#progress(await this.#run('ledgerComplete', [key, fence, outcome, ...room(take)]), take)
  }

  async fail({ key, fence, node }: Lease, error: ErrorRecord, everywhere = false): Promise<Progress> {
    return this.#progress(await this.#run('ledgerFail', [key, fence, JSON.stringify(error), everywhere ? 1 : 0, node.kind === 'blob' ? node.from.length : 0]))
  }

  async release({ key, fence }: Lease): Promise<Progress> { return this.#progress(await this.#run('ledgerRelease', [key, fence])) }

  async replan({ key, fence }: Lease, nodes: readonly PlanNode[]): Promise<Progress> {
    return this.#progress(await this.#run('ledgerReplan', [key, fence, '', ...flat(nodes)]))
  }

  async retry(images?: readonly ImageId[]): Promise<Progress> {
    if (images?.length === 0) return { ready: [], taken: [], settled: [] }
    return this.#progress(await this.#run('ledgerRetry', images ?? []))
  }

  async forget(roots: readonly NodeKey[]): Promise<void> { await this.#run('ledgerForget', roots) }

  async counts(): Promise<LedgerCounts> {
    const [waiting = 0, ready = 0, leased = 0, done = 0, failed = 0, openImages = 0] = await this.#run('ledgerCounts', [])
    return { waiting, ready, leased, done, failed, openImages }
  }

  async held(worker: string): Promise<readonly NodeKey[]> { return await this.#redis.smembers(`${this.#prefix}leases:${worker}`) as NodeKey[] }

  async reclaim(worker: string, keys: readonly NodeKey[] = []): Promise<Lost> { return toLost(await this.#run('ledgerReclaim', [worker, ...keys])) }
  async overdue(olderMs: number, limit: number): Promise<Lost> { return toLost(await this.#run('ledgerOverdue', [olderMs, limit])) }

  async reopen(images?: readonly ImageId[]): Promise<Progress & { readonly batches: readonly BatchKey[] }> {
    const ready: NodeKey[] = []
    const settled: Array<Progress['settled'][number]> = []
    const batches: BatchKey[] = []
    for (const ids of inGroups(images ?? await this.#failedImages())) {
      const answer = new Answer(await this.#run('ledgerReopen', ids))
      const progress = answer.progress('')
      ready.push(...progress.ready)
      settled.push(...progress.settled)
      const batch = answer.text()
      if (batch !== '') batches.push(batchKey(batch))
    }
    return { ready, taken: [], settled, batches }
  }

  async tally(): Promise<PoolCounts> {
    const counts = await this.#redis.hgetall(`${this.#prefix}counts`)
    const of = (name: string): number => Number(counts[name] ?? 0)
    return {
      found: of('found'), resolved: of('resolved'), expectedBytes: of('expectedBytes'), copied: of('copied'), present: of('present'), failed: of('failed'),
      rewritten: of('rewritten'), referrers: of('referrers'), manifests: of('manifests'),
      blobs: {
        pushed: of('pushed'), pushedBytes: of('pushedBytes'), mounted: of('mounted'), mountedBytes: of('mountedBytes'), existed: of('existed'), existedBytes: of('existedBytes'),
      },
    }
  }

  async *results({ failedOnly = false }: { readonly failedOnly?: boolean } = {}): AsyncGenerator<ImageResult & { readonly id: ImageId }, void, void> {
    for await (const [id, text] of this.#scanResults()) {
      if (failedOnly && !text.startsWith('f')) continue
      const result = decodeResult(id, text)
      if (result) yield { id, ...result }
    }
  }

  async *openImages(): AsyncGenerator<OpenImage, void, void> {
    let cursor = '0'
    do {
      const answer = new Answer(await this.#run('ledgerOpenImages', [cursor]))
      cursor = answer.text()
      while (!answer.isOver) {
        const id = answer.text() as ImageId
        yield { id, wanted: decodeWanted(id, answer.text()), state: answer.text() as OpenImage['state'] }
      }
    } while (cursor !== '0')
  }

  async nodesOf(image: ImageId): Promise<readonly UnfinishedNode[]> {
    const answer = new Answer(await this.#run('ledgerNodesOf', [image]))
    const nodes: UnfinishedNode[] = []
    while (!answer.isOver) {
      const key = answer.text() as NodeKey
      const state = stateNames[answer.text() as keyof typeof stateNames]
      const by = answer.text()
      nodes.push({ key, state, ...(state === 'leased' ? { worker: by } : {}), ...(state === 'failed' ? { error: JSON.parse(by) as ErrorRecord } : {}) })
    }
    return nodes
  }

  /** Step by step: Redis serves others in between. */
  async close(recordMs: number): Promise<void> {
    let cursor = '0'
    do cursor = await this.#run('ledgerClose', [cursor, recordMs])
    while (cursor !== '0')
  }

  async #failedImages(): Promise<readonly ImageId[]> {
    const ids = new Set<ImageId>()
    for await (const [id, text] of this.#scanResults()) if (text.startsWith('f')) ids.add(id)
    return [...ids]
  }

  async *#scanResults(): AsyncGenerator<readonly [ImageId, string], void, void> {
    let cursor = '0'
    do {
      const [next, found] = await this.#redis.hscan(`${this.#prefix}results`, cursor, 'COUNT', scanCount)
      cursor = next
      for (let at = 0; at + 1 < found.length; at += 2) yield [found[at] as ImageId, found[at + 1] ?? '']
    } while (cursor !== '0')
  }

  /** Every script may run twice: what was interrupted is sent again. */
  async #run<Name extends keyof LedgerScripts>(name: Name, args: ReadonlyArray<string | number>): Promise<Awaited<ReturnType<LedgerScripts[Name]>>> {
    try {
      return await untilAnswered(async () => await this.#scripts[name](this.#prefix, ...args), () => this.#redis.status === 'end') as Awaited<ReturnType<LedgerScripts[Name]>>
    } catch (error) {
      throw error instanceof Error && error.message.includes('MIGRATIONLOST') ? new MigrationLostError(this.migration) : error
    }
  }

  #progress(values: ReadonlyArray<string | number>, take?: Take): Progress { return new Answer(values).progress(take?.worker ?? '') }

  #registered(values: ReadonlyArray<string | number>, take: Take | undefined): Registered {
    const answer = new Answer(values)
    return { ...answer.progress(take?.worker ?? ''), fresh: { blobs: answer.number(), bytes: answer.number() } }
  }
}

function room(take: Take | undefined): readonly [string, number, number] { return take ? [take.worker, take.nodes, take.bytes] : ['', 0, 0] }

function flat(nodes: readonly PlanNode[]): readonly string[] {
  const nowMs = performance.now()
  return nodes.flatMap((node) => {
    const { key, links, body } = encodeNode(node, nowMs)
    return [key, links, body]
  })
}

const batchWord = 'batch '
function batchKey(number: string | number): BatchKey { return `${batchWord}${number}` as BatchKey }
function batchNumber(key: BatchKey): string { return key.slice(batchWord.length) }

function toLost(keys: readonly string[]): Lost {
  const nodes: NodeKey[] = []
  const batches: BatchKey[] = []
  for (const key of keys as readonly NodeKey[]) (key.startsWith(batchWord) ? batches : nodes).push(key)
  return { nodes, batches }
}

function* inGroups(ids: readonly ImageId[]): Generator<readonly ImageId[]> {
  for (let at = 0; at < ids.length; at += batchImages) yield ids.slice(at, at + batchImages)
}
