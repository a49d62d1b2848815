// Prune against a real docker-registry, which deletes manifests alone, and against a registry that deletes tags.
import { decodeManifest, type Digest, hexOf, type RepositoryName, type Tag } from '@longshore/oci'
import { createRegistry, type Registry } from '@longshore/registry'
import { parseSpec } from '@longshore/spec'
import { assertIntact, type DockerRegistry, type EmbeddedRegistry, fill, image, index, seed, startDockerRegistry, startEmbeddedRegistry, type SyntheticContent } from '@longshore/testing'
import type { Target, Transports } from '@longshore/transfer'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { pruneOrphans, type PruneOptions, type PruneResult } from './prune.ts'

const { signal } = new AbortController()
const now = new Date('2026-11-26T12:00:00Z')
const contentOf = (seedOf: string): SyntheticContent => image({ seed: seedOf, layers: [300] })
const companion = (digest: Digest): string => `sha256-${hexOf(digest)}.sig`

let source: EmbeddedRegistry
let destination: DockerRegistry | EmbeddedRegistry
let transports: Transports
let target: Registry
let clients: Registry[]
afterEach(async () => { for (const one of [...clients, source, destination]) await one[Symbol.asyncDispose]() })

async function begin(start: () => Promise<DockerRegistry | EmbeddedRegistry>): Promise<void> {
  source = await startEmbeddedRegistry()
  destination = await start()
  const from = createRegistry({ registry: source.host, tlsVerify: false })
  target = createRegistry({ registry: destination.host, tlsVerify: false })
  clients = [from, target]
  transports = { source: () => from, target: () => target }
}

const bothEnds = async (repository: string, tag: string, content: SyntheticContent): Promise<void> => {
  await seed(source.url, [{ repository, tag, content }])
  await there(repository, tag, content)
}
const there = async (repository: string, tag: string, content: SyntheticContent): Promise<void> => { await seed(destination.url, [{ repository: `m/${repository}`, tag, content }]) }
const tagsThere = async (repository: string): Promise<readonly string[]> => (await target.tags(`m/${repository}` as RepositoryName, { signal }) ?? []).toSorted()
async function prune(more: Partial<PruneOptions> = {}, images = '  - { name: app, tags: {} }\n'): Promise<PruneResult> {
  const { migration } = await parseSpec({ name: 's.yaml', content: `version: 1\nfrom: ${source.host}\nto: ${destination.host}/m\nimages:\n${images}` }, {})
  return await pruneOrphans(migration, { transports, apply: true, ceilingPercent: 100, now, ...more }, signal)
}
const states = ({ orphans }: PruneResult): Record<string, string> => Object.fromEntries(orphans.map((tag) => [tag.tag, tag.state === 'deleted' ? `deleted ${tag.how}` : tag.state === 'kept' ? `kept: ${tag.why}` : tag.state === 'failed' ? `failed: ${tag.error.message}` : tag.state]))

const kinds = [
  ['docker-registry, which deletes manifests alone', () => startDockerRegistry()],
  ['a registry that deletes tags', () => startEmbeddedRegistry()],
] as const

describe.each(kinds)('%s', (_, start) => {
  beforeEach(() => begin(start))
  const deletesTags = start === kinds[1][1]
  const how = (alone: string): string => (deletesTags ? 'deleted tag' : alone)

  test('a dry run says what would go and writes nothing; applied, that goes and nothing else', async () => {
    for (const tag of ['1', '2', '3']) await bothEnds('app', tag, contentOf(tag))
    await there('app', 'gone', contentOf('gone'))
    const dry = await prune({ apply: false, ceilingPercent: 0 })
    expect(dry).toMatchObject({ applied: false, repositories: 1, tags: 4, untold: [] })
    expect(states(dry)).toEqual({ gone: 'would-go' })
    expect(await tagsThere('app')).toEqual(['1', '2', '3', 'gone'])
    expect(states(await prune())).toEqual({ gone: how('deleted manifest') })
    expect(await tagsThere('app')).toEqual(['1', '2', '3'])
    for (const tag of ['1', '2', '3']) await assertIntact(destination.url, 'm/app', tag, { deep: true })
    expect(states(await prune())).toEqual({})
  })

  test('what a rule of the destination keeps stays, with what is about it, though another tag of it goes', async () => {
    const [same, gone] = [contentOf('same'), contentOf('gone')]
    await bothEnds('app', 'living', contentOf('living'))
    for (const [tag, content] of [['v-kept', same], ['gone-alias', same], ['gone', gone]] as const) await there('app', tag, content)
    for (const { root } of [same, gone]) await there('app', companion(root.digest), contentOf(`about ${root.digest}`))
    await there('app', companion(contentOf(`about ${gone.root.digest}`).root.digest), contentOf('about what is about it'))
    const asked: string[] = []
    const strict: Transports = { ...transports, target: () => ({ ...target, holds: async (_repository, tag) => {
      asked.push(tag)
      return tag.startsWith('v-') ? 'a rule keeps it' : undefined
    } }) }
    const before = await tagsThere('app')
    const dry = states(await prune({ apply: false, transports: strict }))
    expect(dry).toMatchObject({ 'v-kept': 'kept: a rule keeps it', 'gone-alias': 'would-go', gone: 'would-go', [companion(gone.root.digest)]: 'would-go' })
    expect(Object.keys(dry)).not.toContain(companion(same.root.digest))
    expect(asked).not.toContain('living')
    expect(await tagsThere('app')).toEqual(before)
    await prune({ transports: strict })
    expect(await tagsThere('app')).toEqual(['living', companion(same.root.digest), 'v-kept'].toSorted())
    await assertIntact(destination.url, 'm/app', 'v-kept', { expectDigest: same.root.digest })
  })

  test('a referrer with a tag of its own stays with the image that a rule keeps', async () => {
    await bothEnds('app', 'living', contentOf('living'))
    await there('app', 'v-kept', contentOf('kept'))
    await there('app', 'base', contentOf('base'))
    const { bytes, mediaType } = contentOf('base').root
    const about = decodeManifest(Buffer.from(JSON.stringify({ ...JSON.parse(Buffer.from(bytes).toString()) as object, subject: await target.resolve('m/app' as RepositoryName, 'v-kept' as Tag, { signal }) })), mediaType, 'test')
    await target.put('m/app' as RepositoryName, about, 'report' as Tag, { signal })
    const strict: Transports = { ...transports, target: () => ({ ...target, holds: async (_, tag) => (tag === 'v-kept' ? 'a rule keeps it' : undefined) }) }
    expect(states(await prune({ transports: strict }))).toEqual({ base: how('deleted manifest'), report: `kept: it is about ${contentOf('kept').root.digest}, which another tag holds`, 'v-kept': 'kept: a rule keeps it' })
  })

  test('a tag that the destination turns out to hold, when it is to go, is left alone in its words', async () => {
    await bothEnds('app', 'living', contentOf('living'))
    await there('app', 'gone', contentOf('gone'))
    const late: Transports = { ...transports, target: () => ({ ...target, untag: async () => ({ held: 'configured as immutable' }) }) }
    expect(states(await prune({ transports: late }))).toEqual({ gone: 'kept: configured as immutable' })
    expect(await tagsThere('app')).toEqual(['gone', 'living'])
  })

  test('a tag goes alone where living tags and indexes hold what it names', async () => {
    const [shared, child] = [contentOf('shared'), contentOf('child')]
    await bothEnds('app', 'living', shared)
    await there('app', 'shared', shared)
    await bothEnds('app', 'list', index({ children: [child] }))
    await there('app', 'child', child)
    expect(states(await prune())).toEqual({ shared: 'deleted tag', child: 'deleted tag' })
    expect(await tagsThere('app')).toEqual(['list', 'living'])
    for (const tag of ['list', 'living']) await assertIntact(destination.url, 'm/app', tag, { deep: true })
  })

  test('two tags of one manifest both go', async () => {
    await bothEnds('app', '1', contentOf('1'))
    await there('app', 'a', contentOf('same'))
    await there('app', 'b', contentOf('same'))
    expect(Object.values(states(await prune())).every((state) => state.startsWith('deleted'))).toBe(true)
    expect(await tagsThere('app')).toEqual(['1'])
  })

  test('what is kept under a backup tag can be pulled, and is no orphan of the next run', async () => {
    await bothEnds('app', '1', contentOf('1'))
    await there('app', 'gone', contentOf('gone'))
    const backupTag = 'pruned-{date}-{tag}'
    const first = await prune({ backupTag })
    expect(first.orphans).toMatchObject([{ tag: 'gone', state: 'deleted', how: 'tag', backup: 'pruned-2026-11-26-gone' }])
    expect(await tagsThere('app')).toEqual(['1', 'pruned-2026-11-26-gone'])
    await assertIntact(destination.url, 'm/app', 'pruned-2026-11-26-gone', { deep: true, expectDigest: contentOf('gone').root.digest })
    expect(states(await prune({ backupTag }))).toEqual({})
    // Another image was kept under this name today: neither is it overwritten, nor does the tag go.
    await there('app', 'gone', contentOf('gone again'))
    expect(states(await prune({ backupTag }))).toEqual({ gone: 'kept: its backup tag pruned-2026-11-26-gone names something else' })
    expect(await tagsThere('app')).toEqual(['1', 'gone', 'pruned-2026-11-26-gone'])
  })

  test('companions of living images stay; those of what goes go with it', async () => {
    const [living, gone, child] = [contentOf('living'), contentOf('gone'), contentOf('child')]
    await bothEnds('app', 'living', living)
    await bothEnds('app', 'list', index({ children: [child] }))
    await there('app', 'gone', gone)
    for (const { root } of [living, gone, child]) await there('app', companion(root.digest), contentOf(`signature of ${root.digest}`))
    const stranger = companion(`sha256:${'a'.repeat(64)}` as Digest)
    await there('app', stranger, contentOf('about nothing'))
    expect(states(await prune())).toEqual({ gone: how('deleted manifest'), [companion(gone.root.digest)]: how('deleted manifest') })
    expect(await tagsThere('app')).toEqual(['list', 'living', companion(living.root.digest), companion(child.root.digest), stranger].toSorted())
  })
})

describe('what is not certain stays', () => {
  beforeEach(() => begin(() => startDockerRegistry()))

  test('a source that cannot be listed', async () => {
    await bothEnds('app', '1', contentOf('1'))
    await there('app', 'gone', contentOf('gone'))
    source.fail({ match: { kind: 'tags' }, times: 100, how: { kind: 'status', status: 403 } })
    const { orphans, untold } = await prune()
    expect(orphans).toEqual([])
    expect(untold).toEqual([{ place: `${destination.host}/m/app`, why: expect.stringContaining('403') }])
    expect(await tagsThere('app')).toEqual(['1', 'gone'])
  })

  test.each([['missing', false], ['empty', true]])('a source repository that is %s, unless that is said to be an answer', async (_, isEmpty) => {
    await there('app', 'gone', contentOf('gone'))
    if (isEmpty) {
      await seed(source.url, [{ repository: 'app', tag: 'x', content: contentOf('x') }])
      source.deleteTag('app', 'x')
    }
    expect((await prune()).untold).toEqual([{ place: `${destination.host}/m/app`, why: expect.stringMatching(isEmpty ? /has no tags at the source.*--missing-repositories/ : /does not exist at the source.*--missing-repositories/) }])
    expect(await tagsThere('app')).toEqual(['gone'])
    expect(states(await prune({ missingRepositories: true }))).toEqual({ gone: 'deleted manifest' })
    expect(await tagsThere('app')).toEqual([])
  })

  test('a list of tags that lacks what is there deletes nothing at all', async () => {
    for (const tag of ['1', '2', '3']) await bothEnds('app', tag, contentOf(tag))
    await there('app', 'gone', contentOf('gone'))
    const cut: Transports = { ...transports, source: (registry) => ({ ...transports.source(registry), tags: async () => ['1' as Tag] }) }
    const { orphans, untold } = await prune({ transports: cut })
    expect([orphans, untold[0]?.why]).toEqual([[], expect.stringMatching(/app:[23] is at the source, though the list of tags there lacks it/)])
    expect(await tagsThere('app')).toEqual(['1', '2', '3', 'gone'])
  })

  test('more than the ceiling: refused as a whole', async () => {
    for (const repository of ['app', 'web']) {
      for (const tag of ['1', '2', '3', '4']) await bothEnds(repository, tag, contentOf(tag))
      await there(repository, 'gone', contentOf('gone'))
    }
    const images = '  - { name: app, tags: {} }\n  - { name: web, tags: {} }\n'
    await expect(prune({ ceilingPercent: 19.9 }, images)).rejects.toMatchObject({ code: 'PRUNE_CEILING', message: expect.stringContaining('2 of 10 tags') as unknown })
    expect(await prune({ apply: false, ceilingPercent: 19.9 }, images)).toMatchObject({ refusal: expect.stringContaining('at most 19.9 %') as unknown })
    expect(await tagsThere('app')).toContain('gone')
    expect(Object.values(states(await prune({ ceilingPercent: 20 }, images)))).toEqual(['deleted manifest'])
  })

  test('a tag that comes back, at either end, between the plan and its turn', async () => {
    await bothEnds('app', '1', contentOf('1'))
    for (const tag of ['back', 'moved', 'gone']) await there('app', tag, contentOf(tag))
    const result = await prune({ onRepository: () => {
      source.putManifest('app', contentOf('back').root.bytes, contentOf('back').root.mediaType, 'back')
    } })
    expect(states(result)).toEqual({ back: 'kept: it is no orphan any more', moved: 'deleted manifest', gone: 'deleted manifest' })
    await there('app', 'moved', contentOf('moved'))
    // The last look at the destination comes right before the deletion.
    let looks = 0
    const watched: Transports = { ...transports, target: () => ({ ...target,
      resolve: async (...args: Parameters<Target['resolve']>) => {
        if (args[1] === 'moved' && ++looks === 3) await there('app', 'moved', contentOf('by somebody else'))
        return await target.resolve(...args)
      },
    }) }
    expect(states(await prune({ transports: watched }))).toEqual({ moved: 'kept: it names something else by now' })
    await assertIntact(destination.url, 'm/app', 'moved', { expectDigest: contentOf('by somebody else').root.digest })
  })

  test('a repository that the spec reads from, though it is a mirror of another', async () => {
    await bothEnds('app', '1', contentOf('1'))
    await there('app', 'only-here', contentOf('only here'))
    // One registry for both: m/app is filled from app, and is what m/copy is filled from.
    const one: Transports = { source: () => target, target: () => target }
    await seed(destination.url, [{ repository: 'app', tag: '1', content: contentOf('1') }])
    const { migration } = await parseSpec({ name: 's.yaml', content: `version: 1\nfrom: ${destination.host}\nto: ${destination.host}\nimages:\n  - { name: app, as: m/app, tags: {} }\n  - { name: m/app, as: m/copy, tags: {} }\n` }, {})
    await there('copy', '1', contentOf('1'))
    await there('copy', 'only-here', contentOf('only here'))
    const result = await pruneOrphans(migration, { transports: one, apply: true, ceilingPercent: 100, now }, signal)
    expect(result.untold).toEqual([{ place: `${destination.host}/m/app`, why: expect.stringContaining('is a source of this spec as well') }])
    expect([states(result), await tagsThere('app')]).toEqual([{}, ['1', 'only-here']])
  })

  test('what an orphan that moved since the plan names by now', async () => {
    await bothEnds('app', '1', contentOf('1'))
    await there('app', 'a', contentOf('a'))
    await there('app', 'b', contentOf('b'))
    let resolved = 0
    // Somebody gives "b" the content of "a" between the plan and its turn.
    const watched: Transports = { ...transports, target: () => ({ ...target, tags: async (...args: Parameters<Target['tags']>) => {
      if (++resolved === 2) await there('app', 'b', contentOf('a'))
      return await target.tags(...args)
    } }) }
    expect(states(await prune({ transports: watched }))).toEqual({ a: 'deleted tag', b: 'kept: it names something else by now' })
    await assertIntact(destination.url, 'm/app', 'b', { expectDigest: contentOf('a').root.digest })
  })

  test('more than the ceiling, though repositories that cannot be told have many tags', async () => {
    for (const tag of ['1', '2', '3', '4', '5', '6', '7', '8']) await bothEnds('big', tag, contentOf(tag))
    await there('big', 'gone', contentOf('gone'))
    await bothEnds('app', '1', contentOf('1'))
    await there('app', 'gone', contentOf('gone'))
    const cut: Transports = { ...transports, source: (registry) => {
      const from = transports.source(registry)
      return { ...from, tags: async (repository, io) => (repository === 'big' ? ['1' as Tag] : await from.tags(repository, io)) }
    } }
    await expect(prune({ transports: cut, ceilingPercent: 20 }, '  - { name: app, tags: {} }\n  - { name: big, tags: {} }\n')).rejects.toMatchObject({ code: 'PRUNE_CEILING', message: expect.stringContaining('1 of 2 tags') as unknown })
  })

  test('nothing, where a rule of renaming was stopped: what it would have put there is not known', async () => {
    const slow = `b/${'p'.repeat(60)}-q`
    await seed(source.url, ['a/app', slow].map((repository) => ({ repository, tag: '1', content: contentOf('1') })))
    for (const tag of ['1', '2']) await there('app', tag, contentOf(tag))
    const images = `  - { repositories: {}, from: ${source.host}/a }\n  - { repositories: {}, from: ${source.host}/b, rename: [{ match: '^(p+)+$', replace: app }] }\n`
    await expect(prune({ missingRepositories: true }, images)).rejects.toThrow('takes too long')
    expect(await tagsThere('app')).toEqual(['1', '2'])
  })

  describe('what may be of a repository that has vanished from a catalog, unless that is said to be an answer', () => {
    const listing = (...names: readonly string[]): Transports => ({ ...transports, source: (registry) => ({ ...transports.source(registry), async *catalog() { yield* names } }) })
    const app = 'm/app' as RepositoryName
    const of = (prefix: string): string => `  - { repositories: {}, from: ${source.host}/${prefix} }\n`

    test.each<[string, () => string, ('kept' | 'deleted')]>([
      ['names make one of many', () => '  - { repositories: {}, flatten: true }\n', 'kept'],
      ['a rule of renaming may do so', () => "  - { repositories: {}, rename: [{ match: '^[ab]/', replace: '' }] }\n", 'kept'],
      ['two sources go below one place', () => of('a') + of('b'), 'kept'],
      ['patterns leave the other one out', () => `${of('a')}  - { repositories: { exclude: [app] }, from: ${source.host}/b }\n`, 'deleted'],
      ['no other could have come there', () => of('a'), 'deleted'],
      ['what names keep is longer', () => `${of('a')}  - { repositories: { exclude: ['a/**'] }, to: '${destination.host}/m/deeper', flatten: true }\n`, 'deleted'],
    ])('%s', async (_, images, expected) => {
      await seed(source.url, ['a/app', 'b/other'].map((repository) => ({ repository, tag: '1', content: contentOf('1') })))
      await there('app', '1', contentOf('1'))
      // Of b/app, when there was one; or of somebody.
      await there('app', '2', contentOf('2'))
      await there('app', companion(contentOf('2').root.digest), contentOf('signature'))
      const before = await target.tags(app, { signal })
      const first = await prune({ transports: listing('a/app', 'b/other') }, images())
      expect(states(first)['2']).toMatch(expected === 'kept' ? new RegExp(`^kept: it may be of a repository that the catalog of ${source.host} does not list any more.*--missing-repositories`) : /^deleted/)
      if (expected === 'kept') expect([await target.tags(app, { signal }), first.untold]).toEqual([before, []])
      await prune({ transports: listing('a/app', 'b/other'), missingRepositories: true }, images())
      expect(await tagsThere('app')).toEqual(['1'])
    })
  })

  test('repositories into which rules choose, or that a list names, are not looked at', async () => {
    await bothEnds('app', 'v1', contentOf('1'))
    await there('app', 'gone', contentOf('gone'))
    expect(await prune({}, '  - { name: app, tags: { include: ["v*"] } }\n')).toMatchObject({ repositories: 0, orphans: [] })
    expect(await prune({}, '  - app:v1\n')).toMatchObject({ repositories: 0, orphans: [] })
    expect(await prune({}, '  - { name: app, tags: {} }\n  - { name: other, as: app, tags: { include: ["v*"] } }\n')).toMatchObject({ repositories: 0, orphans: [] })
  })

  test('what another entry of the spec names stays, though the mirrored source lacks it', async () => {
    await bothEnds('app', '1', contentOf('1'))
    await seed(source.url, [{ repository: 'other', tag: 'x', content: contentOf('x') }])
    await there('app', 'x', contentOf('x'))
    expect(states(await prune({}, '  - { name: app, tags: {} }\n  - { name: other, as: app, tags: [x] }\n'))).toEqual({})
  })

  test('what the spec names by its digest, though its tag is gone', async () => {
    await bothEnds('app', '1', contentOf('1'))
    const pinned = contentOf('pinned')
    await bothEnds('app', 'old', pinned)
    source.deleteTag('app', 'old')
    expect(states(await prune({}, `  - { name: app, tags: {} }\n  - app@${pinned.root.digest}\n`))).toEqual({ old: 'deleted tag' })
    expect(await target.resolve('m/app' as RepositoryName, pinned.root.digest, { signal })).toBeDefined()
  })

  test('a tag of what is about a referrer of a living image, which has no tag itself', async () => {
    await bothEnds('app', '1', contentOf('1'))
    const put = async (about: Awaited<ReturnType<Target['resolve']>>, name: string): Promise<Awaited<ReturnType<Target['resolve']>>> => {
      const content = contentOf(name)
      await fill(target, 'm/app' as RepositoryName, content, 'plain' as Tag)
      const manifest = decodeManifest(Buffer.from(JSON.stringify({ ...JSON.parse(Buffer.from(content.root.bytes).toString()) as object, subject: about })), content.root.mediaType, 'test')
      await target.put('m/app' as RepositoryName, manifest, manifest.digest, { signal })
      return await target.resolve('m/app' as RepositoryName, manifest.digest, { signal })
    }
    const signature = await put(await target.resolve('m/app' as RepositoryName, '1' as Tag, { signal }), 'signature')
    const about = await put(signature, 'about the signature')
    const manifest = await target.manifest('m/app' as RepositoryName, about!.digest, { signal })
    await target.put('m/app' as RepositoryName, manifest!, 'counter-signed' as Tag, { signal })
    expect(states(await prune())).toEqual({ 'plain': 'deleted manifest', 'counter-signed': `kept: it is about ${(await target.resolve('m/app' as RepositoryName, '1' as Tag, { signal }))!.digest}, which another tag holds` })
  })

  test('a referrer with a tag of its own stays while what it is about lives', async () => {
    await bothEnds('app', '1', contentOf('1'))
    const subject = await target.resolve('m/app' as RepositoryName, '1' as Tag, { signal })
    const content = contentOf('sbom')
    const json = { ...JSON.parse(Buffer.from(content.root.bytes).toString()) as object, subject }
    await fill(target, 'm/app' as RepositoryName, content, 'plain' as Tag)
    await target.put('m/app' as RepositoryName, decodeManifest(Buffer.from(JSON.stringify(json)), content.root.mediaType, 'test'), 'sbom-1' as Tag, { signal })
    expect(states(await prune())).toEqual({ 'plain': 'deleted manifest', 'sbom-1': `kept: it is about ${subject!.digest}, which another tag holds` })
  })
})

describe('a registry that forbids or breaks', () => {
  test('deletion: nothing has changed, also where a tag would have had to be moved first', async () => {
    await begin(() => startDockerRegistry({ deletes: false }))
    await bothEnds('app', 'living', contentOf('same'))
    await there('app', 'gone', contentOf('gone'))
    await there('app', 'shared', contentOf('same'))
    const result = await prune()
    expect(Object.values(states(result))).toEqual([expect.stringMatching(/^failed: .*405/), expect.stringMatching(/^failed: .*405/)])
    await assertIntact(destination.url, 'm/app', 'gone', { expectDigest: contentOf('gone').root.digest })
    await assertIntact(destination.url, 'm/app', 'shared', { expectDigest: contentOf('same').root.digest })
  })

  test('the deletion of a tag that was moved for it: the tag names again what it named', async () => {
    await begin(() => startEmbeddedRegistry())
    const embedded = destination as EmbeddedRegistry
    await bothEnds('app', 'living', contentOf('same'))
    await there('app', 'shared', contentOf('same'))
    const without: Target = { ...target, untag: async () => 'unsupported' }
    let removals = 0
    const broken: Transports = { ...transports, target: () => ({ ...without, remove: async (repository, digest, io) => {
      if (++removals > 1) embedded.fail({ match: { kind: 'manifest-delete' }, how: { kind: 'status', status: 403 } })
      return await target.remove(repository, digest, io)
    } }) }
    expect(states(await prune({ transports: broken }))).toEqual({ shared: expect.stringMatching(/^failed: .*403/) })
    expect(embedded.tag('m/app', 'shared')).toBe(contentOf('same').root.digest)
  })

  test('that takes a manifest away with one of its tags is found out at the first, and what it took is put back', async () => {
    await begin(() => startEmbeddedRegistry())
    const embedded = destination as EmbeddedRegistry
    await bothEnds('app', 'living', contentOf('same'))
    await there('app', 'shared', contentOf('same'))
    await there('app', 'zz-later', contentOf('later'))
    const greedy: Transports = { ...transports, target: () => ({ ...target, untag: async (repository, tag) => {
      const digest = embedded.tag(repository, tag)!
      for (const other of embedded.tags(repository)) if (embedded.tag(repository, other) === digest) embedded.deleteTag(repository, other)
      embedded.deleteManifest(repository, digest)
      return 'deleted'
    } }) }
    await expect(prune({ transports: greedy })).rejects.toMatchObject({ code: 'PRUNE_UNSAFE', message: expect.stringMatching(/app:living together with .*app:shared.*they were put back/) as unknown })
    expect(await tagsThere('app')).toEqual(['living', 'zz-later'])
    await assertIntact(destination.url, 'm/app', 'living', { expectDigest: contentOf('same').root.digest })
  })
})
