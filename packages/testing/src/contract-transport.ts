// What transport.ts promises of every Source and Target, as tests: run them against each transport. A transport is done when they pass.
import { type Descriptor, type Digest, digestOf, MediaType, type RepositoryName, type Tag } from '@longshore/oci'
import type { Source, Target } from '@longshore/transfer'
import { afterEach, describe, expect, test } from 'vitest'
import { bytesOf, layer } from './content/blob.ts'
import { artifact, image, index, type SyntheticContent } from './content/image.ts'
import { fill, openerOf, signal } from './fill.ts'

export { fill, openerOf }

/** What a transport cannot do. Everything is taken as possible that is not said here. */
export interface ContractLimits {
  /** A place holds one repository: nothing to mount from, no catalog of two. */
  readonly oneRepository?: boolean
  /** A repository holds one image, under the reference `''`. */
  readonly oneReference?: boolean
  /** `referrers` answers `undefined`. */
  readonly noReferrers?: boolean
  /** No indexes, and manifests are made anew (docker-archive): what is read back has the same configuration and layers only. */
  readonly noManifests?: boolean
  /** A manifest is only taken with its tag (archives that write it at the end), so what it lacks is told then, or at `finish`. */
  readonly lateRefusal?: boolean
  /** A refused manifest is not told by this transport's `put` (a registry that was set up so). */
  readonly noRefusal?: boolean
}

export interface ContractImage { readonly repository: RepositoryName; readonly reference: Tag; readonly content: SyntheticContent }

export interface SourcePlace extends AsyncDisposable { readonly source: Source }

export interface TargetPlace extends AsyncDisposable {
  readonly target: Target
  /** Ends the writing (`finish`, where there is one) and opens the place as another process would. The target is not used after it. */
  readBack(): Promise<Source>
}

const io = { signal }
export const contractRepository = 'team/app' as RepositoryName
export const contractOther = 'team/base' as RepositoryName
const big = 300_000

/** Names of repositories and references as far as the transport has any. */
function namesFor(limits: ContractLimits): { readonly repository: RepositoryName; readonly other: RepositoryName; readonly ref: (name: string) => Tag } {
  return {
    repository: limits.oneRepository === true ? '' as RepositoryName : contractRepository,
    other: contractOther,
    ref: (name) => (limits.oneReference === true ? '' : name) as Tag,
  }
}

/** @param make opens a place that holds the images, by whatever tool writes such places */
export function describeSource(name: string, make: (images: readonly ContractImage[]) => Promise<SourcePlace>, limits: ContractLimits = {}): void {
  const { repository, other, ref } = namesFor(limits)
  const absent = digestOf(Buffer.from('absent'))
  const plain = image({ seed: 'source', layers: [1000, big] })
  const nested = index({ children: [index({ children: [image({ seed: 'deep', layers: [500] })] }), image({ seed: 'child', layers: [700], format: 'docker' })] })
  const root = limits.noManifests === true ? plain : nested
  const some = [...(limits.noManifests === true ? plain : nested).blobs.values()].sort((a, b) => b.size - a.size)[0]
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

    test('a reference resolves to what the manifest then is', async () => {
      const source = await open()
      const desc = await source.resolve(repository, ref('v1'), io)
      const manifest = await source.manifest(repository, ref('v1'), io)
      expect(manifest && { mediaType: manifest.mediaType, digest: manifest.digest, size: manifest.bytes.byteLength }).toEqual(desc)
      if (limits.noManifests !== true) {
        expect(desc).toMatchObject({ digest: root.root.digest, mediaType: root.root.mediaType })
        expect(Buffer.from(manifest?.bytes ?? []).equals(root.root.bytes)).toBe(true)
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
        expect(await source.resolve(repository, 'absent' as Tag, io)).toBeUndefined()
        expect(await source.manifest(repository, 'absent' as Tag, io)).toBeUndefined()
      }
      if (limits.oneRepository !== true) {
        expect(await source.tags('no/such' as RepositoryName, io)).toBeUndefined()
        expect(await source.resolve('no/such' as RepositoryName, ref('v1'), io)).toBeUndefined()
        expect(await source.exists('no/such' as RepositoryName, blob, io)).toBe(false)
      }
    })

    test('a blob is read from any byte on, and its end is an empty reading', async () => {
      const source = await open()
      const bytes = Buffer.from(bytesOf(some))
      expect(await source.exists(repository, blob, io)).toBe(true)
      for (const offset of [0, 1, bytes.length - 1]) {
        await using content = await source.blob(repository, blob, { ...io, offset })
        expect(Buffer.concat(await Array.fromAsync(content)).equals(bytes.subarray(offset))).toBe(true)
      }
    })

    test('content that is not read to its end can be let go', async () => {
      const source = await open()
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
      expect([...await source.tags(repository, io) ?? []].sort()).toEqual(['latest', 'v1', 'v2'])
    })

    test.runIf(limits.oneReference === true)('the only image is under the empty reference', async () => {
      expect(await (await open()).tags(repository, io)).toEqual([''])
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
      const source = await open([{ repository, reference: ref('v1'), content: image({ seed: 'large', layers: [large] }) }])
      const controller = new AbortController()
      await using content = await source.blob(repository, { ...blob, digest: large.digest, size: large.size }, { signal: controller.signal })
      const reading = async (): Promise<void> => { for await (const chunk of content) if (chunk.byteLength > 0) controller.abort(new Error('enough')) }
      await expect(reading()).rejects.toThrow('enough')
    })
  })
}

export function describeTarget(name: string, make: () => Promise<TargetPlace>, limits: ContractLimits = {}): void {
  const { repository, other, ref } = namesFor(limits)
  const plain = image({ seed: 'target', layers: [1000, big] })
  const made = layer({ seed: 'blob', size: big })
  const bytes = Buffer.from(bytesOf(made))
  const blob: Descriptor = { mediaType: MediaType.ociLayer, digest: made.digest, size: made.size }

  describe(`target: ${name}`, () => {
    const places: AsyncDisposable[] = []
    afterEach(async () => { for (const place of places.splice(0)) await place[Symbol.asyncDispose]() })
    const open = async (): Promise<TargetPlace> => {
      const place = await make()
      places.push(place)
      return place
    }
    const read = async (source: Source, from: RepositoryName, desc: Descriptor): Promise<Buffer> => {
      await using content = await source.blob(from, desc, io)
      return Buffer.concat(await Array.fromAsync(content))
    }

    test('a blob is there once it was pushed, and every byte was told', async () => {
      const { target } = await open()
      let sent = 0
      expect(await target.exists(repository, blob, io)).toBe(false)
      expect(await target.push(repository, blob, openerOf(bytes), { ...io, mayExist: false, onSent: (count) => { sent += count } })).toBe('pushed')
      expect(sent).toBe(bytes.length)
      expect(await target.exists(repository, blob, io)).toBe(true)
      expect((await read(target, repository, blob)).equals(bytes)).toBe(true)
      let opened = 0
      const count = (offset: number) => { opened++; return openerOf(bytes)(offset) }
      expect([await target.push(repository, blob, count, { ...io, mayExist: true }), opened]).toEqual(['existed', 0])
    })

    test('an empty blob, and one of a byte', async () => {
      const { target } = await open()
      for (const content of [Buffer.alloc(0), Buffer.of(7)]) {
        const desc = { ...blob, digest: digestOf(content), size: content.length }
        expect(await target.push(repository, desc, openerOf(content), io)).toBe('pushed')
        expect((await read(target, repository, desc)).equals(content)).toBe(true)
      }
    })

    test('content that breaks off, or is too short or too long, leaves nothing', async () => {
      const { target } = await open()
      const broken = openerOf(bytes, { failAt: 100_000 })
      await expect(target.push(repository, blob, broken, io)).rejects.toThrow()
      expect(await target.exists(repository, blob, io)).toBe(false)
      await expect(target.push(repository, blob, openerOf(bytes.subarray(0, 70_000)), io)).rejects.toThrow()
      expect(await target.exists(repository, blob, io)).toBe(false)
      // What is beyond the size may be refused, or never asked for.
      const [long] = await Promise.allSettled([target.push(repository, blob, openerOf(Buffer.concat([bytes, bytes])), io)])
      expect(await target.exists(repository, blob, io)).toBe(long?.status === 'fulfilled')
      if (long?.status !== 'fulfilled') expect(await target.push(repository, blob, openerOf(bytes), io)).toBe('pushed')
      expect((await read(target, repository, blob)).equals(bytes)).toBe(true)
    })

    test('an abort ends a push, which leaves nothing', async () => {
      const { target } = await open()
      const controller = new AbortController()
      const reason = new Error('enough')
      const stopping = openerOf(bytes, { onChunk: () => { controller.abort(reason) } })
      await expect(target.push(repository, blob, stopping, { signal: controller.signal })).rejects.toBe(reason)
      expect(await target.exists(repository, blob, io)).toBe(false)
      await expect(target.push(repository, blob, openerOf(bytes), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    })

    test('two pushes of one blob at once: both come true, and one may not spoil the other', async () => {
      const { target } = await open()
      const controller = new AbortController()
      const first = target.push(repository, blob, openerOf(bytes, { onChunk: () => { controller.abort(new Error('enough')) } }), { signal: controller.signal })
      const others = [target.push(repository, blob, openerOf(bytes), io), target.push(repository, blob, openerOf(bytes), io)]
      const [stopped, ...kept] = await Promise.allSettled([first, ...others])
      expect(stopped?.status).toBe('rejected')
      expect(kept.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled'])
      expect((await read(target, repository, blob)).equals(bytes)).toBe(true)
    })

    test('an image is read back whole, by another reader too', async () => {
      const place = await open()
      await fill(place.target, repository, plain, ref('v1'))
      const source = await place.readBack()
      for (const [digest, { size }] of plain.blobs) {
        const kept = bytesOf(plain.blobs.get(digest) ?? made)
        expect((await read(source, repository, { ...blob, digest, size })).equals(kept)).toBe(true)
      }
      expect(await source.tags(repository, io)).toEqual([ref('v1')])
      if (limits.noManifests === true) return
      const manifest = await source.manifest(repository, ref('v1'), io)
      expect(manifest).toMatchObject({ digest: plain.root.digest, mediaType: plain.root.mediaType })
      expect(Buffer.from(manifest?.bytes ?? []).equals(plain.root.bytes)).toBe(true)
    })

    test.runIf(limits.noManifests !== true)('a nested index is kept to the byte, with all its children, whatever their types', async () => {
      const nested = index({
        format: 'docker', attestations: true,
        children: [index({ children: [image({ seed: 'deep', layers: [500] })] }), image({ seed: 'child', layers: [700], format: 'docker' })],
      })
      const place = await open()
      await fill(place.target, repository, nested, ref('v1'))
      const source = await place.readBack()
      expect(await source.resolve(repository, ref('v1'), io)).toMatchObject({ digest: nested.root.digest, mediaType: nested.root.mediaType })
      for (const each of nested.manifests) {
        const manifest = await source.manifest(repository, each.digest, io)
        expect(manifest?.mediaType).toBe(each.mediaType)
        expect(Buffer.from(manifest?.bytes ?? []).equals(each.bytes)).toBe(true)
      }
      for (const each of nested.blobs.values()) expect((await read(source, repository, { ...blob, ...each })).equals(bytesOf(each))).toBe(true)
    })

    test.runIf(limits.noManifests !== true)('a manifest with white space of its own is not written anew', async () => {
      const spaced = Buffer.from(`${JSON.stringify(JSON.parse(Buffer.from(plain.root.bytes).toString()), null, 7)}\n\n`)
      const content = { ...plain, root: { ...plain.root, bytes: spaced, digest: digestOf(spaced) } }
      const place = await open()
      await fill(place.target, repository, { ...content, manifests: [content.root] }, ref('v1'))
      const source = await place.readBack()
      expect(Buffer.from((await source.manifest(repository, ref('v1'), io))?.bytes ?? []).equals(spaced)).toBe(true)
    })

    test.runIf(limits.noRefusal !== true && limits.lateRefusal !== true)('a manifest whose content is missing is refused, and its tag is not there', async () => {
      const { target } = await open()
      const without = { ...plain, blobs: new Map([...plain.blobs].slice(1)) }
      const refusal = { name: 'RegistryError', code: expect.stringMatching(/^(?:MANIFEST_)?BLOB_UNKNOWN$|^MANIFEST_UNKNOWN$/) as string }
      await expect(fill(target, repository, without, ref('v1'))).rejects.toMatchObject(refusal)
      expect(await target.resolve(repository, ref('v1'), io)).toBeUndefined()
      if (limits.noManifests === true) return
      const list = index({ children: [plain] })
      const childless = { ...list, manifests: [list.root] }
      await expect(fill(target, repository, childless, ref('v1'))).rejects.toMatchObject(refusal)
      expect(await target.resolve(repository, ref('v1'), io)).toBeUndefined()
    })

    test.runIf(limits.noManifests !== true)('a reference that is put again names the new manifest', async () => {
      const place = await open()
      const next = image({ seed: 'next', layers: [30] })
      await fill(place.target, repository, plain, ref('v1'))
      await fill(place.target, repository, next, ref('v1'))
      const source = await place.readBack()
      expect((await source.resolve(repository, ref('v1'), io))?.digest).toBe(next.root.digest)
      expect(await source.tags(repository, io)).toEqual([ref('v1')])
    })

    test.runIf(limits.oneReference !== true && limits.noManifests !== true)('many references at once, several of them of one manifest: none is lost', async () => {
      const place = await open()
      const names = Array.from({ length: 24 }, (_, i) => ref(`v${i}`))
      // docker-registry 2.8 answers DIGEST_INVALID when one manifest is put twice at the very same time.
      for (let at = 0; at < names.length; at += 8) {
        await Promise.all(names.slice(at, at + 8).map((reference, i) => fill(place.target, repository, image({ seed: `many ${i}`, layers: [20, 900] }), reference)))
      }
      const source = await place.readBack()
      expect([...await source.tags(repository, io) ?? []].sort()).toEqual([...names].sort())
      for (const [i, reference] of names.entries()) {
        expect((await source.resolve(repository, reference, io))?.digest).toBe(image({ seed: `many ${i % 8}`, layers: [20, 900] }).root.digest)
      }
    })

    test.runIf(limits.oneRepository !== true)('what another repository has is mounted, and was not there before', async () => {
      const { target } = await open()
      await target.push(other, blob, openerOf(bytes), io)
      expect(await target.exists(repository, blob, io)).toBe(false)
      let opened = 0
      const count = (offset: number) => { opened++; return openerOf(bytes)(offset) }
      expect([await target.push(repository, blob, count, { ...io, mountFrom: [other] }), opened]).toEqual(['mounted', 0])
      expect(await target.exists(repository, blob, io)).toBe(true)
      expect((await read(target, repository, blob)).equals(bytes)).toBe(true)
    })

    test.runIf(limits.oneRepository !== true)('a mount from where it is not falls back to the content', async () => {
      const { target } = await open()
      expect(await target.push(repository, blob, openerOf(bytes), { ...io, mountFrom: ['no/such' as RepositoryName, other] })).toBe('pushed')
      expect((await read(target, repository, blob)).equals(bytes)).toBe(true)
    })

    test.runIf(limits.oneReference !== true && limits.noReferrers !== true)('a referrer is kept under its digest alone, and found', async () => {
      const about = artifact({ seed: 1, artifactType: 'application/vnd.example.sbom', mediaType: 'text/plain', size: 20, subject: plain.root })
      const place = await open()
      await fill(place.target, repository, plain, ref('v1'))
      expect(await fill(place.target, repository, about, about.root.digest)).toEqual({ subjectTaken: true })
      const source = await place.readBack()
      expect((await source.referrers(repository, plain.root.digest, io))?.map(({ digest }) => digest)).toEqual([about.root.digest])
      expect(await source.tags(repository, io)).toEqual([ref('v1')])
      expect((await source.resolve(repository, about.root.digest satisfies Digest, io))?.digest).toBe(about.root.digest)
    })
  })
}
