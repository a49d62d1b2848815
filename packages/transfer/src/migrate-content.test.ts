// Which parts of an image are carried, by platform, by referrers, and by what an account may see.
import { decodeManifest, type Descriptor, descriptorOf, MediaType, parsePlatform, RegistryError, referrersTag, type Tag } from '@longshore/oci'
import { beforeEach, describe, expect, test } from 'vitest'
import type { Wanted } from './index.ts'
import { acceptSparse, indexOf, on, World } from './world.fixture.ts'

let world: World
beforeEach(() => { world = new World() })

describe('platforms', () => {
  const three = (): Descriptor => {
    const amd = on('linux/amd64', world.src.addImage('app', undefined, ['amd']))
    const arm = on('linux/arm64', world.src.addImage('app', undefined, ['arm']))
    const attestation = (about: Descriptor): Descriptor => ({
      ...world.src.addImage('app', undefined, [`att ${about.digest}`]), platform: { os: 'unknown', architecture: 'unknown' },
      annotations: { 'vnd.docker.reference.type': 'attestation-manifest', 'vnd.docker.reference.digest': about.digest },
    })
    return indexOf(world, 'app', 'v1', [amd, arm, attestation(amd), attestation(arm)])
  }
  const platforms = [parsePlatform('linux/amd64')]

  test('strip writes an index of what was carried, attestations included, and says what it became; a re-run finds it present', async () => {
    const { digest } = three()
    const wanted = [world.want('app', 'v1', { platforms, platformPolicy: 'strip' })]
    await world.run(wanted)
    const done = world.events.find((event) => event.type === 'done')
    const now = world.dst.repository('app').tags.get('v1' as Tag)
    expect(now).not.toBe(digest)
    expect(done).toMatchObject({ digest, rewritten: now })
    expect(world.dst.isIntact('app', 'v1')).toBe(true)
    expect(world.dst.repository('app').manifests.size).toBe(3)
    expect(await world.run(wanted)).toMatchObject({ present: 1 })
    expect(world.dst.count('put')).toBe(0)
  })

  test('platforms that it has nothing for fail the image, and nothing is put', async () => {
    three()
    for (const platformPolicy of ['strip', 'sparse'] as const) {
      await world.run([world.want('app', 'v1', { platforms: [parsePlatform('windows/amd64')], platformPolicy })])
      expect(world.failures()[0]).toMatch(/PLATFORM_NOT_FOUND.*nothing for windows\/amd64; there is linux\/amd64, linux\/arm64/)
    }
    expect(world.dst.count('put')).toBe(0)
  })

  test('strip says which signatures stay behind', async () => {
    const { digest } = three()
    world.src.addImage('app', `sha256-${digest.slice(7)}.sig`, ['signature'])
    await world.run([world.want('app', 'v1', { platforms, platformPolicy: 'strip', referrers: true })])
    expect(world.events.filter((event) => event.type === 'warning')).toMatchObject([{ message: expect.stringMatching(/app:v1: 1 of its signatures/) }])
  })

  test('sparse leaves the index as it is', async () => {
    const { digest } = three()
    acceptSparse(world)
    await world.run([world.want('app', 'v1', { platforms })])
    expect(world.dst.repository('app').tags.get('v1' as Tag)).toBe(digest)
    expect(world.dst.repository('app').manifests.size).toBe(3)
  })
})

describe('referrers', () => {
  const referrers = { referrers: true }
  const signed = (tag: string): Descriptor => {
    const child = on('linux/amd64', world.src.addImage('app', undefined, [`child ${tag}`]))
    const root = indexOf(world, 'app', tag, [child])
    world.src.addImage('app', `sha256-${child.digest.slice(7)}.sig`, [`signature of child ${tag}`])
    world.src.addImage('app', `sha256-${root.digest.slice(7)}.sig`, [`signature of root ${tag}`])
    return root
  }

  test('cosign tags of an index and of its children come along, found by one tag list', async () => {
    signed('v1')
    await world.run([world.want('app', 'v1', referrers)])
    expect([...world.dst.repository('app').tags.keys()].sort()).toEqual([...world.src.repository('app').tags.keys()].sort())
    expect(world.src.count('tags')).toBe(1)
  })

  test('a second run compares them by HEAD and reads nothing', async () => {
    signed('v1')
    signed('v2')
    const wanted = [world.want('app', 'v1', referrers), world.want('app', 'v2', referrers)]
    await world.run(wanted)
    expect(await world.run(wanted)).toMatchObject({ present: 2 })
    expect(world.src.count('manifest')).toBe(0)
    expect(world.dst.count('manifest') + world.dst.count('put') + world.dst.count('push')).toBe(0)
    expect(world.src.count('resolve')).toBe(6)
    expect(world.dst.count('resolve')).toBe(6)
  })

  test('a signature that came later is carried although its image is there', async () => {
    const root = signed('v1')
    const wanted = [world.want('app', 'v1', referrers)]
    await world.run(wanted)
    world.src.addImage('app', `sha256-${root.digest.slice(7)}.att`, ['attestation'])
    world.src.addImage('app', `sha256-${root.digest.slice(7)}.sig`, ['a second signature'])
    expect(await world.run(wanted)).toMatchObject({ copied: 1 })
    expect(world.dst.repository('app').tags).toEqual(world.src.repository('app').tags)
  })

  test('by the API: referrers, and referrers of referrers, and a list where the destination has no API', async () => {
    world = new World({ referrersApi: true })
    const root = world.src.addImage('app', 'v1', ['app'])
    const sbom = world.src.addImage('app', undefined, ['sbom'], { subject: root, artifactType: 'application/spdx+json' })
    const signature = world.src.addImage('app', undefined, ['sbom signature'], { subject: sbom })
    await world.run([world.want('app', 'v1', referrers)])
    expect(world.dst.isIntact('app', signature.digest)).toBe(true)
    const listed = world.dst.repository('app').tags.get(referrersTag(root.digest))
    const list = world.dst.repository('app').manifests.get(listed!)
    expect(list?.kind === 'index' && list.manifests.map((desc) => desc.digest)).toEqual([sbom.digest])
    expect(await world.run([world.want('app', 'v1', referrers)])).toMatchObject({ failed: 0 })
    expect(world.dst.count('put')).toBe(0)
  })

  test('by the API of a Harbor, that lists cosign signatures too and says sizes of its own: the list is as it has to be', async () => {
    world = new World({ referrersApi: true })
    const root = world.src.addImage('app', 'v1', ['app'])
    const tag = `sha256-${root.digest.slice(7)}.sig` as Tag
    const signature = world.src.addImage('app', tag, ['signature'])
    const sbom = world.src.addImage('app', undefined, ['sbom'], { subject: root })
    const list = world.src.referrers.bind(world.src)
    world.src.referrers = async (repository, subject, io) => {
      const listed = await list(repository, subject, io) ?? []
      return (subject === root.digest ? [signature, ...listed] : listed).map((desc) => ({ ...desc, size: desc.size + 1_000_000 }))
    }
    for (const puts of [4, 0]) {
      expect(await world.run([world.want('app', 'v1', referrers)])).toMatchObject({ failed: 0 })
      expect(world.dst.count('put')).toBe(puts)
      const { tags, manifests } = world.dst.repository('app')
      expect(tags.get(tag)).toBe(signature.digest)
      const fallback = manifests.get(tags.get(referrersTag(root.digest))!)
      expect(fallback?.kind === 'index' && fallback.manifests.map(({ digest, size }) => [digest, size])).toEqual([[sbom.digest, sbom.size]])
    }
    // Without the list, its parts being there: it is made again, and right again.
    world.dst.repository('app').tags.delete(referrersTag(root.digest))
    await world.run([world.want('app', 'v1', referrers)])
    const again = world.dst.repository('app').manifests.get(world.dst.repository('app').tags.get(referrersTag(root.digest))!)
    expect(again?.kind === 'index' && again.manifests.map(({ digest, size }) => [digest, size])).toEqual([[sbom.digest, sbom.size]])
  })

  describe('under a fallback tag', () => {
    const referrerOf = (root: Descriptor, name: string): Descriptor => world.src.addImage('app', undefined, [name], { subject: root })
    const listing = (root: Descriptor, descs: readonly Descriptor[], more: object = {}): Descriptor => world.src.addManifest('app', { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: descs, ...more }, referrersTag(root.digest))
    const thereUnder = (root: Descriptor) => world.dst.repository('app').tags.get(referrersTag(root.digest))

    test('the list is carried as it is where the destination has no API, and found to be there', async () => {
      const root = world.src.addImage('app', 'v1', ['app'])
      const list = listing(root, [referrerOf(root, 'sbom'), referrerOf(root, 'signature')], { annotations: { by: 'hand' } })
      const wanted = [world.want('app', 'v1', referrers)]
      await world.run(wanted)
      expect(thereUnder(root)).toBe(list.digest)
      expect(world.dst.isIntact('app', list.digest)).toBe(true)
      await world.run(wanted)
      expect([world.dst.count('put'), world.src.count('manifest')]).toEqual([0, 0])
    })

    test('what is new about something that it lists is found, though the list itself is the same', async () => {
      const root = world.src.addImage('app', 'v1', ['app'])
      const sbom = referrerOf(root, 'sbom')
      listing(root, [sbom])
      const wanted = [world.want('app', 'v1', referrers)]
      await world.run(wanted)
      const signature = referrerOf(sbom, 'signature of the sbom')
      listing(sbom, [signature])
      expect(await world.run(wanted)).toMatchObject({ copied: 1 })
      expect(world.dst.isIntact('app', signature.digest)).toBe(true)
      expect(thereUnder(sbom)).toBe(world.src.repository('app').tags.get(referrersTag(sbom.digest)))
    })

    test('there is no list where the API of the destination lists it all', async () => {
      world = new World({}, { referrersApi: true })
      const root = world.src.addImage('app', 'v1', ['app'])
      const sbom = referrerOf(root, 'sbom')
      listing(root, [sbom])
      const signature = referrerOf(sbom, 'signature of the sbom')
      listing(sbom, [signature])
      expect(await world.run([world.want('app', 'v1', referrers)])).toMatchObject({ copied: 1 })
      expect([...world.dst.repository('app').tags.keys()]).toEqual(['v1'])
      expect([sbom, signature].map(({ digest }) => world.dst.isIntact('app', digest))).toEqual([true, true])
      const later = referrerOf(sbom, 'a second signature of the sbom')
      listing(sbom, [signature, later])
      await world.run([world.want('app', 'v1', referrers)])
      expect(world.dst.isIntact('app', later.digest)).toBe(true)
      // Who names the tag gets it.
      await world.run([world.want('app', 'v1', referrers), world.want('app', referrersTag(root.digest), referrers)])
      expect(thereUnder(root)).toBe(world.src.repository('app').tags.get(referrersTag(root.digest)))
    })

    test('a list that names what the API does not give back is carried all the same', async () => {
      world = new World({}, { referrersApi: true })
      const root = world.src.addImage('app', 'v1', ['app'])
      const list = listing(root, [referrerOf(root, 'sbom'), world.src.addImage('app', undefined, ['about nothing'])])
      await world.run([world.want('app', 'v1', referrers)])
      expect(thereUnder(root)).toBe(list.digest)
    })

    test('what only the API of the source knows is added to its list', async () => {
      world = new World({ referrersApi: true })
      const root = world.src.addImage('app', 'v1', ['app'])
      const [old, late] = [referrerOf(root, 'old'), referrerOf(root, 'late')]
      listing(root, [old])
      await world.run([world.want('app', 'v1', referrers)])
      const list = world.dst.repository('app').manifests.get(thereUnder(root)!)
      expect(list?.kind === 'index' && list.manifests.map(({ digest }) => digest)).toEqual([old.digest, late.digest])
    })

    test('what somebody added to the list at the destination stays', async () => {
      const root = world.src.addImage('app', 'v1', ['app'])
      const [sbom, own] = [referrerOf(root, 'sbom'), world.dst.addImage('app', undefined, ['signed there'], { subject: root })]
      listing(root, [sbom])
      world.dst.addManifest('app', { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [own] }, referrersTag(root.digest))
      await world.run([world.want('app', 'v1', referrers)])
      const list = world.dst.repository('app').manifests.get(thereUnder(root)!)
      expect(list?.kind === 'index' && list.manifests.map(({ digest }) => digest)).toEqual([own.digest, sbom.digest])
    })

    test('a referrer that was deleted, and is still listed, is told of and left out', async () => {
      const root = world.src.addImage('app', 'v1', ['app'])
      const [sbom, gone] = [referrerOf(root, 'sbom'), referrerOf(root, 'deleted')]
      listing(root, [sbom, gone])
      world.src.repository('app').manifests.delete(gone.digest)
      expect(await world.run([world.want('app', 'v1', referrers)])).toMatchObject({ copied: 1, failed: 0 })
      const list = world.dst.repository('app').manifests.get(thereUnder(root)!)
      expect(list?.kind === 'index' && list.manifests.map(({ digest }) => digest)).toEqual([sbom.digest])
      expect(world.events).toContainEqual({ type: 'warning', message: `src.test/app:v1: its referrer ${gone.digest} is listed, and not there` })
    })

    test('an image that only has such a tag is carried as what it is', async () => {
      const root = world.src.addImage('app', 'v1', ['app'])
      world.src.repository('app').tags.set(referrersTag(root.digest), root.digest)
      await world.run([world.want('app', 'v1', referrers)])
      expect(thereUnder(root)).toBe(root.digest)
    })
  })

  test('are left when not wanted', async () => {
    signed('v1')
    await world.run([world.want('app', 'v1')])
    expect([...world.dst.repository('app').tags.keys()]).toEqual(['v1'])
    expect(world.src.count('tags')).toBe(0)
  })
})

test('bytes that do not say what they are keep the type that their own repository gives them', async () => {
  const types = [MediaType.ociManifest, MediaType.dockerManifest]
  for (const [i, mediaType] of types.entries()) {
    const config = world.src.addBlob(`r${i}`, Buffer.from('{}'), MediaType.dockerConfig)
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, config, layers: [] }))
    const child = decodeManifest(bytes, mediaType, 'a child')
    world.src.repository(`r${i}`).manifests.set(child.digest, child)
    world.src.addManifest(`r${i}`, { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [descriptorOf(child)] }, 'v1')
  }
  await world.run(types.map((_, i) => world.want(`r${i}`, 'v1')))
  for (const [i, mediaType] of types.entries()) {
    expect([...world.dst.repository(`r${i}`).manifests.values()].map((manifest) => manifest.mediaType)).toEqual([mediaType, MediaType.ociIndex])
  }
})

describe('accounts that may not do everything', () => {
  const refused = (registry: string, status: number): never => { throw new RegistryError({ status, registry, request: 'GET /v2/a/tags/list', details: [{ code: 'DENIED' }] }) }

  test('push without list or look: what may not be seen counts as absent', async () => {
    world = new World({}, { before: (operation) => { if (operation === 'tags' || operation === 'resolve') refused('dst.test', 403) } })
    world.src.addImage('a', '1', ['layer'])
    expect(await world.run([world.want('a', '1', { referrers: true })])).toMatchObject({ copied: 1, failed: 0 })
    expect(world.dst.isIntact('a', '1')).toBe(true)
  })

  test('pull without list: the image is carried, and a warning says what is not', async () => {
    world = new World({ before: (operation) => { if (operation === 'tags') refused('src.test', 401) } })
    world.src.addImage('a', '1', ['layer'])
    world.src.addImage('a', '2', ['layer'])
    expect(await world.run([world.want('a', '1', { referrers: true }), world.want('a', '2', { referrers: true })])).toMatchObject({ copied: 2, failed: 0 })
    expect(world.events.filter((event) => event.type === 'warning')).toEqual([{ type: 'warning', message: expect.stringMatching(/src\.test\/a: its tags may not be listed/) }])
  })
})

test('an image by digest in a repository without tags is found there again', async () => {
  const { digest } = world.src.addImage('a', undefined, ['layer'])
  const pinned: Wanted = { ...world.want('a', '1'), image: { source: { ...world.want('a', '1').image.source, reference: digest }, destination: { ...world.want('a', '1').image.destination, reference: digest } } }
  const tags = world.dst.tags.bind(world.dst)
  world.dst.tags = async (repository, io) => { const found = await tags(repository, io); return found?.length === 0 ? undefined : found }
  await world.run([pinned])
  expect(await world.run([pinned])).toMatchObject({ present: 1 })
  expect(world.src.count('blob') + world.dst.count('push')).toBe(0)
})

test('platforms that are widened later are carried then (sparse)', async () => {
  const children = ['amd64', 'arm64'].map((architecture) => on(`linux/${architecture}`, world.src.addImage('app', undefined, [architecture])))
  indexOf(world, 'app', 'v1', children)
  acceptSparse(world)
  await world.run([world.want('app', 'v1', { platforms: [parsePlatform('linux/amd64')] })])
  expect(world.dst.isIntact('app', 'v1')).toBe(false)
  const both = ['linux/amd64', 'linux/arm64'].map(parsePlatform)
  expect(await world.run([world.want('app', 'v1', { platforms: both })])).toMatchObject({ copied: 1 })
  expect(world.dst.isIntact('app', 'v1')).toBe(true)
  expect(await world.run([world.want('app', 'v1', { platforms: both })])).toMatchObject({ present: 1 })
})

test('a child that one repository lacks does not fail another that has it', async () => {
  const child = on('linux/amd64', world.src.addImage('b', undefined, ['content']))
  world.src.addImage('a', undefined, ['content'])
  indexOf(world, 'a', '1', [child])
  indexOf(world, 'b', '1', [child])
  await world.run([world.want('a', '1'), world.want('b', '1')])
  expect(world.outcomes()).toEqual({ 'dst.test/a:1': 'IMAGE_NOT_FOUND', 'dst.test/b:1': 'copied' })
})

test('what failed for a reason that may pass is tried once more at the end', async () => {
  const outages = { push: 1, tags: 1 } as Record<string, number>
  world = new World({}, { before: (operation) => {
    const left = outages[operation] ?? 0
    outages[operation] = left - 1
    if (left > 0) throw new RegistryError({ status: 503, registry: 'dst.test', request: operation })
  } })
  for (const name of ['a', 'b']) world.src.addImage(name, '1', [`layer ${name}`])
  expect(await world.run([world.want('a', '1'), world.want('b', '1')], { window: 1 })).toMatchObject({ images: 2, copied: 2, failed: 0 })
  expect(world.events.filter((event) => event.type === 'warning')).toMatchObject([{ message: expect.stringMatching(/may pass: 2 of the images; tried once more/) }])
})

test('a signature of an image that nobody asked for is left alone, whatever it is', async () => {
  const v0 = world.src.addImage('app', 'v0', ['zero'])
  world.src.addImage('app', 'v1', ['one'])
  world.src.addImage('app', `sha256-${v0.digest.slice(7)}.sig`, ['signature'])
  const all = ['v0', 'v1'].map((tag) => world.want('app', tag, { referrers: true }))
  await world.run(all)
  const before = new Map(world.dst.repository('app').tags)
  world.src.addImage('app', `sha256-${v0.digest.slice(7)}.sig`, ['another signature'])
  expect(await world.run(all.slice(1))).toMatchObject({ present: 1, failed: 0 })
  expect(world.dst.repository('app').tags).toEqual(before)
  expect(world.src.count('resolve')).toBe(1)
})

