// A small document that several processes of this machine change, any of which may be killed at any instant. Each version is a file of its own, which comes
// into being as a whole, by a hard link: of two writers the second finds the name taken, reads again, and tries again. So there is no lock that a dead process could keep.
import { link, open, readdir, readFile, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { CutoverStateError } from './errors.ts'
import { makeFolder } from './make-folder.ts'

/** Versions that stay behind the newest: a reader of one, or a writer that was suspended, finds out by their numbers that it is late. */
const kept = 8

export interface Versioned<T> { readonly version: number; readonly value: T }

export class VersionedFile<T> {
  readonly #folder: string
  readonly #name: RegExp
  readonly #stem: string
  static #temporary = 0

  /** `folder/stem.N.json` */
  constructor(folder: string, stem: string) {
    this.#folder = folder
    this.#stem = stem
    this.#name = new RegExp(`^${stem}\\.(\\d+)\\.json$`)
  }

  /** The newest version; 0 where there is none. */
  async version(): Promise<number> { return Math.max(0, ...await this.#versions()) }

  async read(): Promise<Versioned<T> | undefined> {
    for (;;) {
      const version = await this.version()
      if (version === 0) return undefined
      try {
        return { version, value: JSON.parse(await readFile(this.#path(version), 'utf8')) as T }
      } catch (error) {
        if (error instanceof SyntaxError) throw new CutoverStateError(this.#path(version), 'is not what Longshore wrote: remove it, so that the version before it counts', error)
        // It was read slowly, and is gone by now: there are newer ones.
        if (codeOf(error) !== 'ENOENT') throw this.#explain(error)
      }
    }
  }

  /** The newest version, with `change` made to it; `undefined` from `change` leaves it. @throws what `change` throws, CutoverStateError */
  async update(change: (value: T | undefined) => T | undefined): Promise<Versioned<T> | undefined> {
    for (;;) {
      const before = await this.read()
      const value = change(before?.value)
      if (value === undefined) return before
      const version = await this.#add(before?.version ?? 0, value)
      if (version !== undefined) return { version, value }
    }
  }

  /** Makes the newest version as young as a new one. */
  async touch(): Promise<void> {
    const now = new Date()
    await utimes(this.#path(await this.version()), now, now)
  }

  /** Milliseconds since the newest version was written or touched, by this machine's clock. */
  async ageMs(): Promise<number> {
    return Date.now() - (await stat(this.#path(await this.version()))).mtimeMs
  }

  /** `undefined`: somebody else was quicker. */
  async #add(before: number, value: T): Promise<number | undefined> {
    const version = before + 1
    const temporary = join(this.#folder, `.${this.#stem}.${process.pid}.${VersionedFile.#temporary++}.tmp`)
    try {
      await makeFolder(this.#folder)
      await using file = await open(temporary, 'wx')
      await file.writeFile(`${JSON.stringify(value, undefined, 1)}\n`)
      await file.sync()
      await link(temporary, this.#path(version))
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return undefined
      throw this.#explain(error)
    } finally {
      await rm(temporary, { force: true })
    }
    const versions = await this.#versions()
    // The name was free because so many versions have come since that it was tidied away.
    if (before > 0 && !versions.includes(before) && Math.max(...versions) > version) {
      await rm(this.#path(version), { force: true })
      return undefined
    }
    for (const old of versions) if (old < version - kept) await rm(this.#path(old), { force: true })
    return version
  }

  async #versions(): Promise<readonly number[]> {
    try {
      return (await readdir(this.#folder)).flatMap((name) => {
        const [, version] = this.#name.exec(name) ?? []
        return version === undefined ? [] : [Number(version)]
      })
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return []
      throw this.#explain(error)
    }
  }

  #path(version: number): string { return join(this.#folder, `${this.#stem}.${version}.json`) }

  #explain(error: unknown): unknown {
    switch (codeOf(error)) {
      case 'EACCES': case 'EPERM': case 'EROFS': return new CutoverStateError(this.#folder, `cannot be used by this user (${codeOf(error)}): name a folder that you may write to (--state DIR)`, error)
      case 'ENOTSUP': case 'EOPNOTSUPP': case 'EMLINK': case 'ENOSYS': return new CutoverStateError(this.#folder, 'is on a file system without hard links: name a folder on a local disk (--state DIR)', error)
      case 'ENOSPC': case 'EDQUOT': return new CutoverStateError(this.#folder, `is on a disk that is full (${codeOf(error)}): make room, then run the same command again`, error)
      case 'ENOENT': return new CutoverStateError(this.#folder, 'cannot be written (ENOENT): name a folder that you may write to (--state DIR)', error)
      case 'ENOTDIR': case 'EISDIR': return new CutoverStateError(this.#folder, 'is no folder: name one (--state DIR)', error)
      default: return error
    }
  }
}

export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}
