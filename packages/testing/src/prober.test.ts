import { expect, test } from 'vitest'
import { assertIntact, type Corpus, image, index, seed, startEmbeddedRegistry, startProber } from './index.ts'

const picture = image({ seed: 1, layers: [2000, 3000] })
const list = index({ children: [picture, image({ seed: 2, layers: [10] })] })
const corpus: Corpus = [{ repository: 'r', tag: 'image', content: picture }, { repository: 'r', tag: 'list', content: list }]

test('sees nothing wrong while a careful writer writes', async () => {
  await using registry = await startEmbeddedRegistry()
  const prober = startProber(registry.url, ['r', 'not/there'], { pauseMs: 0 })
  await seed(registry.url, corpus)
  const { walks, violations } = await prober.stop()
  expect(walks).toBeGreaterThanOrEqual(2)
  expect(violations).toEqual([])
})

test('sees a manifest that came before its blobs, though only for a while', async () => {
  await using registry = await startEmbeddedRegistry({ requireManifestReferences: false })
  const prober = startProber(registry.url, () => registry.repositories(), { pauseMs: 0 })
  registry.putManifest('r', picture.root.bytes, picture.root.mediaType, 'image')
  await expect.poll(() => registry.count({ kind: 'blob-head', status: 404 }), { interval: 2 }).toBeGreaterThan(0)
  await seed(registry.url, corpus)
  const { violations } = await prober.stop()
  expect(violations.length).toBeGreaterThan(0)
  expect(violations[0]).toContain('answered 404')
  await assertIntact(registry.url, 'r', 'list')
})

test('sees an index whose child is missing', async () => {
  await using registry = await startEmbeddedRegistry({ requireManifestReferences: false })
  registry.putManifest('r', list.root.bytes, list.root.mediaType, 'list')
  const { violations } = await startProber(registry.url, ['r']).stop()
  expect(violations.join()).toContain(picture.root.digest)
})

test('assertIntact names what is missing and, when deep, what is corrupt', async () => {
  await using registry = await startEmbeddedRegistry()
  await seed(registry.url, corpus)
  const [first, second] = [...picture.blobs.keys()]
  registry.corruptBlob(first!)
  await assertIntact(registry.url, 'r', 'list')
  await expect(assertIntact(registry.url, 'r', 'list', { deep: true })).rejects.toThrow(`${first}, of ${picture.root.digest}: its bytes have another digest`)
  registry.deleteBlob('r', second!)
  await expect(assertIntact(registry.url, 'r', 'list')).rejects.toThrow(`${second}, of ${picture.root.digest}: answered 404`)
})
