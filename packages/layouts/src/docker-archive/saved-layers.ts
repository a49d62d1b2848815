// Layers on their way into the archive: decompressed, named by what they are then, and each there once.
import { createHash } from 'node:crypto'
import { algorithmOf, type Descriptor, type Digest, hexOf } from '@longshore/oci'
import { compressionOf, decompress, magicBytes } from '../tar/compression.ts'
import { peek } from '../tar/peek.ts'
import { atMost, defaultTmpdir, openSpool, readRange, unpackLimit, writeContent } from '../tar/spool.ts'
import type { TarOptions } from '../tar/tar-file.ts'
import type { Region, TarWriter } from '../tar/tar-writer.ts'

export class SavedLayers {
  readonly #tar: TarWriter
  readonly #options: TarOptions
  /** By the digest with which they came. */
  readonly #diffIds = new Map<Digest, Digest>()
  readonly #regions = new Map<Digest, Promise<Region>>()

  constructor(tar: TarWriter, options: TarOptions) {
    this.#tar = tar
    this.#options = options
  }

  /** What the layer is called when it is not compressed; `undefined` when it is not here. */
  diffId(digest: Digest): Digest | undefined { return this.#diffIds.get(digest) }

  async region(diffId: Digest): Promise<Region | undefined> { return await this.#regions.get(diffId) }

  /** The regions of layers, by diff ID. */
  async all(): Promise<ReadonlyMap<Digest, Region>> {
    return new Map(await Promise.all([...this.#regions].map(async ([diffId, region]) => [diffId, await region] as const)))
  }

  /** @throws LayoutError when it is damaged, or unpacks to more than is in proportion */
  async add(desc: Descriptor, content: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
    const what = `${this.#tar.what}: layer ${desc.digest}`
    const { head, all } = await peek(content, magicBytes)
    const compression = compressionOf(head)
    if (compression === undefined && algorithmOf(desc.digest) === 'sha256') {
      // Its size and its name are known: it goes straight to its place.
      await this.#place(desc.digest, desc.size, all, signal)
      this.#diffIds.set(desc.digest, desc.digest)
      return
    }
    await using spool = await openSpool(this.#options.tmpdir ?? defaultTmpdir())
    const hash = createHash('sha256')
    const plain = compression === undefined ? all : atMost(decompress(all, compression, what, signal), unpackLimit(desc.size, this.#options.maxUnpackedBytes), what)
    const size = await writeContent(spool, hashed(plain, hash), 0, signal)
    const diffId = `sha256:${hash.digest('hex')}` as Digest
    await this.#place(diffId, size, readRange(spool, 0, size, what), signal)
    this.#diffIds.set(desc.digest, diffId)
  }

  async #place(diffId: Digest, size: number, content: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
    // The same layer may come in two forms at once.
    for (let there = this.#regions.get(diffId); there !== undefined; there = this.#regions.get(diffId)) {
      if (await there.then(() => true, () => false)) return
    }
    const placing = this.#tar.add(`${hexOf(diffId)}.tar`, size, content, signal)
    this.#regions.set(diffId, placing)
    try {
      await placing
    } catch (error) {
      this.#regions.delete(diffId)
      throw error
    }
  }
}

async function* hashed(content: AsyncIterable<Uint8Array>, hash: ReturnType<typeof createHash>): AsyncGenerator<Uint8Array> {
  for await (const chunk of content) {
    hash.update(chunk)
    yield chunk
  }
}
