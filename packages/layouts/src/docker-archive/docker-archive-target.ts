import {
  type Descriptor, descriptorOf, type Digest, DigestMismatchError, digestOf, dockerName, hexOf, type ImageManifest, isDigest, isForeign, type Manifest, MediaType, placeOf,
  type RepositoryName, type Tag,
} from '@longshore/oci'
import type { Content, Io, Opener, PushOptions, PushOutcome } from '@longshore/transfer'
import { LayoutError } from '../errors.ts'
import type { ArchiveOptions, Layout } from '../layout.ts'
import { blobUnknown, contentMissing } from '../problem.ts'
import { Pushes } from '../pushes.ts'
import { receive } from '../receive.ts'
import { maxDocumentBytes, type TarOptions } from '../tar/tar-file.ts'
import { type Region, TarWriter } from '../tar/tar-writer.ts'
import { goJson, legacyLayers } from './legacy.ts'
import { diffIdsOf } from './saved-image.ts'
import { SavedLayers } from './saved-layers.ts'

export interface DockerArchiveTargetOptions extends TarOptions, Pick<ArchiveOptions, 'additionalTags'> {}

/**
 * Begins a file that `docker load`, `podman load` and skopeo read. It replaces what is there under its name when it is finished.
 * @param registry `docker-archive:/absolute/path`
 * @throws LayoutError LAYOUT_MISSING, LAYOUT_REFUSED, InvalidReferenceError
 */
export async function createDockerArchive(registry: string, options: DockerArchiveTargetOptions): Promise<Layout> {
  const additional = (options.additionalTags ?? []).map((tag) => dockerName(tag, tag))
  return new DockerArchiveTarget(registry, await TarWriter.create(placeOf(registry), registry, options.tmpdir), additional, options)
}

interface SavedItem {
  readonly config: Digest
  readonly region: Region
  readonly diffIds: readonly Digest[]
  readonly tags: Set<Tag>
  /** It was put by its digest or alone, and so is wanted without a name. */
  nameless: boolean
}

const configTypes = new Set<string>([MediaType.dockerConfig, MediaType.ociConfig])

class DockerArchiveTarget implements Layout {
  readonly registry: string
  readonly #tar: TarWriter
  readonly #additional: readonly Tag[]
  readonly #layers: SavedLayers
  readonly #pushes = new Pushes()
  readonly #configs = new Map<Digest, Region>()
  readonly #items = new Map<Digest, SavedItem>()
  readonly #manifests = new Map<string, Manifest>()

  constructor(registry: string, tar: TarWriter, additional: readonly Tag[], options: TarOptions) {
    this.registry = registry
    this.#tar = tar
    this.#additional = additional
    this.#layers = new SavedLayers(tar, options)
  }

  tags(): Promise<readonly Tag[] | undefined> {
    const names = [...this.#items.values()].flatMap(({ tags }, at) => (tags.size === 0 ? [`@${at}` as Tag] : [...tags]))
    return Promise.resolve(this.#items.size === 0 ? undefined : names)
  }

  async resolve(repository: RepositoryName, reference: Tag | Digest): Promise<Descriptor | undefined> {
    const manifest = await this.manifest(repository, reference)
    return manifest && descriptorOf(manifest)
  }

  manifest(_: RepositoryName, reference: Tag | Digest): Promise<Manifest | undefined> { return Promise.resolve(this.#manifests.get(reference)) }

  exists(_: RepositoryName, { digest }: Descriptor): Promise<boolean> { return Promise.resolve(this.#holds(digest)) }

  async blob(_: RepositoryName, { digest }: Descriptor, { signal, offset = 0 }: Io & { readonly offset?: number }): Promise<Content> {
    const region = this.#configs.get(digest) ?? await this.#layers.region(digest)
    // A layer that came compressed is not here in that form any more.
    if (region === undefined) throw blobUnknown(this.registry, digest)
    return this.#tar.read(region, offset, signal)
  }

  referrers(): Promise<undefined> { return Promise.resolve(undefined) }
  async *catalog(): AsyncGenerator<string> { yield '' }

  push(_: RepositoryName, desc: Descriptor, open: Opener, options: PushOptions): Promise<PushOutcome> {
    return this.#pushes.do(desc.digest, options.signal, async () => {
      if (this.#holds(desc.digest)) return 'existed'
      await receive(open, options, async (content) => {
        if (configTypes.has(desc.mediaType)) await this.#addConfig(desc, content)
        else await this.#layers.add(desc, content, options.signal)
      })
      return 'pushed'
    })
  }

  async put(_: RepositoryName, manifest: Manifest, reference: Tag | Digest, { signal }: Io): Promise<{ readonly subjectTaken: boolean }> {
    const image = this.#imageOf(manifest)
    const tags = this.#tagsOf(reference)
    const config = image.config.digest
    const region = this.#configs.get(config)
    const came = image.layers.map((desc) => ({ desc, diffId: this.#diffIdOf(desc, manifest) }))
    if (region === undefined) throw contentMissing(this.registry, manifest.digest, config)
    const bytes = Buffer.concat(await Array.fromAsync(this.#tar.read(region, 0, signal)))
    const diffIds = diffIdsOf(bytes, `${this.registry}: the configuration ${config}`)
    if (diffIds.length !== came.length) throw new LayoutError('LAYOUT_INVALID', `${this.registry}: Inconsistent layer count: ${came.length} in manifest, ${diffIds.length} in config`)
    for (const [at, { desc, diffId }] of came.entries()) {
      const named = diffIds[at] ?? diffId
      if (diffId !== named) throw new DigestMismatchError(`${this.registry}: layer ${desc.digest}, decompressed`, named, diffId)
    }
    const item = this.#items.get(config) ?? { config, region, diffIds, tags: new Set<Tag>(), nameless: false }
    this.#items.set(config, item)
    item.nameless ||= tags.length === 0
    for (const tag of tags) {
      for (const other of this.#items.values()) {
        // An image that had this name alone is nobody's any more.
        if (other.tags.delete(tag) && other !== item && other.tags.size === 0 && !other.nameless) this.#items.delete(other.config)
      }
      item.tags.add(tag)
      this.#manifests.set(tag, manifest)
    }
    this.#manifests.set(manifest.digest, manifest)
    if (reference !== '') this.#manifests.set(reference, manifest)
    return { subjectTaken: false }
  }

  async finish(): Promise<void> {
    if (this.#items.size === 0) return await this[Symbol.asyncDispose]()
    const { signal } = new AbortController()
    const written = new Set<string>()
    const repositories: Record<string, Record<string, string>> = {}
    for (const { config, region, diffIds, tags } of this.#items.values()) {
      const bytes = Buffer.concat(await Array.fromAsync(this.#tar.read(region, 0, signal)))
      const layers = legacyLayers(bytes, diffIds, config)
      for (const { id, json, diffId } of layers) {
        if (written.has(id)) continue
        written.add(id)
        await this.#tar.addLink(`${id}/layer.tar`, `../${hexOf(diffId)}.tar`)
        await this.#tar.addFile(`${id}/VERSION`, Buffer.from('1.0'))
        await this.#tar.addFile(`${id}/json`, json)
      }
      const top = layers.at(-1)
      if (top === undefined) continue
      for (const tag of tags) {
        const colon = tag.lastIndexOf(':')
        const name = tag.slice(0, colon)
        repositories[name] = { ...repositories[name], [tag.slice(colon + 1)]: top.id }
      }
    }
    await this.#dropUnused()
    const list = [...this.#items.values()].map(({ config, diffIds, tags }) => ({ Config: `${hexOf(config)}.json`, RepoTags: [...tags], Layers: diffIds.map((id) => `${hexOf(id)}.tar`) }))
    await this.#tar.addFile('manifest.json', Buffer.from(JSON.stringify(list)))
    await this.#tar.addFile('repositories', goJson(repositories))
    await this.#tar.finish(signal)
  }

  async [Symbol.asyncDispose](): Promise<void> { await this.#tar[Symbol.asyncDispose]() }

  #holds(digest: Digest): boolean { return this.#configs.has(digest) || this.#layers.diffId(digest) !== undefined }

  async #addConfig(desc: Descriptor, content: AsyncIterable<Uint8Array>): Promise<void> {
    if (desc.size > maxDocumentBytes) throw new LayoutError('LAYOUT_REFUSED', `${this.registry}: the configuration ${desc.digest} has ${desc.size} bytes; the most that is taken is ${maxDocumentBytes}`)
    const bytes = Buffer.concat(await Array.fromAsync(content))
    if (digestOf(bytes, desc.digest.startsWith('sha512:') ? 'sha512' : 'sha256') !== desc.digest) throw new DigestMismatchError(`${this.registry}: the configuration`, desc.digest, digestOf(bytes))
    this.#configs.set(desc.digest, await this.#tar.addFile(`${hexOf(desc.digest)}.json`, bytes))
  }

  /** What the format can hold; the wording is that of containers/image, docker/internal/tarfile/dest.go. */
  #imageOf(manifest: Manifest): ImageManifest & { readonly config: Descriptor } {
    if (manifest.kind === 'index') throw new LayoutError('LAYOUT_REFUSED', `${this.registry}: Manifest lists are not supported for docker tar files; choose one platform, or write oci-archive:PATH`)
    if (manifest.kind === 'schema1') throw new LayoutError('LAYOUT_REFUSED', `${this.registry}: Unsupported manifest type, need a Docker schema 2 manifest, not ${manifest.mediaType}`)
    const { config } = manifest
    if (config !== undefined && configTypes.has(config.mediaType)) return { ...manifest, config }
    throw new LayoutError('LAYOUT_REFUSED', `${this.registry}: Unsupported manifest type, need a Docker schema 2 manifest: ${manifest.digest} is an artifact (${manifest.artifactType ?? config?.mediaType ?? manifest.mediaType}), not an image; oci-archive:PATH can hold it`)
  }

  #tagsOf(reference: Tag | Digest): readonly Tag[] {
    if (reference.startsWith('@')) throw new LayoutError('LAYOUT_REFUSED', `${this.registry}: Destination reference must not contain a manifest index ${reference}`)
    return [...(reference === '' || isDigest(reference) ? [] : [dockerName(reference, reference)]), ...this.#additional]
  }

  #diffIdOf(desc: Descriptor, manifest: Manifest): Digest {
    const diffId = this.#layers.diffId(desc.digest)
    if (diffId !== undefined) return diffId
    if (isForeign(desc)) throw new LayoutError('LAYOUT_REFUSED', `${this.registry}: layer ${desc.digest} is a foreign one, kept at ${desc.urls?.[0] ?? 'a URL'}; an archive of docker has to hold it`)
    throw contentMissing(this.registry, manifest.digest, desc.digest)
  }

  async #dropUnused(): Promise<void> {
    const used = new Set([...this.#items.values()].flatMap(({ config, diffIds }) => [config, ...diffIds]))
    for (const [digest, region] of [...this.#configs, ...await this.#layers.all()]) if (!used.has(digest)) this.#tar.drop(region)
  }
}
