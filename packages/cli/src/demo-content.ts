// A small world for the demo: bases that images share, sizes like real ones scaled down, a multi-platform index with its
// attestation, a signature. The same bytes each time.
import { createCipheriv, createHash } from 'node:crypto'
import { type Descriptor, type Digest, MediaType, referrersTag } from '@longshore/oci'

/** What the demo needs of a registry. */
export interface SeedTarget {
  putBlob(repository: string, content: Uint8Array): Digest
  putManifest(repository: string, bytes: Uint8Array, mediaType: string, tag?: string): Digest
}

const apps = ['web/frontend', 'web/gateway', 'shop/cart', 'shop/checkout', 'shop/catalog', 'data/ingest', 'data/report', 'platform/auth', 'platform/mailer']
const tags = ['1.0.0', '1.1.0', '1.2.0', '2.0.0'] as const

/** In the order in which they are listed. */
export const demoImages: readonly string[] = [...apps.flatMap((app) => tags.map((tag) => `${app}:${tag}`)), 'tools/cli:latest']

export function seedDemo(registry: SeedTarget): void {
  const bases = [blob('base/debian', 6_000_000), blob('base/alpine', 1_500_000), blob('base/runtime', 4_000_000)]
  for (const [i, app] of apps.entries()) {
    const shared = bases[i % 2] ?? Buffer.alloc(0)
    const runtime = bases[2] ?? Buffer.alloc(0)
    const libraries = blob(`${app}/libraries`, 900_000 + i * 150_000)
    for (const [version, tag] of tags.entries()) {
      const code = blob(`${app}/${tag}`, 300_000 + ((i * 7 + version * 13) % 9) * 60_000)
      const image = putImage(registry, app, 'amd64', [shared, runtime, libraries, code], tag)
      if (version === tags.length - 1) sign(registry, app, image)
    }
  }
  putIndex(registry, 'tools/cli', 'latest')
}

function putImage(registry: SeedTarget, repository: string, architecture: string, layers: readonly Uint8Array[], tag?: string): Descriptor {
  const config = put(registry, repository, MediaType.ociConfig, Buffer.from(JSON.stringify({ os: 'linux', architecture, rootfs: { type: 'layers', diff_ids: [] }, repository, tag })))
  return putManifest(registry, repository, MediaType.ociManifest, {
    schemaVersion: 2, mediaType: MediaType.ociManifest, config, layers: layers.map((layer) => put(registry, repository, MediaType.ociLayer, layer)),
  }, tag)
}

function putIndex(registry: SeedTarget, repository: string, tag: string): void {
  const manifests = ['amd64', 'arm64'].flatMap((architecture) => {
    const image = putImage(registry, repository, architecture, [blob(`${repository}/${architecture}`, 1_200_000)])
    const statement = putManifest(registry, repository, MediaType.ociManifest, {
      schemaVersion: 2, mediaType: MediaType.ociManifest, config: put(registry, repository, MediaType.ociConfig, Buffer.from('{}')),
      layers: [put(registry, repository, 'application/vnd.in-toto+json', Buffer.from(JSON.stringify({ about: image.digest })))],
    })
    return [
      { ...image, platform: { os: 'linux', architecture } },
      {
        ...statement, platform: { os: 'unknown', architecture: 'unknown' },
        annotations: { 'vnd.docker.reference.type': 'attestation-manifest', 'vnd.docker.reference.digest': image.digest },
      },
    ]
  })
  putManifest(registry, repository, MediaType.ociIndex, { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests }, tag)
}

/** As cosign does it: a tag made of the digest. */
function sign(registry: SeedTarget, repository: string, subject: Descriptor): void {
  putManifest(registry, repository, MediaType.ociManifest, {
    schemaVersion: 2, mediaType: MediaType.ociManifest, config: put(registry, repository, MediaType.ociConfig, Buffer.from('{}')),
    layers: [put(registry, repository, 'application/vnd.dev.cosign.simplesigning.v1+json', Buffer.from(JSON.stringify({ about: subject.digest })))],
  }, `${referrersTag(subject.digest)}.sig`)
}

function put(registry: SeedTarget, repository: string, mediaType: string, bytes: Uint8Array): Descriptor {
  return { mediaType, digest: registry.putBlob(repository, bytes), size: bytes.byteLength }
}

function putManifest(registry: SeedTarget, repository: string, mediaType: string, json: object, tag?: string): Descriptor {
  const bytes = Buffer.from(JSON.stringify(json))
  return { mediaType, digest: registry.putManifest(repository, bytes, mediaType, tag), size: bytes.byteLength }
}

/** Bytes that do not compress, from a name. */
function blob(name: string, size: number): Buffer {
  const key = createHash('sha256').update(name).digest()
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(size))
}
