// An image made up of file systems in tar files, as containers/image's transport of this name makes it (tarball/tarball_src.go).
import {
  decodeManifest, type Descriptor, descriptorOf, type Digest, digestOf, hexOf, type Manifest, MediaType, placeOf, type RepositoryName, type Tag,
} from '@longshore/oci'
import type { Content, Io } from '@longshore/transfer'
import { LayoutError } from '../errors.ts'
import type { LayoutSource } from '../layout.ts'
import { blobUnknown } from '../problem.ts'
import { readRange } from '../tar/spool.ts'
import type { TarOptions } from '../tar/tar-file.ts'
import { readLayer, type TarballLayer } from './tarball-layer.ts'

export interface TarballOptions extends TarOptions {
  /** What the file `-` is; the standard input of the process by default. */
  readonly stdin?: AsyncIterable<Uint8Array>
}

/**
 * @param registry `tarball:/a.tar[:/b.tar…]`, the lowest layer first
 * @throws LayoutError LAYOUT_MISSING, LAYOUT_INVALID, ARCHIVE_HOSTILE
 */
export async function openTarball(registry: string, options: TarballOptions): Promise<LayoutSource> {
  const paths = placeOf(registry).split(':')
  if (paths.filter((path) => path === '-').length > 1) throw new LayoutError('LAYOUT_INVALID', `${registry}: the standard input can be read once`)
  const layers: TarballLayer[] = []
  try {
    for (const path of paths) layers.push(await readLayer(path, options.stdin ?? process.stdin, options))
    return new TarballSource(registry, layers)
  } catch (error) {
    for (const { handle } of layers) await handle.close()
    throw error
  }
}

class TarballSource implements LayoutSource {
  readonly registry: string
  readonly #layers: readonly TarballLayer[]
  readonly #config: Buffer
  readonly #manifest: Manifest

  constructor(registry: string, layers: readonly TarballLayer[]) {
    this.registry = registry
    this.#layers = layers
    this.#config = Buffer.from(JSON.stringify(configOf(layers)))
    const json = {
      schemaVersion: 2,
      config: { mediaType: MediaType.ociConfig, digest: digestOf(this.#config), size: this.#config.byteLength },
      layers: layers.map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
    }
    this.#manifest = decodeManifest(Buffer.from(JSON.stringify(json)), MediaType.ociManifest, registry)
  }

  tags(): Promise<readonly Tag[]> { return Promise.resolve(['@0' as Tag]) }

  async resolve(repository: RepositoryName, reference: Tag | Digest): Promise<Descriptor | undefined> {
    const manifest = await this.manifest(repository, reference)
    return manifest && descriptorOf(manifest)
  }

  manifest(_: RepositoryName, reference: Tag | Digest): Promise<Manifest | undefined> {
    return Promise.resolve(['', '@0', this.#manifest.digest].includes(reference) ? this.#manifest : undefined)
  }

  exists(_: RepositoryName, { digest }: Descriptor): Promise<boolean> {
    return Promise.resolve(digest === digestOf(this.#config) || this.#layers.some((layer) => layer.digest === digest))
  }

  blob(_: RepositoryName, { digest }: Descriptor, { signal, offset = 0 }: Io & { readonly offset?: number }): Promise<Content> {
    if (digest === digestOf(this.#config)) return Promise.resolve(once(this.#config.subarray(offset)))
    const layer = this.#layers.find((each) => each.digest === digest)
    if (layer === undefined) return Promise.reject(blobUnknown(this.registry, digest))
    return Promise.resolve(readRange(layer.handle, offset, layer.size, layer.what, signal))
  }

  referrers(): Promise<undefined> { return Promise.resolve(undefined) }
  async *catalog(): AsyncGenerator<string> { yield '' }
  async [Symbol.asyncDispose](): Promise<void> { for (const { handle } of this.#layers) await handle.close() }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> { yield bytes }

const goArchitectures: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', ppc64: 'ppc64le', loong64: 'loong64' }

/** For the machine that we run on, made when the youngest file was; keys in Go's order. */
function configOf(layers: readonly TarballLayer[]): object {
  return {
    created: layers.map(({ modified }) => modified).reduce((a, b) => (Date.parse(a) < Date.parse(b) ? b : a)),
    architecture: goArchitectures[process.arch] ?? process.arch,
    os: process.platform === 'win32' ? 'windows' : process.platform,
    config: {},
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map(({ modified, diffId }) => ({ created: modified, created_by: `/bin/sh -c #(nop) ADD file:${hexOf(diffId)} in /`, comment: 'imported from tarball' })),
  }
}
