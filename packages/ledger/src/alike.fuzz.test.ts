// Both ledgers are driven with the same operations, made up from a seed, and must answer the same at every step.
import type { ErrorRecord } from '@longshore/oci'
import { Random } from '@longshore/testing'
import type { ImageId, Ledger, Lease, ManifestNode, NodeKey, NodeOutcome, PlanNode, Progress, ReferrersNode, Take, TagNode } from '@longshore/transfer'
import { expect, test } from 'vitest'
import { blob, desc, manifest, referrers, tag } from './graph.fixture.ts'
import { MemoryLedger } from './memory-ledger.ts'
import { useRedis } from './redis.fixture.ts'

const redis = useRedis()
const sequences = Number(process.env['LONGSHORE_FUZZ'] ?? 120)
const steps = 90

interface Graph { readonly roots: readonly NodeKey[]; readonly nodes: readonly PlanNode[] }
interface Pair { readonly memory: Lease; readonly redis: Lease }

/** What both must agree on: the order of what is ready decides what is taken; that of settled images, and of places to read from, is nobody's business. */
function plain(progress: Progress): unknown {
  return {
    ready: progress.ready, taken: progress.taken.map(plainLease),
    settled: progress.settled.map(({ image, errors, blobs }) => ({ image, errors, blobs })).sort((a, b) => (a.image < b.image ? -1 : 1)),
  }
}
function plainLease({ key, node, worker, fence, holders, replans, again }: Lease): unknown {
  const body = node.kind === 'blob' ? { ...node, from: node.from.map(({ registry, repository }) => `${registry}/${repository}`).sort() }
    : node.kind === 'referrers' ? node : { ...node, manifest: node.manifest.digest, seen: node.kind === 'tag' ? node.seen.digest : undefined }
  return { key, node: body, worker, fence, holders, replans, again }
}

class Drive {
  readonly #random: Random
  readonly #memory = new MemoryLedger()
  readonly #redis: Ledger
  readonly #leases: Pair[] = []
  readonly #spent: Pair[] = []
  readonly #ready = new Set<NodeKey>()
  readonly #roots = new Map<ImageId, readonly NodeKey[]>()
  readonly log: string[] = []

  constructor(seed: number, ledger: Ledger) {
    this.#random = new Random(`ledgers ${seed}`)
    this.#redis = ledger
  }

  #below(n: number): number { return this.#random.below(n) }
  #chance(percent: number): boolean { return this.#below(100) < percent }
  #pick<T>(list: readonly T[]): T | undefined { return list[this.#below(list.length)] }
  #some<T>(list: readonly T[], percent: number): T[] { return list.filter(() => this.#chance(percent)) }

  #blobs(repository: string): PlanNode[] {
    return this.#some(['a', 'b', 'c', 'd'], 50).map((name) => blob(repository, name, { from: this.#chance(70) ? [repository] : [`other${this.#below(3)}`], size: name === 'd' ? 1000 : 10 }))
  }

  #graph(image: string): Graph {
    const repository = `r${this.#below(3)}`
    const nodes = this.#blobs(repository)
    const children = this.#some(['x', 'y'], 30).map((name) => manifest(repository, name, this.#some(nodes, 70)))
    const needs = [...nodes, ...children]
    const top: TagNode = tag(repository, this.#chance(80) ? image : `shared${this.#below(2)}`, needs, { digest: this.#chance(50) ? desc('before').digest : undefined, atMs: performance.now() })
    const tops: Array<TagNode | ManifestNode | ReferrersNode> = [top]
    if (this.#chance(30)) tops.push(manifest(repository, 'signature', this.#some(nodes, 50)))
    if (this.#chance(15)) tops.push(referrers(repository, desc(`subject${this.#below(2)}`).digest, tops.slice(1)))
    return { roots: this.#chance(5) ? [] : tops.map(({ key }) => key), nodes: this.#chance(5) ? [] : [...needs, ...tops] }
  }

  #take(): Take | undefined { return this.#chance(50) ? { worker: 'w1', nodes: this.#below(4), bytes: this.#pick([0, 15, 500, 5000]) ?? 0 } : undefined }

  async #same(what: string, act: (ledger: Ledger, side: keyof Pair) => Promise<Progress>): Promise<void> {
    this.log.push(what)
    const memory = await act(this.#memory, 'memory')
    const answer = await act(this.#redis, 'redis')
    expect(plain(answer), this.log.join('\n')).toEqual(plain(memory))
    for (const key of memory.ready) this.#ready.add(key)
    memory.taken.forEach((lease, i) => { this.#leases.push({ memory: lease, redis: answer.taken[i] ?? lease }) })
  }

  async step(): Promise<void> {
    const image = `i${this.#below(8)}` as ImageId
    const lease = this.#leases.length > 0 && this.#chance(85) ? this.#leases.splice(this.#below(this.#leases.length), 1)[0] : undefined
    const done = lease ?? (this.#chance(10) ? this.#pick(this.#spent) : undefined)
    const what = this.#below(100)
    if (done && what < 70) await this.#end(done, what)
    else {
      if (lease) this.#leases.push(lease)
      if (what < 30) await this.#register(image)
      else if (what < 85) await this.#claim()
      else if (what < 93) await this.#retry()
      else await this.#forget()
    }
    expect(await this.#redis.counts(), this.log.join('\n')).toEqual(await this.#memory.counts())
  }

  /** Whatever happened: when all that is ready is done, nothing is left waiting, and every image is at its end. */
  async drain(): Promise<void> {
    for (const pair of this.#leases.splice(0)) await this.#same(`release ${pair.memory.key}`, async (ledger, side) => ledger.release(pair[side]))
    while (this.#ready.size > 0) {
      await this.#claim()
      for (const pair of this.#leases.splice(0)) await this.#same(`complete ${pair.memory.key}`, async (ledger, side) => ledger.complete(pair[side], 'pushed'))
    }
    expect(await this.#redis.counts(), this.log.join('\n')).toMatchObject({ waiting: 0, ready: 0, leased: 0, openImages: 0 })
    expect(await this.#redis.counts()).toEqual(await this.#memory.counts())
  }

  async #register(image: ImageId): Promise<void> {
    const { roots, nodes } = this.#graph(image)
    const take = this.#take()
    this.#roots.set(image, roots)
    await this.#same(`register ${image}: ${roots.join(', ')} of ${nodes.map(({ key }) => key).join(', ')} ${JSON.stringify(take)}`,
      async (ledger) => ledger.register(image, roots, nodes, take))
  }

  async #claim(): Promise<void> {
    const key = this.#pick([...this.#ready])
    if (key === undefined) return
    this.#ready.delete(key)
    this.log.push(`claim ${key}`)
    const memory = await this.#memory.claim(key, 'w2')
    const answer = await this.#redis.claim(key, 'w2')
    expect(answer && plainLease(answer), this.log.join('\n')).toEqual(memory && plainLease(memory))
    if (memory && answer) this.#leases.push({ memory, redis: answer })
  }

  async #end(pair: Pair, what: number): Promise<void> {
    const { key, node } = pair.memory
    this.#spent.push(pair)
    if (what < 35) {
      const outcome = this.#pick<NodeOutcome>(['pushed', 'mounted', 'existed', 'skipped']) ?? 'pushed'
      const take = this.#take()
      await this.#same(`complete ${key} ${outcome} ${JSON.stringify(take)}`, async (ledger, side) => ledger.complete(pair[side], outcome, take))
    } else if (what < 50) {
      const error: ErrorRecord = { name: 'Error', code: 'BOOM', message: `boom ${this.log.length}` }
      const everywhere = this.#chance(30)
      await this.#same(`fail ${key} ${everywhere}`, async (ledger, side) => ledger.fail(pair[side], error, everywhere))
    } else if (what < 55) await this.#same(`release ${key}`, async (ledger, side) => ledger.release(pair[side]))
    else if (node.kind === 'manifest' || node.kind === 'tag') {
      const nodes = this.#blobs(node.repository)
      if (this.#chance(30)) nodes.push(manifest(node.repository, 'x', this.#some(nodes, 50)))
      const others = nodes.filter((other) => other.key !== key)
      await this.#same(`replan ${key}: ${others.map((other) => other.key).join(', ')}`, async (ledger, side) => ledger.replan(pair[side], others))
    } else this.#leases.push(pair)
  }

  async #retry(): Promise<void> {
    const images = this.#chance(40) ? undefined : this.#some([...this.#roots.keys()], 40)
    await this.#same(`retry ${images?.join(', ') ?? 'all'}`, async (ledger) => ledger.retry(images))
  }

  async #forget(): Promise<void> {
    const roots = this.#pick([...this.#roots.values()])
    if (!roots) return
    this.log.push(`forget ${roots.join(', ')}`)
    await this.#memory.forget(roots)
    await this.#redis.forget(roots)
  }
}

test(`${sequences} sequences of ${steps} operations`, { timeout: 300_000 }, async () => {
  const first = Number(process.env['LONGSHORE_SEED'] ?? 1)
  for (let seed = first; seed < first + sequences; seed++) {
    const drive = new Drive(seed, await redis.begin())
    try {
      for (let step = 0; step < steps; step++) await drive.step()
      await drive.drain()
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error })
    }
  }
})
