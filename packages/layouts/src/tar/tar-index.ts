// What a tar file holds and where, from its headers alone: the bytes between them are not read. tar-stream, which knows the formats
// (ustar, pax, GNU's long names), is given filler for them. Nothing is ever unpacked, so a name or a link cannot reach anything
// outside; archives in which one tries to are refused all the same, for no honest tool writes them.
import type { FileHandle } from 'node:fs/promises'
import { posix } from 'node:path'
import { extract, type Header } from 'tar-stream'
import { LayoutError } from '../errors.ts'

export interface TarFileEntry { readonly kind: 'file'; readonly path: string; readonly offset: number; readonly size: number }
export type TarEntry =
  | TarFileEntry
  | { readonly kind: 'folder'; readonly path: string }
  /** `target` is a path in the archive. */
  | { readonly kind: 'link'; readonly path: string; readonly target: string }

/** Some 100 bytes of memory each. An archive of images has some per layer. */
export const defaultMaxEntries = 250_000
const maxPathBytes = 4096
/** As Linux has it. */
const maxLinks = 40

export class TarIndex {
  readonly entries: ReadonlyMap<string, TarEntry>
  readonly #what: string

  constructor(entries: ReadonlyMap<string, TarEntry>, what: string) {
    this.entries = entries
    this.#what = what
    for (const entry of entries.values()) this.#check(entry)
  }

  /** The file of this path, links followed; `undefined` where there is none. */
  file(path: string): TarFileEntry | undefined {
    let entry = this.entries.get(insidePath(path, '', this.#what))
    for (let links = 0; entry?.kind === 'link'; links++) {
      if (links === maxLinks) throw new LayoutError('ARCHIVE_HOSTILE', `${this.#what}: the link ${JSON.stringify(path)} leads back to itself`)
      entry = this.entries.get(entry.target)
    }
    return entry?.kind === 'file' ? entry : undefined
  }

  #check({ kind, path }: TarEntry): void {
    if (kind === 'link') this.file(path)
    for (let parent = posix.dirname(path); parent !== '.'; parent = posix.dirname(parent)) {
      const above = this.entries.get(parent)
      if (above === undefined || above.kind === 'folder') continue
      throw new LayoutError('ARCHIVE_HOSTILE', `${this.#what}: entry ${JSON.stringify(path)} lies below ${JSON.stringify(parent)}, which is no folder`)
    }
  }
}

/**
 * @param size of the file, in bytes
 * @throws LayoutError LAYOUT_INVALID when it is no tar file, ARCHIVE_HOSTILE
 */
export async function indexTar(handle: FileHandle, size: number, what: string, maxEntries: number, signal: AbortSignal): Promise<TarIndex> {
  const entries = new Map<string, TarEntry>()
  const walk = new Walk(handle, size)
  const tar = extract()
  const fed = walk.feed(tar, signal)
  fed.catch((error: unknown) => tar.destroy(error as Error))
  try {
    for await (const stream of tar) {
      const header = stream.header as FoundHeader
      if (await walk.isPastTheEnd(header.byteOffset)) break
      const entry = entryOf(header, size, what)
      walk.skip(header.byteOffset + (entry?.kind === 'file' ? entry.size : 0))
      stream.resume()
      if (entry === undefined) continue
      const before = entries.get(entry.path)
      if (before && !(before.kind === 'folder' && entry.kind === 'folder')) throw new LayoutError('ARCHIVE_HOSTILE', `${what}: entry ${JSON.stringify(entry.path)} is there twice`)
      entries.set(entry.path, entry)
      if (entries.size > maxEntries) throw new LayoutError('ARCHIVE_HOSTILE', `${what} has more than ${maxEntries} entries`)
    }
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof LayoutError) throw error
    throw new LayoutError('LAYOUT_INVALID', `${what} is no tar file, or a damaged one (${(error as Error).message})`, error)
  } finally {
    tar.destroy()
    await fed.catch(() => undefined)
  }
  return new TarIndex(entries, what)
}

/** What tar-stream tells besides. */
interface FoundHeader extends Omit<Header, 'type' | 'pax' | 'linkname'> {
  /** Of the content. */
  readonly byteOffset: number
  readonly pax: Readonly<Record<string, string>> | null
  readonly linkname: string | null
  readonly type: Header['type'] | null
}

function entryOf(header: FoundHeader, size: number, what: string): TarEntry | undefined {
  const offset = header.byteOffset
  const path = insidePath(header.name, '', what)
  const length = header.size
  const named = JSON.stringify(header.name)
  switch (header.type) {
    case 'directory': return path === '' ? undefined : { kind: 'folder', path }
    case 'symlink':
    case 'link': {
      if (length !== 0) throw new LayoutError('ARCHIVE_HOSTILE', `${what}: entry ${named} is a link, and claims ${length} bytes of content`)
      return { kind: 'link', path, target: insidePath(header.linkname ?? '', header.type === 'link' ? '' : posix.dirname(path), what, `the link ${named} leads to `) }
    }
    case 'file':
    case 'contiguous-file': {
      if (path === '') throw new LayoutError('ARCHIVE_HOSTILE', `${what}: entry ${named} has no name`)
      if (Object.keys(header.pax ?? {}).some((key) => key.startsWith('GNU.sparse.'))) throw new LayoutError('ARCHIVE_HOSTILE', `${what}: entry ${named} is a sparse file, which images are not stored as`)
      if (!Number.isSafeInteger(length) || offset + length > size) {
        throw new LayoutError('ARCHIVE_HOSTILE', `${what}: entry ${named} claims ${length} bytes, and only ${Math.max(0, size - offset)} are there: the file was cut off, or it lies`)
      }
      return { kind: 'file', path, offset, size: length }
    }
    case 'character-device':
    case 'block-device':
    case 'fifo':
    case null: throw new LayoutError('ARCHIVE_HOSTILE', `${what}: entry ${named} is ${header.type === null ? 'of an unknown type' : `a ${header.type}`}, which no archive of images has`)
  }
}

/** A path of the archive in one spelling: without `.`, doubled or final slashes. */
function insidePath(path: string, base: string, what: string, how = 'entry '): string {
  if (Buffer.byteLength(path) > maxPathBytes) throw new LayoutError('ARCHIVE_HOSTILE', `${what}: ${how}${JSON.stringify(path.slice(0, 100))}… (more than ${maxPathBytes} bytes)`)
  const joined = posix.join(base, path).replace(/\/+$/, '')
  // Only a link may climb, and not out. `base` never does.
  const climbs = joined === '..' || joined.startsWith('../') || (how === 'entry ' && path.split('/').includes('..'))
  if (path.startsWith('/') || climbs) throw new LayoutError('ARCHIVE_HOSTILE', `${what}: ${how}${JSON.stringify(path)} ${how === 'entry ' ? 'points out of the archive' : 'which is out of the archive'}`)
  return joined === '.' ? '' : joined
}

const chunkBytes = 64 * 1024
const filler = Buffer.alloc(4 * 1024 * 1024)

/** Gives tar-stream the file's headers, and filler instead of content. */
class Walk {
  readonly #handle: FileHandle
  readonly #size: number
  /** Up to here there is content. */
  #content = 0
  /** Where the next header may begin. */
  #next = 0

  constructor(handle: FileHandle, size: number) {
    this.#handle = handle
    this.#size = size
  }

  skip(end: number): void {
    this.#content = end
    this.#next = Math.ceil(end / 512) * 512
  }

  /** Two blocks of zeros end an archive (POSIX pax, "ustar Interchange Format"); what follows is not part of it, whatever it looks like. */
  async isPastTheEnd(contentOffset: number): Promise<boolean> {
    if (contentOffset - this.#next < 1536) return false
    const { buffer } = await this.#handle.read(Buffer.alloc(1024), 0, 1024, this.#next)
    return buffer.every((byte) => byte === 0)
  }

  async feed(tar: ReturnType<typeof extract>, signal: AbortSignal): Promise<void> {
    for (let at = 0; at < this.#size && !tar.destroying;) {
      signal.throwIfAborted()
      let chunk: Buffer
      if (at < this.#content) chunk = filler.subarray(0, Math.min(filler.byteLength, this.#content - at))
      else {
        const { buffer, bytesRead } = await this.#handle.read(Buffer.allocUnsafeSlow(Math.min(chunkBytes, this.#size - at)), 0, null, at)
        if (bytesRead === 0) break
        chunk = buffer.subarray(0, bytesRead)
      }
      at += chunk.byteLength
      if (tar.destroying) return
      if (!tar.write(chunk)) await drained(tar)
    }
    if (!tar.destroying) tar.end(null)
  }
}

/** Waits until more can be written, or nothing can any more. */
async function drained(tar: ReturnType<typeof extract>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  const go = (): void => { resolve(undefined) }
  tar.on('drain', go).on('close', go)
  await promise
  tar.off('drain', go).off('close', go)
}
