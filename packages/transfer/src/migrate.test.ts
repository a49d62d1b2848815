import { MediaType, RegistryError, type Tag } from '@longshore/oci'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeEach, describe, expect, test } from 'vitest'
import { indexOf, on, World } from './world.fixture.ts'

let world: World
beforeEach(() => { world = new World() })

describe('what moves', () => {
  test('an image arrives whole, under the same digest', async () => {
    const { digest } = world.src.addImage('team/app', 'v1', ['base', 'app'])
    expect(await world.run([world.want('team/app', 'v1')])).toMatchObject({ images: 1, copied: 1, failed: 0 })
    expect(world.dst.repository('team/app').tags.get('v1' as Tag)).toBe(digest)
    expect(world.dst.isIntact('team/app', 'v1')).toBe(true)
  })

  test('each distinct blob is read once, whatever its number of repositories, and mounted in the others (P4)', async () => {
    // Slow enough that every placement is asked for while the first is still on its way.
    world = new World({ before: async (operation) => { if (operation === 'blob') await sleep(20) } })
    for (const name of ['a', 'b', 'c']) for (const tag of ['1', '2']) world.src.addImage(name, tag, ['shared base', `${name} layer`])
    const wanted = ['a', 'b', 'c'].flatMap((name) => [world.want(name, '1'), world.want(name, '2')])
    expect(await world.run(wanted, { jobs: { images: 8, blobs: 32, manifests: 8 } })).toMatchObject({ copied: 6 })
    const read = world.src.calls.filter((call) => call.startsWith('blob ')).map((call) => call.split(' ')[2])
    expect(read.length).toBe(new Set(read).size)
    expect(world.events.filter((event) => event.type === 'blob' && event.outcome === 'mounted').length).toBe(2)
    for (const name of ['a', 'b', 'c']) expect(world.dst.isIntact(name, '2')).toBe(true)
  })

  test('a refused mount reads from the destination, not again from the source', async () => {
    world = new World({}, { mounts: false })
    for (const name of ['a', 'b', 'c']) world.src.addImage(name, '1', ['shared base'])
    await world.run(['a', 'b', 'c'].map((name) => world.want(name, '1')))
    const shared = world.src.calls.filter((call) => call.startsWith('blob ')).map((call) => call.split(' ')[2])
    expect(shared.length).toBe(new Set(shared).size)
    expect(world.dst.isIntact('c', '1')).toBe(true)
  })

  test('nested indexes arrive children first', async () => {
    const child = world.src.addImage('app', undefined, ['one'])
    const inner = world.src.addManifest('app', { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [on('linux/amd64', child)] })
    indexOf(world, 'app', 'v1', [inner, on('linux/arm64', world.src.addImage('app', undefined, ['two']))])
    expect(await world.run([world.want('app', 'v1')])).toMatchObject({ copied: 1 })
    expect(world.dst.isIntact('app', 'v1')).toBe(true)
    const puts = world.dst.calls.filter((call) => call.startsWith('put '))
    expect(puts.at(-1)).toBe('put app v1')
  })

  test('several tags of one manifest cost one reading of its children', async () => {
    const child = on('linux/amd64', world.src.addImage('app', undefined, ['one']))
    indexOf(world, 'app', 'v1', [child])
    indexOf(world, 'app', 'latest', [child])
    await world.run([world.want('app', 'v1'), world.want('app', 'latest')])
    expect(world.src.count(`manifest app ${child.digest}`)).toBe(1)
    expect(world.dst.isIntact('app', 'latest')).toBe(true)
  })

  test('foreign layers are left where they are, or copied when asked', async () => {
    const layer = { ...world.src.addBlob('win', Buffer.from('windows base')), mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip', urls: ['https://example.com/base'] }
    const config = world.src.addBlob('win', Buffer.from('config'))
    world.src.addManifest('win', { schemaVersion: 2, mediaType: MediaType.dockerManifest, config, layers: [layer] }, 'v1')
    world.dst.put = async () => ({ subjectTaken: false })
    await world.run([world.want('win', 'v1')])
    expect(world.dst.count(`push win ${layer.digest}`)).toBe(0)
    await world.run([world.want('win', 'v1', { foreignLayers: 'copy' })])
    expect(world.dst.count(`push win ${layer.digest}`)).toBe(1)
  })
})

describe('the second run', () => {
  test('moves nothing and asks one HEAD per tag and side', async () => {
    for (const tag of ['1', '2', '3']) world.src.addImage('app', tag, [`layer ${tag}`])
    const wanted = ['1', '2', '3'].map((tag) => world.want('app', tag))
    await world.run(wanted)
    expect(await world.run(wanted)).toMatchObject({ present: 3, copied: 0 })
    expect(world.src.calls.sort()).toEqual(['resolve app 1', 'resolve app 2', 'resolve app 3'])
    expect(world.dst.calls.sort()).toEqual(['resolve app 1', 'resolve app 2', 'resolve app 3', 'tags app '])
  })

  test('sends only what a moved tag needs', async () => {
    world.src.addImage('app', 'v1', ['base', 'old'])
    await world.run([world.want('app', 'v1')])
    world.src.addImage('app', 'v1', ['base', 'new'])
    expect(await world.run([world.want('app', 'v1')])).toMatchObject({ copied: 1 })
    expect(world.src.count('blob ')).toBe(1)
    expect(world.dst.isIntact('app', 'v1')).toBe(true)
  })

  test('a new tag of a manifest that is there costs no blob requests', async () => {
    const { digest } = world.src.addImage('app', 'v1', ['base'])
    await world.run([world.want('app', 'v1')])
    world.src.repository('app').tags.set('latest' as Tag, digest)
    expect(await world.run([world.want('app', 'latest')])).toMatchObject({ copied: 1 })
    expect(world.dst.count('push')).toBe(0)
  })
})

describe('failures', () => {
  test('one bad image fails alone, with its reason (P7)', async () => {
    const { digest } = world.src.addImage('a', '1', ['shared', 'broken'])
    world.src.addImage('b', '1', ['shared'])
    const broken = world.src.repository('a').manifests.get(digest)
    for (const [blob, bytes] of world.src.repository('a').blobs) if (bytes.toString() === 'broken') world.src.repository('a').blobs.delete(blob)
    expect(broken).toBeDefined()
    expect(await world.run([world.want('a', '1'), world.want('b', '1'), world.want('gone', '1')])).toMatchObject({ copied: 1, failed: 2 })
    expect(world.outcomes()).toEqual({ 'dst.test/a:1': 'COPY_FAILED', 'dst.test/b:1': 'copied', 'dst.test/gone:1': 'IMAGE_NOT_FOUND' })
    expect(world.dst.repository('a').tags.size).toBe(0)
  })

  test('when one source repository refuses a blob, another that holds it serves', async () => {
    world.src.addImage('a', '1', ['shared'])
    world.src.addImage('b', '1', ['shared'])
    for (const [digest, bytes] of world.src.repository('a').blobs) if (bytes.toString() === 'shared') world.src.repository('a').blobs.delete(digest)
    expect(await world.run([world.want('a', '1'), world.want('b', '1')])).toMatchObject({ copied: 2, failed: 0 })
    expect(world.dst.isIntact('a', '1')).toBe(true)
  })

  test('a lying source is named, and nothing of it is committed (P9)', async () => {
    world.src.addImage('a', '1', ['honest content'])
    for (const [digest, bytes] of world.src.repository('a').blobs) if (bytes.toString() === 'honest content') world.src.repository('a').blobs.set(digest, Buffer.from('honest contenT'))
    expect(await world.run([world.want('a', '1')])).toMatchObject({ failed: 1 })
    expect(world.failures()[0]).toMatch(/DIGEST_MISMATCH.*src\.test\/a.*hash to/)
    expect(world.dst.repository('a').tags.size).toBe(0)
  })

  test('bytes that flipped on the way are read once more, and told of; with nobody to wait for it', async () => {
    world.src.addImage('a', '1', ['honest content'])
    const blob = world.src.blob.bind(world.src)
    let lies = 1
    world.src.blob = async (repository, desc, io) => {
      const content = await blob(repository, desc, io)
      if (desc.size !== 14 || lies-- <= 0) return content
      return {
        async *[Symbol.asyncIterator]() { for await (const chunk of content) yield chunk.map((byte) => byte ^ 1) },
        [Symbol.asyncDispose]: () => content[Symbol.asyncDispose](),
      }
    }
    expect(await world.run([world.want('a', '1')], { keepGoing: false })).toMatchObject({ copied: 1, failed: 0, stopped: false })
    expect(world.dst.isIntact('a', '1')).toBe(true)
    expect(world.src.count('blob')).toBe(3)
    expect(world.events.filter(({ type }) => type === 'warning')).toMatchObject([{ message: expect.stringMatching(/src\.test\/a: the bytes hash to .*read once more/) }])
  })

  test('content that lies is read twice, whatever its number of repositories', async () => {
    world = new World({ before: async (operation) => { if (operation === 'blob') await sleep(5) } })
    for (const name of ['a', 'b', 'c', 'd']) {
      world.src.addImage(name, '1', ['honest content'])
      for (const [digest, bytes] of world.src.repository(name).blobs) if (bytes.toString() === 'honest content') world.src.repository(name).blobs.set(digest, Buffer.from('honest contenT'))
    }
    expect(await world.run(['a', 'b', 'c', 'd'].map((name) => world.want(name, '1')), { jobs: { images: 8, blobs: 32, manifests: 8 } })).toMatchObject({ failed: 4 })
    // Four configs, and the one layer that they share, twice.
    expect(world.src.count('blob')).toBe(6)
  })

  test('too many bytes are named as a size that lies', async () => {
    world.src.addImage('a', '1', ['content'])
    for (const [digest, bytes] of world.src.repository('a').blobs) if (bytes.toString() === 'content') world.src.repository('a').blobs.set(digest, Buffer.from('content and more'))
    await world.run([world.want('a', '1')])
    expect(world.failures()[0]).toMatch(/SIZE_MISMATCH/)
  })

  test('content that vanished at the destination is sent again before the manifest is put', async () => {
    let vanish = true
    world = new World({}, { before: (operation) => {
      if (operation !== 'put' || !vanish) return
      vanish = false
      world.dst.repository('a').blobs.clear()
    } })
    world.src.addImage('a', '1', ['one', 'two'])
    expect(await world.run([world.want('a', '1')])).toMatchObject({ copied: 1, failed: 0 })
    expect(world.dst.isIntact('a', '1')).toBe(true)
  })

  test('a child that was taken as present with blobs missing under it is made whole', async () => {
    const child = on('linux/amd64', world.src.addImage('app', undefined, ['one']))
    indexOf(world, 'app', 'v1', [child])
    await world.run([world.want('app', 'v1')])
    indexOf(world, 'app', 'v2', [child, on('linux/arm64', world.src.addImage('app', undefined, ['two']))])
    const there = world.dst.repository('app')
    const resolve = world.dst.resolve.bind(world.dst)
    world.dst.resolve = async (repository, reference, io) => {
      const found = await resolve(repository, reference, io)
      // The registry forgets it right after it said that it has it.
      if (reference === child.digest) { there.manifests.delete(child.digest); there.blobs.clear() }
      return found
    }
    expect(await world.run([world.want('app', 'v2')])).toMatchObject({ copied: 1, failed: 0 })
    expect(world.dst.isIntact('app', 'v2')).toBe(true)
  })

  test('an index that contains itself is refused', async () => {
    const child = world.src.addImage('app', undefined, ['one'])
    const outer = indexOf(world, 'app', 'v1', [child])
    const lying = world.src.repository('app').manifests.get(outer.digest)!
    world.src.repository('app').manifests.set(child.digest, { ...lying, bytes: Buffer.alloc(child.size) })
    await world.run([world.want('app', 'v1')])
    expect(world.failures()[0]).toMatch(/contains itself/)
  })

  test('the first failure stops the run when it is not to keep going', async () => {
    for (let i = 0; i < 50; i++) world.src.addImage('a', `t${i}`, [`layer ${i}`])
    const wanted = [world.want('gone', '1'), ...Array.from({ length: 50 }, (_, i) => world.want('a', `t${i}`))]
    const result = await world.run(wanted, { keepGoing: false, window: 2, jobs: { images: 1, blobs: 1, manifests: 1 } })
    expect(result).toMatchObject({ failed: 1, stopped: true })
    expect(result.images).toBeLessThan(50)
  })
})

test('a repository that comes late serves what an earlier one refused', async () => {
  world.src.addImage('a', '1', ['shared'])
  world.src.addImage('b', '1', ['shared'])
  for (const [digest, bytes] of world.src.repository('a').blobs) if (bytes.toString() === 'shared') world.src.repository('a').blobs.delete(digest)
  const result = await world.run([world.want('a', '1'), world.want('b', '1')], { window: 1 })
  expect(result).toMatchObject({ images: 2, copied: 2, failed: 0 })
  expect(world.dst.isIntact('a', '1')).toBe(true)
})

describe('tags that move (P8)', () => {
  test('a tag that somebody else moved meanwhile is left alone', async () => {
    world.src.addImage('a', '1', ['old'])
    await world.run([world.want('a', '1')])
    world.src.addImage('a', '1', ['new'])
    const theirs = world.src.addImage('a', 'theirs', ['newest'])
    const push = world.dst.push.bind(world.dst)
    world.dst.push = async (...all) => {
      world.dst.repository('a').tags.set('1' as Tag, theirs.digest)
      world.dst.repository('a').manifests.set(theirs.digest, world.src.repository('a').manifests.get(theirs.digest)!)
      return await push(...all)
    }
    expect(await world.run([world.want('a', '1')])).toMatchObject({ failed: 1 })
    expect(world.outcomes()).toEqual({ 'dst.test/a:1': 'TAG_CONFLICT' })
    expect(world.dst.repository('a').tags.get('1' as Tag)).toBe(theirs.digest)
  })

  test('an immutable tag that names this content already is no failure; one that names other content is', async () => {
    world.src.addImage('a', '1', ['one'])
    await world.run([world.want('a', '1')])
    world.src.addImage('a', '1', ['two'])
    world.dst.put = async () => { throw new RegistryError({ status: 412, registry: 'dst.test', request: 'PUT', details: [{ code: 'PRECONDITION', message: 'tag 1 is immutable' }] }) }
    await world.run([world.want('a', '1')])
    expect(world.failures()[0]).toMatch(/TAG_IMMUTABLE/)
  })
})

describe('stopping', () => {
  test('no new work begins, what is in flight finishes, and the next run goes on', async () => {
    world = new World({}, { before: (operation) => { if (operation === 'put') world.stop.abort() } })
    for (let i = 0; i < 20; i++) world.src.addImage('a', `t${i}`, [`layer ${i}`])
    const wanted = Array.from({ length: 20 }, (_, i) => world.want('a', `t${i}`))
    const first = await world.run(wanted, { window: 2, jobs: { images: 1, blobs: 1, manifests: 1 } })
    expect(first.stopped).toBe(true)
    expect(first.copied).toBeGreaterThan(0)
    expect(first.copied).toBeLessThan(20)
    const second = await world.run(wanted, { stop: new AbortController().signal })
    expect(second).toMatchObject({ copied: 20 - first.copied, present: first.copied, failed: 0 })
  })

  test('an image whose blobs have arrived is still finished', async () => {
    let pushes = 0
    world = new World({}, { before: async (operation) => { if (operation === 'push' && ++pushes === 2) { world.stop.abort(); await sleep(20) } } })
    world.src.addImage('a', '1', ['only layer'])
    world.src.addImage('b', '1', ['never begun'])
    expect(await world.run([world.want('a', '1'), world.want('b', '1')], { window: 1 })).toMatchObject({ copied: 1, stopped: true })
    expect(world.dst.isIntact('a', '1')).toBe(true)
  })

  test('what does not finish in its grace is abandoned', async () => {
    world = new World({}, { before: (operation) => { if (operation === 'push') world.stop.abort() } })
    world.dst.push = async (_repository, _desc, _open, { signal }) => {
      world.stop.abort()
      await sleep(60_000, undefined, { signal })
      return 'pushed'
    }
    world.src.addImage('a', '1', ['endless'])
    expect(await world.run([world.want('a', '1')], { graceMs: 20 })).toMatchObject({ copied: 0, failed: 0, abandoned: 1, stopped: true })
  })

  test('images come to their end one after another', async () => {
    const order: string[] = []
    for (let i = 0; i < 6; i++) world.src.addImage(`r${i}`, '1', ['shared', `own ${i}`])
    await world.run(Array.from({ length: 6 }, (_, i) => world.want(`r${i}`, '1')), {
      jobs: { images: 6, blobs: 1, manifests: 1 }, onEvent: (event) => { if (event.type === 'blob') order.push(event.outcome); if (event.type === 'done') order.push('done') },
    })
    // A mount comes as soon as it can, not behind all the blobs that were asked for before it could.
    expect(order.lastIndexOf('mounted')).toBeLessThan(order.lastIndexOf('pushed'))
    expect(order.indexOf('done')).toBeLessThan(order.lastIndexOf('pushed'))
  })

  test('the window bounds how many images are open', async () => {
    let open = 0
    let peak = 0
    for (let i = 0; i < 20; i++) world.src.addImage('a', `t${i}`, [`layer ${i}`])
    await world.run(Array.from({ length: 20 }, (_, i) => world.want('a', `t${i}`)), {
      window: 3, onEvent: (event) => {
        if (event.type === 'found') peak = Math.max(peak, ++open)
        if (event.type === 'done') open--
      },
    })
    expect(peak).toBe(3)
  })
})
