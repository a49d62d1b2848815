import type { Digest } from '@longshore/oci'
import { artifact, cosignSignature, type ImageFormat, image, index, referrersFallback, type SyntheticContent } from './image.ts'
import { layer, type SyntheticBlob } from './blob.ts'
import { kubesphereNames } from './kubesphere-names.ts'
import { Random } from './random.ts'

/** One tag of one repository; without a tag the content is pushed by digest (a referrer). */
export interface CorpusEntry { readonly repository: string; readonly tag?: string; readonly content: SyntheticContent }
export type Corpus = readonly CorpusEntry[]

/** Distinct content, bytes of blobs counted once. */
export function measure(corpus: Corpus): { readonly tags: number; readonly manifests: number; readonly blobs: number; readonly bytes: number } {
  const blobs = new Map<Digest, number>()
  const manifests = new Set<Digest>()
  for (const { content } of corpus) {
    for (const [digest, blob] of content.blobs) blobs.set(digest, blob.size)
    for (const manifest of content.manifests) manifests.add(manifest.digest)
  }
  const bytes = [...blobs.values()].reduce((sum, size) => sum + size, 0)
  return { tags: corpus.filter((entry) => entry.tag !== undefined).length, manifests: manifests.size, blobs: blobs.size, bytes }
}

/** Layers made once, by name, so that images share them. */
function pool(seed: number | string): (name: string, size: number) => SyntheticBlob {
  const made = new Map<string, SyntheticBlob>()
  return (name, size) => {
    let blob = made.get(name)
    if (!blob) made.set(name, blob = layer({ seed: `${seed} ${name}`, size }))
    return blob
  }
}

// Base layers, with what the name of an image that stands on them looks like. Sizes in KiB, about a twentieth of real ones.
const bases: readonly (readonly [name: string, looksLike: RegExp, sizes: readonly number[]])[] = [
  ['distroless', /kube-|k8s-|pause|csi-(?:prov|att|res|snap|node)|snapshot|metrics|rbac|state-metrics|operator/, [340, 90]],
  ['centos7', /centos|s2i|tomcat|nodejs-|python-|java-|builder|jenkins/, [3800, 1900, 700]],
  ['debian', /nginx|wordpress|perl|redis|grafana|filebeat|elastic|fluent/, [1350, 420]],
  ['alpine', /./, [140]],
]

/**
 * The 143 images of KubeSphere 3.1.1's list under their names, with about 200 MB of distinct made-up content: layers
 * shared within and across repositories; OCI and Docker, fifteen of them indexes with attestation children or Docker
 * lists; an artifact; referrers with their fallback tags; cosign signatures, one of them for a child of an index.
 * `scale` multiplies the sizes (1: about 200 MB). The referrers and signatures are entries behind the 143.
 */
export function kubesphereCorpus(seed: number | string = 1, { scale = 1 }: { readonly scale?: number } = {}): Corpus {
  const shared = pool(seed)
  const random = new Random(`kubesphere ${seed}`)
  const kib = (size: number): number => Math.max(32, Math.round(size * 1024 * scale))
  const entries: CorpusEntry[] = []
  for (const [i, { repository, tag }] of kubesphereNames().entries()) {
    const name = repository.slice(repository.indexOf('/') + 1)
    const [base, , baseSizes] = bases.find(([, looksLike]) => looksLike.test(repository)) ?? ['alpine', /./, [140]]
    const below = baseSizes.map((size, level) => shared(`${base}/${level}`, kib(size)))
    // Versions of one repository share a layer above the base, as a program's dependencies do.
    const middle = shared(`${repository}/middle`, kib(80 + random.below(700)))
    const top = kib(120 + random.below(base === 'centos7' ? 2600 : 1500))
    const isMultiPlatform = i % 9 === 4
    const format: ImageFormat = (isMultiPlatform ? i % 27 !== 13 : i % 3 === 0) ? 'oci' : 'docker'
    const created = new Date(Date.UTC(2019, i % 24, 1 + (i % 28)))
    if (i % 41 === 40) {
      entries.push({ repository, tag, content: artifact({ seed: `${seed} ${name}`, artifactType: 'application/vnd.longshore.example.chart', mediaType: 'application/vnd.longshore.example.chart.layer.v1', size: top, configMediaType: 'application/vnd.longshore.example.chart.config.v1+json' }) })
    } else if (isMultiPlatform) {
      const children = [{ architecture: 'amd64' }, { architecture: 'arm64', variant: 'v8' }, { architecture: 'arm', variant: 'v7' }].slice(0, 2 + (i % 2)).map((platform) => image({
        seed: `${seed} ${repository}:${tag} ${platform.architecture}`, format, created, platform: { os: 'linux', ...platform },
        layers: [
          ...(platform.architecture === 'amd64' ? [...below, middle] : [shared(`${base}/${platform.architecture}`, kib(baseSizes[0] ?? 140))]), Math.round(top / 3),
        ],
      }))
      entries.push({ repository, tag, content: index({ children, format, attestations: format === 'oci' }) })
    } else {
      entries.push({ repository, tag, content: image({ seed: `${seed} ${repository}:${tag}`, format, created, layers: [...below, middle, top] }) })
    }
  }
  return [...entries, ...companions(seed, entries)]
}

/** SBOMs that refer to some of the images, listed under the fallback tag, and cosign signatures. */
function companions(seed: number | string, entries: Corpus): Corpus {
  const added: CorpusEntry[] = []
  for (const [i, { repository, content }] of entries.entries()) {
    if (i % 24 === 3) {
      const sboms = ['spdx', 'cyclonedx'].slice(0, 1 + (i % 2)).map((kind) => artifact({
        seed: `${seed} sbom ${kind} ${i}`, artifactType: `application/vnd.${kind}+json`, mediaType: `application/vnd.${kind}+json`, size: 6000 + i,
        subject: content.root, annotations: { 'org.opencontainers.image.created': '2021-06-02T00:00:00Z' },
      }))
      const fallback = referrersFallback(content.root.digest, sboms)
      added.push({ repository, tag: fallback.tag, content: fallback.content })
    }
    const isIndex = content.manifests.length > 1
    if (i % 31 === 7) added.push({ repository, ...cosignSignature(content.root.digest) })
    // cosign sign --recursive signs the images of an index too.
    const [child] = content.manifests
    if (isIndex && child && i % 27 === 4) added.push({ repository, ...cosignSignature(child.digest) })
  }
  return added
}
