import { type Descriptor, type Digest, isManifestType, placeOf } from '@longshore/oci'
import type { Content, Io, Opener, PushOptions } from '@longshore/transfer'
import { LayoutError } from '../errors.ts'
import type { LayoutOptions } from '../layout.ts'
import { readManifest } from '../manifests.ts'
import type { Change, Entry, OciIndex } from '../oci/index-file.ts'
import { unreachable } from '../oci/reach.ts'
import type { OciStore } from '../oci/store.ts'
import { receive } from '../receive.ts'
import { maxDocumentBytes } from '../tar/tar-file.ts'
import { type Region, TarWriter } from '../tar/tar-writer.ts'
import { nameOf } from './read-store.ts'

/** Blobs go straight to their places in the tar file; its index is kept here until the end. */
export class ArchiveWriteStore implements OciStore {
  readonly index: OciIndex
  readonly #registry: string
  readonly #options: LayoutOptions
  readonly #blobs = new Map<Digest, Region>()
  #tar: Promise<TarWriter> | undefined
  #entries: readonly Entry[] = []
  #updating: Promise<void> = Promise.resolve()

  constructor(registry: string, options: LayoutOptions) {
    this.#registry = registry
    this.#options = options
    this.index = { entries: () => Promise.resolve(this.#entries.length === 0 ? undefined : this.#entries), update: (signal, change) => this.#update(signal, change) }
  }

  size(digest: Digest): Promise<number | undefined> { return Promise.resolve(this.#blobs.get(digest)?.size) }

  async read(digest: Digest): Promise<Uint8Array | undefined> {
    const region = this.#blobs.get(digest)
    if (region === undefined || region.size > maxDocumentBytes) return undefined
    return Buffer.concat(await Array.fromAsync((await this.#open()).read(region, 0)))
  }

  async content(digest: Digest, { signal, offset = 0 }: Io & { readonly offset?: number }): Promise<Content | undefined> {
    const region = this.#blobs.get(digest)
    return region && (await this.#open()).read(region, offset, signal)
  }

  async write(desc: Descriptor, open: Opener, options: PushOptions): Promise<void> {
    const tar = await this.#open()
    await receive(open, options, async (content) => { this.#blobs.set(desc.digest, await tar.add(nameOf(desc.digest), desc.size, content, options.signal)) })
  }

  async put(digest: Digest, bytes: Uint8Array): Promise<void> {
    if (this.#blobs.has(digest)) return
    this.#blobs.set(digest, await (await this.#open()).addFile(nameOf(digest), bytes))
  }

  async remove(digest: Digest): Promise<void> {
    const region = this.#blobs.get(digest)
    if (region) (await this.#open()).drop(region)
    this.#blobs.delete(digest)
  }

  async finish(): Promise<void> {
    await this.#updating
    if (this.#entries.length === 0) return await this[Symbol.asyncDispose]()
    const tar = await this.#open()
    for (const digest of await this.#unused()) await this.remove(digest)
    await tar.addFile('oci-layout', Buffer.from('{"imageLayoutVersion":"1.0.0"}'))
    await tar.addFile('index.json', Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: this.#entries })))
    await tar.finish(new AbortController().signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const tar = await this.#tar?.catch(() => undefined)
    await tar?.[Symbol.asyncDispose]()
  }

  /** Blobs of images that failed. */
  async #unused(): Promise<readonly Digest[]> {
    const all = [...this.#blobs.keys()].map((digest): Entry => ({ mediaType: '', digest, size: 0 }))
    return await unreachable(all, this.#entries, async ({ digest, mediaType }) => {
      const bytes = isManifestType(mediaType) ? await this.read(digest) : undefined
      return bytes && readManifest(bytes, `${this.#registry}: ${digest}`, { mediaType, expected: digest })
    })
  }

  /** One after another: a change sees what the one before it made. */
  async #update(signal: AbortSignal, change: Change): Promise<void> {
    const before = this.#updating
    const turn = Promise.withResolvers<undefined>()
    this.#updating = turn.promise
    try {
      await before
      signal.throwIfAborted()
      this.#entries = await change(this.#entries)
    } finally {
      turn.resolve(undefined)
    }
  }

  #open(): Promise<TarWriter> {
    if (placeOf(this.#registry) === '') throw new LayoutError('LAYOUT_REFUSED', `${this.#registry}: the path is missing`)
    return this.#tar ??= TarWriter.create(placeOf(this.#registry), this.#registry, this.#options.tmpdir)
  }
}
