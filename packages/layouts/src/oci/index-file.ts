// index.json of an OCI image layout. OCI image-spec v1.1.1, image-layout.md.
import { stat } from 'node:fs/promises'
import { type Descriptor, isDigest, printable } from '@longshore/oci'
import { LayoutError } from '../errors.ts'
import type { Tree } from '../tree.ts'
import { acquireLock } from './lock.ts'

export const refName = 'org.opencontainers.image.ref.name'
/** A layout of 100,000 names has some 30 MB. */
const maxIndexBytes = 256 * 1024 * 1024
const layoutFile = 'oci-layout'
const indexFile = 'index.json'

export type Entry = Descriptor
/** What is not in the specification is kept as it was. */
export interface IndexJson { readonly manifests: readonly Entry[]; readonly [field: string]: unknown }

export function nameOf(entry: Entry): string | undefined { return entry.annotations?.[refName] }

/** Changes the entries, given those that are there. */
export type Change = (entries: readonly Entry[]) => Promise<readonly Entry[]>

interface Waiting { readonly change: Change; readonly signal: AbortSignal; readonly done: PromiseWithResolvers<void> }

/** The entries of a layout, wherever they are kept. */
export interface OciIndex {
  /** The entries now; `undefined` where there is no layout (yet). @throws LayoutError LAYOUT_INVALID, LAYOUT_MISSING */
  entries(): Promise<readonly Entry[] | undefined>
  /** Adds to, changes or removes entries. @throws what `change` throws */
  update(signal: AbortSignal, change: Change): Promise<void>
}

export class IndexFile implements OciIndex {
  readonly #tree: Tree
  readonly #readOnly: boolean
  #kept: { readonly version: string; readonly json: IndexJson } | undefined
  #waiting: Waiting[] = []
  #isWriting = false

  constructor(tree: Tree, readOnly: boolean) {
    this.#tree = tree
    this.#readOnly = readOnly
  }

  /** The entries now; `undefined` where there is no layout (yet). @throws LayoutError LAYOUT_INVALID, LAYOUT_MISSING */
  async entries(): Promise<readonly Entry[] | undefined> { return (await this.#read())?.manifests }

  /** Adds to, changes or removes entries: several that wait are written at once. @throws what `change` throws */
  async update(signal: AbortSignal, change: Change): Promise<void> {
    const done = Promise.withResolvers<void>()
    this.#waiting.push({ change, signal, done })
    if (!this.#isWriting) void this.#write()
    await done.promise
  }

  async #write(): Promise<void> {
    this.#isWriting = true
    // Whoever asks in the same turn is written along.
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const turn = this.#waiting.splice(0)
      try {
        await this.#writeTurn(turn)
      } catch (error) {
        for (const { done } of turn) done.reject(error)
      }
    }
    this.#isWriting = false
  }

  async #writeTurn(turn: readonly Waiting[]): Promise<void> {
    const [first] = turn
    const made: Waiting[] = []
    {
      await using lock = await acquireLock(this.#tree, first && turn.length === 1 ? first.signal : new AbortController().signal)
      void lock
      const before = await this.#read(true) ?? { schemaVersion: 2, manifests: [] }
      let entries = before.manifests
      for (const waiting of turn) {
        try {
          waiting.signal.throwIfAborted()
          entries = await waiting.change(entries)
          made.push(waiting)
        } catch (error) {
          waiting.done.reject(error)
        }
      }
      if (made.length > 0 && entries !== before.manifests) {
        if (await this.#tree.find(layoutFile) === undefined) await this.#tree.write(layoutFile, '{"imageLayoutVersion": "1.0.0"}')
        await this.#tree.write(indexFile, JSON.stringify({ ...before, manifests: entries }))
      }
    }
    for (const { done } of made) done.resolve()
  }

  async #read(anew = false): Promise<IndexJson | undefined> {
    const { place } = this.#tree
    const file = await this.#tree.find(indexFile)
    if (!file) return await this.#absent()
    const found = await stat(file.path, { bigint: true }).catch(() => undefined)
    const version = `${found?.ino} ${found?.size} ${found?.mtimeNs}`
    if (!anew && this.#kept?.version === version) return this.#kept.json
    await this.#checkVersion()
    const bytes = await this.#tree.read(indexFile, maxIndexBytes)
    if (!bytes) return await this.#absent()
    this.#kept = { version, json: parseIndex(bytes, place) }
    return this.#kept.json
  }

  async #absent(): Promise<undefined> {
    const { place, root } = this.#tree
    if (!this.#readOnly) return undefined
    const found = await stat(root).catch(() => undefined)
    if (!found) throw new LayoutError('LAYOUT_MISSING', `${place}: there is no such directory`)
    if (!found.isDirectory()) throw new LayoutError('LAYOUT_INVALID', `${place}: is a file; an archive is read with oci-archive:`)
    throw new LayoutError('LAYOUT_INVALID', `${place}: index.json is missing, so this is no OCI image layout`)
  }

  async #checkVersion(): Promise<void> {
    const { place } = this.#tree
    const bytes = await this.#tree.read(layoutFile)
    if (!bytes) {
      if (this.#readOnly) throw new LayoutError('LAYOUT_INVALID', `${place}: oci-layout is missing, so this is no OCI image layout`)
      return
    }
    checkLayoutVersion(bytes, place)
  }
}

/** @throws LayoutError LAYOUT_INVALID */
export function checkLayoutVersion(bytes: Uint8Array, place: string): void {
  const version = parse(bytes, `${place}: oci-layout`)['imageLayoutVersion']
  if (version !== '1.0.0') throw new LayoutError('LAYOUT_INVALID', `${place}: oci-layout is of version ${printable(JSON.stringify(version) ?? 'none')}; only 1.0.0 is known`)
}

/** @throws LayoutError LAYOUT_INVALID */
export function parseIndex(bytes: Uint8Array, place: string): IndexJson {
  const json = parse(bytes, `${place}: index.json`)
  const manifests: unknown = json['manifests'] ?? []
  if (!Array.isArray(manifests)) throw new LayoutError('LAYOUT_INVALID', `${place}: index.json has no list "manifests"`)
  for (const [i, entry] of (manifests as readonly unknown[]).entries()) {
    const { digest, size } = (entry ?? {}) as Partial<Entry>
    if (typeof digest !== 'string' || !isDigest(digest) || typeof size !== 'number') throw new LayoutError('LAYOUT_INVALID', `${place}: manifests[${i}] of index.json is no descriptor with a digest (sha256 or sha512) and a size`)
  }
  return { ...json, manifests: manifests as readonly Entry[] }
}

function parse(bytes: Uint8Array, what: string): Readonly<Record<string, unknown>> {
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    throw new LayoutError('LAYOUT_INVALID', `${what} is not JSON (${(error as Error).message})`)
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new LayoutError('LAYOUT_INVALID', `${what} is not a JSON object`)
  return json as Readonly<Record<string, unknown>>
}
