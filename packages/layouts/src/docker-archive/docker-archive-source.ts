import { type Descriptor, descriptorOf, type Digest, isDigest, MediaType, type Manifest, placeOf, type RepositoryName, type Tag } from '@longshore/oci'
import type { Content, Io } from '@longshore/transfer'
import type { ArchiveOptions, LayoutSource } from '../layout.ts'
import { blobUnknown } from '../problem.ts'
import type { Compression } from '../tar/compression.ts'
import { skipBytes } from '../tar/spool.ts'
import { TarFile, type TarOptions } from '../tar/tar-file.ts'
import type { TarFileEntry } from '../tar/tar-index.ts'
import { chooseItem, type Item, itemNames, readItems } from './items.ts'
import { readImage, type SavedBlob, type SavedImage, uncompressedDockerLayer } from './saved-image.ts'

export interface DockerArchiveOptions extends TarOptions, Pick<ArchiveOptions, 'layersAsSkopeo'> {}

/**
 * Opens a file of `docker save`: old and new, plain and compressed, of one or more images.
 * @param registry `docker-archive:/absolute/path`
 * @throws LayoutError LAYOUT_MISSING, LAYOUT_INVALID, ARCHIVE_HOSTILE
 */
export async function openDockerArchive(registry: string, options: DockerArchiveOptions): Promise<LayoutSource> {
  const tar = await TarFile.open(placeOf(registry), registry, options)
  try {
    return new DockerArchiveSource(registry, tar, await readItems(tar), options.layersAsSkopeo === true ? MediaType.dockerLayer : uncompressedDockerLayer)
  } catch (error) {
    await tar[Symbol.asyncDispose]()
    throw error
  }
}

class DockerArchiveSource implements LayoutSource {
  readonly registry: string
  readonly #tar: TarFile
  readonly #items: readonly Item[]
  readonly #layerType: string
  readonly #images = new Map<Item, Promise<SavedImage>>()
  readonly #measured = new Map<string, Promise<number>>()

  constructor(registry: string, tar: TarFile, items: readonly Item[], layerType: string) {
    this.registry = registry
    this.#tar = tar
    this.#items = items
    this.#layerType = layerType
  }

  tags(): Promise<readonly Tag[]> { return Promise.resolve(itemNames(this.#items)) }

  async resolve(repository: RepositoryName, reference: Tag | Digest, io: Io): Promise<Descriptor | undefined> {
    const manifest = await this.manifest(repository, reference, io)
    return manifest && descriptorOf(manifest)
  }

  async manifest(_: RepositoryName, reference: Tag | Digest, { signal }: Io): Promise<Manifest | undefined> {
    if (isDigest(reference)) return (await this.#find(({ manifest }) => manifest.digest === reference, signal))?.manifest
    const item = chooseItem(this.#items, reference, this.registry)
    return item && (await this.#image(item, signal)).manifest
  }

  async exists(_: RepositoryName, { digest }: Descriptor, { signal }: Io): Promise<boolean> { return await this.#blob(digest, signal) !== undefined }

  async blob(_: RepositoryName, { digest }: Descriptor, { signal, offset = 0 }: Io & { readonly offset?: number }): Promise<Content> {
    const blob = await this.#blob(digest, signal)
    if (blob === undefined) throw blobUnknown(this.registry, digest)
    if (blob.compression === undefined) return this.#tar.content(blob.entry, offset, signal)
    return skipBytes(this.#tar.decompressed(blob.entry, blob.compression, signal), offset)
  }

  referrers(): Promise<undefined> { return Promise.resolve(undefined) }
  async *catalog(): AsyncGenerator<string> { yield '' }
  async [Symbol.asyncDispose](): Promise<void> { await this.#tar[Symbol.asyncDispose]() }

  async #blob(digest: Digest, signal: AbortSignal): Promise<SavedBlob | undefined> {
    return (await this.#find(({ blobs }) => blobs.has(digest), signal))?.blobs.get(digest)
  }

  /** Images that were read already come first: a blob is asked for after its manifest. */
  async #find(wanted: (image: SavedImage) => boolean, signal: AbortSignal): Promise<SavedImage | undefined> {
    for (const item of [...this.#images.keys(), ...this.#items]) {
      const image = await this.#image(item, signal)
      if (wanted(image)) return image
    }
    return undefined
  }

  #image(item: Item, signal: AbortSignal): Promise<SavedImage> {
    return remember(this.#images, item, () => readImage(this.#tar, item, this.#layerType, (entry, compression) => this.#measure(entry, compression, signal)))
  }

  #measure(entry: TarFileEntry, compression: Compression, signal: AbortSignal): Promise<number> {
    return remember(this.#measured, entry.path, async () => {
      let size = 0
      for await (const chunk of this.#tar.decompressed(entry, compression, signal)) size += chunk.byteLength
      return size
    })
  }
}

/** Work that is done once; what failed, or was aborted for somebody else, is done again. */
async function remember<K, V>(done: Map<K, Promise<V>>, key: K, work: () => Promise<V>): Promise<V> {
  const known = done.get(key)
  if (known !== undefined) return await known
  const working = work()
  done.set(key, working)
  try {
    return await working
  } catch (error) {
    if (done.get(key) === working) done.delete(key)
    throw error
  }
}
