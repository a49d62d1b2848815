// containers-storage:, the store that podman, buildah and CRI-O share. Its format is no public interface; the podman command is.
import { rm } from 'node:fs/promises'
import { SingleFlight } from '@longshore/concurrency'
import { isDigest, type Descriptor, descriptorOf, type Digest, type Manifest, MediaType, placeOf, type RepositoryName, type Tag } from '@longshore/oci'
import type { Content, Io, Opener, PushOptions, PushOutcome } from '@longshore/transfer'
import { EngineError } from './errors.ts'
import type { ImageStore } from './image-store.ts'
import { Podman, type PodmanOptions } from './podman.ts'
import { idOf, Staging } from './staging.ts'
import { storeFlags } from './store-spec.ts'

export interface ContainersStorageOptions extends PodmanOptions {
  /** Images pass through here, layers uncompressed: room for the largest of those that are open. */
  readonly tmpdir: string
}

/**
 * A store of containers/storage, through podman. An image is read as podman pushes it: with the configuration that it has, and with layers without
 * compression, for the store does not keep compressed bytes. Writing keeps manifest and configuration to the byte.
 * @param registry `containers-storage:`, with what stands between the brackets
 * @throws EngineError when the brackets hold what is not well formed
 */
export function openContainersStorageSource(registry: string, options: ContainersStorageOptions): ImageStore { return new ContainersStorage(registry, options, 'read') }

/** The same to write to: what a tag names is told by the digest that the store has of it, and nothing is read to be compared. */
export function openContainersStorage(registry: string, options: ContainersStorageOptions): ImageStore { return new ContainersStorage(registry, options, 'listed') }

interface Listed { readonly id: Digest; readonly digest: Digest | undefined; readonly names: readonly string[]; readonly digests: readonly string[] }

class ContainersStorage implements ImageStore {
  readonly registry: string
  readonly #podman: Podman
  readonly #staging: Staging
  readonly #resolves: 'read' | 'listed'
  readonly #reading = new SingleFlight<string, Manifest>()
  /** What was read, by repository and image ID: an image with another content has another ID. */
  readonly #read = new Map<string, Manifest>()
  /** What was read or put, by repository and digest. */
  readonly #manifests = new Map<string, Manifest>()

  constructor(registry: string, options: ContainersStorageOptions, resolves: 'read' | 'listed') {
    this.registry = registry
    this.#podman = new Podman(registry, storeFlags(placeOf(registry)), options)
    this.#staging = new Staging(registry, options.tmpdir)
    this.#resolves = resolves
  }

  async tags(repository: RepositoryName, io: Io): Promise<readonly Tag[] | undefined> {
    const tags = (await this.#list(io)).flatMap(({ names }) => names).filter((name) => repositoryOf(name) === repository).map((name) => name.slice(repository.length + 1) as Tag)
    return tags.length === 0 ? undefined : tags
  }

  async resolve(repository: RepositoryName, reference: Tag | Digest, io: Io): Promise<Descriptor | undefined> {
    if (this.#resolves === 'listed' && !isDigest(reference)) {
      const image = await this.#find(repository, reference, io)
      return image && { mediaType: MediaType.ociManifest, digest: image.digest ?? image.id, size: -1 }
    }
    const manifest = await this.manifest(repository, reference, io)
    return manifest && descriptorOf(manifest)
  }

  async manifest(repository: RepositoryName, reference: Tag | Digest, io: Io): Promise<Manifest | undefined> {
    io.signal.throwIfAborted()
    const known = this.#manifests.get(`${repository}@${reference}`)
    if (known) return known
    const image = await this.#find(repository, reference, io)
    if (!image) return undefined
    const key = `${repository} ${image.id}`
    return this.#read.get(key) ?? await this.#reading.do(key, io.signal, async (signal) => {
      const path = await this.#staging.newDirectory()
      await this.#podman.run(['push', '--quiet', image.id.slice('sha256:'.length), `dir:${path}`], { signal })
      const manifest = await this.#staging.readDirectory(repository, path)
      this.#manifests.set(`${repository}@${manifest.digest}`, manifest)
      this.#read.set(key, manifest)
      return manifest
    })
  }

  async exists(repository: RepositoryName, { digest }: Descriptor, { signal }: Io): Promise<boolean> {
    signal.throwIfAborted()
    return this.#staging.has(repository, digest)
  }

  async blob(repository: RepositoryName, desc: Descriptor, options: Io & { readonly offset?: number }): Promise<Content> { return await this.#staging.open(repository, desc, options) }
  async referrers(): Promise<undefined> { return undefined }
  async *catalog(io: Io): AsyncGenerator<string> { yield* new Set((await this.#list(io)).flatMap(({ names }) => names).map(repositoryOf)) }

  async push(repository: RepositoryName, desc: Descriptor, open: Opener, options: PushOptions): Promise<PushOutcome> { return await this.#staging.push(repository, desc, open, options) }

  async put(repository: RepositoryName, manifest: Manifest, reference: Tag | Digest, io: Io): Promise<{ readonly subjectTaken: boolean }> {
    if (manifest.kind === 'index') {
      throw new EngineError('ENGINE_REFUSED', `${this.registry}: ${repository}:${reference} is an index of several images, and the store is given one at a time: choose a platform (--override-arch, --multi-arch system)`)
    }
    const path = await this.#staging.writeDirectory(repository, manifest)
    try {
      // From an absolute path podman takes an image without giving it a name.
      const id = (await this.#podman.run(['pull', '--quiet', `dir:${path}`], io)).trim().split('\n').at(-1) ?? ''
      if (!isDigest(reference)) await this.#podman.run(['tag', id, `${repository}:${reference}`], io)
    } finally {
      await rm(path, { recursive: true, force: true })
    }
    this.#manifests.set(`${repository}@${manifest.digest}`, manifest)
    return { subjectTaken: false }
  }

  async deleteReference(repository: RepositoryName, reference: Tag | Digest, io: Io): Promise<boolean> {
    const image = await this.#find(repository, reference, io)
    if (!image) return false
    await this.#podman.run(['rmi', isDigest(reference) ? image.id.slice('sha256:'.length) : `${repository}:${reference}`], io)
    return true
  }

  /** Everything is there once it was put. */
  async finish(): Promise<void> {}
  async [Symbol.asyncDispose](): Promise<void> { await this.#staging[Symbol.asyncDispose]() }

  async #find(repository: RepositoryName, reference: Tag | Digest, io: Io): Promise<Listed | undefined> {
    const images = await this.#list(io)
    if (!isDigest(reference)) return images.find(({ names }) => names.includes(`${repository}:${reference}`))
    // Without a name a digest is an image's ID.
    return repository === '' ? images.find(({ id }) => id === reference) : images.find(({ digests }) => digests.includes(`${repository}@${reference}`))
  }

  async #list(io: Io): Promise<readonly Listed[]> {
    const listed: unknown = JSON.parse(await this.#podman.run(['images', '--all', '--no-trunc', '--format', 'json'], io))
    if (!Array.isArray(listed)) throw new EngineError('ENGINE_REFUSED', `${this.registry}: podman images does not answer with a list`)
    const images = listed.flatMap((entry: { readonly Id?: unknown; readonly Digest?: unknown; readonly Names?: unknown; readonly RepoDigests?: unknown }) => {
      const id = typeof entry.Id === 'string' ? idOf(entry.Id) : undefined
      return id === undefined ? [] : [{ id, digest: typeof entry.Digest === 'string' && isDigest(entry.Digest) ? entry.Digest : undefined, names: textsOf(entry.Names), digests: textsOf(entry.RepoDigests) }]
    })
    // Podman lists an image once for each of its names, with all of them each time.
    return [...new Map(images.map((image) => [image.id, image])).values()]
  }
}

function textsOf(value: unknown): readonly string[] { return Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : [] }

function repositoryOf(name: string): string {
  const colon = name.lastIndexOf(':')
  return colon > name.lastIndexOf('/') ? name.slice(0, colon) : name
}
