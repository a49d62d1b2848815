import type { BlobHost } from './blob-host.ts'

/** What a user of the embedded registry may do. `actions` undefined: everything. */
export interface RegistryUser {
  readonly password: string
  /** Which of the wanted actions (`pull`, `push`, `delete`, `*`) on a repository are granted. */
  readonly grant?: (repository: string, actions: readonly string[]) => readonly string[]
}

export type RegistryAuth =
  | { readonly kind: 'basic'; readonly users: Readonly<Record<string, string>> }
  | {
    readonly kind: 'bearer'
    /** Without users anybody gets a token for everything. */
    readonly users?: Readonly<Record<string, string | RegistryUser>>
    /** Default 300,000. `expires_in` is this in whole seconds, at least 1: below a second, tokens die before they say. */
    readonly tokenTtlMs?: number
    /** What `expires_in` says, where that is not the truth. */
    readonly toldTtlMs?: number
    /** What a token request without credentials is granted where there are users. Default `none`. */
    readonly anonymous?: 'pull' | 'none'
  }

export interface EmbeddedRegistryOptions {
  /** Default 0: any free port. */
  readonly port?: number
  readonly auth?: RegistryAuth
  /** Default true. When false: 404, and no `OCI-Subject` header. */
  readonly referrersApi?: boolean
  /** Default true. When false, a mount is answered 202 and a session. */
  readonly mounts?: boolean
  /** `POST ?digest=` with the whole blob as its body. Default true; when false it opens a session (202), as docker-registry does. */
  readonly singlePost?: boolean
  /** Announced as `OCI-Chunk-Min-Length`, in bytes; a shorter chunk may only be the last. */
  readonly chunkMinLength?: number
  /** In bytes; a longer request body is answered 413. */
  readonly maxBody?: number
  /** Most entries in a page of tags or of the catalog. Default 1,000. */
  readonly pageSize?: number
  /** Default true. When false: 405. */
  readonly deletes?: boolean
  /** With `clientCa` a client certificate is demanded. All PEM. */
  readonly tls?: { readonly key: string; readonly cert: string; readonly clientCa?: string }
  /** The form of `Location` headers. Default `absolute`. */
  readonly location?: 'relative' | 'absolute'
  /** Blob reads are answered 307 to this other host. */
  readonly blobRedirect?: BlobHost
  /** Default false. When true, a PUT to a tag that exists is refused, whatever its content. */
  readonly immutableTags?: boolean
  /** Default true: a manifest whose blobs or children are missing is refused. `subject` is exempt. */
  readonly requireManifestReferences?: boolean
  /** Default false. Takes Docker schema 1 manifests. */
  readonly schema1?: boolean
  /** Default false. Takes an index whose children are missing. */
  readonly acceptSparse?: boolean
  /** Default true: what arrived before an upload broke is kept. False, as docker-registry 2.8: the session is gone. */
  readonly resumableUploads?: boolean
}
