import {
  decodeManifest, type Descriptor, descriptorOf, type Digest, digestOf, isDigest, type Manifest, MediaType, parseRepositoryName, RegistryError, type RepositoryName,
  successors, type Tag,
} from '@longshore/oci'
import type { Content, Io, Opener, PushOptions, PushOutcome, Target } from '@longshore/transfer'

interface Repository { readonly blobs: Map<Digest, Uint8Array>; readonly manifests: Map<Digest, Manifest>; readonly tags: Map<Tag, Digest> }

export type MemoryOperation = 'tags' | 'resolve' | 'manifest' | 'exists' | 'blob' | 'referrers' | 'push' | 'put'

export interface MemoryRegistryOptions {
  readonly mounts?: boolean
  readonly referrersApi?: boolean
  /** Called before each operation: it may throw, wait, or change the registry. `reference` is a tag or a digest. */
  readonly before?: (operation: MemoryOperation, repository: string, reference: string) => void | Promise<void>
}

/**
 * A `Target` in memory that counts what is asked of it, so that "each blob is read once" is a number. It keeps a
 * registry's promises: existence is per repository, and a manifest whose content is missing is refused.
 */
export class MemoryRegistry implements Target {
  readonly registry: string
  readonly calls: string[] = []
  readonly #options: MemoryRegistryOptions
  readonly #repositories = new Map<string, Repository>()

  constructor(registry: string, options: MemoryRegistryOptions = {}) {
    this.registry = registry
    this.#options = options
  }

  /** How many calls start with `prefix`, such as `blob` or `push team/app`. */
  count(prefix: string): number { return this.calls.filter((call) => call.startsWith(prefix)).length }

  /** What is there, made when first asked for. */
  repository(name: string): Repository {
    let repository = this.#repositories.get(name)
    if (!repository) this.#repositories.set(name, repository = { blobs: new Map(), manifests: new Map(), tags: new Map() })
    return repository
  }

  addBlob(repository: string, bytes: Uint8Array, mediaType: string = MediaType.ociLayer): Descriptor {
    const digest = digestOf(bytes)
    this.repository(repository).blobs.set(digest, bytes)
    return { mediaType, digest, size: bytes.byteLength }
  }

  addManifest(repository: string, json: { readonly mediaType: string; readonly [field: string]: unknown }, tag?: string): Descriptor {
    const manifest = decodeManifest(Buffer.from(JSON.stringify(json)), json.mediaType, 'a test manifest')
    const there = this.repository(repository)
    there.manifests.set(manifest.digest, manifest)
    if (tag !== undefined) there.tags.set(tag as Tag, manifest.digest)
    return descriptorOf(manifest)
  }

  /** An image whose layers are the given texts; its config is distinct per tag. */
  addImage(repository: string, tag: string | undefined, layers: readonly string[], more: object = {}): Descriptor {
    const config = this.addBlob(repository, Buffer.from(`config ${repository} ${tag ?? layers.join()}`), MediaType.ociConfig)
    return this.addManifest(repository, {
      schemaVersion: 2, mediaType: MediaType.ociManifest, config, layers: layers.map((text) => this.addBlob(repository, Buffer.from(text))), ...more,
    }, tag)
  }

  /** Everything reachable from a reference is in the repository. */
  isIntact(repository: string, reference: string): boolean {
    const there = this.#repositories.get(repository)
    const digest = isDigest(reference) ? reference : there?.tags.get(reference as Tag)
    const manifest = digest === undefined ? undefined : there?.manifests.get(digest)
    if (!there || !manifest) return false
    const { blobs, manifests } = successors(manifest)
    return blobs.every((desc) => there.blobs.has(desc.digest)) && manifests.every((desc) => this.isIntact(repository, desc.digest))
  }

  async tags(repository: RepositoryName, io: Io): Promise<readonly Tag[] | undefined> {
    await this.#called('tags', repository, '', io)
    const there = this.#repositories.get(repository)
    return there && [...there.tags.keys()]
  }

  async resolve(repository: RepositoryName, reference: Tag | Digest, io: Io): Promise<Descriptor | undefined> {
    await this.#called('resolve', repository, reference, io)
    const manifest = this.#manifest(repository, reference)
    return manifest && descriptorOf(manifest)
  }

  async manifest(repository: RepositoryName, reference: Tag | Digest, io: Io): Promise<Manifest | undefined> {
    await this.#called('manifest', repository, reference, io)
    return this.#manifest(repository, reference)
  }

  async exists(repository: RepositoryName, desc: Descriptor, io: Io): Promise<boolean> {
    await this.#called('exists', repository, desc.digest, io)
    return this.#repositories.get(repository)?.blobs.has(desc.digest) === true
  }

  async blob(repository: RepositoryName, desc: Descriptor, { offset = 0, signal }: Io & { readonly offset?: number }): Promise<Content> {
    await this.#called('blob', repository, desc.digest, { signal })
    const bytes = this.#repositories.get(repository)?.blobs.get(desc.digest)
    if (!bytes) throw this.#refusal(404, 'BLOB_UNKNOWN', `GET ${desc.digest}`)
    return {
      async *[Symbol.asyncIterator]() { for (let at = offset; at < bytes.byteLength; at += 8) yield bytes.subarray(at, at + 8) },
      async [Symbol.asyncDispose]() {},
    }
  }

  async referrers(repository: RepositoryName, subject: Digest, io: Io): Promise<readonly Descriptor[] | undefined> {
    await this.#called('referrers', repository, subject, io)
    if (this.#options.referrersApi !== true) return undefined
    return [...this.#repositories.get(repository)?.manifests.values() ?? []].filter((m) => m.subject?.digest === subject).map(descriptorOf)
  }

  async *catalog(): AsyncIterable<string> { yield* this.#repositories.keys() }

  async push(repository: RepositoryName, desc: Descriptor, open: Opener, options: PushOptions): Promise<PushOutcome> {
    await this.#called('push', repository, desc.digest, options)
    const there = this.repository(repository)
    if (options.mayExist === true && there.blobs.has(desc.digest)) return 'existed'
    for (const from of options.mountFrom ?? []) {
      const bytes = this.#options.mounts === false ? undefined : this.#repositories.get(from)?.blobs.get(desc.digest)
      if (bytes) { there.blobs.set(desc.digest, bytes); return 'mounted' }
    }
    const chunks: Uint8Array[] = []
    await using content = await open(0)
    for await (const chunk of content) { chunks.push(chunk); options.onSent?.(chunk.byteLength) }
    const bytes = Buffer.concat(chunks)
    if (digestOf(bytes) !== desc.digest) throw this.#refusal(400, 'DIGEST_INVALID', `PUT ${desc.digest}`)
    there.blobs.set(desc.digest, bytes)
    return 'pushed'
  }

  async put(repository: RepositoryName, manifest: Manifest, reference: Tag | Digest, io: Io): Promise<{ readonly subjectTaken: boolean }> {
    await this.#called('put', repository, reference, io)
    const there = this.repository(repository)
    const { blobs, manifests } = successors(manifest)
    if (!blobs.every((desc) => there.blobs.has(desc.digest)) || !manifests.every((desc) => there.manifests.has(desc.digest))) {
      throw this.#refusal(400, 'MANIFEST_BLOB_UNKNOWN', `PUT ${reference}`)
    }
    there.manifests.set(manifest.digest, manifest)
    if (!isDigest(reference)) there.tags.set(reference, manifest.digest)
    return { subjectTaken: this.#options.referrersApi === true }
  }

  #manifest(repository: string, reference: Tag | Digest): Manifest | undefined {
    const there = this.#repositories.get(repository)
    const digest = isDigest(reference) ? reference : there?.tags.get(reference)
    return digest === undefined ? undefined : there?.manifests.get(digest)
  }

  async #called(operation: MemoryOperation, repository: string, reference: string, { signal }: Io): Promise<void> {
    signal.throwIfAborted()
    parseRepositoryName(repository)
    this.calls.push(`${operation} ${repository} ${reference}`)
    await this.#options.before?.(operation, repository, reference)
  }

  #refusal(status: number, code: string, request: string): RegistryError {
    return new RegistryError({ status, registry: this.registry, request, details: [{ code }] })
  }
}
