// What the algorithm asks of a place that holds content. Absence is an outcome (`undefined`, `false`), not an error.
import type { Descriptor, Digest, Manifest, RepositoryName, Tag } from '@longshore/oci'

export interface Io { readonly signal: AbortSignal }

/** Bytes that arrive; disposing of it frees the connection, whether or not all of it was read. */
export type Content = AsyncIterable<Uint8Array> & AsyncDisposable

/** Opens fresh content from byte `offset` on. A push calls it as often as it has to send again. */
export type Opener = (offset: number) => Promise<Content>

export type PushOutcome = 'pushed' | 'mounted' | 'existed'

/** A place to read from: `docker://`, later `oci:` and the others. All failures are `RegistryError` or `ConnectionError`. */
export interface Source {
  /** `host[:port]`, as the user wrote it. */
  readonly registry: string
  /** Every tag, all pages; `undefined` when the repository does not exist. */
  tags(repository: RepositoryName, io: Io): Promise<readonly Tag[] | undefined>
  /** What a reference names, without counting as a pull (a `HEAD`); `undefined` when there is no such manifest. */
  resolve(repository: RepositoryName, reference: Tag | Digest, io: Io): Promise<Descriptor | undefined>
  /**
   * The manifest itself (a `GET`), its digest checked when `reference` is one; `undefined` when there is no such manifest.
   * @throws ManifestTooLargeError, DigestMismatchError, InvalidManifestError
   */
  manifest(repository: RepositoryName, reference: Tag | Digest, io: Io): Promise<Manifest | undefined>
  /** Whether the repository holds this blob (a `HEAD`). "May not ask" (401, 403) counts as no. */
  exists(repository: RepositoryName, desc: Descriptor, io: Io): Promise<boolean>
  /**
   * The blob's bytes from `offset` on. A connection that breaks is taken up again by `Range`, out of sight;
   * the bytes are not yet checked against the digest. With `url` they are read from there, without credentials: a foreign
   * layer's own place. @throws RegistryError 404 when it is not there.
   */
  blob(repository: RepositoryName, desc: Descriptor, options: Io & { readonly offset?: number; readonly url?: string }): Promise<Content>
  /** Descriptors of the manifests whose `subject` this is, by the referrers API; `undefined` where there is no such API. */
  referrers(repository: RepositoryName, subject: Digest, io: Io): Promise<readonly Descriptor[] | undefined>
  /** Every repository, as the catalog pages arrive. */
  catalog(io: Io): AsyncIterable<string>
}

export interface PushOptions extends Io {
  /** Repositories of this registry that hold the blob: tried as mounts, in order. */
  readonly mountFrom?: readonly RepositoryName[]
  /** The repository may already hold the blob: ask before sending. When false, asking would be a wasted request. */
  readonly mayExist?: boolean
  /** Called with the number of bytes as they are sent; a negative number takes back what has to be sent again. */
  readonly onSent?: (bytes: number) => void
}

/** A place that can be written to as well. */
export interface Target extends Source {
  /** Makes the blob true in the repository: exists, mounted, or uploaded. Owns the retries of the upload. */
  push(repository: RepositoryName, desc: Descriptor, open: Opener, options: PushOptions): Promise<PushOutcome>
  /**
   * Puts a manifest under a tag or its digest. `subjectTaken`: the registry keeps its referrers itself (`OCI-Subject`).
   * @throws RegistryError MANIFEST_BLOB_UNKNOWN when something it references is missing.
   */
  put(repository: RepositoryName, manifest: Manifest, reference: Tag | Digest, io: Io): Promise<{ readonly subjectTaken: boolean }>
}

/** Content over which a limit, a meter or a check is laid. */
export function wrapContent(content: Content, wrap: (bytes: Content) => AsyncIterable<Uint8Array>): Content {
  return {
    [Symbol.asyncIterator]: () => wrap(content)[Symbol.asyncIterator](),
    [Symbol.asyncDispose]: () => content[Symbol.asyncDispose](),
  }
}
