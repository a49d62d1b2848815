import type { RepositoryName, Tag } from '@longshore/oci'
import type { Io, Source, Target } from '@longshore/transfer'

/** A place on this machine that is read like a registry. All failures are `LayoutError`s, or name themselves. */
export interface LayoutSource extends Source, AsyncDisposable {}

/** One that is written to as well. What was put is there for others at once, or, where the format is one file, after `finish`. */
export interface Layout extends LayoutSource, Target {
  /**
   * Makes everything that was put visible, as one step where the format allows it. Nothing after it. An archive without a manifest
   * is not made at all. Disposing without it leaves what was there before.
   */
  finish(): Promise<void>
}

/** One from which images can be taken away. */
export interface DeletableLayout extends Layout {
  /**
   * Takes a reference away, and what nothing else in the place needs. Answers whether it was there.
   * @throws LayoutError
   */
  deleteReference(repository: RepositoryName, reference: Tag, io: Io): Promise<boolean>
}

/** Options of archives: places that are one file. */
export interface ArchiveOptions {
  /** Where an archive that is compressed is unpacked, and content of unknown size waits. Default: $TMPDIR, else /var/tmp. */
  readonly tmpdir?: string
  /** The most that compressed content may unpack to, in bytes. By default 100 times its size, and at least 16 GiB. */
  readonly maxUnpackedBytes?: number
  /** The most entries that a tar file may have. Default 250,000. */
  readonly maxEntries?: number
  /** `docker-archive:`, written: further names, `name:tag`, that every image gets which is put (skopeo's `--additional-tag`). */
  readonly additionalTags?: readonly string[]
  /**
   * `docker-archive:`, read: names the layers in manifests as skopeo does, as gzip, though they are not compressed. The manifest then
   * has the digest that skopeo shows. Default false.
   */
  readonly layersAsSkopeo?: boolean
}

export interface LayoutOptions extends ArchiveOptions {
  /** The place is a source: that it is absent is an error (LAYOUT_MISSING), and nothing is written. Default false. */
  readonly readOnly?: boolean
  /** Takes an index whose children were left out (the platform policy `sparse`). Default false: such an index is refused. */
  readonly sparse?: boolean
  /** A file that is linked rather than copied is not read, and so not checked against its digest. Default false. */
  readonly trustLinked?: boolean
  /** `oci:`: blobs are in this directory, `<algorithm>/<hex>`, for many layouts (skopeo's `--src-shared-blob-dir`, `--dest-shared-blob-dir`). */
  readonly sharedBlobDir?: string
}
