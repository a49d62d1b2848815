// Made-up worlds, faults, stops and schedules, from a seed. Whatever happens: the run ends, every image is counted once, and what
// is said to be done is whole at the destination.
import { MemoryLedger } from '@longshore/ledger'
import { ConnectionError, type Descriptor, digestOf, MediaType, parsePlatform, parseRepositoryName, RegistryError, type Tag } from '@longshore/oci'
import { MemoryQueue } from '@longshore/queue'
import { Random } from '@longshore/testing'
import { type MemoryOperation, MemoryRegistry } from '@longshore/testing/contracts'
import { expect, test } from 'vitest'
import { formatEnd, migrate, type MigrationResult, type TransferEvent, type Wanted } from './index.ts'

const platforms = ['linux/amd64', 'linux/arm64', 'linux/s390x']

class Chaos {
  readonly src: MemoryRegistry
  readonly dst: MemoryRegistry
  readonly wanted: Wanted[] = []
  readonly #random: Random
  readonly #faultRate: number

  constructor(seed: number) {
    this.#random = new Random(`chaos ${seed}`)
    this.#faultRate = this.#chance(0.3) ? 0 : 0.02 + this.#random.below(100) / 1000
    const before = (side: string) => (operation: MemoryOperation): Promise<void> => this.#trouble(side, operation)
    this.src = new MemoryRegistry('src.test', { before: before('src.test'), referrersApi: this.#chance(0.5) })
    this.dst = new MemoryRegistry('dst.test', { before: before('dst.test'), mounts: this.#chance(0.7), referrersApi: this.#chance(0.5) })
    const referrers = this.#chance(0.6)
    for (let r = 0; r <= this.#random.below(4); r++) for (let t = 0; t <= this.#random.below(4); t++) this.#addImage(`r${r}`, `t${t}`, referrers)
  }

  #chance(probability: number): boolean { return this.#random.below(1000) < probability * 1000 }
  #layers(): string[] { return [`shared ${this.#random.below(5)}`, `own ${this.#random.below(8)}`] }

  #addImage(repository: string, tag: string, referrers: boolean): void {
    const children: Descriptor[] = this.#chance(0.5) ? [] : platforms.slice(0, 1 + this.#random.below(3))
      .map((platform) => ({ ...this.src.addImage(repository, undefined, this.#layers()), platform: parsePlatform(platform) }))
    const root = children.length === 0 ? this.src.addImage(repository, tag, this.#layers())
      : this.src.addManifest(repository, { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: children }, tag)
    if (this.#chance(0.3)) this.src.addImage(repository, `sha256-${root.digest.slice(7)}.sig`, [`signature ${this.#random.below(3)}`])
    if (this.#chance(0.3)) this.src.addImage(repository, undefined, [`sbom ${this.#random.below(3)}`], { subject: root })
    if (this.#chance(0.1)) this.src.repository(repository).blobs.delete(digestOf(Buffer.from(`shared ${this.#random.below(5)}`)))
    const end = (registry: string) => ({ registry, repository: parseRepositoryName(repository), reference: tag as Tag })
    this.wanted.push({ image: { source: end('src.test'), destination: end('dst.test') }, options: { platforms: [], platformPolicy: 'sparse', referrers, foreignLayers: 'keep' } })
  }

  async #trouble(registry: string, operation: string): Promise<void> {
    for (let turns = this.#random.below(4); turns > 0; turns--) await new Promise(setImmediate)
    if (!this.#chance(this.#faultRate)) return
    if (this.#chance(0.3)) throw new ConnectionError('CONNECTION_FAILED', registry, 'cut')
    const [status, code] = ([[404, 'BLOB_UNKNOWN'], [403, 'DENIED'], [500, 'UNKNOWN'], [400, 'MANIFEST_BLOB_UNKNOWN']] as const)[this.#random.below(4)]!
    throw new RegistryError({ status, registry, request: operation, details: [{ code }] })
  }

  async run(events: TransferEvent[], distrust: boolean): Promise<MigrationResult> {
    const stop = new AbortController()
    const timer = this.#chance(0.25) ? setTimeout(() => stop.abort(), this.#random.below(8)) : undefined
    const few = (): number => 1 + this.#random.below(4)
    try {
      return await migrate((async function* (wanted) { yield* wanted })(this.wanted), {
        transports: { source: () => this.src, target: () => this.dst }, ledger: new MemoryLedger(), queues: { blobs: new MemoryQueue(), manifests: new MemoryQueue() },
        onEvent: (event) => events.push(event), inFlight: new Set(), window: few(), jobs: { images: few(), blobs: few(), manifests: few() },
        keepGoing: this.#chance(0.85), stop: stop.signal, graceMs: this.#random.below(2) * 5, respiteMs: 1, distrust,
      }, AbortSignal.timeout(10_000))
    } finally {
      clearTimeout(timer)
    }
  }

  loseSome(): void {
    for (const repository of ['r0', 'r1']) {
      const { blobs } = this.dst.repository(repository)
      for (const digest of blobs.keys()) if (this.#chance(0.2)) blobs.delete(digest)
    }
  }
}

test('two hundred worlds, each migrated twice', async () => {
  for (let seed = 1; seed <= 200; seed++) {
    const chaos = new Chaos(seed)
    for (const pass of [1, 2]) {
      if (pass === 2 && seed % 2 === 0) chaos.loseSome()
      const events: TransferEvent[] = []
      const result = await chaos.run(events, pass === 2 && seed % 4 === 0)
      const { images, copied, present, failed, abandoned, stopped } = result
      expect(copied + present + failed + abandoned, `seed ${seed}, pass ${pass}: every image is counted once: ${JSON.stringify(result)}`).toBe(images)
      if (!stopped) expect(images, `seed ${seed}, pass ${pass}`).toBe(chaos.wanted.length)
      // What was lost behind our back in a repository that looks whole is for `verify` to find.
      if (pass === 2) continue
      const done = events.flatMap((event) => (event.type === 'done' ? [event.image.destination] : []))
      expect(done.filter(({ repository, reference }) => !chaos.dst.isIntact(repository, reference)).map(formatEnd), `seed ${seed}`).toEqual([])
    }
  }
})
