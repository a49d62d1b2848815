// Signatures that travel beside an image, in the ways of containers/image; the graph knows nothing of them.
import type { Digest, RepositoryName } from '@longshore/oci'
import type { Io } from './transport.ts'

export type Signature =
  /** A GPG message, "simple signing": containers-signature(5). */
  | { readonly kind: 'simple'; readonly bytes: Uint8Array }
  /** A sigstore signature: the payload as a blob, what proves it in annotations (`dev.cosignproject.cosign/signature` and others). */
  | { readonly kind: 'sigstore'; readonly mediaType: string; readonly payload: Uint8Array; readonly annotations: Readonly<Record<string, string>> }

/** A place that keeps signatures of the manifests it has. */
export interface SignatureSource {
  /** In the order in which they were made; empty where there are none. `manifest` is the digest of the very manifest that was signed. */
  signatures(repository: RepositoryName, manifest: Digest, io: Io): Promise<readonly Signature[]>
}

export interface SignatureSink extends SignatureSource {
  /** Adds those that are not there yet. */
  putSignatures(repository: RepositoryName, manifest: Digest, signatures: readonly Signature[], io: Io): Promise<void>
}
