// Blobs on their way into or out of an engine, kept in files, and the directory that skopeo and podman call `dir:`, made of them.
// https://github.com/containers/image/blob/v5.22.0/directory/directory_dest.go
import { randomUUID } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { link, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { decodeManifest, type Descriptor, type Digest, hexOf, isDigest, type Manifest, maxManifestBytes, RegistryError, type RepositoryName, successors } from '@longshore/oci'
import { type Content, type Io, type Opener, type PushOptions, type PushOutcome, Verifier } from '@longshore/transfer'
import { EngineError } from './errors.ts'

export class Staging implements AsyncDisposable {
  readonly #registry: string
  readonly #tmpdir: string
  readonly #blobs = new Map<Digest, number>()
  readonly #placed = new Map<RepositoryName, Set<Digest>>()
  #directory: Promise<string> | undefined

  constructor(registry: string, tmpdir: string) {
    this.#registry = registry
    this.#tmpdir = tmpdir
  }

  has(repository: RepositoryName, digest: Digest): boolean { return this.#placed.get(repository)?.has(digest) === true }

  /** @throws RegistryError 404 */
  async open(repository: RepositoryName, { digest }: Descriptor, { signal, offset = 0 }: Io & { readonly offset?: number }): Promise<Content> {
    signal.throwIfAborted()
    const size = this.#blobs.get(digest)
    if (size === undefined || !this.has(repository, digest)) throw this.missing('BLOB_UNKNOWN', `blob ${digest} of ${repository}`)
    if (offset >= size) return { async *[Symbol.asyncIterator]() {}, async [Symbol.asyncDispose]() {} }
    const stream = createReadStream(await this.#pathOf(digest), { start: offset, highWaterMark: 256 * 1024 })
    return {
      async *[Symbol.asyncIterator]() {
        signal.throwIfAborted()
        for await (const chunk of stream) {
          signal.throwIfAborted()
          yield chunk as Uint8Array
        }
      },
      async [Symbol.asyncDispose]() { stream.on('error', () => {}).destroy() },
    }
  }

  async push(repository: RepositoryName, desc: Descriptor, open: Opener, { signal, mountFrom = [], mayExist = true, onSent }: PushOptions): Promise<PushOutcome> {
    signal.throwIfAborted()
    const { digest } = desc
    if (mayExist && this.has(repository, digest)) return 'existed'
    if (mountFrom.some((from) => this.has(from, digest))) {
      this.#place(repository, digest)
      return 'mounted'
    }
    const partial = join(await this.#root(), `${randomUUID()}.partial`)
    try {
      await using content = await open(0)
      const counted = async function* (): AsyncGenerator<Uint8Array> {
        for await (const chunk of new Verifier(desc, `blob ${digest}`).check(content, 0)) { onSent?.(chunk.byteLength); yield chunk }
      }
      await pipeline(counted, createWriteStream(partial), { signal })
      await this.take(repository, digest, partial)
      return 'pushed'
    } catch (error) {
      await rm(partial, { force: true })
      if (signal.aborted) throw signal.reason
      throw error
    }
  }

  /** Takes a file up as a blob of the repository. Its bytes must have been checked. */
  async take(repository: RepositoryName, digest: Digest, path: string): Promise<void> {
    const { size } = await stat(path)
    await rename(path, await this.#pathOf(digest))
    this.#blobs.set(digest, size)
    this.#place(repository, digest)
  }

  /** The image as a `dir:`, of links to the blobs. @throws RegistryError MANIFEST_BLOB_UNKNOWN */
  async writeDirectory(repository: RepositoryName, manifest: Manifest): Promise<string> {
    const { blobs } = successors(manifest)
    for (const { digest } of blobs) if (!this.has(repository, digest)) throw this.missing('MANIFEST_BLOB_UNKNOWN', `blob ${digest} of ${repository}`)
    const path = join(await this.#root(), `out-${randomUUID()}`)
    await mkdir(path)
    for (const { digest } of blobs) await link(await this.#pathOf(digest), join(path, hexOf(digest)))
    await writeFile(join(path, 'version'), 'Directory Transport Version: 1.1\n')
    await writeFile(join(path, 'manifest.json'), manifest.bytes)
    return path
  }

  /** An empty directory for podman to write a `dir:` to. */
  async newDirectory(): Promise<string> { return await mkdtemp(join(await this.#root(), 'in-')) }

  /** Takes the blobs of a `dir:` up, and removes the rest. @returns its manifest */
  async readDirectory(repository: RepositoryName, path: string): Promise<Manifest> {
    const file = join(path, 'manifest.json')
    if ((await stat(file)).size > maxManifestBytes) throw new EngineError('ENGINE_REFUSED', `${this.#registry}: the manifest of an image of ${repository} is larger than ${maxManifestBytes} bytes`)
    const manifest = decodeManifest(await readFile(file), '', `an image of ${this.#registry}`)
    const names = new Set(await readdir(path))
    for (const { digest } of successors(manifest).blobs) if (names.has(hexOf(digest))) await this.take(repository, digest, join(path, hexOf(digest)))
    await rm(path, { recursive: true })
    return manifest
  }

  missing(code: 'BLOB_UNKNOWN' | 'MANIFEST_BLOB_UNKNOWN' | 'MANIFEST_UNKNOWN', what: string): RegistryError {
    return new RegistryError({ status: 404, registry: this.#registry, request: what, details: [{ code }] })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#blobs.clear()
    this.#placed.clear()
    const directory = await this.#directory?.catch(() => undefined)
    if (directory !== undefined) await rm(directory, { recursive: true, force: true })
  }

  #place(repository: RepositoryName, digest: Digest): void {
    const there = this.#placed.get(repository)
    if (there) there.add(digest)
    else this.#placed.set(repository, new Set([digest]))
  }
  #root(): Promise<string> {
    return this.#directory ??= (async () => {
      const path = join(this.#tmpdir, `longshore-engine-${randomUUID()}`)
      await mkdir(path, { mode: 0o700 })
      return path
    })()
  }
  async #pathOf(digest: Digest): Promise<string> { return join(await this.#root(), digest.replace(':', '-')) }
}

/** The digest of an image's ID: of its configuration. */
export function idOf(text: string): Digest | undefined {
  const digest = text.startsWith('sha256:') ? text : `sha256:${text}`
  return isDigest(digest) ? digest : undefined
}
