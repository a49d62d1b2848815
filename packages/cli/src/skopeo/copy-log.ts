// What skopeo copy prints on stdout where it is no terminal, one line for each step. The lines are those of containers/image.
import { type Descriptor, type Digest, type Manifest, MediaType } from '@longshore/oci'

const configTypes: ReadonlySet<string> = new Set([MediaType.dockerConfig, MediaType.ociConfig])

/** The lines of one run. Blobs are told as they arrive; what was there already is told with the others, as skopeo does. */
export class CopyLog {
  readonly #write: (line: string) => void
  readonly #told = new Set<Digest>()

  constructor(write: (line: string) => void) { this.#write = write }

  begin(isList: boolean): void { this.#write(isList ? 'Getting image list signatures' : 'Getting image source signatures') }

  /** A configuration is told with its manifest. */
  blob({ digest, mediaType }: Descriptor): void {
    if (this.#told.has(digest) || configTypes.has(mediaType)) return
    this.#told.add(digest)
    this.#write(`Copying blob ${digest}`)
  }

  /** An image's manifest is at the destination. */
  image(manifest: Manifest): void {
    if (manifest.kind === 'index') {
      this.#write('Writing manifest list to image destination')
      return
    }
    for (const layer of manifest.layers) this.blob(layer)
    if (manifest.kind === 'image' && manifest.config && !this.#told.has(manifest.config.digest)) {
      this.#told.add(manifest.config.digest)
      this.#write(`Copying config ${manifest.config.digest}`)
    }
    this.#write('Writing manifest to image destination')
  }

  end(isList: boolean): void { this.#write(isList ? 'Storing list signatures' : 'Storing signatures') }
}
