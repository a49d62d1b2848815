// Kinds of content, between real registries: what old, foreign and partial images become.
import { artifact, image, index, layer, schema1Image, seed, startDockerRegistry, assertIntact, type Corpus, type DockerRegistry } from '@longshore/testing'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { longshore } from './cli-process.ts'

const insecure = ['--src-tls-verify=false', '--dest-tls-verify=false']
let source: DockerRegistry
let destination: DockerRegistry
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longshore-content-'))
  source = await startDockerRegistry({ schema1: true })
  destination = await startDockerRegistry({ schema1: true })
})
afterAll(async () => {
  await Promise.all([source?.[Symbol.asyncDispose](), destination?.[Symbol.asyncDispose]()])
  await rm(folder, { recursive: true, force: true })
})

const move = async (corpus: Corpus, to: string, ...flags: readonly string[]) => {
  await seed(source.url, corpus)
  return longshore(['migrate', '-', '--from', source.host, '--to', to, ...insecure, ...flags], { stdin: corpus.map(({ repository, tag }) => `${repository}:${tag}`).join('\n') })
}

describe('schema 1', () => {
  const corpus = [{ repository: 'old/app', tag: 'v1', content: schema1Image({ seed: 'old', name: 'old/app', tag: 'v1', layers: [3000, 2000] }) }]
  test('is carried as it is where the destination takes it', async () => {
    const { code } = await move(corpus, destination.host)
    expect(code).toBe(0)
    await assertIntact(destination.url, 'old/app', 'v1', { expectDigest: corpus[0]!.content.root.digest })
  })
  test('fails with its reason where it does not', async () => {
    await using modern = await startDockerRegistry()
    const { code, stdout } = await move(corpus, modern.host)
    expect(code).toBe(1)
    expect(stdout).toMatch(/does not take this manifest, which is in the outdated format Docker schema 1[^]*-> rebuild the image/)
  })
})

describe('foreign layers', () => {
  const base = layer({ seed: 'windows base', size: 6000 })
  const corpusAt = (url: string): Corpus => [{ repository: 'win/app', tag: 'v1', content: image({ seed: 'win', layers: [4000, base], foreignUrl: `${url}/v2/win/base/blobs/${base.digest}` }) }]
  // The layer's own place, where anybody may read it; the repository of the image does not have it.
  beforeAll(() => seed(source.url, [{ repository: 'win/base', tag: 'v1', content: image({ seed: 'base', layers: [base] }) }]))

  test('stay at their URLs, or are fetched from there when asked', async () => {
    const kept = await move(corpusAt(source.url), `${destination.host}/keep`)
    expect(kept.stdout).toMatch(/blobs +2 copied/)
    const copied = await move(corpusAt(source.url), `${destination.host}/copy`, '--foreign-layers', 'copy')
    expect(copied.stdout).toMatch(/blobs +3 copied \(10\.4 kB\)/)
  })
  test('that the destination forbids are named', async () => {
    await using strict = await startDockerRegistry({ foreignUrls: false })
    const { code, stdout } = await move(corpusAt(source.url), strict.host)
    expect(code).toBe(1)
    expect(stdout).toMatch(/has foreign layers[^]*-> rebuild the image/)
  })
})

describe('platforms', () => {
  const platform = (architecture: string) => ({ os: 'linux', architecture })
  const content = index({
    attestations: true,
    children: ['amd64', 'arm64', 's390x'].map((architecture) => image({ seed: `multi ${architecture}`, platform: platform(architecture), layers: [5000] })),
  })
  const corpus = [{ repository: 'multi/app', tag: 'v1', content }]
  test('strip: a new index, its digest in the report, and a second run that moves nothing', async () => {
    const report = join(folder, 'strip.json')
    const flags = ['--platform', 'linux/amd64,linux/arm64', '--platform-policy', 'strip', '--report', report]
    expect((await move(corpus, `${destination.host}/strip`, ...flags)).code).toBe(0)
    const [{ digest, rewritten }] = (JSON.parse(await readFile(report, 'utf8')) as { images: [{ digest: string; rewritten: string }] }).images
    expect(digest).toBe(content.root.digest)
    expect(rewritten).not.toBe(digest)
    // Two images, their two attestations, the index.
    expect(await assertIntact(destination.url, 'strip/multi/app', 'v1', { expectDigest: rewritten })).toMatchObject({ manifests: 5 })
    expect((await move(corpus, `${destination.host}/strip`, ...flags)).stdout).toContain('0 copied, 1 already there')
  })
  test('sparse: a registry that refuses the index is told of, with the way out', async () => {
    const { code, stdout } = await move(corpus, `${destination.host}/sparse`, '--platform', 'linux/amd64')
    expect(code).toBe(1)
    expect(stdout).toMatch(/MANIFEST_BLOB_UNKNOWN[^]*--platform-policy=strip/)
  })
})

test('any artifact type, and an image without layers', async () => {
  const corpus = [
    { repository: 'charts/app', tag: '1.0.0', content: artifact({ seed: 'chart', artifactType: 'application/vnd.cncf.helm.config.v1+json', mediaType: 'application/vnd.cncf.helm.chart.content.v1.tar+gzip', size: 4000 }) },
    { repository: 'empty/app', tag: 'v1', content: image({ seed: 'empty', layers: [] }) },
  ]
  expect((await move(corpus, destination.host)).code).toBe(0)
  for (const { repository, tag, content } of corpus) await assertIntact(destination.url, repository, tag, { expectDigest: content.root.digest, deep: true })
})

test('one source, several destinations and names', async () => {
  const corpus = [{ repository: 'team/app', tag: 'v1', content: image({ seed: 'several', layers: [9000] }) }]
  await seed(source.url, corpus)
  const yaml = `version: 1\nfrom: ${source.host}\nto: [${destination.host}/one, ${destination.host}/two]\nrename:\n  - { match: '^team/', replace: 'squad/' }\nimages: [team/app:v1]\n`
  const { code, stdout } = await longshore(['migrate', '-', ...insecure], { stdin: yaml })
  expect(stdout).toContain('2 copied')
  expect(code).toBe(0)
  for (const prefix of ['one', 'two']) await assertIntact(destination.url, `${prefix}/squad/app`, 'v1', { expectDigest: corpus[0]!.content.root.digest })
})
