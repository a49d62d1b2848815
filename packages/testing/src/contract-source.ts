import { type Descriptor, digestOf, MediaType, type RepositoryName, successors, type Tag } from '@longshore/oci'
import type { Source } from '@longshore/transfer'
import { afterEach, describe, expect, test } from 'vitest'
import { bytesOf } from './content/blob.ts'
import { artifact, index } from './content/image.ts'
import { type ContractImage, type ContractLimits, expectSame, makersFor, namesFor, type SourcePlace } from './contract-transport.ts'
import { signal } from './fill.ts'

const io = { signal }
const big = 300_000

/** @param make opens a place that holds the images, by whatever tool writes such places */
export function describeSource(name: string, make: (images: readonly ContractImage[]) => Promise<SourcePlace>, limits: ContractLimits = {}): void {
  const { repository, other, ref } = namesFor(limits)
  const { image, layer } = makersFor(limits)
  const absent = digestOf(Buffer.from('absent'))
  const plain = image({ seed: 'source', layers: [1000, big] })
  const nested = index({ children: [index({ children: [image({ seed: 'deep', layers: [500] })] }), image({ seed: 'child', layers: [700], format: 'docker' })] })
  const root = limits.noManifests === true ? plain : nested
  const some = [...root.blobs.values()].sort((a, b) => b.size - a.size)[0]
  if (!some) throw new Error('the content has no blobs')
  const blob: Descriptor = { mediaType: MediaType.ociLayer, digest: some.digest, size: some.size }

  describe(`source: ${name}`, () => {
    const places: AsyncDisposable[] = []
    afterEach(async () => { for (const place of places.splice(0)) await place[Symbol.asyncDispose]() })
    const open = async (images: readonly ContractImage[] = [{ repository, reference: ref('v1'), content: root }]): Promise<Source> => {
      const place = await make(images)
      places.push(place)
      return place.source
    }
    /** The same, with what is asked for before blobs are. */
    const openBlobs = async (images?: readonly ContractImage[]): Promise<Source> => {
      const source = await open(images)
      if (limits.blobsByImage === true) await source.manifest(repository, ref('v1'), io)
      return source
    }

    test('a reference resolves to what the manifest then is', async () => {
      const source = await open()
      const desc = await source.resolve(repository, ref('v1'), io)
      const manifest = await source.manifest(repository, ref('v1'), io)
      expect(manifest && { mediaType: manifest.mediaType, digest: manifest.digest, size: manifest.bytes.byteLength }).toEqual(desc)
      expectSame(manifest, root, limits)
      // Made anew or not, it is there by the digest that was told.
      const again = await source.manifest(repository, manifest?.digest ?? absent, io)
      expect(Buffer.from(again?.bytes ?? []).equals(manifest?.bytes ?? Buffer.of(0))).toBe(true)
    })

    test('everything that a manifest references is there, and is what its digest says', async () => {
      const source = await open()
      const manifest = await source.manifest(repository, ref('v1'), io)
      if (!manifest) throw new Error('there is no manifest')
      const children = await Promise.all(successors(manifest).manifests.map(({ digest }) => source.manifest(repository, digest, io)))
      const blobs = [manifest, ...children].flatMap((each) => (each ? successors(each).blobs : []))
      expect(blobs.length).toBeGreaterThan(0)
      for (const desc of blobs) {
        expect(await source.exists(repository, desc, io)).toBe(true)
        await using content = await source.blob(repository, desc, io)
        const bytes = Buffer.concat(await Array.fromAsync(content))
        expect([digestOf(bytes), bytes.byteLength]).toEqual([desc.digest, desc.size])
      }
    })

    test.runIf(limits.noManifests !== true)('every manifest of a nested index is there by its digest, to the byte', async () => {
      const source = await open()
      for (const each of nested.manifests) {
        const manifest = await source.manifest(repository, each.digest, io)
        expect(manifest).toMatchObject({ digest: each.digest, mediaType: each.mediaType })
        expect(Buffer.from(manifest?.bytes ?? []).equals(each.bytes)).toBe(true)
        expect(await source.resolve(repository, each.digest, io)).toEqual({ mediaType: each.mediaType, digest: each.digest, size: each.bytes.byteLength })
      }
    })

    test('absence is an answer', async () => {
      const source = await open()
      expect(await source.resolve(repository, absent, io)).toBeUndefined()
      expect(await source.manifest(repository, absent, io)).toBeUndefined()
      expect(await source.exists(repository, { ...blob, digest: absent }, io)).toBe(false)
      await expect(source.blob(repository, { ...blob, digest: absent }, io)).rejects.toMatchObject({ name: 'RegistryError', status: 404 })
      if (limits.oneReference !== true) {
        expect(await source.resolve(repository, ref('absent'), io)).toBeUndefined()
        expect(await source.manifest(repository, ref('absent'), io)).toBeUndefined()
      }
      if (limits.oneRepository !== true) {
        expect(await source.tags('no/such' as RepositoryName, io)).toBeUndefined()
        expect(await source.resolve('no/such' as RepositoryName, ref('v1'), io)).toBeUndefined()
        if (limits.blobsByImage === true) await source.manifest(repository, ref('v1'), io)
        expect(await source.exists('no/such' as RepositoryName, blob, io)).toBe(false)
        await expect(source.blob('no/such' as RepositoryName, blob, io)).rejects.toMatchObject({ name: 'RegistryError', status: 404 })
      }
    })

    test('a blob is read from any byte on, and its end is an empty reading', async () => {
      const source = await openBlobs()
      const bytes = Buffer.from(bytesOf(some))
      expect(await source.exists(repository, blob, io)).toBe(true)
      for (const offset of [0, 1, bytes.length - 1, bytes.length]) {
        await using content = await source.blob(repository, blob, { ...io, offset })
        expect(Buffer.concat(await Array.fromAsync(content)).equals(bytes.subarray(offset))).toBe(true)
      }
    })

    test('content that is not read to its end can be let go', async () => {
      const source = await openBlobs()
      for (let i = 0; i < 20; i++) {
        await using content = await source.blob(repository, blob, io)
        for await (const chunk of content) { expect(chunk.byteLength).toBeGreaterThan(0); break }
      }
      await using unread = await source.blob(repository, blob, io)
      expect(unread).toBeDefined()
    })

    test.runIf(limits.oneReference !== true)('every tag is listed', async () => {
      const source = await open([
        { repository, reference: ref('v1'), content: plain }, { repository, reference: ref('v2'), content: image({ seed: 'second', layers: [10] }) },
        { repository, reference: ref('latest'), content: plain },
      ])
      expect([...await source.tags(repository, io) ?? []].sort()).toEqual(['latest', 'v1', 'v2'].map(ref))
    })

    test.runIf(limits.oneReference === true)('the only image is under its reference', async () => {
      expect(await (await open()).tags(repository, io)).toEqual([ref('v1')])
    })

    test.runIf(limits.oneRepository !== true)('every repository is in the catalog', async () => {
      const source = await open([{ repository, reference: ref('v1'), content: plain }, { repository: other, reference: ref('v1'), content: plain }])
      expect((await Array.fromAsync(source.catalog(io))).sort()).toEqual([repository, other])
    })

    test.runIf(limits.noReferrers !== true && limits.oneReference !== true)('referrers are told by what they are about', async () => {
      const about = artifact({ seed: 1, artifactType: 'application/vnd.example.sbom', mediaType: 'text/plain', size: 20, subject: plain.root, annotations: { of: 'app' } })
      const source = await open([{ repository, reference: ref('v1'), content: plain }, { repository, reference: about.root.digest as string as Tag, content: about }])
      expect(await source.referrers(repository, plain.root.digest, io)).toEqual([{
        mediaType: about.root.mediaType, digest: about.root.digest, size: about.root.bytes.byteLength, artifactType: 'application/vnd.example.sbom', annotations: { of: 'app' },
      }])
      expect(await source.referrers(repository, about.root.digest, io)).toEqual([])
    })

    test.runIf(limits.noReferrers === true)('has no referrers API', async () => {
      expect(await (await open()).referrers(repository, root.root.digest, io)).toBeUndefined()
    })

    test('an aborted signal ends every question', async () => {
      const source = await open()
      const reason = new Error('enough')
      const aborted = { signal: AbortSignal.abort(reason) }
      await expect(source.tags(repository, aborted)).rejects.toBe(reason)
      await expect(source.resolve(repository, ref('v1'), aborted)).rejects.toBe(reason)
      await expect(source.manifest(repository, ref('v1'), aborted)).rejects.toBe(reason)
      await expect(source.exists(repository, blob, aborted)).rejects.toBe(reason)
      await expect(source.blob(repository, blob, aborted)).rejects.toBe(reason)
    })

    test('an abort ends a reading', async () => {
      // More than any buffer on the way holds.
      const large = layer({ seed: 'large', size: 12_000_000 })
      const source = await openBlobs([{ repository, reference: ref('v1'), content: image({ seed: 'large', layers: [large] }) }])
      const controller = new AbortController()
      await using content = await source.blob(repository, { ...blob, digest: large.digest, size: large.size }, { signal: controller.signal })
      const reading = async (): Promise<void> => { for await (const chunk of content) if (chunk.byteLength > 0) controller.abort(new Error('enough')) }
      await expect(reading()).rejects.toThrow('enough')
    })
  })
}
