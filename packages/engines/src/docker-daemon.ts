// docker-daemon:, the images of a Docker engine, or of podman behind the same API. An engine gives and takes whole images, as the archives of
// `docker save`: configuration and layers hold, while the manifest is made of them here.
import { type Descriptor, descriptorOf, type Digest, isDigest, type Manifest, RegistryError, type RepositoryName, splitReference, type Tag } from '@longshore/oci'
import type { LayoutSource } from '@longshore/layouts'
import type { Content, Io } from '@longshore/transfer'
import { type DaemonHostOptions, openDaemonHost } from './daemon-host.ts'
import { EngineApi } from './engine-api.ts'
import { SavedImages } from './saved-images.ts'

export interface DockerDaemonOptions extends DaemonHostOptions {
  /** Images pass through here as archives: room for all that are open at once. */
  readonly tmpdir: string
  /** Read: layers are named as skopeo names them, as gzip, so that the manifest has the digest that skopeo shows. Default false. */
  readonly layersAsSkopeo?: boolean
}

/**
 * The images of an engine, by name (`docker.io/library/alpine` and a tag) or, without a repository, by ID.
 * @param registry `docker-daemon:`
 * @throws EngineError for a host of a form that is not taken; one that does not answer is found out at the first question
 */
export function openDockerDaemonSource(registry: string, options: DockerDaemonOptions): DockerDaemonSource {
  return new DockerDaemonSource(registry, new EngineApi(openDaemonHost(options)), new SavedImages(options.tmpdir, options.layersAsSkopeo))
}

export class DockerDaemonSource implements LayoutSource {
  readonly registry: string
  readonly #api: EngineApi
  readonly #saved: SavedImages
  /** IDs by the digest of the manifest that was made of the image. */
  readonly #made = new Map<Digest, string>()
  /** IDs of the images that were read, by the repository in whose name they were. */
  readonly #readFrom = new Map<RepositoryName, Set<string>>()

  constructor(registry: string, api: EngineApi, saved: SavedImages) {
    this.registry = registry
    this.#api = api
    this.#saved = saved
  }

  async tags(repository: RepositoryName, io: Io): Promise<readonly Tag[] | undefined> {
    const tags = (await this.#names(io)).filter((name) => name.repository === repository).map(({ tag }) => tag)
    return tags.length === 0 ? undefined : tags
  }

  async resolve(repository: RepositoryName, reference: Tag | Digest, io: Io): Promise<Descriptor | undefined> {
    const manifest = await this.manifest(repository, reference, io)
    return manifest && descriptorOf(manifest)
  }

  async manifest(repository: RepositoryName, reference: Tag | Digest, io: Io): Promise<Manifest | undefined> {
    io.signal.throwIfAborted()
    const id = (isDigest(reference) ? this.#made.get(reference) : undefined) ?? await this.#api.find(nameOf(repository, reference), io)
    if (id === undefined) return undefined
    const { manifest } = await this.#saved.get(id, (scoped) => this.#api.save(id, scoped), io)
    this.#made.set(manifest.digest, id)
    const ids = this.#readFrom.get(repository)
    if (ids) ids.add(id)
    else this.#readFrom.set(repository, new Set([id]))
    return manifest
  }

  async exists(repository: RepositoryName, desc: Descriptor, io: Io): Promise<boolean> {
    io.signal.throwIfAborted()
    return await this.#holder(repository, desc, io) !== undefined
  }

  async blob(repository: RepositoryName, desc: Descriptor, options: Io & { readonly offset?: number }): Promise<Content> {
    options.signal.throwIfAborted()
    const archive = await this.#holder(repository, desc, options)
    if (archive) return await archive.blob(repository, desc, options)
    throw new RegistryError({ status: 404, registry: this.registry, request: `blob ${desc.digest}`, details: [{ code: 'BLOB_UNKNOWN', message: 'the images that were read do not have it' }] })
  }

  async referrers(): Promise<undefined> { return undefined }
  async *catalog(io: Io): AsyncGenerator<string> { yield* new Set((await this.#names(io)).map(({ repository }) => repository)) }

  /** `false` when there is no such image. Other names of it stay. @throws EngineError when a container uses it */
  async deleteReference(repository: RepositoryName, reference: Tag | Digest, io: Io): Promise<boolean> {
    return await this.#api.remove(isDigest(reference) ? this.#made.get(reference) ?? nameOf(repository, reference) : nameOf(repository, reference), io)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#saved[Symbol.asyncDispose]()
    await this.#api[Symbol.asyncDispose]()
  }

  /** The archive of an image of the repository that has the blob. */
  async #holder(repository: RepositoryName, desc: Descriptor, io: Io): Promise<LayoutSource | undefined> {
    for (const id of this.#readFrom.get(repository) ?? []) {
      const archive = this.#saved.archive(id)
      if (await archive?.exists(repository, desc, io) === true) return archive
    }
    return undefined
  }

  /** Docker says `alpine:3` where podman says `docker.io/library/alpine:3`. */
  async #names(io: Io): Promise<readonly { readonly repository: string; readonly tag: Tag }[]> {
    return (await this.#api.images(io)).flatMap(({ tags }) => tags).filter((name) => !name.includes('<none>')).map((name) => {
      const { registry = 'docker.io', repository, tag } = splitReference(name)
      const full = registry === 'docker.io' && !repository.includes('/') ? `library/${repository}` : repository
      return { repository: `${registry}/${full}`, tag: tag ?? ('latest' as Tag) }
    })
  }
}

function nameOf(repository: RepositoryName, reference: Tag | Digest): string {
  if (repository === '') return reference
  return isDigest(reference) ? `${repository}@${reference}` : `${repository}:${reference}`
}
