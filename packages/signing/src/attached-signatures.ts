// Every form in which cosign keeps signatures of an image in its repository: the tag `sha256-HEX.sig`, and referrers, by the API or the
// fallback tag. https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md and BUNDLE_SPEC.md
import { type Descriptor, type Digest, referrersTag, type RepositoryName } from '@longshore/oci'
import type { Io, Source } from '@longshore/transfer'
import { readAttachedBlob, readAttachments } from './attachments.ts'
import { SigningError } from './errors.ts'
import { type SigstoreSignature, simpleSigningMediaType } from './sigstore.ts'

const signatureArtifactType = 'application/vnd.dev.cosign.artifact.sig.v1+json'
const bundlePattern = /^application\/vnd\.dev\.sigstore\.bundle(?:\.v0\.\d+)?\+json(?:;version=0\.\d+)?$/

/** What cosign 3 writes into a fallback list: its type of the config, not the manifest's artifactType. test/e2e/cosign.test.ts holds this. */
const emptyType = 'application/vnd.oci.empty.v1+json'

/** `sigstore`: a payload and what signs it. `bundle`: sigstore's own file, which holds both. */
export type AttachedSignature = SigstoreSignature | { readonly kind: 'bundle'; readonly bytes: Uint8Array }

/** Referrers that are looked at; what has more was not made by signing. */
const maxReferrers = 64

/**
 * As they are asked for: first what is under the tag, then, when more is wanted, the referrers.
 * @throws what `source` throws, SigningError SIGNATURE_STORE when what should hold signatures does not
 */
export async function* attachedSignatures(source: Source, repository: RepositoryName, manifest: Digest, io: Io): AsyncGenerator<AttachedSignature, void, void> {
  yield* await readAttachments(source, repository, manifest, io)
  let looked = 0
  for (const { digest, artifactType } of await referrersOf(source, repository, manifest, io)) {
    if (artifactType !== undefined && artifactType !== signatureArtifactType && artifactType !== emptyType && !bundlePattern.test(artifactType)) continue
    if (++looked > maxReferrers) throw new SigningError('SIGNATURE_STORE', `more than ${maxReferrers} referrers of ${manifest} may be signatures`)
    const referrer = await source.manifest(repository, digest, io)
    if (referrer?.kind !== 'image') continue
    for (const layer of referrer.layers) {
      if (layer.mediaType === simpleSigningMediaType) {
        yield { kind: 'sigstore', mediaType: layer.mediaType, payload: await readAttachedBlob(source, repository, layer, io), annotations: layer.annotations ?? {} }
      } else if (bundlePattern.test(layer.mediaType)) yield { kind: 'bundle', bytes: await readAttachedBlob(source, repository, layer, io) }
    }
  }
}

async function referrersOf(source: Source, repository: RepositoryName, manifest: Digest, io: Io): Promise<readonly Descriptor[]> {
  const listed = await source.referrers(repository, manifest, io)
  if (listed) return listed
  const fallback = await source.manifest(repository, referrersTag(manifest), io)
  return fallback?.kind === 'index' ? fallback.manifests : []
}
