// What the algorithm asks of a place that holds content. Absence is an outcome (`undefined`, `false`), not an error.
import type { Descriptor, Digest, Manifest, RepositoryName, Tag } from '@longshore/oci'

export interface Io { readonly signal: AbortSignal }

/** Bytes that arrive; disposing of it frees the connection, whether or not all of it was read. */
export type Content = AsyncIterable<Uint8Array> & AsyncDisposable & {
  /** The file on this machine that is being read, from its beginning, and is nothing but this blob: it can be linked in place of copied. */
  readonly file?: string | undefined
}

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
  /** What else the registry tells of its content; `undefined` where it has no such interface, which one request finds out. */
  inventory?(io: Io): Promise<Inventory | undefined>
}

/** What a registry's own interface tells beside the registry protocol. Accounts that may not read the catalog may read this. */
export interface Inventory {
  /** The first components of repositories' names, as far as the account sees them. */
  namespaces(io: Io): AsyncIterable<string>
  /** Whole names of the repositories of one namespace, each once. */
  repositories(namespace: string, io: Io): AsyncIterable<string>
  /** Tags without those of signatures and the like; none where there is no such repository. */
  tags(repository: RepositoryName, io: Io): Promise<readonly InventoryTag[]>
}

export interface InventoryTag {
  readonly tag: Tag
  /** When the tag came to name what it names. */
  readonly pushedAt?: Date
  readonly labels: readonly string[]
}

/** How far an upload session is known to have come. `location` is a path of the registry, or a URL where sessions live elsewhere. */
export interface UploadPoint { readonly location: string; readonly offset: number }

/** Where an upload stands, kept outside this process, so that another can go on with it (docs/adr/0008). */
export interface Checkpoint {
  /** What an earlier process left of this blob's upload in this repository. Only a hint: the registry is asked where the session stands. */
  readonly saved: UploadPoint | undefined
  /**
   * Called when a session was opened, and whenever the registry has acknowledged more of it; never twice at once. Content flows
   * on meanwhile; the last call is awaited before the push ends. A rejection costs whoever goes on bytes, and this push nothing.
   */
  save(at: UploadPoint): Promise<void>
  /** Once aborted, the upload stops at the end of its current part, and the push rejects with the signal's reason. */
  readonly handOver?: AbortSignal
}

export interface PushOptions extends Io {
  /** Repositories of this registry that hold the blob: tried as mounts, in order. */
  readonly mountFrom?: readonly RepositoryName[]
  /** The repository may already hold the blob: ask before sending. When false, asking would be a wasted request. */
  readonly mayExist?: boolean
  /**
   * Called with the number of bytes as they are sent; a negative number takes back what has to be sent again. What an earlier
   * process had sent is told at once.
   */
  readonly onSent?: (bytes: number) => void
  /** Makes a large blob's upload one that another process can go on with. Its session then outlives an abort of `signal`. */
  readonly checkpoint?: Checkpoint
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
  /**
   * Deletes a tag and leaves what it names. `unsupported`: manifests can be deleted there, but not tags alone. `held`: a rule of the place keeps the
   * tag, in its own words. Absent where nothing can be deleted.
   * @throws RegistryError
   */
  untag?(repository: RepositoryName, tag: Tag, io: Io): Promise<'deleted' | 'absent' | 'unsupported' | { readonly held: string }>
  /** Why the place would not let the tag go, before anybody tries: a rule of its own. Absent, or `undefined`: nothing is known against it. */
  holds?(repository: RepositoryName, tag: Tag, io: Io): Promise<string | undefined>
  /** Deletes a manifest, and with it every tag that names it; `false` when it is not there. @throws RegistryError 405 where nothing may be deleted */
  remove?(repository: RepositoryName, digest: Digest, io: Io): Promise<boolean>
}

/** Content over which a limit, a meter or a check is laid. */
export function wrapContent(content: Content, wrap: (bytes: Content) => AsyncIterable<Uint8Array>): Content {
  return {
    [Symbol.asyncIterator]: () => wrap(content)[Symbol.asyncIterator](),
    [Symbol.asyncDispose]: () => content[Symbol.asyncDispose](),
  }
}
