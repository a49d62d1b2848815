// A source and a destination in memory, a run between them, and what it told. For the tests of the run.
import { MemoryLedger } from '@longshore/ledger'
import { type Descriptor, MediaType, parsePlatform, parseRepositoryName, type Tag } from '@longshore/oci'
import { MemoryQueue } from '@longshore/queue'
import { MemoryRegistry, type MemoryRegistryOptions } from '@longshore/testing/contracts'
import { type CopyOptions, formatEnd, migrate, type MigrationOptions, type MigrationResult, type TransferEvent, type Wanted } from './index.ts'

const plain: CopyOptions = { platforms: [], platformPolicy: 'sparse', referrers: false, foreignLayers: 'keep' }

export class World {
  readonly src: MemoryRegistry
  readonly dst: MemoryRegistry
  readonly events: TransferEvent[] = []
  readonly stop = new AbortController()
  constructor(src: MemoryRegistryOptions = {}, dst: MemoryRegistryOptions = {}) {
    this.src = new MemoryRegistry('src.test', src)
    this.dst = new MemoryRegistry('dst.test', dst)
  }

  want(repository: string, tag: string, options: Partial<CopyOptions> = {}, to = repository): Wanted {
    const end = (registry: string, name: string) => ({ registry, repository: parseRepositoryName(name), reference: tag as Tag })
    return { image: { source: end('src.test', repository), destination: end('dst.test', to) }, options: { ...plain, ...options } }
  }

  async run(wanted: readonly Wanted[], more: Partial<MigrationOptions> = {}): Promise<MigrationResult> {
    this.events.length = 0
    this.src.calls.length = 0
    this.dst.calls.length = 0
    return await migrate((async function* () { yield* wanted })(), {
      transports: { source: () => this.src, target: () => this.dst },
      ledger: new MemoryLedger(), queues: { blobs: new MemoryQueue(), manifests: new MemoryQueue() },
      onEvent: (event) => this.events.push(event), inFlight: new Set(), window: 8, jobs: { images: 4, blobs: 4, manifests: 4 },
      keepGoing: true, stop: this.stop.signal, graceMs: 1000, respiteMs: 1, ...more,
    }, AbortSignal.timeout(10_000))
  }

  outcomes(): Record<string, string> {
    return Object.fromEntries(this.events.flatMap((event) => event.type === 'done' ? [[formatEnd(event.image.destination), event.outcome]]
      : event.type === 'failed' ? [[formatEnd(event.image.destination), event.error.code]] : []))
  }
  failures(): string[] {
    return this.events.flatMap((event) => event.type === 'failed' ? [JSON.stringify(event.error)] : [])
  }
}

export const on = (platform: string, desc: Descriptor): Descriptor => ({ ...desc, platform: parsePlatform(platform) })
export const indexOf = (world: World, repository: string, tag: string, children: readonly Descriptor[]): Descriptor =>
  world.src.addManifest(repository, { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: children }, tag)

/** Makes the destination take an index whose children are missing, as a registry may that is set up for it. */
export function acceptSparse({ dst }: World): void {
  const put = dst.put.bind(dst)
  dst.put = async (repository, manifest, reference, io) => {
    if (manifest.kind !== 'index') return await put(repository, manifest, reference, io)
    dst.repository(repository).manifests.set(manifest.digest, manifest)
    dst.repository(repository).tags.set(reference as Tag, manifest.digest)
    return { subjectTaken: false }
  }
}
