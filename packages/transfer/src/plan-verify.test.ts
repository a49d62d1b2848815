import { MemoryLedger } from '@longshore/ledger'
import { MediaType, parsePlatform, parseRepositoryName, referrersTag, type Tag } from '@longshore/oci'
import { MemoryQueue } from '@longshore/queue'
import { MemoryRegistry } from '@longshore/testing/contracts'
import { beforeEach, describe, expect, test } from 'vitest'
import { everyBlob, ImageVerifier, migrate, plan, type Plan, type Sample, type Verification, VerificationSum, verify, type Wanted } from './index.ts'
import { rankIn } from './sample.ts'

let src: MemoryRegistry
let dst: MemoryRegistry
beforeEach(() => { src = new MemoryRegistry('src.test'); dst = new MemoryRegistry('dst.test') })

const transports = { source: () => src, target: () => dst }
const signal = AbortSignal.timeout(10_000)
const want = (repository: string, tag: string): Wanted => {
  const end = (registry: string) => ({ registry, repository: parseRepositoryName(repository), reference: tag as Tag })
  return { image: { source: end('src.test'), destination: end('dst.test') }, options: { platforms: [], platformPolicy: 'sparse', referrers: true, foreignLayers: 'keep' } }
}
async function* stream(wanted: readonly Wanted[]): AsyncGenerator<Wanted> { yield* wanted }
const move = async (wanted: readonly Wanted[], distrust = false): Promise<void> => {
  await migrate(stream(wanted), {
    transports, ledger: new MemoryLedger(), queues: { blobs: new MemoryQueue(), manifests: new MemoryQueue() }, onEvent: () => {}, inFlight: new Set(),
    window: 8, jobs: { images: 4, blobs: 4, manifests: 4 }, keepGoing: true, stop: new AbortController().signal, graceMs: 100, respiteMs: 1, distrust,
  }, signal)
}
const planned = (wanted: readonly Wanted[]): Promise<Plan> => plan(stream(wanted), { transports, jobs: { images: 1 } }, signal)
const verified = (wanted: readonly Wanted[], deep?: Sample): Promise<Verification> => verify(stream(wanted), { transports, deep, jobs: { images: 4 } }, signal)
const problems = ({ findings }: Verification): string[] => findings.map(({ problem, what }) => `${problem} ${what.replace(/[0-9a-f]{64}/, '…')}`).sort()

describe('plan', () => {
  test('says what would move, be mounted and be created, and writes nothing', async () => {
    src.addImage('a', '1', ['shared layer', 'a layer'])
    src.addImage('b', '1', ['shared layer'])
    const { images, toMove, mountable, alreadyThere, distinctBlobs, manifestsToPut, missingRepositories } = await planned([want('a', '1'), want('b', '1'), want('gone', '1')])
    expect(images.map(({ state }) => state)).toEqual(['copy', 'copy', 'failed'])
    expect(distinctBlobs.count).toBe(4)
    expect(toMove).toEqual({ count: 4, bytes: 12 + 7 + 'config a 1'.length + 'config b 1'.length })
    expect(mountable).toEqual({ count: 1, bytes: 12 })
    expect(alreadyThere.count).toBe(0)
    expect(manifestsToPut).toBe(2)
    expect(missingRepositories).toEqual(['dst.test/a', 'dst.test/b'])
    expect(dst.count('push') + dst.count('put')).toBe(0)
  })

  test('its estimate of requests is what the migration then asks', async () => {
    for (const name of ['a', 'b']) src.addImage(name, '1', ['shared layer', `${name} layer`])
    const wanted = [want('a', '1'), want('b', '1')]
    const { requests } = await planned(wanted)
    src.calls.length = 0
    dst.calls.length = 0
    await move(wanted)
    // In memory an upload is one call where a registry needs two requests.
    const uploads = src.count('blob')
    expect(requests.find(({ side }) => side === 'destination')?.requests).toBe(dst.calls.length + uploads)
    // Asking for the referrers API costs nothing in the estimate: it is one probe.
    expect(requests.find(({ side }) => side === 'source')?.requests).toBe(src.calls.length - src.count('referrers'))
  })

  test('tells what is there already', async () => {
    src.addImage('a', '1', ['base'])
    await move([want('a', '1')])
    src.addImage('a', '2', ['base', 'more'])
    const { images, alreadyThere, toMove } = await planned([want('a', '1'), want('a', '2')])
    expect(images.map(({ state }) => state)).toEqual(['present', 'copy'])
    expect(alreadyThere).toEqual({ count: 1, bytes: 4 })
    expect(toMove.count).toBe(2)
  })
})

describe('verify', () => {
  const wanted = [want('a', '1')]
  const fill = (): void => {
    const child = { ...src.addImage('a', undefined, ['content']), platform: parsePlatform('linux/amd64') }
    const root = src.addManifest('a', { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [child] }, '1')
    src.addImage('a', `sha256-${root.digest.slice(7)}.sig`, ['signature'])
  }

  test('finds nothing after a migration, and counts what it saw', async () => {
    fill()
    await move(wanted)
    expect(await verified(wanted, everyBlob)).toMatchObject({ images: 1, sound: 1, findings: [], extra: [], manifests: 3, blobs: 4 })
  })

  describe('of referrers', () => {
    const signed = (): ReturnType<MemoryRegistry['addImage']> => {
      const root = src.addImage('a', '1', ['content'])
      src.addImage('a', undefined, ['signature'], { subject: root })
      return root
    }

    test('the list that was made for them is no extra tag', async () => {
      src = new MemoryRegistry('src.test', { referrersApi: true })
      const root = signed()
      await move(wanted)
      expect(dst.repository('a').tags.has(referrersTag(root.digest))).toBe(true)
      expect(await verified(wanted)).toMatchObject({ sound: 1, findings: [], extra: [], manifests: 2 })
    })

    test('those that are there and not listed are missing', async () => {
      src = new MemoryRegistry('src.test', { referrersApi: true })
      const root = signed()
      await move(wanted)
      dst.repository('a').tags.delete(referrersTag(root.digest))
      expect(problems(await verified(wanted))).toEqual([expect.stringMatching(/^missing dst\.test\/a@sha256:…, as a referrer of sha256:/)])
    })

    test('a list at the source is found again in the API of the destination', async () => {
      dst = new MemoryRegistry('dst.test', { referrersApi: true })
      const root = src.addImage('a', '1', ['content'])
      const [sbom, gone] = ['sbom', 'deleted'].map((name) => src.addImage('a', undefined, [name], { subject: root }))
      src.addManifest('a', { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [sbom, gone] }, referrersTag(root.digest))
      src.repository('a').manifests.delete(gone!.digest)
      await move(wanted)
      expect(await verified(wanted)).toMatchObject({ sound: 1, findings: [], extra: [] })
      dst.repository('a').manifests.delete(sbom!.digest)
      expect(problems(await verified(wanted))).toHaveLength(2)
    })
  })

  test('names a missing tag, a differing one, and an extra one', async () => {
    fill()
    expect(problems(await verified(wanted))).toEqual(['missing dst.test/a:1'])
    await move(wanted)
    dst.addImage('a', '1', ['other'])
    dst.repository('a').tags.set('stray' as Tag, [...dst.repository('a').manifests.keys()][0]!)
    const verification = await verified(wanted)
    expect(problems(verification)).toEqual(['differs dst.test/a:1'])
    expect(verification.extra.map(({ tag }) => tag)).toContain('stray')
  })

  test('looks below what has the right digest, and repair puts right what it found', async () => {
    fill()
    await move(wanted)
    const there = dst.repository('a')
    for (const [digest, bytes] of there.blobs) if (bytes.toString() === 'content') there.blobs.delete(digest)
    for (const [tag] of there.tags) if (tag.endsWith('.sig')) there.tags.delete(tag)
    expect(problems(await verified(wanted))).toEqual(['missing blob dst.test/a@sha256:…', 'missing dst.test/a:sha256-….sig'])
    await move(wanted, true)
    expect(await verified(wanted)).toMatchObject({ sound: 1, findings: [] })
  })

  test('deep reads every blob and names the corrupt one', async () => {
    fill()
    await move(wanted)
    for (const [digest, bytes] of dst.repository('a').blobs) if (bytes.toString() === 'content') dst.repository('a').blobs.set(digest, Buffer.from('c0ntent'))
    expect(problems(await verified(wanted))).toEqual([])
    expect(problems(await verified(wanted, everyBlob))).toEqual(['corrupt blob dst.test/a@sha256:…'])
  })

  test('of a sample only its own blobs are read, and it is told how much of all that was', async () => {
    const tags = Array.from({ length: 60 }, (_, i) => `${i}`)
    for (const tag of tags) src.addImage('a', tag, ['shared', `own ${tag}`])
    await move(tags.map((tag) => want('a', tag)))
    dst.calls.length = 0
    const { contents, contentBytes, contentsRead, bytesRead } = await verified(tags.map((tag) => want('a', tag)), { percent: 25, salt: 'test' })
    expect(contents).toBe(121)
    expect(dst.count('blob')).toBe(contentsRead)
    expect(contentsRead).toBeGreaterThan(10)
    expect(contentsRead).toBeLessThan(60)
    expect(bytesRead).toBeLessThan(contentBytes)
    expect(await verified(tags.map((tag) => want('a', tag)))).toMatchObject({ contents, contentBytes, contentsRead: 0, bytesRead: 0 })
  })

  test('of a sample that is none of all one blob is read, the same one in whatever order and by however many workers', async () => {
    const few = ['1', '2', '3'].map((tag) => want('a', tag))
    for (const tag of ['1', '2', '3']) src.addImage('a', tag, ['shared', `own ${tag}`])
    await move(few)
    const there = dst.repository('a')
    const sample = { percent: 0.000_001, salt: 'test' }
    const first = [...there.blobs.keys()].toSorted((a, b) => rankIn(a, sample.salt) - rankIn(b, sample.salt))[0]!
    const byWorkers = async (...shares: ReadonlyArray<readonly Wanted[]>): Promise<Verification> => {
      const sum = new VerificationSum()
      for (const share of shares) {
        const worker = new ImageVerifier({ transports, deep: sample })
        for (const one of share) sum.add(one.image, await worker.check(one, signal))
      }
      return await sum.end(() => dst, 1, signal)
    }
    for (const verify of [() => verified(few, sample), () => verified(few.toReversed(), sample), () => byWorkers(few.slice(0, 1), few.slice(1)), () => byWorkers(few.slice(2), few.slice(0, 2), few)]) {
      dst.calls.length = 0
      expect(await verify()).toMatchObject({ images: expect.any(Number) as number, contentsRead: 1, bytesRead: there.blobs.get(first)!.byteLength, findings: [] })
      expect(dst.calls.filter((call) => call.startsWith('blob'))).toEqual([expect.stringContaining(first)])
    }
    there.blobs.set(first, Buffer.from('altered'))
    expect(await verified(few, sample)).toMatchObject({ images: 3, sound: 2, findings: [{ problem: 'corrupt', expected: first }] })
  })
})
