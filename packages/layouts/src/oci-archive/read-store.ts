import { algorithmOf, type Digest, hexOf, placeOf } from '@longshore/oci'
import type { Content, Io } from '@longshore/transfer'
import { LayoutError } from '../errors.ts'
import type { LayoutOptions } from '../layout.ts'
import { checkLayoutVersion, type Entry, type OciIndex, parseIndex } from '../oci/index-file.ts'
import type { OciStore } from '../oci/store.ts'
import { TarFile } from '../tar/tar-file.ts'

interface Opened { readonly tar: TarFile; readonly entries: readonly Entry[] }

export class ArchiveReadStore implements OciStore {
  readonly index: OciIndex
  readonly #registry: string
  readonly #options: LayoutOptions
  readonly #stop = new AbortController()
  #opened: Promise<Opened> | undefined

  constructor(registry: string, options: LayoutOptions) {
    this.#registry = registry
    this.#options = options
    this.index = { entries: async () => (await this.#open()).entries, update: () => Promise.reject(this.#refusal()) }
  }

  async size(digest: Digest): Promise<number | undefined> { return (await this.#open()).tar.index.file(nameOf(digest))?.size }

  async read(digest: Digest): Promise<Uint8Array | undefined> { return await (await this.#open()).tar.document(nameOf(digest)) }

  async content(digest: Digest, { signal, offset = 0 }: Io & { readonly offset?: number }): Promise<Content | undefined> {
    const { tar } = await this.#open()
    const entry = tar.index.file(nameOf(digest))
    return entry && tar.content(entry, offset, signal)
  }

  write(): Promise<never> { return Promise.reject(this.#refusal()) }
  put(): Promise<never> { return Promise.reject(this.#refusal()) }
  remove(): Promise<never> { return Promise.reject(this.#refusal()) }
  async finish(): Promise<void> { await this[Symbol.asyncDispose]() }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new LayoutError('LAYOUT_REFUSED', `${this.#registry} was closed`))
    const opened = await this.#opened?.catch(() => undefined)
    await opened?.tar[Symbol.asyncDispose]()
  }

  /** Once, for all who ask: it is not given up with the first of them, only with the store. */
  #open(): Promise<Opened> { return this.#opened ??= openArchive(this.#registry, { ...this.#options, signal: this.#stop.signal }) }
  #refusal(): LayoutError { return new LayoutError('LAYOUT_REFUSED', `${this.#registry} was opened to be read`) }
}

async function openArchive(registry: string, options: LayoutOptions & Io): Promise<Opened> {
  const tar = await TarFile.open(placeOf(registry), registry, options)
  try {
    const version = await tar.document('oci-layout')
    const index = await tar.document('index.json')
    if (version === undefined || index === undefined) {
      const other = tar.index.file('manifest.json') ? '; this is an archive of docker: read it as docker-archive:PATH' : ''
      throw new LayoutError('LAYOUT_INVALID', `${registry}: ${version === undefined ? 'oci-layout' : 'index.json'} is missing, so this is no OCI archive${other}`)
    }
    checkLayoutVersion(version, registry)
    return { tar, entries: parseIndex(index, registry).manifests }
  } catch (error) {
    await tar[Symbol.asyncDispose]()
    throw error
  }
}

/** OCI image-spec v1.1.1, image-layout.md#blobs. */
export function nameOf(digest: Digest): string { return `blobs/${algorithmOf(digest)}/${hexOf(digest)}` }
