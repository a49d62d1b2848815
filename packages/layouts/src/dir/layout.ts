// `dir:path`, and directories of such directories below it, as `skopeo sync --dest dir` makes them: each is a repository with one image.
import { copyFile, rename, rm, stat } from 'node:fs/promises'
import {
  algorithmOf, type Descriptor, descriptorOf, type Digest, isDigest, type Manifest, placeOf, type RepositoryName, successors, type Tag,
} from '@longshore/oci'
import type { Content, Io, Opener, PushOptions, PushOutcome, Signature, SignatureSink } from '@longshore/transfer'
import { linkFile, readBlobFile, writeBlobFile } from '../blob-file.ts'
import { LayoutError } from '../errors.ts'
import type { Layout, LayoutOptions } from '../layout.ts'
import { checkComplete, checkTyped, readManifest } from '../manifests.ts'
import { blobUnknown, fileFailure } from '../problem.ts'
import { Pushes } from '../pushes.ts'
import { isTemporary, namesIn, Tree } from '../tree.ts'
import { childFile, folderOf, isContent, isKnownVersion, manifestFile, signatureFile, stemOf, versionFile, versionText } from './names.ts'
import { decodeSignature, encodeSignature } from './signatures.ts'
import { imagesBelow } from './walk.ts'

export interface DirLayout extends Layout, SignatureSink {}

/** Nothing is looked at or made until something is asked for. */
export function openDir(registry: string, options: LayoutOptions = {}): DirLayout { return new Dir(registry, options) }

class Dir implements DirLayout {
  readonly registry: string
  readonly #options: LayoutOptions
  readonly #tree: Tree
  readonly #pushes = new Pushes()
  /** Directories that may be written into, by repository. */
  readonly #prepared = new Map<string, Promise<void>>()

  constructor(registry: string, options: LayoutOptions) {
    this.registry = registry
    this.#options = options
    this.#tree = new Tree(registry, placeOf(registry))
  }

  async tags(repository: RepositoryName, { signal }: Io): Promise<readonly Tag[] | undefined> {
    signal.throwIfAborted()
    const folder = folderOf(this.registry, repository)
    if (await this.#tree.find(`${folder}${manifestFile}`)) return ['' as Tag]
    return await namesIn(this.#tree, folder) === undefined ? await this.#absent(repository) : []
  }

  async resolve(repository: RepositoryName, reference: Tag | Digest, io: Io): Promise<Descriptor | undefined> {
    const manifest = await this.manifest(repository, reference, io)
    return manifest && descriptorOf(manifest)
  }

  async manifest(repository: RepositoryName, reference: Tag | Digest, { signal }: Io): Promise<Manifest | undefined> {
    signal.throwIfAborted()
    const folder = folderOf(this.registry, repository)
    if (!isDigest(reference)) {
      if (reference !== '') return undefined
      await this.#checkReadable(folder)
      return await this.#root(folder) ?? await this.#absent(repository)
    }
    const child = await this.#tree.read(`${folder}${childFile(reference)}`)
    if (child) return readManifest(child, `${this.registry}: ${folder}${childFile(reference)}`, { expected: reference })
    const root = await this.#root(folder, reference)
    return root?.digest === reference ? root : undefined
  }

  async exists(repository: RepositoryName, desc: Descriptor, { signal }: Io): Promise<boolean> {
    signal.throwIfAborted()
    return await this.#has(folderOf(this.registry, repository), desc)
  }

  async blob(repository: RepositoryName, desc: Descriptor, options: Io & { readonly offset?: number }): Promise<Content> {
    options.signal.throwIfAborted()
    const file = await this.#tree.find(`${folderOf(this.registry, repository)}${stemOf(desc.digest)}`)
    if (!file) throw blobUnknown(this.registry, desc.digest)
    return await readBlobFile(this.#tree, file, options)
  }

  /** There is no place for what is not part of the image. */
  async referrers(_repository: RepositoryName, _subject: Digest, { signal }: Io): Promise<undefined> { signal.throwIfAborted() }

  async *catalog({ signal }: Io): AsyncIterable<string> {
    signal.throwIfAborted()
    if (await namesIn(this.#tree, '') === undefined) await this.#absent('' as RepositoryName)
    yield* imagesBelow(this.#tree, '', signal)
  }

  async push(repository: RepositoryName, desc: Descriptor, open: Opener, options: PushOptions): Promise<PushOutcome> {
    options.signal.throwIfAborted()
    const folder = await this.#prepare(repository)
    const name = `${folder}${stemOf(desc.digest)}`
    return await this.#pushes.do(name, options.signal, async () => {
      if (await this.#has(folder, desc)) return 'existed'
      for (const from of options.mountFrom ?? []) if (await this.#mount(from, name, desc)) return 'mounted'
      await writeBlobFile(this.#tree, name, desc, open, { ...options, trustLinked: this.#options.trustLinked ?? false })
      return 'pushed'
    })
  }

  async put(repository: RepositoryName, manifest: Manifest, reference: Tag | Digest, { signal }: Io): Promise<{ readonly subjectTaken: boolean }> {
    signal.throwIfAborted()
    if (reference !== '' && !isDigest(reference)) {
      throw new LayoutError('LAYOUT_REFUSED', `${this.registry}: a directory holds one image, without a name; "${reference}" needs a directory of its own, or oci:PATH:NAME`)
    }
    checkTyped(this.registry, manifest)
    const folder = await this.#prepare(repository)
    await checkComplete(this.registry, manifest, {
      blob: (desc) => this.#has(folder, desc),
      manifest: async (digest) => await this.#tree.find(`${folder}${childFile(digest)}`) !== undefined,
    }, this.#options.sparse ?? false)
    if (isDigest(reference)) await this.#tree.write(`${folder}${childFile(manifest.digest)}`, manifest.bytes)
    else await this.#commit(folder, manifest)
    return { subjectTaken: false }
  }

  async signatures(repository: RepositoryName, manifest: Digest, { signal }: Io): Promise<readonly Signature[]> {
    signal.throwIfAborted()
    const folder = folderOf(this.registry, repository)
    const about = await this.#aboutOf(folder, manifest)
    const found: Signature[] = []
    while (true) {
      const name = `${folder}${signatureFile(about, found.length + 1)}`
      const bytes = await this.#tree.read(name)
      if (!bytes) return found
      found.push(decodeSignature(bytes, `${this.registry}: ${name}`))
    }
  }

  async putSignatures(repository: RepositoryName, manifest: Digest, signatures: readonly Signature[], io: Io): Promise<void> {
    const there = new Set((await this.signatures(repository, manifest, io)).map((each) => encodeSignature(each).toString('base64')))
    const folder = await this.#prepare(repository)
    const about = await this.#aboutOf(folder, manifest)
    for (const signature of signatures) {
      const bytes = encodeSignature(signature)
      if (there.has(bytes.toString('base64'))) continue
      there.add(bytes.toString('base64'))
      await this.#tree.write(`${folder}${signatureFile(about, there.size)}`, bytes)
    }
  }

  async finish(): Promise<void> { /* each image is visible since its manifest was put */ }

  async [Symbol.asyncDispose](): Promise<void> { /* nothing is held */ }

  async #root(folder: string, expected?: Digest): Promise<Manifest | undefined> {
    const bytes = await this.#tree.read(`${folder}${manifestFile}`)
    const what = `${this.registry}: ${folder}${manifestFile}`
    if (!bytes) return undefined
    const manifest = readManifest(bytes, what)
    return expected === undefined || algorithmOf(expected) === 'sha256' || manifest.kind === 'schema1' ? manifest : readManifest(bytes, what, { expected })
  }

  async #aboutOf(folder: string, digest: Digest): Promise<Digest | undefined> {
    return (await this.#root(folder))?.digest === digest ? undefined : digest
  }

  async #has(folder: string, { digest, size }: Descriptor): Promise<boolean> {
    const file = await this.#tree.find(`${folder}${stemOf(digest)}`)
    return file !== undefined && (size < 0 || file.size === size)
  }

  async #mount(from: RepositoryName, name: string, desc: Descriptor): Promise<boolean> {
    const file = await this.#tree.find(`${folderOf(this.registry, from)}${stemOf(desc.digest)}`)
    if (!file || (desc.size >= 0 && file.size !== desc.size)) return false
    const temporary = await this.#tree.temporary()
    try {
      if (!await linkFile(file.path, temporary)) await copyFile(file.path, temporary)
      await this.#tree.commit(temporary, name)
      return true
    } catch (error) {
      await rm(temporary, { force: true })
      throw fileFailure(this.registry, `copying ${file.path}`, error)
    }
  }

  /** Makes the image visible, in place of the one that was there, and takes away what is of that one only. */
  async #commit(folder: string, manifest: Manifest): Promise<void> {
    const kept = new Set<string>([versionFile, manifestFile])
    const old = await this.#tree.read(`${folder}${manifestFile}`)
    const keep = async (each: Manifest): Promise<void> => {
      const { blobs, manifests } = successors(each)
      for (const { digest } of blobs) kept.add(stemOf(digest))
      for (const { digest } of manifests) {
        if (kept.has(childFile(digest))) continue
        kept.add(childFile(digest))
        const child = await this.#tree.read(`${folder}${childFile(digest)}`)
        if (child) await keep(readManifest(child, `${this.registry}: ${folder}${childFile(digest)}`, { expected: digest }))
      }
    }
    await keep(manifest)
    const names = await namesIn(this.#tree, folder) ?? []
    const isOther = old !== undefined && !old.equals(manifest.bytes)
    try {
      // What was signed is the old image: its signatures go before it does.
      if (isOther) for (const name of names) if (/^signature-\d+$/.test(name)) await rm(this.#tree.path(folder, name), { force: true })
      const own = signatureFile(manifest.digest, 0).slice(0, -1)
      for (const name of names) if (name.startsWith(own)) await rename(this.#tree.path(folder, name), this.#tree.path(folder, name.slice(own.length - 'signature-'.length)))
      await this.#tree.write(`${folder}${versionFile}`, versionText([...kept].some((name) => name.startsWith('sha512-')) ? 2 : 1))
      await this.#tree.write(`${folder}${manifestFile}`, manifest.bytes)
      for (const name of await namesIn(this.#tree, folder) ?? []) {
        const isSigned = /^signature-\d+$/.test(name) || kept.has(name.replace(/\.signature-\d+$/, '.manifest.json'))
        if (!kept.has(name) && !isSigned && isContent(name)) await rm(this.#tree.path(folder, name), { force: true })
      }
    } catch (error) {
      throw fileFailure(this.registry, `writing ${folder}`, error)
    }
  }

  /** Answers the directory as part of a path. @throws LayoutError LAYOUT_REFUSED when what is there is not of this format */
  async #prepare(repository: RepositoryName): Promise<string> {
    const folder = folderOf(this.registry, repository)
    if (this.#options.readOnly === true) throw new LayoutError('LAYOUT_REFUSED', `${this.registry} was opened to be read`)
    let preparing = this.#prepared.get(folder)
    if (!preparing) {
      this.#prepared.set(folder, preparing = this.#makeReady(folder))
      preparing.catch(() => this.#prepared.delete(folder))
    }
    await preparing
    return folder
  }

  async #makeReady(folder: string): Promise<void> {
    const names = (await namesIn(this.#tree, folder) ?? []).filter((name) => !isTemporary(name))
    const version = names.length === 0 ? undefined : await this.#tree.read(`${folder}${versionFile}`)
    if (version ? isKnownVersion(version.toString()) : names.length === 0) {
      if (!version) await this.#tree.write(`${folder}${versionFile}`, versionText(1))
      return
    }
    throw new LayoutError('LAYOUT_REFUSED', version
      ? `${this.registry}: ${folder}version is not one that is known, so it is left as it is: give another path`
      : `${this.registry}${folder === '' ? '' : ` (${folder})`} is not empty and was not written by skopeo or Longshore: it is left as it is`)
  }

  async #checkReadable(folder: string): Promise<void> {
    const version = await this.#tree.read(`${folder}${versionFile}`)
    if (version && !isKnownVersion(version.toString())) throw new LayoutError('LAYOUT_INVALID', `${this.registry}: ${folder}version is not one that is known: 1.0, 1.1 and 1.2 are`)
  }

  /** Nothing, or for a source the error that says what is wrong with its only image. */
  async #absent(repository: RepositoryName): Promise<undefined> {
    if (this.#options.readOnly !== true || repository !== '') return undefined
    const found = await stat(this.#tree.root).catch(() => undefined)
    if (!found) throw new LayoutError('LAYOUT_MISSING', `${this.registry}: there is no such directory`)
    if (!found.isDirectory()) throw new LayoutError('LAYOUT_INVALID', `${this.registry}: is a file; archives are read with oci-archive: or docker-archive:`)
    const isBegun = await this.#tree.find(versionFile) !== undefined
    throw new LayoutError('LAYOUT_INVALID', `${this.registry}: manifest.json is missing, so ${isBegun ? 'the image was not written to its end' : 'this is no image in the format dir:'}`)
  }
}
