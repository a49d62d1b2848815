import { type FileHandle, open } from 'node:fs/promises'
import { LayoutError } from '../errors.ts'
import type { ArchiveOptions } from '../layout.ts'
import { type Compression, compressionOf, decompress, magicBytes } from './compression.ts'
import { atMost, defaultTmpdir, openSpool, readRange, unpackLimit, writeContent } from './spool.ts'
import { defaultMaxEntries, indexTar, type TarFileEntry, type TarIndex } from './tar-index.ts'

export interface TarOptions extends Pick<ArchiveOptions, 'tmpdir' | 'maxUnpackedBytes' | 'maxEntries'> { readonly signal: AbortSignal }

/** JSON documents of an archive: as large as a manifest may be. */
export const maxDocumentBytes = 4 * 1024 * 1024

/**
 * A tar file that is read by position. One that is compressed is decompressed once, into a temporary file without a name.
 * Reading costs no memory beyond the index, and any number may read at once.
 */
export class TarFile implements AsyncDisposable {
  /** As errors name it: `oci-archive:/path`. */
  readonly what: string
  readonly index: TarIndex
  readonly #handle: FileHandle
  readonly #options: TarOptions

  private constructor(what: string, handle: FileHandle, index: TarIndex, options: TarOptions) {
    this.what = what
    this.index = index
    this.#handle = handle
    this.#options = options
  }

  /** @throws LayoutError LAYOUT_MISSING, LAYOUT_INVALID, ARCHIVE_HOSTILE */
  static async open(path: string, what: string, options: TarOptions): Promise<TarFile> {
    const handle = await plainTar(path, what, options)
    try {
      const { size } = await handle.stat()
      return new TarFile(what, handle, await indexTar(handle, size, what, options.maxEntries ?? defaultMaxEntries, options.signal), options)
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  /** Bytes of a file from `offset` on, as they are. */
  content(entry: TarFileEntry, offset: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    return readRange(this.#handle, entry.offset + Math.min(offset, entry.size), entry.offset + entry.size, this.what, signal)
  }

  /** A file of at most 4 MiB; `undefined` where there is none. @throws LayoutError ARCHIVE_HOSTILE when it is larger */
  async document(path: string): Promise<Uint8Array | undefined> {
    const entry = this.index.file(path)
    if (entry === undefined) return undefined
    if (entry.size > maxDocumentBytes) throw new LayoutError('ARCHIVE_HOSTILE', `${this.what}: ${path} has ${entry.size} bytes; the most that is read of it is ${maxDocumentBytes}`)
    return Buffer.concat(await Array.fromAsync(readRange(this.#handle, entry.offset, entry.offset + entry.size, this.what)))
  }

  async compressionOf(entry: TarFileEntry): Promise<Compression | undefined> {
    const { buffer, bytesRead } = await this.#handle.read(Buffer.alloc(Math.min(magicBytes, entry.size)), 0, null, entry.offset)
    return compressionOf(buffer.subarray(0, bytesRead))
  }

  /** A compressed file's content, decompressed, and no more of it than is in proportion. */
  decompressed(entry: TarFileEntry, compression: Compression, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const what = `${this.what}: ${entry.path}`
    return atMost(decompress(this.content(entry, 0, signal), compression, what, signal), unpackLimit(entry.size, this.#options.maxUnpackedBytes), what)
  }

  async [Symbol.asyncDispose](): Promise<void> { await this.#handle.close() }
}

/** The file itself where it can be read by position and is not compressed, else a plain copy. */
async function plainTar(path: string, what: string, options: TarOptions): Promise<FileHandle> {
  const { signal, maxUnpackedBytes } = options
  const folder = options.tmpdir ?? defaultTmpdir()
  const file = await openToRead(path, what)
  return await replaced(file, async () => {
    const stat = await file.stat()
    if (stat.isDirectory()) throw new LayoutError('LAYOUT_INVALID', `${what} is a folder, not an archive: a folder is oci:PATH or dir:PATH`)
    // A pipe can be read once, and not by position.
    const seekable = stat.isFile() ? file : await spooled(folder, (copy) => writeContent(copy, file.createReadStream({ autoClose: false, signal }), 0, signal))
    return await replaced(seekable, async () => {
      const { size } = await seekable.stat()
      if (size === 0) throw new LayoutError('LAYOUT_INVALID', `${what} is empty`)
      const compression = compressionOf((await seekable.read(Buffer.alloc(magicBytes), 0, magicBytes, 0)).buffer)
      if (compression === undefined) return seekable
      const content = decompress(readRange(seekable, 0, size, what, signal), compression, what, signal)
      return await spooled(folder, (plain) => writeContent(plain, atMost(content, unpackLimit(size, maxUnpackedBytes), what), 0, signal))
    })
  })
}

/** Closes `handle`, unless it is what `make` gives. */
async function replaced(handle: FileHandle, make: () => Promise<FileHandle>): Promise<FileHandle> {
  let made: FileHandle | undefined
  try {
    made = await make()
    return made
  } finally {
    if (made !== handle) await handle.close()
  }
}

/** A temporary file with what `fill` writes. */
async function spooled(folder: string, fill: (handle: FileHandle) => Promise<unknown>): Promise<FileHandle> {
  const handle = await openSpool(folder)
  try {
    await fill(handle)
    return handle
  } catch (error) {
    await handle.close()
    throw error
  }
}

async function openToRead(path: string, what: string): Promise<FileHandle> {
  try {
    return await open(path, 'r')
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    throw new LayoutError(missing ? 'LAYOUT_MISSING' : 'LAYOUT_INVALID', missing ? `${what}: there is no such file` : `${what} cannot be read (${(error as Error).message})`, error)
  }
}
