// Where an OCI image layout keeps its blobs and its index: a folder (`oci:`) or a tar file (`oci-archive:`).
import type { Descriptor, Digest } from '@longshore/oci'
import type { Content, Io, Opener, PushOptions } from '@longshore/transfer'
import type { OciIndex } from './index-file.ts'

export interface OciStore extends AsyncDisposable {
  readonly index: OciIndex
  /** In bytes; `undefined` when it is not there. */
  size(digest: Digest): Promise<number | undefined>
  /** A small blob, whole. */
  read(digest: Digest): Promise<Uint8Array | undefined>
  content(digest: Digest, options: Io & { readonly offset?: number }): Promise<Content | undefined>
  /** @throws SizeMismatchError, LayoutError; nothing of the blob is left then */
  write(desc: Descriptor, open: Opener, options: PushOptions): Promise<void>
  put(digest: Digest, bytes: Uint8Array): Promise<void>
  remove(digest: Digest): Promise<void>
  finish(): Promise<void>
}
