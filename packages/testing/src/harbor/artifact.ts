// What Harbor makes of a manifest that was pushed. https://github.com/goharbor/harbor/blob/v2.12.0/src/controller/artifact/abstractor.go
import { type Digest, isForeignLayerType, isIndexType, isSchema1Type } from '@longshore/oci'
import { HarborRefusal } from './harbor-error.ts'
import type { HarborState } from './harbor-state.ts'
import type { Artifact, Project, Reference, Repository } from './model.ts'

interface WireDescriptor {
  readonly mediaType?: string
  readonly digest: Digest
  readonly size?: number
  readonly platform?: unknown
  readonly annotations?: Readonly<Record<string, string>>
}

/** A manifest as far as Harbor reads it. */
export interface ReadManifest {
  readonly mediaType: string
  readonly configType: string | undefined
  readonly artifactType: string | undefined
  readonly annotations: Readonly<Record<string, string>> | undefined
  readonly subject: Digest | undefined
  readonly layerTypes: readonly string[]
  /** What it needs in the project, in bytes; foreign layers and an index's children do not count. */
  readonly blobs: readonly (readonly [Digest, number])[]
  readonly references: readonly Reference[]
}

/** @throws HarborRefusal 400 */
export function readManifest(bytes: Uint8Array, contentType: string): ReadManifest {
  let json: {
    readonly config?: WireDescriptor
    readonly layers?: readonly WireDescriptor[]
    readonly manifests?: readonly WireDescriptor[]
    readonly fsLayers?: readonly { readonly blobSum: Digest }[]
    readonly subject?: WireDescriptor
    readonly artifactType?: string
    readonly annotations?: Readonly<Record<string, string>>
  }
  try {
    json = JSON.parse(Buffer.from(bytes).toString()) as typeof json
  } catch {
    throw new HarborRefusal('MANIFEST_INVALID', 'manifest invalid')
  }
  const mediaType = (contentType.split(';')[0] ?? '').trim()
  const { config, layers = [], manifests = [], fsLayers = [] } = json
  return {
    mediaType, configType: config?.mediaType, artifactType: json.artifactType, annotations: json.annotations, subject: json.subject?.digest,
    layerTypes: layers.map((layer) => layer.mediaType ?? ''),
    blobs: [
      ...[...(config ? [config] : []), ...layers].filter((part) => !isForeignLayerType(part.mediaType ?? '')).map((part) => [part.digest, part.size ?? 0] as const),
      ...fsLayers.map(({ blobSum }) => [blobSum, 0] as const),
    ],
    references: manifests.map(({ digest, platform, annotations }) => ({
      digest, ...(platform === undefined ? {} : { platform }), ...(annotations === undefined ? {} : { annotations }),
    })),
  }
}

export function ensureRepository(state: HarborState, project: Project, name: string): Repository {
  const found = state.repositories.get(name)
  if (found) return found
  const now = Date.now()
  const repository: Repository = {
    id: state.nextId('repository'), projectId: project.id, name, description: '', pullCount: 0, artifacts: new Map(), tags: new Map(), accessories: new Map(),
    createdAt: now, updatedAt: now,
  }
  state.repositories.set(name, repository)
  return repository
}

export function ensureArtifact(
  state: HarborState, project: Project, repository: Repository, digest: Digest, bytes: Uint8Array, manifest: ReadManifest,
): Artifact {
  const blobs = new Map([...manifest.blobs.map(([blob, size]) => [blob, project.blobs.get(blob) ?? size] as const), [digest, bytes.byteLength] as const])
  for (const [blob, size] of blobs) project.blobs.set(blob, size)
  const found = repository.artifacts.get(digest)
  if (found) return found
  const children = manifest.references.map((reference) => repository.artifacts.get(reference.digest)?.size ?? 0)
  const mediaType = mediaTypeOf(manifest)
  const artifact: Artifact = {
    id: state.nextId('artifact'), digest, manifestMediaType: manifest.mediaType, mediaType,
    artifactType: manifest.artifactType ?? mediaType, type: typeOf(mediaType),
    size: [...blobs.values(), ...children].reduce((sum, size) => sum + size, 0), manifestSize: bytes.byteLength,
    annotations: manifest.annotations, references: manifest.references, blobs, labels: new Set(), pushedAt: Date.now(), pulledAt: undefined, scan: undefined,
  }
  repository.artifacts.set(digest, artifact)
  repository.updatedAt = artifact.pushedAt
  return artifact
}

function mediaTypeOf({ mediaType, configType, annotations }: ReadManifest): string {
  if (isIndexType(mediaType)) return annotations?.['org.opencontainers.artifactType'] ?? mediaType
  if (annotations?.['module.wasm.image/variant'] === 'compat' || annotations?.['run.oci.handler'] === 'wasm') return 'application/vnd.wasm.config.v1+json'
  return configType ?? mediaType
}

const imageTypes = new Set(['application/vnd.docker.container.image.v1+json', 'application/vnd.oci.image.config.v1+json'])

/** `IMAGE`, `CHART`, …; of what Harbor does not know, the word that its media type has. */
function typeOf(mediaType: string): string {
  if (imageTypes.has(mediaType) || isIndexType(mediaType) || isSchema1Type(mediaType)) return 'IMAGE'
  if (mediaType === 'application/vnd.cncf.helm.config.v1+json') return 'CHART'
  if (mediaType === 'application/vnd.goharbor.harbor.sbom.v1') return 'SBOM'
  return /^application\/vnd\.[^.]*\.(.*)\.config\.[^.]*\+json$/.exec(mediaType)?.[1]?.toUpperCase() ?? (mediaType.startsWith('application/vnd.wasm.config') ? 'WASM' : 'UNKNOWN')
}

/** Points the tag there; its push time is that of the change. */
export function ensureTag(state: HarborState, repository: Repository, artifact: Artifact, name: string): void {
  const tag = repository.tags.get(name)
  if (!tag) repository.tags.set(name, { id: state.nextId('tag'), name, digest: artifact.digest, pushedAt: Date.now(), pulledAt: undefined })
  else if (tag.digest !== artifact.digest) {
    tag.digest = artifact.digest
    tag.pushedAt = Date.now()
  }
}
