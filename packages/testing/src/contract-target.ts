import { type Descriptor, type Digest, digestOf, MediaType, type RepositoryName } from '@longshore/oci'
import type { Source } from '@longshore/transfer'
import { afterEach, describe, expect, test } from 'vitest'
import { bytesOf } from './content/blob.ts'
import { artifact, index } from './content/image.ts'
import { type ContractLimits, expectSame, makersFor, namesFor, type TargetPlace } from './contract-transport.ts'
import { fill, openerOf, signal } from './fill.ts'

const io = { signal }
const big = 300_000

export function describeTarget(name: string, make: () => Promise<TargetPlace>, limits: ContractLimits = {}): void {
  const { repository, other, ref } = namesFor(limits)
  const { image, layer } = makersFor(limits)
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
      expectSame(await source.manifest(repository, ref('v1'), io), plain, limits)
      for (const [digest, { size }] of plain.blobs) {
        const kept = bytesOf(plain.blobs.get(digest) ?? made)
        expect((await read(source, repository, { ...blob, digest, size })).equals(kept)).toBe(true)
      }
      expect(await source.tags(repository, io)).toEqual([ref('v1')])
    })

    test.runIf(limits.noManifests === true)('an index is refused with a reason, and nothing of it has the tag', async () => {
      const { target } = await open()
      const list = index({ children: [plain] })
      await expect(fill(target, repository, { ...list, manifests: [list.root] }, ref('v1'))).rejects.toMatchObject({ code: expect.stringMatching(/_REFUSED$/) as string })
      expect(await target.resolve(repository, ref('v1'), io)).toBeUndefined()
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

    test('a reference that is put again names the new manifest', async () => {
      const place = await open()
      const next = image({ seed: 'next', layers: [30] })
      await fill(place.target, repository, plain, ref('v1'))
      await fill(place.target, repository, next, ref('v1'))
      const source = await place.readBack()
      expectSame(await source.manifest(repository, ref('v1'), io), next, limits)
      expect(await source.tags(repository, io)).toEqual([ref('v1')])
    })

    test.runIf(limits.oneReference !== true)('many references at once, several of them of one manifest: none is lost', async () => {
      const place = await open()
      const names = Array.from({ length: 24 }, (_, i) => ref(`v${i}`))
      // docker-registry 2.8 answers DIGEST_INVALID when one manifest is put twice at the very same time.
      for (let at = 0; at < names.length; at += 8) {
        await Promise.all(names.slice(at, at + 8).map((reference, i) => fill(place.target, repository, image({ seed: `many ${i}`, layers: [20, 900] }), reference)))
      }
      const source = await place.readBack()
      expect([...await source.tags(repository, io) ?? []].sort()).toEqual([...names].sort())
      for (const [i, reference] of names.entries()) {
        expectSame(await source.manifest(repository, reference, io), image({ seed: `many ${i % 8}`, layers: [20, 900] }), limits)
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
