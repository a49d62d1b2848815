import { SingleFlight } from '@longshore/concurrency'
import { companionSubject, type Descriptor, descriptorOf, type Digest, isDigest, type Manifest, type RepositoryName, type Tag } from '@longshore/oci'
import type { Content, Io, Signature, SignatureSource, Source } from '@longshore/transfer'
import { type Changes, checkChanges } from './changes.ts'
import { changeImage, changeSchema1, type ImageContext } from './image.ts'
import { changeIndex } from './image-index.ts'
import { Layers } from './layers.ts'
import { RecentManifests } from './recent-manifests.ts'
import { Spool } from './spool.ts'

export interface TransformOptions {
  /** Where layers that are made anew are kept until the source is disposed of: as much room as they take. */
  readonly tmpdir: string
  /** Layers made at once. Default 4. */
  readonly concurrency?: number
}

/**
 * A source that shows every image of another as it becomes after the changes. What does not change is passed through: manifests byte for byte,
 * blobs from where they are. A reference may be a tag, the digest of an image as it is at the source, or that of what it became.
 * Layers are made when a manifest that names them is asked for, for its digest depends on them.
 * @throws ChangeError `CHANGE_REFUSED` when the changes cannot be had together
 */
export function transformSource(source: Source & Partial<SignatureSource>, changes: Changes, options: TransformOptions): TransformedSource {
  checkChanges(changes)
  return new Transformed(source, changes, options)
}

export interface TransformedSource extends Source, SignatureSource, AsyncDisposable {
  /** The digest that a manifest had at the source, the same where it was not changed; `undefined` for one that was not read here. */
  originOf(repository: RepositoryName, digest: Digest): Digest | undefined
}

class Transformed implements TransformedSource {
  readonly registry: string
  readonly #inner: Source & Partial<SignatureSource>
  readonly #context: ImageContext
  readonly #spool: Spool
  readonly #flights = new SingleFlight<Digest, Manifest>()
  readonly #recent = new RecentManifests()
  /** What came of a digest of the source, and back. */
  readonly #became = new Map<Digest, Descriptor>()
  readonly #origins = new Map<string, Digest>()

  constructor(inner: Source & Partial<SignatureSource>, changes: Changes, { tmpdir, concurrency }: TransformOptions) {
    this.registry = inner.registry
    this.#inner = inner
    this.#spool = new Spool(tmpdir)
    this.#context = { inner, changes, spool: this.#spool, layers: new Layers(inner, this.#spool, concurrency) }
  }

  async resolve(repository: RepositoryName, reference: Tag | Digest, io: Io): Promise<Descriptor | undefined> {
    const named = await this.#inner.resolve(repository, this.#original(repository, reference), io)
    if (!named) return undefined
    const became = isCompanion(reference) ? named : this.#became.get(named.digest)
    if (became) return became
    // The source has it, and another image became it: it is what images become, and stays.
    if (this.originOf(repository, named.digest) !== undefined) this.#origins.set(`${repository}@${named.digest}`, named.digest)
    const manifest = await this.manifest(repository, named.digest, io)
    return manifest && descriptorOf(manifest)
  }

  async manifest(repository: RepositoryName, reference: Tag | Digest, io: Io): Promise<Manifest | undefined> {
    const kept = isDigest(reference) ? this.#recent.get(repository, reference) : undefined
    if (kept) return kept
    const manifest = await this.#inner.manifest(repository, this.#original(repository, reference), io)
    if (!manifest) return undefined
    // A signature or another companion is about one digest, and is itself no image to be changed.
    if (isCompanion(reference)) return this.#settle(repository, manifest, manifest)
    return await this.#change(manifest, repository, io)
  }

  async exists(repository: RepositoryName, desc: Descriptor, io: Io): Promise<boolean> {
    return this.#spool.sizeOf(desc.digest) !== undefined || await this.#inner.exists(repository, desc, io)
  }

  async blob(repository: RepositoryName, desc: Descriptor, options: Io & { readonly offset?: number; readonly url?: string }): Promise<Content> {
    return await this.#spool.open(desc.digest, options.offset ?? 0, options) ?? await this.#inner.blob(repository, desc, options)
  }

  async tags(repository: RepositoryName, io: Io): Promise<readonly Tag[] | undefined> { return await this.#inner.tags(repository, io) }
  /** Of an image that was changed there are none: they are about the bytes that it had. */
  async referrers(repository: RepositoryName, subject: Digest, io: Io): Promise<readonly Descriptor[] | undefined> { return await this.#inner.referrers(repository, subject, io) }
  originOf(repository: RepositoryName, digest: Digest): Digest | undefined { return this.#origins.get(`${repository}@${digest}`) }

  /** None of an image that was changed: they would not hold for it. */
  async signatures(repository: RepositoryName, manifest: Digest, io: Io): Promise<readonly Signature[]> {
    return (this.originOf(repository, manifest) ?? manifest) === manifest ? await this.#inner.signatures?.(repository, manifest, io) ?? [] : []
  }
  catalog(io: Io): AsyncIterable<string> { return this.#inner.catalog(io) }
  async [Symbol.asyncDispose](): Promise<void> { await this.#spool[Symbol.asyncDispose]() }

  async #change(manifest: Manifest, repository: RepositoryName, io: Io): Promise<Manifest> {
    const known = this.#became.get(manifest.digest)
    const kept = known && this.#recent.get(repository, known.digest)
    if (kept) return kept
    return await this.#flights.do(manifest.digest, io.signal, async (signal) => this.#settle(repository, manifest, await this.#changed(manifest, repository, { signal })))
  }

  async #changed(manifest: Manifest, repository: RepositoryName, io: Io): Promise<Manifest> {
    const what = `${this.registry}${repository === '' ? '' : `/${repository}`}@${manifest.digest}`
    // What refers to another manifest and is no image of its own (a signature, an SBOM) is carried as it is.
    if (manifest.subject !== undefined && manifest.kind === 'image') return manifest
    switch (manifest.kind) {
      case 'image': return await changeImage(manifest, repository, what, this.#context, io)
      case 'schema1': return await changeSchema1(manifest, repository, what, this.#context, io)
      case 'index': return await changeIndex(manifest, this.#context.changes, what, async (child, scoped) => await this.manifest(repository, child.digest, scoped), io)
    }
  }

  #original(repository: RepositoryName, reference: Tag | Digest): Tag | Digest { return isDigest(reference) ? this.originOf(repository, reference) ?? reference : reference }

  #settle(repository: RepositoryName, original: Manifest, made: Manifest): Manifest {
    this.#became.set(original.digest, descriptorOf(made))
    // Another image may become what this one is already: then this is what is meant.
    if (original.digest === made.digest || this.originOf(repository, made.digest) !== made.digest) this.#origins.set(`${repository}@${made.digest}`, original.digest)
    this.#recent.keep(repository, made)
    return made
  }
}

function isCompanion(reference: string): boolean { return companionSubject(reference) !== undefined }
