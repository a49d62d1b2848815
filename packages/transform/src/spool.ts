// Bytes that did not exist before are kept in files until the run ends: a digest must be known before a manifest can name it.
import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Digest, digestOf, hexOf, algorithmOf } from '@longshore/oci'
import type { Content, Io } from '@longshore/transfer'
import { ChangeError } from './errors.ts'

/** One directory of blobs, made when first needed and removed at the end. A blob is there whole or not at all. */
export class Spool implements AsyncDisposable {
  readonly #tmpdir: string
  readonly #sizes = new Map<Digest, number>()
  #directory: Promise<string> | undefined
  #closed = false

  /** @param tmpdir on a disk with room for what is made */
  constructor(tmpdir: string) { this.#tmpdir = tmpdir }

  sizeOf(digest: Digest): number | undefined { return this.#sizes.get(digest) }

  /** @returns its digest. @throws ChangeError `CHANGE_FAILED` */
  async put(bytes: Uint8Array): Promise<Digest> {
    const digest = digestOf(bytes)
    if (!this.#sizes.has(digest)) await this.make(async (path) => { await writeFile(path, bytes); return digest })
    return digest
  }

  /** Calls `write` with a path to write to, and takes the file up under the digest that it returns. @throws ChangeError `CHANGE_FAILED` */
  async make(write: (path: string) => Promise<Digest>): Promise<Digest> {
    if (this.#closed) throw new ChangeError('CHANGE_FAILED', 'the source was closed while layers were made')
    let path: string | undefined
    try {
      path = join(await (this.#directory ??= this.#create()), `${randomUUID()}.partial`)
      const digest = await write(path)
      const { size } = await stat(path)
      await rename(path, await this.#pathOf(digest))
      this.#sizes.set(digest, size)
      return digest
    } catch (error) {
      if (path !== undefined) await rm(path, { force: true })
      throw isDisk(error) ? new ChangeError('CHANGE_FAILED', `${this.#tmpdir}: layers that are made anew cannot be kept there (${error.code}): make room, or name another directory with --tmpdir`, error) : error
    }
  }

  /** `undefined` when it is not one of the blobs made here. */
  async open(digest: Digest, offset: number, { signal }: Io): Promise<Content | undefined> {
    if (!this.#sizes.has(digest)) return undefined
    const stream = createReadStream(await this.#pathOf(digest), { start: offset, highWaterMark: 256 * 1024, signal })
    return {
      [Symbol.asyncIterator]: () => stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>,
      [Symbol.asyncDispose]: async () => { stream.on('error', () => {}).destroy() },
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    this.#sizes.clear()
    const directory = await this.#directory?.catch(() => undefined)
    if (directory !== undefined) await rm(directory, { recursive: true, force: true })
  }

  async #create(): Promise<string> {
    try {
      return await mkdtemp(join(this.#tmpdir, 'longshore-layers-'))
    } catch (error) {
      this.#directory = undefined
      throw error
    }
  }
  async #pathOf(digest: Digest): Promise<string> { return join(await (this.#directory ??= this.#create()), `${algorithmOf(digest)}-${hexOf(digest)}`) }
}

function isDisk(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && ['ENOSPC', 'EDQUOT', 'EACCES', 'EROFS', 'ENOENT', 'ENOTDIR', 'EIO', 'EFBIG'].includes(error.code)
}
