// Layers made anew, each once however many images have it.
import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { Limiter, SingleFlight } from '@longshore/concurrency'
import { type Descriptor, type Digest, DigestMismatchError, SizeMismatchError, type RepositoryName } from '@longshore/oci'
import { type Content, type Io, type Source, Verifier } from '@longshore/transfer'
import { compressionOf, magicBytes, recompression } from './compression.ts'
import { ChangeError } from './errors.ts'
import type { Compression } from './media-types.ts'
import type { Spool } from './spool.ts'

/** `only`: the compression that the bytes must have now to be made anew; any other than `to` where absent. */
export interface Goal { readonly to: Compression; readonly only?: Compression; readonly level?: number }
export interface Made { readonly digest: Digest; readonly size: number; readonly compression: Compression; readonly isNew: boolean }
export interface Measured { readonly size: number; readonly diffId: Digest }

/** How many layers are made at once: each keeps a core busy. */
const defaultConcurrency = 4

export class Layers {
  readonly #inner: Source
  readonly #spool: Spool
  readonly #limiter: Limiter
  readonly #flights = new SingleFlight<string, Made | Measured>()
  readonly #done = new Map<string, Made | Measured>()

  constructor(inner: Source, spool: Spool, concurrency = defaultConcurrency) {
    this.#inner = inner
    this.#spool = spool
    this.#limiter = new Limiter(concurrency)
  }

  /** The layer in the compression wished for; what it has now is seen from its bytes. @throws ChangeError, and what the source throws */
  async make(repository: RepositoryName, desc: Descriptor, goal: Goal, io: Io): Promise<Made> {
    return await this.#once(`${goal.to} ${goal.only ?? ''} ${desc.digest}`, io, (scoped) => this.#make(repository, desc, goal, scoped))
  }

  /** The size of the bytes as they are, and the digest of them without compression. They are kept, so that the source is read once. */
  async measure(repository: RepositoryName, desc: Descriptor, io: Io): Promise<Measured> {
    return await this.#once(`measure ${desc.digest}`, io, (scoped) => this.#measure(repository, desc, scoped))
  }

  async #once<T extends Made | Measured>(key: string, { signal }: Io, work: (io: Io) => Promise<T>): Promise<T> {
    const done = this.#done.get(key)
    if (done) return done as T
    return await this.#flights.do(key, signal, async (scoped) => {
      using _slot = await this.#limiter.acquire(scoped)
      const made = await work({ signal: scoped })
      this.#done.set(key, made)
      return made
    }) as T
  }

  async #make(repository: RepositoryName, desc: Descriptor, { to, only, level }: Goal, io: Io): Promise<Made> {
    await using content = await this.#open(repository, desc, io)
    const { head, bytes } = await peek(this.#verified(content, desc))
    try {
      const from = compressionOf(head)
      if (from === 'xz' || from === 'bzip2') throw new ChangeError('CHANGE_REFUSED', `layer ${desc.digest} is compressed with ${from}, which no image format has: it can only be kept as it is`)
      if (from === to || (only !== undefined && from !== only)) return { digest: desc.digest, size: desc.size, compression: from, isNew: false }
      const digest = await this.#spool.make((path) => this.#write(path, desc, bytes, recompression(from, to, level), io))
      return { digest, size: this.#spool.sizeOf(digest) ?? 0, compression: to, isNew: true }
    } finally {
      await bytes.return(undefined)
    }
  }

  async #write(path: string, desc: Descriptor, bytes: AsyncIterable<Uint8Array>, steps: ReturnType<typeof recompression>, { signal }: Io): Promise<Digest> {
    const hash = createHash('sha256')
    const hashed = async function* (made: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
      for await (const chunk of made) { hash.update(chunk); yield chunk }
    }
    try {
      await pipeline(steps.cut(bytes), steps.decompress, steps.compress, hashed, createWriteStream(path), { signal })
    } catch (error) { throw unreadable(desc, error) }
    return `sha256:${hash.digest('hex')}` as Digest
  }

  async #measure(repository: RepositoryName, desc: Descriptor, io: Io): Promise<Measured> {
    await using content = await this.#open(repository, desc, io)
    const { head, bytes } = await peek(this.#verified(content, desc))
    const from = compressionOf(head)
    if (from === 'xz' || from === 'bzip2') throw new ChangeError('CHANGE_REFUSED', `layer ${desc.digest} is compressed with ${from}: its diff ID cannot be computed`)
    const hash = createHash('sha256')
    const plain = recompression(from, 'plain', undefined)
    await this.#spool.make(async (path) => {
      try {
        await pipeline(copied(bytes, path), plain.cut, plain.decompress, async (chunks: AsyncIterable<Uint8Array>) => { for await (const chunk of chunks) hash.update(chunk) }, io)
      } catch (error) { throw unreadable(desc, error) }
      return desc.digest
    })
    return { size: this.#spool.sizeOf(desc.digest) ?? 0, diffId: `sha256:${hash.digest('hex')}` as Digest }
  }

  async #open(repository: RepositoryName, desc: Descriptor, io: Io): Promise<Content> {
    return await this.#spool.open(desc.digest, 0, io) ?? await this.#inner.blob(repository, desc, io)
  }

  #verified(content: Content, desc: Descriptor): AsyncGenerator<Uint8Array> {
    return new Verifier(desc, `layer ${desc.digest} of ${this.#inner.registry}`).check(content, 0)
  }
}

/** Writes the bytes to the file as they pass. */
async function* copied(bytes: AsyncIterable<Uint8Array>, path: string): AsyncGenerator<Uint8Array> {
  const file = createWriteStream(path)
  const failed = Promise.withResolvers<never>()
  failed.promise.catch(() => {})
  file.on('error', failed.reject)
  try {
    for await (const chunk of bytes) {
      if (!file.write(chunk)) await Promise.race([failed.promise, new Promise<void>((resolve) => { file.once('drain', () => { resolve() }) })])
      yield chunk
    }
    await Promise.race([failed.promise, new Promise<void>((resolve) => { file.end(() => { resolve() }) })])
  } finally {
    file.destroy()
  }
}

/** Reads so far that the beginning can be looked at; `bytes` gives all of it. */
async function peek(content: AsyncGenerator<Uint8Array>): Promise<{ readonly head: Uint8Array; readonly bytes: AsyncGenerator<Uint8Array> }> {
  const first: Uint8Array[] = []
  let seen = 0
  while (seen < magicBytes) {
    const { done, value } = await content.next()
    if (done === true) break
    first.push(value)
    seen += value.byteLength
  }
  async function* all(): AsyncGenerator<Uint8Array> {
    try {
      yield* first
      yield* content
    } finally {
      await content.return(undefined)
    }
  }
  return { head: Buffer.concat(first).subarray(0, magicBytes), bytes: all() }
}

/** The decompressor's complaints; what the source, the disk or an abort had to say is passed on. */
function unreadable({ digest }: Descriptor, error: unknown): unknown {
  if (error instanceof DigestMismatchError || error instanceof SizeMismatchError) return error
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (!/^(?:Z_|ZSTD_|ERR_BUFFER|ERR_ZSTD)/.test(code)) return error
  return new ChangeError('CHANGE_FAILED', `layer ${digest} cannot be decompressed (${(error as Error).message}): it is broken at the source too`, error)
}
