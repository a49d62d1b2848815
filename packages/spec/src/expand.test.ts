import {
  type Descriptor, type Digest, digestOf, decodeManifest, type Manifest, MediaType, RegistryError, type RepositoryName, type Tag,
} from '@longshore/oci'
import { type Content, formatEnd, type Inventory, type Source } from '@longshore/transfer'
import { describe, expect, test } from 'vitest'
import { expand } from './expand.ts'
import { parseImagesList } from './images-list.ts'
import { parseNativeYaml } from './native-yaml.ts'
import type { Migration } from './migration.ts'
import type { ExpandEvent } from './unit.ts'

/** A remote registry in memory; `requests` counts what was asked. A tag maps to its creation date. */
class MemorySource implements Source {
  readonly registry: string
  readonly repositories: Record<string, Record<string, string>>
  readonly requests: string[] = []
  gate: (repository: string) => Promise<void> = async () => {}
  constructor(registry: string, repositories: Record<string, Record<string, string> | readonly string[]>) {
    this.registry = registry
    this.repositories = Object.fromEntries(Object.entries(repositories).map(([name, tags]) => [
      name, Array.isArray(tags) ? Object.fromEntries(tags.map((tag: string) => [tag, ''])) : tags as Record<string, string>,
    ]))
  }
  async tags(repository: RepositoryName): Promise<readonly Tag[] | undefined> {
    this.requests.push(`tags ${repository}`)
    await this.gate(repository)
    const tags = this.repositories[repository]
    return tags && Object.keys(tags) as Tag[]
  }
  async manifest(repository: RepositoryName, reference: Tag | Digest): Promise<Manifest | undefined> {
    this.requests.push(`manifest ${repository}:${reference}`)
    const created = this.repositories[repository]?.[reference]
    if (created === undefined) return undefined
    if (created === 'broken') throw new Error('connection reset')
    const config = this.#config(created)
    const bytes = Buffer.from(JSON.stringify({
      schemaVersion: 2, config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digestOf(config), size: config.byteLength }, layers: [],
    }))
    return decodeManifest(bytes, MediaType.ociManifest, 'test')
  }
  async blob(repository: RepositoryName, desc: Descriptor): Promise<Content> {
    const created = Object.values(this.repositories[repository] ?? {}).find((c) => digestOf(this.#config(c)) === desc.digest)
    const bytes = this.#config(created ?? '')
    return { async *[Symbol.asyncIterator]() { yield bytes }, async [Symbol.asyncDispose]() {} }
  }
  #config(created: string): Uint8Array { return Buffer.from(JSON.stringify({ created })) }
  /** What the tags name: their own contents, so that a digest is there when a tag of it is. */
  readonly named: Record<string, Descriptor> = {}
  async resolve(repository: RepositoryName, reference: Tag | Digest): Promise<Descriptor | undefined> {
    this.requests.push(`resolve ${repository}:${reference.slice(0, 12)}`)
    return this.named[reference]
  }
  async exists(): Promise<boolean> { return false }
  async referrers(): Promise<undefined> { return undefined }
  async *catalog(): AsyncIterable<string> {
    this.requests.push('catalog')
    yield* Object.keys(this.repositories)
  }
}

function described(letter: string): Descriptor { return { mediaType: MediaType.ociManifest, digest: `sha256:${letter.repeat(64)}` as Digest, size: 1 } }

const signal = new AbortController().signal
const now = new Date('2024-06-01T00:00:00Z')
const list = (text: string, to = 'dst:1/m'): Migration => parseImagesList({ name: 'l.txt', content: text }, { from: 'src:1', to: [to] }).migration
const yaml = (text: string): Migration => parseNativeYaml({ name: 's.yaml', content: `version: 1\nfrom: src:1\nto: dst:1/m\n${text}` }, {}).migration
async function run(migration: Migration, source: Source = new MemorySource('src:1', {})): Promise<ExpandEvent[]> {
  return Array.fromAsync(expand(migration, () => source, { signal, concurrency: 4, now }))
}
function print(events: readonly ExpandEvent[]): string[] {
  return events.map((e) => {
    switch (e.kind) {
      case 'image': return `${formatEnd(e.image.source)} -> ${formatEnd(e.image.destination)}`
      case 'dropped': return `dropped ${e.repository}:${e.tag} by ${e.rule}: ${e.reason}`
      case 'untagged': return `untagged ${e.registry}: ${e.count}`
      case 'failed': return `failed ${[e.location.registry, e.location.repository, e.location.reference].filter(Boolean).join(' ')} (${e.origin.file}:${e.origin.line}): ${(e.error as Error).message}`
    }
  })
}

describe('named references', () => {
  test('need no request, merge duplicates and keep a repository together', async () => {
    const source = new MemorySource('src:1', {})
    const events = await run(list('a:1\nb:1\na:2\na:1\nother.io/c:1\n'), source)
    expect(print(events)).toEqual([
      'src:1/a:1 -> dst:1/m/a:1', 'src:1/a:2 -> dst:1/m/a:2', 'src:1/b:1 -> dst:1/m/b:1', 'other.io/c:1 -> dst:1/m/c:1',
    ])
    expect(source.requests).toEqual([])
  })

  test('that are wanted differently by two entries are told, and carried as the first says', async () => {
    const events = await run(yaml('images:\n  - { name: a, tags: ["1"], platforms: [linux/amd64] }\n  - { name: a, tags: ["1"], platforms: [linux/arm64] }\n'))
    expect(events).toMatchObject([
      { kind: 'image', options: { platforms: [{ architecture: 'amd64' }] } },
      { kind: 'failed', error: { code: 'OPTIONS_CONFLICT', message: expect.stringMatching(/s\.yaml:6 than at s\.yaml:5/) } },
    ])
  })

  test('a name:tag@digest is read by digest and keeps its tag', async () => {
    const digest = `sha256:${'a'.repeat(64)}`
    expect(print(await run(list(`a:1@${digest}\nb@${digest}`)))).toEqual([`src:1/a@${digest} -> dst:1/m/a:1`, `src:1/b@${digest} -> dst:1/m/b@${digest}`])
  })
})

describe('collisions', () => {
  test.each([
    ['pairs', 'a:1 x:1\nb:1 x:1', 'dst:1/m/x:1: both src:1/a:1 (l.txt:1) and src:1/b:1 (l.txt:2) would land there'],
    ['tags of one repository', 'a:1 x:1\na:2 x:1', 'dst:1/m/x:1: both src:1/a:1 (l.txt:1) and src:1/a:2 (l.txt:2) would land there'],
    ['two registries', 'a:1\nother.io/a:1', 'dst:1/m/a:1: both src:1/a:1 (l.txt:1) and other.io/a:1 (l.txt:2) would land there'],
    ['a pin beside its tag', `a:1\na:1@sha256:${'a'.repeat(64)}`, `dst:1/m/a:1: both src:1/a:1 (l.txt:1) and src:1/a@sha256:${'a'.repeat(64)} (l.txt:2) would land there`],
  ])('%s are named before anything is yielded', async (_, text, message) => {
    const events = expand(list(text), () => new MemorySource('src:1', {}), { signal, concurrency: 4 })
    await expect(events.next()).rejects.toMatchObject({ code: 'DESTINATION_COLLISION', message: expect.stringContaining(message) as string })
  })

  test('different tags in one destination repository do not collide', async () => {
    expect(print(await run(list('a:1 x\nb:2 x')))).toEqual(['src:1/a:1 -> dst:1/m/x:1', 'src:1/b:2 -> dst:1/m/x:2'])
  })

  test('one digest from two places is one image', async () => {
    const digest = `sha256:${'a'.repeat(64)}`
    expect(await run(list(`a@${digest} x\nb@${digest} x`))).toHaveLength(1)
  })

  test('flattening is checked over listed tags', async () => {
    const source = new MemorySource('src:1', { 'a/x': ['1', '2'], 'b/x': ['2', '3'] })
    await expect(run(yaml('flatten: true\nimages: [{name: a/x}, {name: b/x}]'), source)).rejects.toThrow('dst:1/m/x:2: both src:1/a/x:2 (s.yaml:5) and src:1/b/x:2 (s.yaml:5)')
  })

  test('flattening is checked over the catalog', async () => {
    const source = new MemorySource('src:1', { 'a/x': ['1'], 'b/x': ['1'] })
    await expect(run(yaml("flatten: true\nimages:\n  - repositories: { include: ['**'] }"), source)).rejects.toThrow('dst:1/m/x:1: both src:1/a/x:1')
  })

  test('a collision and an image onto itself are told together', async () => {
    const both = run(list('a:1 src:1/a:1\nb:1 x:1\nc:1 x:1'))
    await expect(both).rejects.toThrow(/x:1: both .*l\.txt:2.*l\.txt:3[^]*l\.txt:1\) would be copied onto itself/)
    await expect(both).rejects.toMatchObject({ code: 'DESTINATION_COLLISION' })
  })

  test('an image onto itself is refused', async () => {
    await expect(run(list('a:1', 'src:1'))).rejects.toMatchObject({ code: 'SOURCE_IS_DESTINATION', message: expect.stringContaining('src:1/a:1 (l.txt:1)') as string })
    expect(print(await run(list('a:1 a:2', 'src:1')))).toEqual(['src:1/a:1 -> src:1/a:2'])
  })

  test('a catalog onto itself is refused', async () => {
    const migration = parseNativeYaml({ name: 's', content: "version: 1\nfrom: src:1\nto: src:1\nimages: [{repositories: {include: ['**']}}]" }, {}).migration
    await expect(run(migration, new MemorySource('src:1', { a: ['1'] }))).rejects.toMatchObject({ code: 'SOURCE_IS_DESTINATION' })
  })
})

describe('rules', () => {
  test('a tag that two items drop is told once', async () => {
    const source = new MemorySource('src:1', { a: ['1.0', 'edge'] })
    const item = (to: string): string => `{name: a, to: ${to}, tags: {exclude: [edge]}}`
    expect(print(await run(yaml(`images: [${item('x:1')}, ${item('y:1')}]`), source)).filter((line) => line.startsWith('dropped'))).toEqual(['dropped a:edge by exclude: excluded by edge'])
  })

  test('drop tags with a reason', async () => {
    const source = new MemorySource('src:1', { a: ['1.0', '1.1', '2.0', 'edge', `sha256-${'a'.repeat(64)}.sig`] })
    source.named[`sha256:${'a'.repeat(64)}`] = described('a')
    expect(print(await run(yaml("images: [{name: a, tags: {exclude: [edge], semver: '<2'}}]"), source))).toEqual([
      'dropped a:edge by exclude: excluded by edge', 'dropped a:2.0 by semver: is not in the range <2',
      'src:1/a:1.0 -> dst:1/m/a:1.0', 'src:1/a:1.1 -> dst:1/m/a:1.1',
    ])
  })

  test('creation times are read from configs, and one that fails fails alone', async () => {
    const source = new MemorySource('src:1', { a: { old: '2020-01-01T00:00:00Z', new: '2024-05-20T00:00:00Z', bad: 'broken', none: 'x' } })
    expect(print(await run(yaml('images: [{name: a, tags: {newerThan: 30d}}]'), source))).toEqual([
      'failed src:1 a bad (s.yaml:4): connection reset',
      'dropped a:old by newerThan: was created 2020-01-01T00:00:00.000Z, not after 2024-05-02T00:00:00.000Z',
      'dropped a:bad by newerThan: says no creation time', 'dropped a:none by newerThan: says no creation time',
      'src:1/a:new -> dst:1/m/a:new',
    ])
  })

  test('a missing repository and a broken listing fail alone', async () => {
    const source = new MemorySource('src:1', { a: ['1'], b: ['1'] })
    source.gate = async (repository) => { if (repository === 'b') throw new Error('503') }
    expect(print(await run(yaml('images:\n  - {name: gone}\n  - {name: b}\n  - {name: a}'), source)).toSorted()).toEqual([
      'failed src:1 b (s.yaml:6): 503',
      'failed src:1 gone (s.yaml:5): src:1 has no repository gone; check its name, and whether these credentials may see it',
      'src:1/a:1 -> dst:1/m/a:1',
    ])
  })

  test('the catalog is filtered, and patterns that match nothing are told', async () => {
    const source = new MemorySource('src:1', { 'team/a': ['1'], 'team/tmp-b': ['1'], 'other/c': ['1'], 'Team/BAD': ['1'] })
    expect(print(await run(yaml("images:\n  - repositories: { include: ['team/**'], exclude: ['team/tmp-*'] }\n  - repositories: { include: ['nope/*'] }\n  - name: team/a\n    tags: ['9']"), source))).toEqual([
      'src:1/team/a:9 -> dst:1/m/team/a:9', 'src:1/team/a:1 -> dst:1/m/team/a:1',
      'failed src:1 (s.yaml:6): no repository in the catalog of src:1 matches nope/*; check the patterns, and whether these credentials see the whole catalog',
    ])
    expect(source.requests).toEqual(['tags team/a', 'catalog'])
  })
})

describe('tags that look like companions', () => {
  const hex = (letter: string): string => letter.repeat(64)
  const all = yaml('images: [{name: a}]')
  const moved = async (source: Source, migration = all): Promise<string[]> => print(await run(migration, source)).map((line) => line.split(' ')[0]!.replace('src:1/a:', ''))

  test('travel with the manifest that they are about, and cost a HEAD for each', async () => {
    const source = new MemorySource('src:1', { a: ['v1', `sha256-${hex('a')}`, `sha256-${hex('a')}.sig`, `sha256-${hex('a')}.att`] })
    source.named[`sha256:${hex('a')}`] = described('a')
    source.named[`sha256-${hex('a')}`] = { ...described('b'), mediaType: MediaType.ociIndex }
    expect(await moved(source)).toEqual(['v1'])
    expect(source.requests).toEqual(['tags a', 'resolve a:sha256:aaaaa', 'resolve a:sha256-aaaaa'])
  })

  test('are images of their own where nothing is there that they could be about', async () => {
    const source = new MemorySource('src:1', { a: ['v1', `sha256-${hex('c')}`, `sha256-${hex('c')}.sig`, 'sha256-abc'] })
    expect(await moved(source)).toEqual(['v1', `sha256-${hex('c')}`, `sha256-${hex('c')}.sig`, 'sha256-abc'])
    expect(await moved(source, yaml("images: [{name: a, tags: {anyOf: [{include: ['*.sig']}]}}]"))).toContain(`sha256-${hex('c')}.sig`)
  })

  test.each([
    ['the manifest itself, as mirrors tag it', { ...described('a'), mediaType: MediaType.ociIndex }],
    ['what is no list', described('b')],
  ])('are images of their own when they name %s', async (_, named) => {
    const source = new MemorySource('src:1', { a: [`sha256-${hex('a')}`] })
    source.named[`sha256:${hex('a')}`] = described('a')
    source.named[`sha256-${hex('a')}`] = named
    expect(await moved(source)).toEqual([`sha256-${hex('a')}`])
  })
})

describe('streaming', () => {
  test('images flow while another repository is still being listed', async () => {
    const source = new MemorySource('src:1', { slow: ['1'], fast: ['1'] })
    const opened = Promise.withResolvers<void>()
    source.gate = async (repository) => { if (repository === 'slow') await opened.promise }
    const events = expand(yaml('images: [{name: slow}, {name: fast}]'), () => source, { signal, concurrency: 2 })
    const first = await events.next()
    expect(print([first.value as ExpandEvent])).toEqual(['src:1/fast:1 -> dst:1/m/fast:1'])
    opened.resolve()
    expect(print(await Array.fromAsync(events))).toEqual(['src:1/slow:1 -> dst:1/m/slow:1'])
  })

  test('images flow before the catalog has ended', async () => {
    const source = new MemorySource('src:1', { a: ['1'] })
    const opened = Promise.withResolvers<void>()
    // What a catalog lists and has no tags is nothing to move.
    source.catalog = async function* () { yield 'a'; await opened.promise; yield 'empty' }
    const events = expand(yaml("images: [{repositories: {include: ['**']}}]"), () => source, { signal, concurrency: 2 })
    expect(print([(await events.next()).value as ExpandEvent])).toEqual(['src:1/a:1 -> dst:1/m/a:1'])
    opened.resolve()
    expect(await Array.fromAsync(events)).toEqual([{ kind: 'untagged', registry: 'src:1', count: 1, repositories: ['empty'] }])
  })

  test('repositories without a tag list are told once, with the first of them, and are no failure; a tag list that is empty is nothing to tell', async () => {
    const source = new MemorySource('src:1', { a: ['1'], none: [] })
    source.catalog = async function* () { yield* ['a', 'none', ...Array.from({ length: 7 }, (_, i) => `empty${i}`)] }
    const events = await Array.fromAsync(expand(yaml("images: [{repositories: {include: ['**']}}, {repositories: {}, tags: {include: ['2']}, to: 'dst:1/n'}]"), () => source, { signal, concurrency: 1 }))
    expect(events.filter(({ kind }) => kind === 'failed')).toEqual([])
    expect(events.filter(({ kind }) => kind === 'untagged')).toEqual([{ kind: 'untagged', registry: 'src:1', count: 7, repositories: ['empty0', 'empty1', 'empty2', 'empty3', 'empty4'] }])
  })

  test('no more repositories are listed at once than asked', async () => {
    const source = new MemorySource('src:1', Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`r${i}`, ['1']])))
    let open = 0
    let most = 0
    source.gate = async () => { most = Math.max(most, ++open); await new Promise(setImmediate); open-- }
    const names = Object.keys(source.repositories).map((name) => `  - name: ${name}`).join('\n')
    const events = await Array.fromAsync(expand(yaml(`images:\n${names}`), () => source, { signal, concurrency: 3 }))
    expect(events).toHaveLength(20)
    expect(most).toBe(3)
  })

  test('an abort is thrown, not reported as a failed repository', async () => {
    const controller = new AbortController()
    const source = new MemorySource('src:1', { a: ['1'] })
    source.gate = async () => { controller.abort(new Error('stop')); throw new Error('socket closed') }
    await expect(Array.fromAsync(expand(yaml('images: [{name: a}]'), () => source, { signal: controller.signal, concurrency: 2 }))).rejects.toThrow('stop')
  })

  test('a hundred thousand lines', async () => {
    const text = Array.from({ length: 100_000 }, (_, i) => `team${i % 1000}/app${i % 7000}:v${i}`).join('\n')
    let count = 0
    for await (const event of expand(list(text), () => new MemorySource('src:1', {}), { signal, concurrency: 8 })) if (event.kind === 'image') count++
    expect(count).toBe(100_000)
  })
})

describe('an inventory', () => {
  /** A registry with an API of its own beside the catalog. */
  class Inventoried extends MemorySource {
    readonly labels: Record<string, readonly string[]> = {}
    catalogStatus: number | undefined = 403
    forbidden = new Set<string>()
    hasInventory = true
    override async *catalog(): AsyncIterable<string> {
      this.requests.push('catalog')
      yield* []
      if (this.catalogStatus !== undefined) throw new RegistryError({ status: this.catalogStatus, registry: this.registry, request: 'GET /v2/_catalog', details: [{ code: 'DENIED', message: 'closed' }] })
    }
    async inventory(): Promise<Inventory | undefined> {
      this.requests.push('inventory')
      if (!this.hasInventory) return undefined
      const { requests, repositories, forbidden, labels } = this
      const namespaceOf = (name: string): string => name.split('/')[0]!
      return {
        async *namespaces() {
          requests.push('namespaces')
          yield* new Set(Object.keys(repositories).map(namespaceOf))
        },
        async *repositories(namespace) {
          requests.push(`repositories ${namespace}`)
          if (forbidden.has(namespace)) throw new Error(`${namespace} is forbidden`)
          if (!Object.keys(repositories).some((name) => namespaceOf(name) === namespace)) throw Object.assign(new Error(`${namespace} is not there`), { status: 404 })
          yield* Object.keys(repositories).filter((name) => namespaceOf(name) === namespace)
        },
        async tags(repository) {
          requests.push(`artifacts ${repository}`)
          return Object.keys(repositories[repository] ?? {}).map((tag) => ({ tag: tag as Tag, labels: labels[tag] ?? [], pushedAt: new Date('2024-05-01') }))
        },
      }
    }
  }
  const source = (): Inventoried => new Inventoried('src:1', { 'team-a/x': ['1', '2'], 'team-b/y/z': ['1'], 'other/o': ['9'] })

  test.each([[401], [403], [404], [405], [501], [undefined]])('takes the place of a catalog that says %s', async (status) => {
    const from = source()
    from.catalogStatus = status
    expect(print(await run(yaml("images: [{ repositories: { include: ['team-*/**'] }, tags: ['1'] }]"), from)).toSorted()).toEqual([
      `dropped team-a/x:2 by include: matches none of /^${RegExp.escape('1')}$/`, 'src:1/team-a/x:1 -> dst:1/m/team-a/x:1', 'src:1/team-b/y/z:1 -> dst:1/m/team-b/y/z:1',
    ])
    expect(from.requests.filter((request) => !request.startsWith('tags'))).toEqual(['catalog', 'inventory', 'namespaces', 'repositories team-a', 'repositories team-b'])
  })

  test('is not looked for where the catalog is in trouble, nor trusted to be there', async () => {
    const broken = source()
    broken.catalogStatus = 500
    expect(print(await run(yaml('images: [{ repositories: {} }]'), broken))).toEqual([expect.stringContaining('500')])
    expect(broken.requests).toEqual(['catalog'])
    const none = source()
    none.hasInventory = false
    expect(print(await run(yaml('images: [{ repositories: {} }]'), none))).toEqual([expect.stringContaining('closed')])
    expect(none.requests).toEqual(['catalog', 'inventory'])
  })

  test('is asked of nothing but what is wanted', async () => {
    const named = source()
    await run(yaml("images: [{ harbor: { projects: [team-a] } }]"), named)
    expect(named.requests).toEqual(['inventory', 'repositories team-a', 'tags team-a/x'])
    const prefixed = source()
    expect(print(await run(yaml("images: [{ repositories: {}, from: 'src:1/team-b' }]"), prefixed))).toEqual(['src:1/team-b/y/z:1 -> dst:1/m/y/z:1'])
    expect(prefixed.requests).toEqual(['catalog', 'inventory', 'repositories team-b', 'tags team-b/y/z'])
  })

  test('filters by labels and push time; its list of tags is the only one', async () => {
    const from = source()
    from.labels['2'] = ['release']
    const events = await run(yaml("images: [{ harbor: { projects: ['team-*'], labels: [release], pushed: { newerThan: 90d } } }, { name: team-a/x, harbor: { pushed: { olderThan: 2024-01-01 } }, to: 'dst:1/n' }]"), from)
    expect(print(events).toSorted()).toEqual([
      'dropped team-a/x:1 by pushed.olderThan: was pushed 2024-05-01T00:00:00.000Z, not before 2024-01-01T00:00:00.000Z', 'dropped team-a/x:2 by pushed.olderThan: was pushed 2024-05-01T00:00:00.000Z, not before 2024-01-01T00:00:00.000Z',
      'dropped team-b/y/z:1 by labels: lacks the label release', 'src:1/team-a/x:2 -> dst:1/m/team-a/x:2',
    ])
    expect(from.requests.filter((request) => /^(?:tags|artifacts)/.test(request)).toSorted()).toEqual(['artifacts team-a/x', 'artifacts team-b/y/z'])
  })

  test('a namespace that may not be listed fails alone, and once', async () => {
    const from = source()
    from.forbidden.add('team-a')
    expect(print(await run(yaml("images: [{ harbor: { projects: ['team-*'] } }, { harbor: { projects: [other] } }]"), from)).toSorted()).toEqual([
      'failed src:1 team-a (s.yaml:4): team-a is forbidden', 'src:1/other/o:9 -> dst:1/m/other/o:9', 'src:1/team-b/y/z:1 -> dst:1/m/team-b/y/z:1',
    ])
  })

  test('a project that is named among patterns and is not there is told where it is named, and only there', async () => {
    expect(print(await run(yaml("images: [{ harbor: { projects: ['team-a*', nosuch] } }, { repositories: {}, to: 'dst:1/n' }]"), source())).toSorted()).toEqual([
      'failed src:1 nosuch (s.yaml:4): nosuch is not there', 'src:1/other/o:9 -> dst:1/n/other/o:9', 'src:1/team-a/x:1 -> dst:1/m/team-a/x:1', 'src:1/team-a/x:1 -> dst:1/n/team-a/x:1',
      'src:1/team-a/x:2 -> dst:1/m/team-a/x:2', 'src:1/team-a/x:2 -> dst:1/n/team-a/x:2', 'src:1/team-b/y/z:1 -> dst:1/n/team-b/y/z:1',
    ])
  })

  test('where there is none, what was asked of it is told with its line', async () => {
    const from = source()
    from.hasInventory = false
    expect(print(await run(yaml('images:\n  - { harbor: { projects: [a] } }\n  - { name: team-a/x, harbor: { labels: [b] } }\n  - { name: team-a/x, tags: { latest: { count: 1, by: pushed } } }'), from)).toSorted()).toEqual([
      expect.stringMatching(/^failed src:1 \(s\.yaml:5\): src:1 does not answer as a Harbor does/), expect.stringMatching(/^failed src:1 team-a\/x \(s\.yaml:6\)/), expect.stringMatching(/^failed src:1 team-a\/x \(s\.yaml:7\)/),
    ])
  })

  test('a repository without tags in it is looked for in the registry', async () => {
    expect(print(await run(yaml('images: [{ name: team-a/gone, harbor: { labels: [b] } }]'), source()))).toEqual([expect.stringContaining('src:1 has no repository team-a/gone')])
    const empty = new Inventoried('src:1', { 'team-a/empty': [] })
    expect(await run(yaml('images: [{ name: team-a/empty, harbor: { labels: [b] } }]'), empty)).toEqual([])
  })

  test('patterns that match nothing of it are told', async () => {
    expect(print(await run(yaml("images: [{ harbor: { projects: ['nope-*'] } }]"), source()))).toEqual([expect.stringContaining('no repository that the API of src:1 shows to these credentials matches nope-*/**')])
  })
})
