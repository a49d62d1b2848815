// An OCI image layout: OCI image-spec v1.1.1, image-layout.md. One repository, the empty one; blobs are shared by all its images.
import {
  type Descriptor, descriptorOf, type Digest, isDigest, isManifestType, type Manifest, type RepositoryName, type Tag,
} from '@longshore/oci'
import type { Content, Io, Opener, PushOptions, PushOutcome } from '@longshore/transfer'
import type { DeletableLayout, LayoutOptions } from '../layout.ts'
import { LayoutError } from '../errors.ts'
import { checkAddressable, checkComplete, checkTyped, readManifest, referrerOf } from '../manifests.ts'
import { blobUnknown } from '../problem.ts'
import { Pushes } from '../pushes.ts'
import { chooseEntry, type Choice, imagesOf } from './choose.ts'
import { FolderStore } from './folder-store.ts'
import { type Entry, nameOf, type OciIndex, refName } from './index-file.ts'
import { unreachable } from './reach.ts'
import type { OciStore } from './store.ts'

/** Nothing is looked at or made until something is asked for. */
export function openOciLayout(registry: string, options: LayoutOptions = {}): DeletableLayout { return new OciLayout(registry, options, new FolderStore(registry, options)) }

export class OciLayout implements DeletableLayout {
  readonly registry: string
  readonly #options: LayoutOptions
  readonly #store: OciStore
  readonly #index: OciIndex
  readonly #pushes = new Pushes()
  readonly #choice: Choice
  /** Referrers by the manifests that are in the index: a manifest never changes. */
  readonly #subjects = new Map<Digest, { readonly subject: Digest; readonly desc: Descriptor } | null>()

  constructor(registry: string, options: LayoutOptions, store: OciStore) {
    this.registry = registry
    this.#options = options
    this.#store = store
    this.#index = store.index
    this.#choice = { place: registry, readOnly: options.readOnly ?? false, manifestOf: (entry) => this.#read(entry.digest, entry.mediaType) }
  }

  async tags(repository: RepositoryName, { signal }: Io): Promise<readonly Tag[] | undefined> {
    signal.throwIfAborted()
    if (repository !== '') return undefined
    const entries = await this.#index.entries()
    if (!entries) return undefined
    const names = new Set(entries.flatMap((entry) => nameOf(entry) ?? []))
    const unnamed = await imagesOf(entries.filter((entry) => nameOf(entry) === undefined), this.#choice)
    return [...names, ...(unnamed.length > 0 ? [''] : [])] as Tag[]
  }

  async resolve(repository: RepositoryName, reference: Tag | Digest, io: Io): Promise<Descriptor | undefined> {
    const manifest = await this.manifest(repository, reference, io)
    return manifest && descriptorOf(manifest)
  }

  async manifest(repository: RepositoryName, reference: Tag | Digest, { signal }: Io): Promise<Manifest | undefined> {
    signal.throwIfAborted()
    if (repository !== '') return undefined
    const entries = await this.#index.entries()
    if (!entries) return undefined
    if (isDigest(reference)) return await this.#read(reference, entries.find(({ digest }) => digest === reference)?.mediaType)
    const entry = await chooseEntry(entries, reference, this.#choice)
    if (!entry) return undefined
    const manifest = await this.#read(entry.digest, entry.mediaType)
    if (!manifest && this.#options.readOnly === true) {
      throw new LayoutError('LAYOUT_INVALID', `${this.registry}: index.json lists ${entry.digest}, and it is not among the blobs: write the layout anew, or give --src-shared-blob-dir where they are kept elsewhere`)
    }
    return manifest
  }

  async exists(repository: RepositoryName, desc: Descriptor, { signal }: Io): Promise<boolean> {
    signal.throwIfAborted()
    return repository === '' && await this.#has(desc)
  }

  async blob(repository: RepositoryName, desc: Descriptor, options: Io & { readonly offset?: number }): Promise<Content> {
    options.signal.throwIfAborted()
    const content = repository === '' ? await this.#store.content(desc.digest, options) : undefined
    if (!content) throw blobUnknown(this.registry, desc.digest)
    return content
  }

  async referrers(repository: RepositoryName, subject: Digest, { signal }: Io): Promise<readonly Descriptor[] | undefined> {
    signal.throwIfAborted()
    const found = new Map<Digest, Descriptor>()
    for (const entry of repository === '' ? await this.#index.entries() ?? [] : []) {
      let about = this.#subjects.get(entry.digest)
      if (about === undefined) {
        signal.throwIfAborted()
        const manifest = await this.#read(entry.digest, entry.mediaType)
        about = manifest?.subject ? { subject: manifest.subject.digest, desc: referrerOf(manifest) } : null
        this.#subjects.set(entry.digest, about)
      }
      if (about?.subject === subject) found.set(entry.digest, about.desc)
    }
    return [...found.values()]
  }

  async *catalog({ signal }: Io): AsyncIterable<string> {
    signal.throwIfAborted()
    if (await this.#index.entries()) yield ''
  }

  async push(repository: RepositoryName, desc: Descriptor, open: Opener, options: PushOptions): Promise<PushOutcome> {
    options.signal.throwIfAborted()
    this.#checkWritable(repository)
    return await this.#pushes.do(desc.digest, options.signal, async () => {
      if (await this.#has(desc)) return 'existed'
      await this.#store.write(desc, open, options)
      return 'pushed'
    })
  }

  async put(repository: RepositoryName, manifest: Manifest, reference: Tag | Digest, { signal }: Io): Promise<{ readonly subjectTaken: boolean }> {
    signal.throwIfAborted()
    this.#checkWritable(repository)
    checkAddressable(this.registry, manifest)
    const isNamed = !isDigest(reference)
    // The index notes what it names, and nothing of what is below.
    if (!isNamed && !manifest.subject) checkTyped(this.registry, manifest)
    const write = async (): Promise<void> => {
      await this.#checkComplete(manifest)
      if (!await this.#has(descriptorOf(manifest))) await this.#store.put(manifest.digest, manifest.bytes)
    }
    if (!isNamed && !manifest.subject) await write()
    else await this.#index.update(signal, async (entries) => {
      // While the index is locked nobody takes blobs away.
      await write()
      return await this.#enter(entries, manifest, isNamed ? reference : undefined)
    })
    return { subjectTaken: manifest.subject !== undefined }
  }

  async deleteReference(repository: RepositoryName, reference: Tag, { signal }: Io): Promise<boolean> {
    signal.throwIfAborted()
    this.#checkWritable(repository)
    let isDeleted = false
    let garbage: readonly Digest[] = []
    await this.#index.update(signal, async (entries) => {
      const entry = await chooseEntry(entries, reference, { ...this.#choice, readOnly: true })
      if (!entry) return entries
      isDeleted = true
      const kept = entries.filter((each) => each !== entry)
      // Blobs outside of the layout may be anybody's.
      garbage = this.#options.sharedBlobDir === undefined ? await unreachable([entry], kept, this.#choice.manifestOf) : []
      return kept
    })
    // Again under the lock: somebody may have come to need it meanwhile.
    if (garbage.length > 0) await this.#index.update(signal, async (entries) => {
      const needed = new Set(await unreachable(garbage.map((digest) => ({ mediaType: '', digest, size: 0 })), entries, this.#choice.manifestOf))
      for (const digest of garbage) if (needed.has(digest)) await this.#store.remove(digest)
      return entries
    })
    return isDeleted
  }

  async finish(): Promise<void> { await this.#store.finish() }

  async [Symbol.asyncDispose](): Promise<void> { await this.#store[Symbol.asyncDispose]() }

  async #enter(entries: readonly Entry[], manifest: Manifest, name: string | undefined): Promise<readonly Entry[]> {
    const { digest } = manifest
    if (name === undefined) return entries.some((entry) => entry.digest === digest) ? entries : [...entries, { ...descriptorOf(manifest), ...artifactTypeOf(manifest) }]
    if (name === '') {
      const unnamed = entries.filter((entry) => nameOf(entry) === undefined)
      if (unnamed.some((entry) => entry.digest === digest)) return entries
      // The only image of a layout without names is replaced, as a name's image is; where there are more of them, nobody knows which.
      const old = entries.length === 1 ? unnamed : []
      return [...entries.filter((entry) => !old.includes(entry)), descriptorOf(manifest)]
    }
    if (name.startsWith('@') || name.includes('\0')) throw new LayoutError('LAYOUT_REFUSED', `${this.registry}: an image is not written under a number (${name}): give it a name`)
    const made: Entry = { ...descriptorOf(manifest), annotations: { [refName]: name } }
    const at = entries.findIndex((entry) => nameOf(entry) === name)
    if (at >= 0 && entries[at]?.digest === digest) return entries
    const others = entries.filter((entry, i) => i === at || !(nameOf(entry) === name || (nameOf(entry) === undefined && entry.digest === digest && manifest.subject)))
    return at < 0 ? [...others, made] : others.map((entry) => (nameOf(entry) === name ? made : entry))
  }

  async #checkComplete(manifest: Manifest): Promise<void> {
    const manifestThere = async (digest: Digest): Promise<boolean> => await this.#store.size(digest) !== undefined
    await checkComplete(this.registry, manifest, { blob: (desc) => this.#has(desc), manifest: manifestThere }, this.#options.sparse ?? false)
  }

  #checkWritable(repository: string): void {
    if (this.#options.readOnly === true) throw new LayoutError('LAYOUT_REFUSED', `${this.registry} was opened to be read`)
    if (repository !== '') throw new LayoutError('LAYOUT_REFUSED', `${this.registry}: an OCI layout has no repositories: give the image a name behind the path (oci:PATH:NAME)`)
  }

  async #has({ digest, size }: Descriptor): Promise<boolean> {
    const there = await this.#store.size(digest)
    return there !== undefined && (size < 0 || there === size)
  }

  async #read(digest: Digest, mediaType: string | undefined): Promise<Manifest | undefined> {
    const bytes = await this.#store.read(digest)
    return bytes && readManifest(bytes, `${this.registry}: ${digest}`, { ...(mediaType !== undefined && isManifestType(mediaType) ? { mediaType } : {}), expected: digest })
  }
}

function artifactTypeOf(manifest: Manifest): { readonly artifactType?: string } {
  const { artifactType } = referrerOf(manifest)
  return artifactType === undefined ? {} : { artifactType }
}
