// `registry-storage:/root`: the tree that a docker-registry keeps on its disk. The registry that serves a tree that is written to
// should be stopped or read-only: it would not break, but it deletes (garbage collection) what is not linked yet.
import { stat } from 'node:fs/promises'
import {
  type Descriptor, descriptorOf, type Digest, isDigest, isTag, type Manifest, parseRepositoryName, parseTag, placeOf, type RepositoryName, type Tag,
} from '@longshore/oci'
import type { Content, Io, Opener, PushOptions, PushOutcome } from '@longshore/transfer'
import { readBlobFile, writeBlobFile } from '../blob-file.ts'
import { LayoutError } from '../errors.ts'
import type { Layout, LayoutOptions } from '../layout.ts'
import { checkAddressable, checkComplete, checkTyped, readManifest } from '../manifests.ts'
import { blobUnknown } from '../problem.ts'
import { Pushes } from '../pushes.ts'
import { namesIn, type PlainFile, Tree } from '../tree.ts'
import { dataPath, layerLink, repositoriesFolder, repositoryFolder, revisionLink, tagHistoryLink, tagLink, tagsFolder } from './paths.ts'
import { referrersIn, repositoriesBelow } from './walk.ts'

/** Nothing is looked at or made until something is asked for. */
export function openRegistryStorage(registry: string, options: LayoutOptions = {}): Layout { return new RegistryStorage(registry, options) }

class RegistryStorage implements Layout {
  readonly registry: string
  readonly #options: LayoutOptions
  readonly #tree: Tree
  readonly #pushes = new Pushes()
  readonly #referrers = new Map<RepositoryName, Promise<ReadonlyMap<Digest, readonly Descriptor[]>>>()

  constructor(registry: string, options: LayoutOptions) {
    this.registry = registry
    this.#options = options
    this.#tree = new Tree(registry, placeOf(registry))
  }

  async tags(repository: RepositoryName, { signal }: Io): Promise<readonly Tag[] | undefined> {
    signal.throwIfAborted()
    parseRepositoryName(repository)
    const inside = await namesIn(this.#tree, repositoryFolder(repository))
    // A folder on the way to a repository is none itself.
    if (inside?.some((name) => name.startsWith('_')) !== true) return await this.#absent()
    const tags: Tag[] = []
    for (const name of await namesIn(this.#tree, tagsFolder(repository)) ?? []) {
      if (isTag(name) && await this.#tree.find(tagLink(repository, name))) tags.push(name)
    }
    return tags
  }

  async resolve(repository: RepositoryName, reference: Tag | Digest, io: Io): Promise<Descriptor | undefined> {
    const manifest = await this.manifest(repository, reference, io)
    return manifest && descriptorOf(manifest)
  }

  async manifest(repository: RepositoryName, reference: Tag | Digest, { signal }: Io): Promise<Manifest | undefined> {
    signal.throwIfAborted()
    parseRepositoryName(repository)
    const digest = isDigest(reference) ? reference : await this.#link(tagLink(repository, parseTag(reference)))
    if (digest === undefined || await this.#link(revisionLink(repository, digest), digest) === undefined) return await this.#absent()
    return await this.#read(digest)
  }

  async exists(repository: RepositoryName, desc: Descriptor, { signal }: Io): Promise<boolean> {
    signal.throwIfAborted()
    return await this.#blob(repository, desc) !== undefined
  }

  async blob(repository: RepositoryName, desc: Descriptor, options: Io & { readonly offset?: number }): Promise<Content> {
    options.signal.throwIfAborted()
    const file = await this.#blob(repository, { digest: desc.digest, size: -1 })
    if (!file) throw blobUnknown(this.registry, desc.digest)
    return await readBlobFile(this.#tree, file, options)
  }

  /**
   * At a source, what the repository's revisions say. A target has no referrers API: those who read from the registry that serves
   * the tree (distribution 2.8) find referrers by the fallback tag, so that has to be written.
   */
  async referrers(repository: RepositoryName, subject: Digest, { signal }: Io): Promise<readonly Descriptor[] | undefined> {
    signal.throwIfAborted()
    if (this.#options.readOnly !== true) return undefined
    parseRepositoryName(repository)
    let reading = this.#referrers.get(repository)
    if (!reading) {
      this.#referrers.set(repository, reading = referrersIn(this.#tree, repository, (digest) => this.#read(digest)))
      reading.catch(() => this.#referrers.delete(repository))
    }
    return (await reading).get(subject) ?? []
  }

  async *catalog({ signal }: Io): AsyncIterable<string> {
    signal.throwIfAborted()
    if (await namesIn(this.#tree, repositoriesFolder) === undefined) await this.#absent()
    else yield* repositoriesBelow(this.#tree, '', signal)
  }

  async push(repository: RepositoryName, desc: Descriptor, open: Opener, options: PushOptions): Promise<PushOutcome> {
    options.signal.throwIfAborted()
    this.#checkWritable(repository)
    // Of all repositories: the bytes are there once.
    return await this.#pushes.do(`${repository} ${desc.digest}`, options.signal, async () => {
      if (await this.#blob(repository, desc)) return 'existed'
      const outcome = await this.#pushes.do(desc.digest, options.signal, async () => {
        if (await this.#data(desc)) return 'existed'
        await writeBlobFile(this.#tree, dataPath(desc.digest), desc, open, { ...options, trustLinked: this.#options.trustLinked ?? false })
        return 'pushed'
      })
      options.signal.throwIfAborted()
      await this.#tree.write(layerLink(repository, desc.digest), desc.digest)
      return outcome === 'existed' ? 'mounted' : outcome
    })
  }

  async put(repository: RepositoryName, manifest: Manifest, reference: Tag | Digest, { signal }: Io): Promise<{ readonly subjectTaken: boolean }> {
    signal.throwIfAborted()
    this.#checkWritable(repository)
    checkAddressable(this.registry, manifest)
    checkTyped(this.registry, manifest)
    const { digest } = manifest
    await checkComplete(this.registry, manifest, {
      blob: async (desc) => await this.#blob(repository, desc) !== undefined,
      manifest: async (child) => await this.#link(revisionLink(repository, child), child) !== undefined,
    }, this.#options.sparse ?? false)
    if (!await this.#data(descriptorOf(manifest))) await this.#tree.write(dataPath(digest), manifest.bytes)
    await this.#tree.write(revisionLink(repository, digest), digest)
    if (isDigest(reference)) return { subjectTaken: false }
    const tag = parseTag(reference)
    await this.#tree.write(tagHistoryLink(repository, tag, digest), digest)
    await this.#tree.write(tagLink(repository, tag), digest)
    return { subjectTaken: false }
  }

  async finish(): Promise<void> { /* everything is visible since it was put */ }

  async [Symbol.asyncDispose](): Promise<void> { /* nothing is held */ }

  /** The digest that a link holds. @throws LayoutError LAYOUT_INVALID when it holds none, or another than `expected` */
  async #link(name: string, expected?: Digest): Promise<Digest | undefined> {
    const text = (await this.#tree.read(name, 1024))?.toString().trim()
    if (text === undefined) return undefined
    if (!isDigest(text) || (expected !== undefined && text !== expected)) throw new LayoutError('LAYOUT_INVALID', `${this.registry}: ${name} does not hold ${expected ?? 'a digest (sha256 or sha512)'}`)
    return text
  }

  async #data({ digest, size }: Pick<Descriptor, 'digest' | 'size'>): Promise<PlainFile | undefined> {
    const file = await this.#tree.find(dataPath(digest))
    return file && (size < 0 || file.size === size) ? file : undefined
  }

  async #blob(repository: RepositoryName, desc: Pick<Descriptor, 'digest' | 'size'>): Promise<PlainFile | undefined> {
    parseRepositoryName(repository)
    return await this.#link(layerLink(repository, desc.digest), desc.digest) === undefined ? undefined : await this.#data(desc)
  }

  async #read(digest: Digest): Promise<Manifest | undefined> {
    const bytes = await this.#tree.read(dataPath(digest))
    return bytes && readManifest(bytes, `${this.registry}: ${digest}`, { expected: digest })
  }

  #checkWritable(repository: RepositoryName): void {
    if (this.#options.readOnly === true) throw new LayoutError('LAYOUT_REFUSED', `${this.registry} was opened to be read`)
    parseRepositoryName(repository)
  }

  /** Nothing; of a source that is no such tree, an error that says so. */
  async #absent(): Promise<undefined> {
    if (this.#options.readOnly !== true) return undefined
    const { root } = this.#tree
    if (!await stat(root).catch(() => undefined)) throw new LayoutError('LAYOUT_MISSING', `${this.registry}: there is no such directory`)
    if (await namesIn(this.#tree, repositoriesFolder) === undefined) {
      throw new LayoutError('LAYOUT_INVALID', `${this.registry}: there is no ${repositoriesFolder} in it, so this is not the root directory of a docker-registry`)
    }
    return undefined
  }
}
