// Signatures and the like hang on what they are about. https://github.com/goharbor/harbor/tree/v2.12.0/src/server/middleware/{subject,cosign}
import type { Digest } from '@longshore/oci'
import type { ReadManifest } from './artifact.ts'
import type { Accessory, Artifact } from './model.ts'

const bySubject: Readonly<Record<string, string>> = {
  'application/vnd.cncf.notary.signature': 'signature.notation',
  'application/vnd.dev.cosign.artifact.sig.v1+json': 'signature.cosign',
  'application/vnd.goharbor.harbor.sbom.v1': 'sbom.harbor',
}

/** Of a manifest with a subject, or under cosign's tag; the subject may come later. */
export function accessoryOf(artifact: Artifact, manifest: ReadManifest, tag: string | undefined): Omit<Accessory, 'id' | 'createdAt'> | undefined {
  if (manifest.subject !== undefined) {
    return { subjectDigest: manifest.subject, digest: artifact.digest, size: artifact.size, type: bySubject[manifest.artifactType ?? manifest.configType ?? ''] ?? 'subject.accessory' }
  }
  const [, hex] = /^sha256-([0-9a-f]{64})\.sig$/.exec(tag ?? '') ?? []
  if (hex === undefined || !manifest.layerTypes.includes('application/vnd.dev.cosign.simplesigning.v1+json')) return undefined
  return { subjectDigest: `sha256:${hex}` as Digest, digest: artifact.digest, size: artifact.size, type: 'signature.cosign' }
}
