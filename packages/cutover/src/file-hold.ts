// Who leads a cutover of this folder: one living process. A dead one is told by its number and its birth; one on another machine that shares the folder,
// or in a container that is gone, by its silence.
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { CutoverHeldError } from './errors.ts'
import { type ProcessMark, isFromHere, lives, ownMark } from './living.ts'
import type { Hold } from './store.ts'
import { VersionedFile } from './versioned-file.ts'

const beatMs = 5000
/** For a machine elsewhere, whose clock may be somewhat off. */
const silenceMs = 120_000

interface Holding { readonly holder?: string; readonly mark?: ProcessMark }

export class FileHold {
  readonly #folder: string
  readonly #id: string
  readonly #file: VersionedFile<Holding>

  constructor(folder: string, id: string) {
    this.#folder = folder
    this.#id = id
    this.#file = new VersionedFile(folder, 'holder')
  }

  async holder(): Promise<string | undefined> {
    const held = (await this.#file.read())?.value
    return await this.#isHeld(held) ? held?.holder : undefined
  }

  async take(holder: string): Promise<Hold | undefined> {
    const mark = await ownMark()
    for (;;) {
      let isOurs = false
      const before = (await this.#file.read())?.value
      if (await this.#isHeld(before)) return undefined
      await this.#file.update((now) => {
        // Whoever was quicker is alive.
        isOurs = JSON.stringify(now) === JSON.stringify(before)
        return isOurs ? { holder, mark } : undefined
      })
      if (!isOurs) continue
      await this.#tidy()
      return this.#keep(holder, mark)
    }
  }

  #keep(holder: string, mark: ProcessMark): Hold {
    const lost = new AbortController()
    const isOwn = (now: Holding | undefined): boolean => JSON.stringify(now) === JSON.stringify({ holder, mark })
    const beat = async (): Promise<void> => {
      const now = (await this.#file.read())?.value
      if (isOwn(now)) await this.#file.touch()
      else lost.abort(new CutoverHeldError(this.#id, now?.holder ?? 'another process'))
    }
    // A disk that is full for a moment takes nothing away.
    const timer = setInterval(() => { beat().catch(() => {}) }, beatMs).unref()
    return {
      signal: lost.signal,
      [Symbol.asyncDispose]: async () => {
        clearInterval(timer)
        await this.#file.update((now) => (isOwn(now) ? {} : undefined))
      },
    }
  }

  async #isHeld(held: Holding | undefined): Promise<boolean> {
    if (!held?.mark) return false
    return await isFromHere(held.mark) ? await lives(held.mark) : await this.#file.ageMs() < silenceMs
  }

  /** What processes that were killed were writing. */
  async #tidy(): Promise<void> {
    for (const name of await readdir(this.#folder)) {
      const [, pid] = /\.(\d+)(?:\.\d+)?\.tmp$/.exec(name) ?? []
      if (pid !== undefined && Number(pid) !== process.pid && !await lives({ host: '', pid: Number(pid) })) await rm(join(this.#folder, name), { force: true })
    }
  }
}
