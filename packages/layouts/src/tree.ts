// Files below one directory that may come from a stranger: what a path names has to be a plain file inside it.
import { randomBytes } from 'node:crypto'
import { type FileHandle, lstat, mkdir, open, readdir, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { constants } from 'node:fs'
import { dirname, join, sep } from 'node:path'
import { ManifestTooLargeError, maxManifestBytes } from '@longshore/oci'
import { LayoutError } from './errors.ts'
import { fileFailure, isAbsent, isCode } from './problem.ts'
import { WriteBudget } from './write-batch.ts'

/** Names that we write to before renaming. Those of a process that was killed are older than this. */
const temporaryPrefix = '.longshore-'
const abandonedMs = 24 * 3600 * 1000

export interface PlainFile { readonly path: string; readonly size: number }

export class Tree {
  /** As errors name it: `oci:/path`. */
  readonly place: string
  readonly root: string
  readonly writing = new WriteBudget()
  #real: string | undefined
  #swept: Promise<void> | undefined

  constructor(place: string, root: string) {
    this.place = place
    this.root = root
  }

  path(...parts: readonly string[]): string { return join(this.root, ...parts) }

  /** The plain file of this name; `undefined` when there is none. @throws LayoutError ARCHIVE_HOSTILE when a link leads out of the directory */
  async find(name: string): Promise<PlainFile | undefined> {
    let real: string
    try {
      this.#real ??= await realpath(this.root)
      real = await realpath(this.path(name))
    } catch (error) {
      if (isAbsent(error)) return undefined
      throw fileFailure(this.place, `looking at ${name}`, error)
    }
    if (!isBelow(real, this.#real)) {
      throw new LayoutError('ARCHIVE_HOSTILE', `${this.place}: ${name} is a link that leads out of it, to ${real}: copy the file in its place if you trust it`)
    }
    const found = await stat(real).catch((error: unknown) => {
      if (isAbsent(error)) return undefined
      throw fileFailure(this.place, `looking at ${name}`, error)
    })
    return found?.isFile() === true ? { path: real, size: found.size } : undefined
  }

  async open(file: PlainFile): Promise<FileHandle> {
    try {
      return await open(file.path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    } catch (error) {
      throw fileFailure(this.place, `reading ${file.path}`, error)
    }
  }

  /** A small file, whole; `undefined` when there is none. @throws ManifestTooLargeError when it has more than `limit` bytes */
  async read(name: string, limit: number = maxManifestBytes): Promise<Buffer | undefined> {
    const file = await this.find(name)
    if (!file) return undefined
    await using handle = await this.open(file)
    const { size } = await handle.stat()
    if (size > limit) throw new ManifestTooLargeError(`${this.place}: ${name}`, limit)
    const bytes = Buffer.alloc(size)
    let at = 0
    while (at < size) {
      const { bytesRead } = await handle.read(bytes, at, size - at, at)
      if (bytesRead === 0) break
      at += bytesRead
    }
    return bytes.subarray(0, at)
  }

  /** Everyone sees the old content or the new, never half of it. */
  async write(name: string, bytes: Uint8Array | string): Promise<void> {
    const temporary = await this.temporary()
    try {
      await writeFile(temporary, bytes, { flag: 'wx' })
      await this.commit(temporary, name)
    } catch (error) {
      await rm(temporary, { force: true })
      throw fileFailure(this.place, `writing ${name}`, error)
    }
  }

  /** A name in the directory for what is on its way. */
  async temporary(): Promise<string> {
    await (this.#swept ??= this.#sweep())
    return this.path(`${temporaryPrefix}${process.pid}-${randomBytes(8).toString('hex')}`)
  }

  /** Gives the temporary file its name. Directories on the way are made; none of them may be a link that leads out. */
  async commit(temporary: string, name: string): Promise<void> {
    const target = this.path(name)
    await this.#makeFolder(dirname(target))
    await rename(temporary, target)
  }

  async #makeFolder(folder: string): Promise<void> {
    if (folder === this.root) return
    const real = await realpath(folder).catch((error: unknown) => {
      if (isCode(error, 'ENOENT')) return undefined
      throw error
    })
    this.#real ??= await realpath(this.root)
    if (real === undefined) {
      // Above it first: nothing is made beyond a link that leads out.
      await this.#makeFolder(dirname(folder))
      await mkdir(folder).catch((error: unknown) => { if (!isCode(error, 'EEXIST')) throw error })
    } else if (!isBelow(real, this.#real)) {
      throw new LayoutError('ARCHIVE_HOSTILE', `${this.place}: ${folder} is a link that leads out of it, to ${real}`)
    }
  }

  async #sweep(): Promise<void> {
    try {
      await mkdir(this.root, { recursive: true })
      for (const name of await readdir(this.root)) {
        if (!name.startsWith(temporaryPrefix)) continue
        const path = this.path(name)
        // A linked file has its origin's time of writing; that of its last link is its own.
        const found = await lstat(path).catch(() => undefined)
        if (found?.isFile() === true && Date.now() - found.ctimeMs > abandonedMs) await rm(path, { force: true })
      }
    } catch (error) {
      this.#swept = undefined
      throw fileFailure(this.place, 'making the directory', error)
    }
  }
}

function isBelow(path: string, root: string): boolean { return path === root || path.startsWith(root.endsWith(sep) ? root : root + sep) }

export function isTemporary(name: string): boolean { return name.startsWith(temporaryPrefix) }

/** The names in a directory, sorted; `undefined` when there is no such directory. */
export async function namesIn(tree: Tree, name: string): Promise<readonly string[] | undefined> {
  try {
    return (await readdir(tree.path(name))).sort()
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw fileFailure(tree.place, `listing ${name}`, error)
  }
}
