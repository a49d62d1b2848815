// Images that an engine has saved, each as an archive of its own in a temporary file: an engine gives whole images only.
import { randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { SingleFlight } from '@longshore/concurrency'
import { type LayoutSource, openDockerArchive } from '@longshore/layouts'
import type { Manifest, RepositoryName, Tag } from '@longshore/oci'
import type { Io } from '@longshore/transfer'
import { EngineError } from './errors.ts'

export interface SavedImage { readonly manifest: Manifest; readonly archive: LayoutSource }

export class SavedImages implements AsyncDisposable {
  readonly #tmpdir: string
  readonly #layersAsSkopeo: boolean
  readonly #saving = new SingleFlight<string, SavedImage>()
  readonly #saved = new Map<string, SavedImage>()
  #directory: Promise<string> | undefined

  /** @param tmpdir with room for the images, uncompressed */
  constructor(tmpdir: string, layersAsSkopeo = false) {
    this.#tmpdir = tmpdir
    this.#layersAsSkopeo = layersAsSkopeo
  }

  /** The archive of an image that was saved before. */
  archive(id: string): LayoutSource | undefined { return this.#saved.get(id)?.archive }

  /** @param save gives the archive of this one image */
  async get(id: string, save: (io: Io) => AsyncIterable<Uint8Array>, io: Io): Promise<SavedImage> {
    return this.#saved.get(id) ?? await this.#saving.do(id, io.signal, async (signal) => {
      const path = join(await this.#root(), `${randomUUID()}.tar`)
      try {
        await pipeline(save({ signal }), createWriteStream(path), { signal })
        // The archive outlives the caller who happened to be the first.
        const archive = await openDockerArchive(`docker-archive:${path}`, { signal: new AbortController().signal, tmpdir: this.#tmpdir, layersAsSkopeo: this.#layersAsSkopeo })
        const manifest = await archive.manifest('' as RepositoryName, '' as Tag, { signal })
        if (!manifest) throw new EngineError('ENGINE_REFUSED', `the engine saved ${id} as an archive without an image`)
        const saved = { manifest, archive }
        this.#saved.set(id, saved)
        return saved
      } catch (error) {
        await rm(path, { force: true })
        if (signal.aborted) throw signal.reason
        throw isFull(error) ? new EngineError('ENGINE_REFUSED', `${this.#tmpdir} has no room for ${id} (${error.code}): make room, or name another directory with --tmpdir`, error) : error
      }
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { archive } of this.#saved.values()) await archive[Symbol.asyncDispose]()
    this.#saved.clear()
    const directory = await this.#directory?.catch(() => undefined)
    if (directory !== undefined) await rm(directory, { recursive: true, force: true })
  }

  #root(): Promise<string> { return this.#directory ??= mkdtemp(join(this.#tmpdir, 'longshore-engine-')) }
}

function isFull(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && ['ENOSPC', 'EDQUOT', 'EFBIG', 'EROFS'].includes(String(error.code))
}
