import { rm } from 'node:fs/promises'
import { algorithmOf, type Descriptor, type Digest, hexOf, placeOf } from '@longshore/oci'
import type { Content, Io, Opener, PushOptions } from '@longshore/transfer'
import { readBlobFile, writeBlobFile } from '../blob-file.ts'
import type { LayoutOptions } from '../layout.ts'
import { Tree } from '../tree.ts'
import { IndexFile } from './index-file.ts'
import type { OciStore } from './store.ts'

/** Everything is visible once it is written, and nothing is held. */
export class FolderStore implements OciStore {
  readonly index: IndexFile
  readonly #options: LayoutOptions
  readonly #blobs: Tree

  constructor(registry: string, options: LayoutOptions) {
    const tree = new Tree(registry, placeOf(registry))
    this.#options = options
    this.#blobs = options.sharedBlobDir === undefined ? tree : new Tree(`${registry} (shared blobs)`, options.sharedBlobDir)
    this.index = new IndexFile(tree, options.readOnly ?? false)
  }

  async size(digest: Digest): Promise<number | undefined> { return (await this.#blobs.find(this.#name(digest)))?.size }

  read(digest: Digest): Promise<Uint8Array | undefined> { return this.#blobs.read(this.#name(digest)) }

  async content(digest: Digest, options: Io & { readonly offset?: number }): Promise<Content | undefined> {
    const file = await this.#blobs.find(this.#name(digest))
    return file && await readBlobFile(this.#blobs, file, options)
  }

  async write(desc: Descriptor, open: Opener, options: PushOptions): Promise<void> {
    await writeBlobFile(this.#blobs, this.#name(desc.digest), desc, open, { ...options, trustLinked: this.#options.trustLinked ?? false })
  }

  async put(digest: Digest, bytes: Uint8Array): Promise<void> { await this.#blobs.write(this.#name(digest), bytes) }
  async remove(digest: Digest): Promise<void> { await rm(this.#blobs.path(this.#name(digest)), { force: true }) }
  async finish(): Promise<void> { /* everything is visible since it was put */ }
  async [Symbol.asyncDispose](): Promise<void> { /* nothing is held */ }

  #name(digest: Digest): string {
    const name = `${algorithmOf(digest)}/${hexOf(digest)}`
    return this.#options.sharedBlobDir === undefined ? `blobs/${name}` : name
  }
}
