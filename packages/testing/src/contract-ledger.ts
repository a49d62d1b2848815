import { decodeManifest, type Descriptor, type Digest, MediaType, type RepositoryName } from '@longshore/oci'
import { blobKey, type BlobNode, type ImageId, type Ledger, type Lease, manifestKey, type ManifestNode, type NodeKey, type Registered } from '@longshore/transfer'
import { beforeEach, describe, expect, test } from 'vitest'

const desc = (name: string): Descriptor => ({ mediaType: 'x', digest: `sha256:${Buffer.from(name).toString('hex').padEnd(64, '0')}` as Digest, size: 10 })
const at = (repository: string): { registry: string; repository: RepositoryName } => ({ registry: 'dst', repository: repository as RepositoryName })
const id = (name: string): ImageId => name as ImageId

function blob(repository: string, name: string, from = repository): BlobNode {
  return { kind: 'blob', key: blobKey(at(repository), desc(name)), ...at(repository), desc: desc(name), from: [{ registry: 'src', repository: from as RepositoryName }], mayExist: false }
}
/** One that can be decoded; its content follows from its name alone. */
function manifest(repository: string, name: string, needs: ReadonlyArray<{ readonly key: NodeKey }>): ManifestNode {
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, config: desc('config'), layers: [], annotations: { name } }))
  const decoded = decodeManifest(bytes, MediaType.ociManifest, name)
  return {
    kind: 'manifest', key: manifestKey(at(repository), decoded.digest), ...at(repository), manifest: decoded,
    from: { registry: 'src', repository: repository as RepositoryName }, needs: needs.map((need) => need.key),
    options: { platforms: [], platformPolicy: 'sparse', referrers: true, foreignLayers: 'keep' },
  }
}
const boom = { name: 'Error', code: 'BOOM', message: 'boom' }

/** What every ledger promises: run it against each implementation. */
export function describeLedger(name: string, make: () => Promise<Ledger>): void {
  describe(`ledger: ${name}`, () => {
    let ledger: Ledger
    beforeEach(async () => { ledger = await make() })
    const claim = async (key: NodeKey, worker = 'w1'): Promise<Lease> => {
      const lease = await ledger.claim(key, worker)
      expect(lease, `${key} should be ready`).toBeDefined()
      return lease!
    }
    const register = (image: string, repository: string, layers: readonly string[], root = `m-${image}`): Promise<Registered> => {
      const blobs = layers.map((layer) => blob(repository, layer))
      const top = manifest(repository, root, blobs)
      return ledger.register(id(image), [top.key], [...blobs, top])
    }

    test('a manifest is ready when all that it needs is done, and its image is settled with it', async () => {
      const a = blob('r', 'a'), b = blob('r', 'b'), m = manifest('r', 'm', [a, b])
      expect((await ledger.register(id('i'), [m.key], [a, b, m])).ready).toEqual([a.key, b.key])
      expect(await ledger.claim(m.key, 'w1')).toBeUndefined()
      expect((await ledger.complete(await claim(a.key), 'pushed')).ready).toEqual([])
      expect((await ledger.complete(await claim(b.key), 'existed')).ready).toEqual([m.key])
      const { settled } = await ledger.complete(await claim(m.key), 'pushed')
      expect(settled).toEqual([{ image: 'i', errors: [], blobs: { pushed: 1, pushedBytes: 10, mounted: 0, mountedBytes: 0, existed: 1, existedBytes: 10 } }])
      expect(await ledger.counts()).toMatchObject({ waiting: 0, ready: 0, leased: 0, done: 3, failed: 0, openImages: 0 })
    })

    test('one placement of a digest leads; the others wait, then mount from it', async () => {
      const first = await register('i1', 'r1', ['a'])
      expect(first).toMatchObject({ fresh: { blobs: 1, bytes: 10 } })
      const second = await register('i2', 'r2', ['a'])
      expect(second).toMatchObject({ ready: [], fresh: { blobs: 0, bytes: 0 } })
      const lease = await claim(blob('r1', 'a').key)
      expect(lease.holders).toEqual([])
      expect((await ledger.complete(lease, 'pushed')).ready).toContain(blob('r2', 'a').key)
      expect((await claim(blob('r2', 'a').key)).holders).toEqual(['r1'])
    })

    test('a placement that comes after the leader is done is ready at once', async () => {
      await register('i1', 'r1', ['a'])
      await ledger.complete(await claim(blob('r1', 'a').key), 'pushed')
      expect((await register('i2', 'r2', ['a'])).ready).toEqual([blob('r2', 'a').key])
    })

    test('the leader reads from where its followers would', async () => {
      await register('i1', 'r1', ['a'])
      await register('i2', 'r2', ['a'])
      const { node } = await claim(blob('r1', 'a').key)
      expect(node.kind === 'blob' && node.from.map((from) => from.repository)).toEqual(['r1', 'r2'])
    })

    test('of many that have a blob three are told', async () => {
      for (let i = 1; i <= 5; i++) {
        await register(`i${i}`, `r${i}`, ['a'])
        const lease = await claim(blob(`r${i}`, 'a').key)
        expect(lease.holders).toEqual(['r1', 'r2', 'r3'].slice(0, i - 1))
        await ledger.complete(lease, 'mounted')
      }
    })

    test('a leader is lent a few places to read from, however many follow', async () => {
      for (let i = 1; i <= 12; i++) await register(`i${i}`, `r${i}`, ['a'])
      const { node } = await claim(blob('r1', 'a').key)
      expect(node.kind === 'blob' && node.from).toHaveLength(8)
    })

    test('when the leader fails the next placement leads, and only the image of the failed one fails', async () => {
      await register('i1', 'r1', ['a'])
      await register('i2', 'r2', ['a'])
      const { ready, settled } = await ledger.fail(await claim(blob('r1', 'a').key), boom)
      expect(ready).toEqual([blob('r2', 'a').key])
      expect(settled.map((image) => [image.image, image.errors])).toEqual([['i1', [boom]]])
    })

    test('who follows a leader that fails waits for the next one', async () => {
      for (const i of [1, 2, 3, 4]) await register(`i${i}`, `r${i}`, ['a'])
      expect((await ledger.fail(await claim(blob('r1', 'a').key), boom)).ready).toEqual([blob('r2', 'a').key])
      const { ready } = await ledger.complete(await claim(blob('r2', 'a').key), 'pushed')
      expect(ready).toEqual(expect.arrayContaining([blob('r3', 'a').key, blob('r4', 'a').key]))
      expect((await claim(blob('r4', 'a').key)).holders).toEqual(['r2'])
    })

    test('a blob of which two sizes are told is not mounted from where it is to go', async () => {
      const a = blob('r', 'a')
      const other = { ...a, desc: { ...a.desc, size: 11 } }
      const b = { ...other, key: blobKey(at('r'), other.desc) }
      await ledger.register(id('i'), [a.key, b.key], [a, b])
      await ledger.complete(await claim(a.key), 'pushed')
      expect((await claim(b.key)).holders).toEqual([])
    })

    test('a failed node fails every image that needs it, also one that comes later, and no other', async () => {
      await register('i1', 'r', ['a', 'b'])
      await register('i2', 'r', ['b', 'c'])
      await register('i3', 'r', ['c'])
      const { settled } = await ledger.fail(await claim(blob('r', 'b').key), boom)
      expect(settled.map((image) => image.image).sort()).toEqual(['i1', 'i2'])
      expect((await register('i4', 'r', ['b'])).settled.map((image) => image.errors)).toEqual([[boom]])
      expect((await ledger.complete(await claim(blob('r', 'c').key), 'pushed')).ready).toEqual([manifest('r', 'm-i3', []).key])
    })

    test('a node is leased once, and a late worker is fenced off', async () => {
      await register('i', 'r', ['a'])
      const late = await claim(blob('r', 'a').key, 'w1')
      expect(await ledger.claim(blob('r', 'a').key, 'w2')).toBeUndefined()
      expect((await ledger.release(late)).ready).toEqual([blob('r', 'a').key])
      const mine = await claim(blob('r', 'a').key, 'w2')
      expect(mine.fence).toBeGreaterThan(late.fence)
      expect(await ledger.fail(late, boom)).toEqual({ ready: [], taken: [], settled: [] })
      expect((await ledger.complete(mine, 'pushed')).ready).toEqual([manifest('r', 'm-i', []).key])
    })

    test('completing answers again what it made ready, until that is at its end', async () => {
      await register('i', 'r', ['a'])
      const lease = await claim(blob('r', 'a').key)
      const once = await ledger.complete(lease, 'pushed')
      expect((await ledger.complete(lease, 'pushed')).ready).toEqual(once.ready)
      await ledger.complete(await claim(manifest('r', 'm-i', []).key), 'pushed')
      expect((await ledger.complete(lease, 'pushed')).ready).toEqual([])
    })

    test('of what is made ready, a worker takes along what it has room for', async () => {
      const a = blob('r', 'a'), b = blob('r', 'b'), c = blob('r', 'c'), m = manifest('r', 'm', [a])
      const { ready, taken } = await ledger.register(id('i'), [m.key], [a, b, c, m], { worker: 'w1', nodes: 2, bytes: 1000 })
      expect(ready).toEqual([c.key])
      expect(taken.map(({ key, worker }) => [key, worker])).toEqual([[a.key, 'w1'], [b.key, 'w1']])
      expect(await ledger.claim(a.key, 'w2')).toBeUndefined()
      const next = await ledger.complete(taken[0]!, 'pushed', { worker: 'w1', nodes: 1, bytes: 0 })
      expect(next).toMatchObject({ ready: [], taken: [{ key: m.key, worker: 'w1' }] })
      expect((await ledger.complete(next.taken[0]!, 'pushed')).settled).toMatchObject([{ image: 'i', errors: [] }])
    })

    test('a blob that is larger than the room is left for others, with all that comes behind it', async () => {
      const a = blob('r', 'a'), b = blob('r', 'b'), c = blob('r', 'c')
      const { ready, taken } = await ledger.register(id('i'), [a.key, b.key, c.key], [a, b, c], { worker: 'w1', nodes: 5, bytes: 15 })
      expect(taken.map(({ key }) => key)).toEqual([a.key])
      expect(ready).toEqual([b.key, c.key])
    })

    test('registering an image again while it is open changes nothing', async () => {
      await register('i', 'r', ['a'])
      expect(await register('i', 'r', ['a'])).toMatchObject({ ready: [], settled: [] })
      expect(await ledger.counts()).toMatchObject({ ready: 1, waiting: 1, openImages: 1 })
    })

    test('an image without roots is settled at once', async () => {
      expect((await ledger.register(id('i'), [], [])).settled).toMatchObject([{ image: 'i', errors: [] }])
    })

    test('replan makes what was done true again before the manifest is tried again', async () => {
      const a = blob('r', 'a'), m = manifest('r', 'm', [a])
      await ledger.register(id('i'), [m.key], [a, m])
      await ledger.complete(await claim(a.key), 'existed')
      const lease = await claim(m.key)
      expect((await ledger.replan(lease, [{ ...a, mayExist: true }])).ready).toEqual([a.key])
      expect(await ledger.claim(m.key, 'w1')).toBeUndefined()
      expect((await ledger.complete(await claim(a.key), 'pushed')).ready).toEqual([m.key])
      const again = await claim(m.key)
      expect(again.replans).toBe(1)
      expect((await ledger.complete(again, 'pushed')).settled).toMatchObject([{ image: 'i', errors: [] }])
    })

    test('replan also makes true what no image had asked for', async () => {
      const m = manifest('r', 'm', []), a = blob('r', 'a')
      await ledger.register(id('i'), [m.key], [m])
      expect((await ledger.replan(await claim(m.key), [a])).ready).toEqual([a.key])
      expect((await ledger.complete(await claim(a.key), 'pushed')).ready).toEqual([m.key])
    })

    test('a blob that can be read elsewhere by now is not failed but tried again', async () => {
      await register('i1', 'r1', ['a'])
      const lease = await claim(blob('r1', 'a').key)
      await register('i2', 'r2', ['a'])
      expect(await ledger.fail(lease, boom)).toEqual({ ready: [blob('r1', 'a').key], taken: [], settled: [] })
    })

    test('bad content fails all who wait for it', async () => {
      await register('i1', 'r1', ['a'])
      const lease = await claim(blob('r1', 'a').key)
      await register('i2', 'r2', ['a'])
      const { ready, settled } = await ledger.fail(lease, boom, true)
      expect(ready).toEqual([])
      expect(settled.map((image) => image.image).sort()).toEqual(['i1', 'i2'])
    })

    test('retry of one image leaves the failures of others', async () => {
      await register('i1', 'r', ['a'])
      await register('i2', 'r', ['b'])
      await ledger.fail(await claim(blob('r', 'a').key), boom)
      await ledger.fail(await claim(blob('r', 'b').key), boom)
      expect(await ledger.retry([])).toEqual({ ready: [], taken: [], settled: [] })
      expect((await ledger.retry([id('i2')])).ready).toEqual([blob('r', 'b').key])
      expect(await ledger.counts()).toMatchObject({ failed: 2, ready: 1, waiting: 1 })
    })

    test('retry of one image opens no other, though both failed for the same node', async () => {
      const sbom = manifest('r', 'sbom', [blob('r', 's')])
      for (const image of ['i1', 'i2']) {
        const top = manifest('r', `m-${image}`, [])
        await ledger.register(id(image), [top.key, sbom.key], [top, blob('r', 's'), sbom])
        if (image === 'i1') await ledger.complete(await claim(top.key), 'pushed')
      }
      await ledger.fail(await claim(blob('r', 's').key), boom)
      // i2 is still open, waits for the node again, and has no error of it.
      expect((await ledger.retry([id('i1')])).ready).toEqual([blob('r', 's').key])
      await ledger.complete(await claim(blob('r', 's').key), 'pushed')
      expect((await ledger.complete(await claim(sbom.key), 'pushed')).settled).toMatchObject([{ image: 'i1', errors: [] }])
      expect((await ledger.complete(await claim(manifest('r', 'm-i2', []).key), 'pushed')).settled).toMatchObject([{ image: 'i2', errors: [] }])
    })

    test('retry of one image leaves what came true for it and failed for another later', async () => {
      const sbom = manifest('r', 'sbom', []), a = blob('r', 'a'), top = manifest('r', 'top', [a]), other = manifest('r', 'other', [])
      await ledger.register(id('i1'), [sbom.key, top.key], [sbom, a, top])
      await ledger.complete(await claim(sbom.key), 'pushed')
      await ledger.fail(await claim(a.key), boom)
      await ledger.register(id('i2'), [other.key], [other])
      await ledger.replan(await claim(other.key), [sbom])
      await ledger.fail(await claim(sbom.key), boom)
      expect((await ledger.retry([id('i1')])).ready).toEqual([a.key])
      await ledger.complete(await claim(a.key), 'pushed')
      expect((await ledger.complete(await claim(top.key), 'pushed')).settled).toMatchObject([{ image: 'i1', errors: [] }])
    })

    test('retry lets a manifest wait for what a replan found it to need', async () => {
      const m = manifest('r', 'm', []), a = blob('r', 'a')
      await ledger.register(id('i'), [m.key], [m])
      await ledger.replan(await claim(m.key), [a])
      await ledger.fail(await claim(a.key), boom)
      expect((await ledger.retry()).ready).toEqual([a.key])
      expect((await ledger.complete(await claim(a.key), 'pushed')).ready).toEqual([m.key])
    })

    test('a list of needs may name one twice', async () => {
      const a = blob('r', 'a'), m = manifest('r', 'm', [a, a])
      await ledger.register(id('i'), [m.key], [a, m])
      expect((await ledger.complete(await claim(a.key), 'pushed')).ready).toEqual([m.key])
      expect((await ledger.complete(await claim(m.key), 'pushed')).settled).toMatchObject([{ image: 'i', errors: [] }])
    })

    test('forget lets go of failed manifests, and a later image that needs one finds its own end', async () => {
      await register('i1', 'r', ['a'])
      await ledger.fail(await claim(blob('r', 'a').key), boom)
      await ledger.forget([manifest('r', 'm-i1', []).key])
      expect(await ledger.counts()).toMatchObject({ failed: 1, waiting: 0 })
      expect((await register('i1', 'r', ['a'])).settled).toMatchObject([{ image: 'i1', errors: [boom] }])
    })

    test('retry resets the failed nodes and only those', async () => {
      await register('i1', 'r', ['a', 'b'])
      await ledger.complete(await claim(blob('r', 'a').key), 'pushed')
      await ledger.fail(await claim(blob('r', 'b').key), boom)
      expect((await ledger.retry()).ready).toEqual([blob('r', 'b').key])
      expect(await ledger.claim(blob('r', 'a').key, 'w1')).toBeUndefined()
      expect((await ledger.complete(await claim(blob('r', 'b').key), 'pushed')).ready).toEqual([manifest('r', 'm-i1', []).key])
      expect((await ledger.complete(await claim(manifest('r', 'm-i1', []).key), 'pushed')).settled).toMatchObject([{ image: 'i1', errors: [] }])
    })
  })
}
