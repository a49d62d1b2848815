// What a run asks when it is to find only what changed, and when it was told what changed.
import { type Digest, MediaType, type Tag } from '@longshore/oci'
import { describe, expect, test } from 'vitest'
import { isGone } from './index.ts'
import { indexOf, on, World } from './world.fixture.ts'

const both = (world: World): string[] => [...world.src.calls, ...world.dst.calls]
const referrers = { referrers: true }

describe('changed', () => {
  test('an image that is there costs a HEAD at each side, whatever may be about it', async () => {
    const world = new World({ referrersApi: true }, { referrersApi: true })
    world.src.addImage('app', '1', ['a'])
    await world.run([world.want('app', '1', referrers)])
    await world.run([world.want('app', '1', referrers)], { asks: 'changed' })
    expect(both(world).map((call) => call.split(' ')[0] ?? '').toSorted()).toEqual(['resolve', 'resolve', 'tags', 'tags'])
  })

  test('a new referrer of an old image waits for a run that asks all; one with a tag does not', async () => {
    const world = new World({ referrersApi: true }, { referrersApi: true })
    const subject = world.src.addImage('app', '1', ['a'])
    await world.run([world.want('app', '1', referrers)])
    const referrer = world.src.addImage('app', undefined, ['sbom'], { subject })
    const tag = `sha256-${subject.digest.slice(7)}.sig`
    world.src.addImage('app', tag, ['signature'])
    await world.run([world.want('app', '1', referrers)], { asks: 'changed' })
    const there = world.dst.repository('app')
    expect([there.tags.has(tag as Tag), there.manifests.has(referrer.digest)]).toEqual([true, false])
    await world.run([world.want('app', '1', referrers)])
    expect(there.manifests.has(referrer.digest)).toBe(true)
  })

  test('of an index that is there, no child is looked at again for the sake of platforms', async () => {
    const world = new World()
    indexOf(world, 'app', '1', [on('linux/amd64', world.src.addImage('app', undefined, ['amd'])), on('linux/arm64', world.src.addImage('app', undefined, ['arm']))])
    const wanted = [world.want('app', '1', { platforms: [] }), world.want('app', '1', { platforms: [{ os: 'linux', architecture: 'amd64' }] })] as const
    await world.run([wanted[0]])
    await world.run([wanted[1]], { asks: 'changed' })
    expect(world.src.calls.map((call) => call.split(' ')[0])).toEqual(['resolve'])
  })
})

describe('named', () => {
  test('no tag list: a HEAD at the destination, the manifest at the source', async () => {
    const world = new World()
    world.src.addImage('app', '1', ['a', 'b'])
    await world.run([world.want('app', '1', referrers)], { asks: 'named' })
    expect(world.outcomes()).toEqual({ 'dst.test/app:1': 'copied' })
    expect(world.dst.isIntact('app', '1')).toBe(true)
    expect(both(world).filter((call) => call.startsWith('tags'))).toEqual([])
    expect(world.src.count('manifest')).toBe(1)
    expect(world.src.count('resolve')).toBe(0)
    await world.run([world.want('app', '1', referrers)], { asks: 'named' })
    expect(world.outcomes()).toEqual({ 'dst.test/app:1': 'present' })
    expect(both(world).filter((call) => !call.startsWith('referrers')).map((call) => call.split(' ')[0] ?? '').toSorted()).toEqual(['manifest', 'resolve'])
  })

  test('a tag that moves is compared before it is put, and left alone when somebody else moved it meanwhile', async () => {
    let meddle = (): void => {}
    const world = new World({ before: (operation) => { if (operation === 'blob') meddle() } })
    world.src.addImage('app', '1', ['old'])
    await world.run([world.want('app', '1')])
    world.src.addImage('app', '1', ['new'])
    const foreign = world.dst.addImage('app', 'theirs', ['of somebody else']).digest
    meddle = () => { world.dst.repository('app').tags.set('1' as Tag, foreign) }
    await world.run([world.want('app', '1')], { asks: 'named' })
    expect(world.outcomes()).toEqual({ 'dst.test/app:1': 'TAG_CONFLICT' })
    expect(world.dst.repository('app').tags.get('1' as Tag)).toBe(foreign)
    meddle = () => {}
    await world.run([world.want('app', '1')], { asks: 'named' })
    expect(world.outcomes()).toEqual({ 'dst.test/app:1': 'copied' })
    expect(world.dst.isIntact('app', '1')).toBe(true)
  })

  test('a tag that is gone is told from an image of which a part is gone', async () => {
    const world = new World()
    world.src.addImage('app', 'broken', ['a'])
    const child = on('linux/amd64', world.src.addImage('app', undefined, ['amd']))
    indexOf(world, 'app', 'holed', [child])
    world.src.repository('app').manifests.delete(child.digest)
    await world.run([world.want('app', 'gone'), world.want('app', 'holed')], { asks: 'named' })
    const gone = world.events.flatMap((event) => (event.type === 'failed' ? [[event.image.source.reference, isGone(event.image, event.error)]] : []))
    expect(Object.fromEntries(gone)).toEqual({ gone: true, holed: false })
  })

  test('an image by its digest, which is there, brings what is new about it', async () => {
    const world = new World({ referrersApi: true }, {})
    const subject = world.src.addImage('app', '1', ['a'])
    await world.run([world.want('app', '1', referrers)])
    const referrer = world.src.addImage('app', undefined, ['sbom'], { subject })
    await world.run([world.want('app', subject.digest, referrers)], { asks: 'named' })
    const there = world.dst.repository('app')
    expect(there.manifests.has(referrer.digest)).toBe(true)
    const fallback = there.manifests.get(there.tags.get(`sha256-${subject.digest.slice(7)}` as Tag) as Digest)
    expect(fallback?.kind === 'index' && fallback.manifests.map(({ digest }) => digest)).toEqual([referrer.digest])
    expect(fallback?.mediaType).toBe(MediaType.ociIndex)
    expect(both(world).filter((call) => call.startsWith('tags'))).toEqual([])
  })
})
