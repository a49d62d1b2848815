// Cutovers as files of this machine: a folder each, below one. Nothing secret is in them. docs/cutover.md says what is where.
import { randomInt } from 'node:crypto'
import { watch } from 'node:fs'
import { readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Migration } from '@longshore/spec'
import { changeKey } from './change-key.ts'
import { changedPlace } from './changed-place.ts'
import { isBetweenSame } from './cutover-key.ts'
import { CutoverHeldError, CutoverNotFoundError, CutoverStateError } from './errors.ts'
import { FileHold } from './file-hold.ts'
import { makeFolder } from './make-folder.ts'
import { newRecord, renewRecord } from './new-record.ts'
import { type Change, type CutoverOptions, type CutoverRecord, endPhases } from './record.ts'
import type { CutoverStore, Hold, WaitingChange } from './store.ts'
import { codeOf, VersionedFile } from './versioned-file.ts'

/** Where a notice of the file system is lost, or there is none (network file systems). */
const pollMs = 500

/** They are one file, which is written whole. */
const defaultMostChanges = 10_000

/** The spec may be long, and does not change: it is a file of its own. */
type Kept = Omit<CutoverRecord, 'spec'>
interface Waiting { readonly next: number; readonly items: ReadonlyArray<readonly [key: string, position: number, change: Change]> }

export class FileStore implements CutoverStore {
  readonly folder: string
  /** Versions as they were last read here: what came since is news. */
  readonly #seen = new Map<string, string>()
  readonly #specs = new Map<string, { readonly text: string; readonly spec: Migration }>()

  readonly #mostChanges: number

  /** @param limits how many changes may wait; fewer in tests */
  constructor(folder: string, { mostChanges = defaultMostChanges }: { readonly mostChanges?: number } = {}) {
    this.folder = folder
    this.#mostChanges = mostChanges
  }

  /** Where the files of one cutover are. */
  folderOf(id: string): string { return join(this.folder, id) }

  async begin(spec: Migration, options: CutoverOptions): Promise<{ readonly record: CutoverRecord; readonly resumed: boolean }> {
    for (const { id, phase } of await this.list()) {
      const known = endPhases.has(phase) ? undefined : await this.get(id)
      if (!known) continue
      // A folder is a cutover's own: an image that nobody needs may be taken out of its spec on the way.
      if (!isBetweenSame(known.spec, spec)) {
        throw new CutoverStateError(this.folder, `holds cutover ${id}, which is at ${phase} and moves between other registries than this spec: name another folder (--state DIR), or end that one (longshore cutover abort --state ${this.folder})`)
      }
      const changed = changedPlace(known.spec, spec)
      if (changed !== undefined) {
        throw new CutoverStateError(this.folder, `holds cutover ${id}, which is at ${phase}: ${changed}; what is there would stay under its former name. Put the destination in the spec back, or end that cutover (longshore cutover abort --state ${this.folder}) and begin another one`)
      }
      const record = await this.update(id, (now) => renewRecord(now, spec, options))
      await this.#writeSpec(id, spec)
      return { record: { ...record, spec }, resumed: true }
    }
    const now = new Date()
    const id = newId(now)
    await this.#writeSpec(id, spec)
    const { spec: _, ...kept } = newRecord(id, spec, options, now)
    await this.#records(id).update(() => kept)
    return { record: { ...kept, spec }, resumed: false }
  }

  /** As `begin`, by the one process that holds it from then on: of several that begin at once in one folder, the others change nothing. @throws CutoverHeldError */
  async beginHeld(spec: Migration, options: CutoverOptions, holder: string): Promise<{ readonly record: CutoverRecord; readonly resumed: boolean; readonly hold: Hold }> {
    // Only for as long as it is not told yet which cutover it is.
    const place = new FileHold(this.folder, `in ${this.folder}`)
    await using beginning = await place.take(holder)
    if (!beginning) throw new CutoverHeldError(`in ${this.folder}`, await place.holder() ?? 'another process')
    const known = (await this.list()).find(({ phase }) => !endPhases.has(phase))
    const before = known && await this.#required(known.id, holder)
    try {
      const { record, resumed } = await this.begin(spec, options)
      return { record, resumed, hold: before ?? await this.#required(record.id, holder) }
    } catch (error) {
      await before?.[Symbol.asyncDispose]()
      throw error
    }
  }

  async #required(id: string, holder: string): Promise<Hold> {
    const hold = await this.hold(id, holder)
    if (!hold) throw new CutoverHeldError(id, await this.holder(id) ?? 'another process')
    return hold
  }

  async get(id: string): Promise<CutoverRecord | undefined> {
    if (!isId(id)) return undefined
    await this.#look(id)
    const record = await this.#records(id).read()
    return record && { ...record.value, spec: await this.#readSpec(id) }
  }

  async list(): Promise<ReadonlyArray<Pick<CutoverRecord, 'id' | 'phase' | 'created' | 'options'>>> {
    const names = await readdir(this.folder).catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return []
      throw codeOf(error) === 'ENOTDIR' ? new CutoverStateError(this.folder, 'is no folder: name one (--state DIR)', error) : error
    })
    const records = await Promise.all(names.filter(isId).map((id) => this.#records(id).read()))
    return records.flatMap((record) => (record ? [record.value] : [])).map(({ id, phase, created, options }) => ({ id, phase, created, options }))
      .toSorted((a, b) => (a.id < b.id ? 1 : -1))
  }

  async update(id: string, change: (record: CutoverRecord) => CutoverRecord | undefined): Promise<CutoverRecord> {
    if (!isId(id)) throw new CutoverNotFoundError(id)
    const spec = await this.#readSpec(id)
    const updated = await this.#records(id).update((kept) => {
      if (!kept) throw new CutoverNotFoundError(id)
      const made = change({ ...kept, spec })
      if (!made) return undefined
      const { spec: _, ...rest } = made
      return rest
    })
    if (!updated) throw new CutoverNotFoundError(id)
    return { ...updated.value, spec }
  }

  async hold(id: string, holder: string): Promise<Hold | undefined> {
    return await new FileHold(this.folderOf(id), id).take(holder)
  }

  async holder(id: string): Promise<string | undefined> {
    return await new FileHold(this.folderOf(id), id).holder()
  }

  async addChanges(id: string, changes: readonly Change[]): Promise<void> {
    const waiting = await this.#changes(id).update((now = { next: 1, items: [] }) => {
      const items = new Map(now.items.map((item) => [item[0], item]))
      let { next } = now
      for (const change of changes) {
        const key = changeKey(change)
        items.delete(key)
        items.set(key, [key, next++, change])
      }
      return { next, items: [...items.values()] }
    })
    if (!waiting || waiting.value.items.length <= this.#mostChanges) return
    // One pass over everything finds them all. That is remembered before they are forgotten.
    await this.update(id, (record) => (record.due === undefined ? { ...record, due: new Date().toISOString() } : undefined))
    const { next } = waiting.value
    await this.#changes(id).update((now) => now && { ...now, items: now.items.filter(([, position]) => position >= next) })
  }

  async changes(id: string, limit: number): Promise<readonly WaitingChange[]> {
    const waiting = await this.#changes(id).read()
    return (waiting?.value.items ?? []).slice(0, limit).map(([, position, change]) => ({ position: String(position), change }))
  }

  async removeChanges(id: string, changes: readonly WaitingChange[]): Promise<void> {
    const gone = new Set(changes.map(({ position }) => position))
    await this.#changes(id).update((now) => now && { ...now, items: now.items.filter(([, position]) => !gone.has(String(position))) })
  }

  async wait(id: string, ms: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const since = this.#seen.get(id)
    const end = performance.now() + ms
    let stir = Promise.withResolvers<void>()
    using _watcher = watchFolder(this.folderOf(id), () => stir.resolve())
    for (;;) {
      if (await this.#look(id) !== since) return
      const left = end - performance.now()
      if (left <= 0) return
      const over = new AbortController()
      try {
        await Promise.race([stir.promise, sleep(Math.min(left, pollMs), undefined, { signal: AbortSignal.any([signal, over.signal]) }).catch(() => {})])
      } finally {
        over.abort()
      }
      signal.throwIfAborted()
      stir = Promise.withResolvers<void>()
    }
  }

  async #look(id: string): Promise<string> {
    const [record, changes] = await Promise.all([this.#records(id).version(), this.#changes(id).version()])
    const versions = `${record} ${changes}`
    this.#seen.set(id, versions)
    return versions
  }

  #records(id: string): VersionedFile<Kept> { return new VersionedFile(this.folderOf(id), 'record') }
  #changes(id: string): VersionedFile<Waiting> { return new VersionedFile(this.folderOf(id), 'changes') }

  async #readSpec(id: string): Promise<Migration> {
    let text: string
    try { text = await readFile(join(this.folderOf(id), 'spec.json'), 'utf8') } catch (error) {
      if (codeOf(error) === 'ENOENT') throw new CutoverNotFoundError(id)
      throw error
    }
    const known = this.#specs.get(id)
    if (known?.text === text) return known.spec
    const spec = JSON.parse(text) as Migration
    this.#specs.set(id, { text, spec })
    return spec
  }

  async #writeSpec(id: string, spec: Migration): Promise<void> {
    const path = join(this.folderOf(id), 'spec.json')
    const temporary = `${path}.${process.pid}.tmp`
    try {
      await makeFolder(this.folderOf(id))
      await writeFile(temporary, `${JSON.stringify(spec)}\n`)
      await rename(temporary, path)
    } catch (error) {
      if (codeOf(error) === 'ENOTDIR') throw new CutoverStateError(this.folder, 'is no folder: name one (--state DIR)', error)
      if (codeOf(error) === 'ENOSPC' || codeOf(error) === 'EDQUOT') throw new CutoverStateError(this.folder, `is on a disk that is full (${codeOf(error)}): make room, then run the same command again`, error)
      throw new CutoverStateError(this.folder, `cannot be written (${codeOf(error)}): name a folder that you may write to (--state DIR)`, error)
    }
  }
}

/** `20261130-220000-k7f3`: they sort by their time. */
function newId(now: Date): string {
  const [date = '', time = ''] = now.toISOString().replaceAll(/[-:]/g, '').split(/[T.]/)
  return `${date}-${time}-${Array.from({ length: 4 }, () => 'abcdefghijkmnpqrstuvwxyz23456789'[randomInt(32)]).join('')}`
}

function isId(name: string): boolean { return /^\d{8}-\d{6}-[a-z0-9]{4}$/.test(name) }

/** Calls when anything in the folder changes, where the file system tells; there are looks besides. */
function watchFolder(folder: string, onChange: () => void): Disposable {
  try {
    const watcher = watch(folder, { persistent: false }, onChange)
    watcher.on('error', () => {})
    return { [Symbol.dispose]: () => { watcher.close() } }
  } catch {
    return { [Symbol.dispose]: () => {} }
  }
}
