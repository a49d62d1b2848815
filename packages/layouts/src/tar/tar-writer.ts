// A tar file that several blobs are written to at once: each has a region, for its size is known before it comes. The file has
// another name until it is whole; regions whose content never came are closed up at the end.
import { randomBytes } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { type FileHandle, open, realpath, rename, stat, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { SizeMismatchError } from '@longshore/oci'
import { LayoutError } from '../errors.ts'
import { defaultTmpdir, openSpool, readRange, writeAll, writeContent } from './spool.ts'
import { blockBytes, padded, tarHeader } from './tar-header.ts'

/** Room for one file. Offsets and sizes in bytes. */
export interface Region {
  readonly name: string
  readonly start: number
  readonly header: number
  readonly size: number
}

export class TarWriter implements AsyncDisposable {
  readonly what: string
  readonly #path: string
  readonly #handle: FileHandle
  /** Its name until `finish`; none where the target is a pipe, and the file is copied there in the end. */
  readonly #partial: string | undefined
  readonly #regions = new Set<Region>()
  #end = 0
  #closed = false

  private constructor(path: string, what: string, handle: FileHandle, partial: string | undefined) {
    this.#path = path
    this.what = what
    this.#handle = handle
    this.#partial = partial
  }

  /** @throws LayoutError LAYOUT_MISSING, LAYOUT_REFUSED */
  static async create(path: string, what: string, tmpdir: string = defaultTmpdir()): Promise<TarWriter> {
    const there = await stat(path).catch(() => undefined)
    if (there?.isDirectory() === true) throw new LayoutError('LAYOUT_REFUSED', `${what} is a folder: name a file for the archive`)
    if ((there && !there.isFile()) || path.startsWith('/dev/')) return new TarWriter(path, what, await openSpool(tmpdir), undefined)
    // What a link leads to is replaced, not the link.
    const target = await realpath(path).catch(() => path)
    const partial = `${target}.${randomBytes(4).toString('hex')}.partial`
    try {
      return new TarWriter(target, what, await open(partial, 'wx+', 0o666), partial)
    } catch (error) {
      const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
      throw new LayoutError(missing ? 'LAYOUT_MISSING' : 'LAYOUT_REFUSED', missing ? `${what}: there is no folder ${dirname(target)}` : `${what} cannot be written (${(error as Error).message})`, error)
    }
  }

  /** Makes room for a file and writes its content. @throws SizeMismatchError; nothing of it is left then */
  async add(name: string, size: number, content: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<Region> {
    const region = await this.#reserve(name, size)
    try {
      const written = await writeContent(this.#handle, this.#within(region, content), contentOf(region), signal)
      signal.throwIfAborted()
      if (written !== size) throw new SizeMismatchError(`${this.what}: ${name}`, size, written)
      return region
    } catch (error) {
      this.drop(region)
      throw error
    }
  }

  async addFile(name: string, bytes: Uint8Array): Promise<Region> {
    const region = await this.#reserve(name, bytes.byteLength)
    await writeAll(this.#handle, bytes, contentOf(region))
    return region
  }

  async addLink(name: string, linkname: string): Promise<void> {
    await this.#place(name, await tarHeader({ name, linkname, type: 'symlink', mode: 0o777 }), 0)
  }

  read(region: Region, offset: number, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    return readRange(this.#handle, contentOf(region) + Math.min(offset, region.size), contentOf(region) + region.size, this.what, signal)
  }

  /** Gives up a file: it will not be in the archive. */
  drop(region: Region): void { this.#regions.delete(region) }

  /** Ends the archive and gives it its name; nothing after it. What it is the name of so far is replaced, in one step. */
  async finish(signal: AbortSignal): Promise<void> {
    // Holes behind the last content are read as well.
    await this.#handle.truncate(this.#end)
    const end = await this.#closeUp(signal)
    await this.#handle.truncate(end)
    await this.#handle.truncate(end + 2 * blockBytes)
    if (this.#partial === undefined) {
      await pipeline(readRange(this.#handle, 0, end + 2 * blockBytes, this.what), createWriteStream(this.#path), { signal })
      return
    }
    await this.#handle.sync()
    await rename(this.#partial, this.#path)
    this.#closed = true
    await this.#handle.close()
    await syncFolder(dirname(this.#path))
  }

  /** Without `finish`, nothing was ever there. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#handle.close()
    if (this.#partial !== undefined) await unlink(this.#partial)
  }

  async #reserve(name: string, size: number): Promise<Region> { return await this.#place(name, await tarHeader({ name, size, type: 'file', mode: 0o444 }), size) }

  async #place(name: string, header: Buffer, size: number): Promise<Region> {
    const region: Region = { name, start: this.#end, header: header.byteLength, size }
    this.#end += lengthOf(region)
    this.#regions.add(region)
    await writeAll(this.#handle, header, region.start)
    return region
  }

  async *#within(region: Region, content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    let left = region.size
    for await (const chunk of content) {
      left -= chunk.byteLength
      // Never over what comes behind.
      if (left < 0) throw new SizeMismatchError(`${this.what}: ${region.name}`, region.size, region.size - left)
      yield chunk
    }
  }

  /** Moves regions over those that were given up. @returns the length of what is left */
  async #closeUp(signal: AbortSignal): Promise<number> {
    let end = 0
    for (const region of this.#regions) {
      const length = lengthOf(region)
      // Always to the front, so that nothing is overwritten that was not read yet.
      if (region.start !== end) await writeContent(this.#handle, readRange(this.#handle, region.start, region.start + length, this.what), end, signal)
      end += length
    }
    return end
  }
}

function contentOf(region: Region): number { return region.start + region.header }
function lengthOf(region: Region): number { return region.header + padded(region.size) }

/** So that the name is there after a power failure as well. Not every file system can. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => undefined)
  if (folder === undefined) return
  await folder.sync().catch(() => undefined)
  await folder.close()
}
