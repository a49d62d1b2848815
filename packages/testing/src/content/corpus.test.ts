import { companionSubject, decodeManifest, type Digest, digestOf, successors } from '@longshore/oci'
import { describe, expect, test } from 'vitest'
import { artifact, bytesOf, image, index, kubesphereCorpus, kubesphereNames, layer, measure, schema1Image, type SyntheticContent } from '../index.ts'

/** Digests and sizes are true, and everything that is referenced is there or exempt. */
function check(content: SyntheticContent): void {
  const seen = new Set<Digest>()
  for (const manifest of content.manifests) {
    const decoded = decodeManifest(manifest.bytes, manifest.mediaType, 'made up')
    expect(decoded.digest).toBe(manifest.digest)
    const needs = successors(decoded)
    for (const blob of needs.blobs) expect([blob.size, -1]).toContain(content.blobs.get(blob.digest)!.size)
    for (const child of needs.manifests) expect(seen.has(child.digest)).toBe(true)
    seen.add(manifest.digest)
  }
  expect(content.manifests.at(-1)).toBe(content.root)
}

test('a layer is the same each time, of the size asked for, and looks like gzip', () => {
  for (const size of [0, 3, 11, 262_144, 300_001]) {
    const made = layer({ seed: 's', size })
    const bytes = bytesOf(made)
    expect([bytes.length, digestOf(bytes)]).toEqual([size, made.digest])
    expect(layer({ seed: 's', size }).digest).toBe(made.digest)
  }
  expect(bytesOf(layer({ seed: 's', size: 99 })).subarray(0, 3)).toEqual(Uint8Array.of(0x1f, 0x8b, 8))
  // Pinned: another machine and another year have to make the same bytes.
  expect(layer({ seed: 1, size: 1000 }).digest).toBe('sha256:41ea641384de6cda159041a2f3ab6b2cc8b30af31338f05cf7803fe292ce7611')
})

describe('content holds together', () => {
  const one = image({ seed: 1, layers: [10, 20] })
  test.each<[string, SyntheticContent]>([
    ['an OCI image', one], ['a Docker image', image({ seed: 2, layers: [30], format: 'docker' })],
    ['an index with attestations', index({ children: [one], attestations: true })], ['a nested index', index({ children: [index({ children: [one] })] })],
    ['an artifact', artifact({ seed: 3, artifactType: 'a/b', mediaType: 'c/d', size: 5, subject: one.root })],
  ])('%s', (_, content) => { check(content) })

  test('schema 1: payload and digest come from the options alone', () => {
    const make = () => schema1Image({ seed: 1, name: 'r', tag: 't', layers: [5] })
    const manifest = make()
    expect(decodeManifest(manifest.root.bytes, manifest.root.mediaType, 'made up').digest).toBe(manifest.root.digest)
    expect(make().root.digest).toBe(manifest.root.digest)
  })
})

describe('the KubeSphere corpus', () => {
  const corpus = kubesphereCorpus(1, { scale: 0.01 })
  test('has the 143 names of the list, then companions', () => {
    const names = kubesphereNames()
    expect(names).toHaveLength(143)
    expect(corpus.slice(0, 143).map(({ repository, tag }) => ({ repository, tag }))).toEqual(names)
    for (const { content } of corpus) check(content)
  })

  test('has every kind of content', () => {
    const count = (mediaType: string): number => corpus.slice(0, 143).filter(({ content }) => content.root.mediaType === mediaType).length
    expect(count('application/vnd.oci.image.index.v1+json')).toBeGreaterThanOrEqual(10)
    expect(count('application/vnd.docker.distribution.manifest.list.v2+json')).toBeGreaterThanOrEqual(3)
    expect(count('application/vnd.docker.distribution.manifest.v2+json')).toBeGreaterThan(50)
    expect(count('application/vnd.oci.image.manifest.v1+json')).toBeGreaterThan(30)
    const manifests = corpus.flatMap(({ content }) => content.manifests.map(({ bytes }) => Buffer.from(bytes).toString()))
    expect(manifests.some((text) => text.includes('attestation-manifest'))).toBe(true)
    expect(manifests.some((text) => text.includes('vnd.longshore.example.chart'))).toBe(true)
    expect(manifests.filter((text) => text.includes('"subject":{')).length).toBeGreaterThan(5)
    const signatures = corpus.filter(({ tag }) => tag?.endsWith('.sig'))
    expect(signatures.length).toBeGreaterThan(5)
    const roots = new Set(corpus.map(({ content }) => content.root.digest))
    const signed = signatures.map(({ tag }) => companionSubject(tag!)!)
    expect(signed.some((digest) => !roots.has(digest) && corpus.some(({ content }) => content.manifests.some((m) => m.digest === digest)))).toBe(true)
  })

  test('shares layers within and across repositories, and is the same for the same seed only', () => {
    const holders = new Map<Digest, Set<string>>()
    let placements = 0
    for (const { repository, content } of corpus) for (const digest of content.blobs.keys()) {
      placements++
      holders.set(digest, (holders.get(digest) ?? new Set()).add(repository))
    }
    expect([...holders.values()].filter((repositories) => repositories.size > 3).length).toBeGreaterThan(3)
    expect(placements).toBeGreaterThan(holders.size * 1.3)
    const roots = (seed: number) => kubesphereCorpus(seed, { scale: 0.01 }).map(({ content }) => content.root.digest)
    expect(roots(1)).toEqual(corpus.map(({ content }) => content.root.digest))
    expect(roots(2)).not.toEqual(roots(1))
  })

  test('weighs what it says', () => {
    const { bytes } = measure(kubesphereCorpus(1))
    expect(bytes).toBeGreaterThan(150e6)
    expect(bytes).toBeLessThan(250e6)
  })
})
