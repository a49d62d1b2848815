// A file that is there as a whole or not at all. It is begun before anything moves, so that a directory which cannot be
// written to is known in time.
import { rmSync } from 'node:fs'
import { open, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { UsageError } from './usage-error.ts'

export class AtomicFile implements AsyncDisposable {
  readonly path: string
  readonly #temporary: string
  #committed = false
  /** A third Ctrl-C ends the process without unwinding. */
  readonly #onExit = (): void => { if (!this.#committed) rmSync(this.#temporary, { force: true }) }

  private constructor(path: string, temporary: string) {
    this.path = path
    this.#temporary = temporary
    process.once('exit', this.#onExit)
  }

  /** @param flag names the file in messages. @throws UsageError when it cannot be written there. */
  static async begin(path: string, flag: string): Promise<AtomicFile> {
    const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`)
    try {
      if ((await stat(path).catch(() => undefined))?.isDirectory() === true) throw new UsageError(`${flag} ${path} is a directory; name a file`)
      await (await open(temporary, 'w')).close()
    } catch (error) {
      if (error instanceof UsageError) throw error
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
      throw new UsageError(`${flag} ${path} cannot be written (${code}): name a file in a directory that exists and that you may write to`)
    }
    return new AtomicFile(path, temporary)
  }

  async commit(pieces: Iterable<string>): Promise<void> {
    await using file = await open(this.#temporary, 'w')
    await file.writeFile(gather(pieces))
    await file.sync()
    await rename(this.#temporary, this.path)
    this.#committed = true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    process.off('exit', this.#onExit)
    if (!this.#committed) await rm(this.#temporary, { force: true })
  }
}

/** In chunks of some size: a system call per line would cost more than the lines. */
function* gather(pieces: Iterable<string>): Generator<string> {
  let held = ''
  for (const piece of pieces) {
    held += piece
    if (held.length < 256 * 1024) continue
    yield held
    held = ''
  }
  if (held !== '') yield held
}
