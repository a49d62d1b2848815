import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createDockerArchive } from '@longshore/layouts'
import { type Descriptor, descriptorOf, type Digest, isDigest, type Manifest, MediaType, type RepositoryName, successors, type Tag } from '@longshore/oci'
import type { Content, Io, Opener, PushOptions, PushOutcome } from '@longshore/transfer'
import { openDaemonHost } from './daemon-host.ts'
import { type DockerDaemonOptions, DockerDaemonSource } from './docker-daemon.ts'
import { EngineApi } from './engine-api.ts'
import { EngineError } from './errors.ts'
import type { ImageStore } from './image-store.ts'
import { SavedImages } from './saved-images.ts'
import { Staging } from './staging.ts'

/**
 * The images of an engine, to be written to as well. Each image is loaded when its manifest is put under a tag, and is there from then on.
 * What a tag names is told by the image's ID, unless it was put here: nothing is exported to be compared.
 * @param registry `docker-daemon:`
 * @throws EngineError for a host of a form that is not taken
 */
export function openDockerDaemon(registry: string, options: DockerDaemonOptions): ImageStore {
  return new DockerDaemon(registry, new EngineApi(openDaemonHost(options)), options.tmpdir)
}

class DockerDaemon extends DockerDaemonSource implements ImageStore {
  readonly #api: EngineApi
  readonly #staging: Staging
  readonly #tmpdir: string
  /** What was put here, by the ID that the engine gave it. */
  readonly #put = new Map<string, Manifest>()

  constructor(registry: string, api: EngineApi, tmpdir: string) {
    super(registry, api, new SavedImages(tmpdir))
    this.#api = api
    this.#staging = new Staging(registry, tmpdir)
    this.#tmpdir = tmpdir
  }

  override async resolve(repository: RepositoryName, reference: Tag | Digest, io: Io): Promise<Descriptor | undefined> {
    if (isDigest(reference)) return await super.resolve(repository, reference, io)
    const id = await this.#api.find(`${repository}:${reference}`, io)
    if (id === undefined) return undefined
    const put = this.#put.get(id)
    return put ? descriptorOf(put) : { mediaType: MediaType.dockerManifest, digest: id as Digest, size: -1 }
  }

  override async exists(repository: RepositoryName, desc: Descriptor, io: Io): Promise<boolean> {
    io.signal.throwIfAborted()
    return this.#staging.has(repository, desc.digest) || await super.exists(repository, desc, io)
  }

  override async blob(repository: RepositoryName, desc: Descriptor, options: Io & { readonly offset?: number }): Promise<Content> {
    return this.#staging.has(repository, desc.digest) ? await this.#staging.open(repository, desc, options) : await super.blob(repository, desc, options)
  }

  async push(repository: RepositoryName, desc: Descriptor, open: Opener, options: PushOptions): Promise<PushOutcome> { return await this.#staging.push(repository, desc, open, options) }

  async put(repository: RepositoryName, manifest: Manifest, reference: Tag | Digest, io: Io): Promise<{ readonly subjectTaken: boolean }> {
    io.signal.throwIfAborted()
    if (isDigest(reference) || repository === '') throw new EngineError('ENGINE_REFUSED', `${this.registry}: an image is loaded under a name and a tag; write docker-daemon:NAME:TAG`)
    const { blobs } = successors(manifest)
    for (const { digest } of blobs) if (!this.#staging.has(repository, digest)) throw this.#staging.missing('MANIFEST_BLOB_UNKNOWN', `blob ${digest} of ${repository}`)
    const path = join(this.#tmpdir, `longshore-load-${randomUUID()}.tar`)
    const file = `docker-archive:${path}`
    try {
      await using archive = await createDockerArchive(file, { ...io, tmpdir: this.#tmpdir })
      const only = '' as RepositoryName
      for (const desc of blobs) await archive.push(only, desc, (offset) => this.#staging.open(repository, desc, { ...io, offset }), io)
      await archive.put(only, manifest, `${repository}:${reference}` as Tag, io)
      await archive.finish()
      await this.#api.load(createReadStream(path, { highWaterMark: 256 * 1024 }), io)
    } catch (error) {
      if (io.signal.aborted) throw io.signal.reason
      // Where the archive lay is of no interest to who loads an image.
      throw error instanceof Error && error.message.includes(file) ? new EngineError('ENGINE_REFUSED', error.message.replaceAll(file, `docker-daemon:${repository}:${reference}`), error) : error
    } finally {
      await rm(path, { force: true })
    }
    const id = await this.#api.find(`${repository}:${reference}`, io)
    if (id === undefined) throw new EngineError('ENGINE_REFUSED', `the engine took the image, and has none of the name ${repository}:${reference} now`)
    this.#put.set(id, manifest)
    return { subjectTaken: false }
  }

  /** Everything is there once it was put. */
  async finish(): Promise<void> {}

  override async [Symbol.asyncDispose](): Promise<void> {
    await this.#staging[Symbol.asyncDispose]()
    await super[Symbol.asyncDispose]()
  }
}
