import { type Descriptor, type Digest, digestOf } from '@longshore/oci'
import { formatEnd } from '@longshore/transfer'
import { MemoryRegistry } from '@longshore/testing/contracts'
import { describe, expect, test } from 'vitest'
import { deletionsOf, type NamedChange } from './changes.ts'
import { CollisionError } from './collision.ts'
import { expandChanges } from './expand-changes.ts'
import { parseImagesList } from './images-list.ts'
import type { Migration } from './migration.ts'
import { parseNativeYaml } from './native-yaml.ts'

const signal = new AbortController().signal
const now = new Date('2024-06-01T00:00:00Z')
const list = (text: string): Migration => parseImagesList({ name: 'l.txt', content: text }, { from: 'src:1', to: ['dst:1/m'] }).migration
const yaml = (text: string): Migration => parseNativeYaml({ name: 's.yaml', content: `version: 1\nfrom: src:1\nto: dst:1/m\n${text}` }, {}).migration

const push = (repository: string, tag?: string, digest?: Digest): NamedChange => ({ registry: 'src:1', repository, action: 'push', ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) })

class Place extends MemoryRegistry {
  override async *catalog(): AsyncIterable<string> {
    this.calls.push('catalog')
    yield* this.names
  }
  names: readonly string[] = []
  /** An image that says when it was made. */
  addDated(repository: string, tag: string, created: string): Descriptor {
    return this.addImage(repository, tag, [tag], { annotations: { 'org.opencontainers.image.created': created } })
  }
}

async function run(migration: Migration, changes: readonly NamedChange[], source = new Place('src:1'), target = new Place('dst:1')): Promise<string[]> {
  const events = await Array.fromAsync(expandChanges(migration, changes, { source: () => source, target: () => target }, { signal, concurrency: 4, now }))
  const lines = events.map((e) => {
    switch (e.kind) {
      case 'image': return `${formatEnd(e.image.source)} -> ${formatEnd(e.image.destination)}`
      case 'dropped': return `dropped ${e.repository}:${e.tag} by ${e.rule}`
      case 'untagged': return `untagged ${e.registry}`
      case 'failed': return `failed ${e.location.repository}: ${(e.error as Error).message}`
    }
  })
  return lines.sort()
}

describe('what names alone decide is decided without a request', () => {
  test.each<[string, Migration, NamedChange[], string[]]>([
    ['a reference of a list', list('app:1\napp:2\n'), [push('app', '2')], ['src:1/app:2 -> dst:1/m/app:2']],
    ['a tag that the list does not name', list('app:1\n'), [push('app', '9')], ['dropped app:9 by references']],
    ['a repository that is nobody\'s', list('app:1\n'), [push('other', '1')], []],
    ['another registry', list('app:1\n'), [{ ...push('app', '1'), registry: 'elsewhere:1' }], []],
    ['include and exclude', yaml('images:\n  - name: app\n    tags: { include: ["v*"], exclude: ["*-rc*"] }\n'), [push('app', 'v1'), push('app', 'v2-rc1'), push('app', 'main')],
      ['src:1/app:v1 -> dst:1/m/app:v1', 'dropped app:main by include', 'dropped app:v2-rc1 by exclude']],
    ['semver', yaml('images:\n  - name: app\n    tags: { semver: ">=1.2" }\n'), [push('app', '1.1'), push('app', 'v1.3')], ['src:1/app:v1.3 -> dst:1/m/app:v1.3', 'dropped app:1.1 by semver']],
    ['a catalog, by its patterns, below a prefix', yaml('images:\n  - repositories: { include: ["web/**"] }\n    from: src:1/team\n'), [push('team/web/api', '1'), push('team/db', '1'), push('web/api', '1')],
      ['src:1/team/web/api:1 -> dst:1/m/web/api:1']],
    ['what is no name', list('app:1\n'), [push('Not A Name', '1'), push('app', 'not/a tag')], []],
    ['a deletion', list('app:1\n'), [{ ...push('app', '1'), action: 'delete' }], []],
  ])('%s', async (_, migration, changes, expected) => {
    const source = new Place('src:1')
    const target = new Place('dst:1')
    expect(await run(migration, changes, source, target)).toEqual(expected.toSorted())
    expect([...source.calls, ...target.calls]).toEqual([])
  })
})

describe('rules that need more than a name', () => {
  test('an age is asked for of the named tag alone', async () => {
    const source = new Place('src:1')
    source.addDated('app', 'old', '2020-01-01T00:00:00Z')
    source.addDated('app', 'new', '2024-05-31T00:00:00Z')
    expect(await run(yaml('images:\n  - name: app\n    tags: { newerThan: 30d }\n'), [push('app', 'old'), push('app', 'new')], source)).toEqual([
      'dropped app:old by newerThan', 'src:1/app:new -> dst:1/m/app:new',
    ])
    expect(source.count('tags')).toBe(0)
  })

  test('latest has its own repository listed, and no other', async () => {
    const source = new Place('src:1')
    for (const tag of ['1.0', '1.1', '1.2']) source.addImage('app', tag, [tag])
    source.addImage('web', '1', ['w'])
    const migration = yaml('images:\n  - name: app\n    tags: { latest: { count: 2, by: semver } }\n  - name: web\n    tags: {}\n')
    expect(await run(migration, [push('app', '1.2'), push('web', '1')], source)).toEqual([
      'dropped app:1.0 by latest', 'src:1/app:1.1 -> dst:1/m/app:1.1', 'src:1/app:1.2 -> dst:1/m/app:1.2', 'src:1/web:1 -> dst:1/m/web:1',
    ])
    expect(source.calls.filter((call) => call.startsWith('tags')).map((call) => call.trim())).toEqual(['tags app'])
  })
})

describe('collisions', () => {
  test('a pushed tag that lands where another repository\'s does is an error, though that one did not change', async () => {
    const source = new Place('src:1')
    source.addImage('a/app', '1', ['a'])
    source.addImage('b/app', '1', ['b'])
    const migration = yaml('rename: [{ match: "^.*/", replace: "" }]\nimages:\n  - { name: a/app, tags: {} }\n  - { name: b/app, tags: {} }\n')
    await expect(run(migration, [push('b/app', '1')], source)).rejects.toThrow(CollisionError)
  })

  test('where only the catalog tells which repositories could meet, it is read', async () => {
    const source = new Place('src:1')
    source.names = ['a/app', 'b/app', 'c/other']
    source.addImage('a/app', '1', ['a'])
    source.addImage('b/app', '1', ['b'])
    const migration = yaml('rename: [{ match: "^.*/", replace: "" }]\nimages:\n  - repositories: {}\n')
    await expect(run(migration, [push('b/app', '1')], source)).rejects.toThrow(CollisionError)
    expect(await run(migration, [push('c/other', '1')], source)).toEqual(['src:1/c/other:1 -> dst:1/m/other:1'])
  })
})

describe('what is about an image', () => {
  const subject = digestOf(Buffer.from('subject'))
  const signature = `sha256-${subject.slice(7)}.sig`
  const whole = yaml('images:\n  - name: app\n    tags: {}\n')

  test('a companion tag goes where what it is about is', async () => {
    const source = new Place('src:1')
    const target = new Place('dst:1')
    const { digest } = source.addImage('app', '1', ['there'])
    const own = `sha256-${digest.slice(7)}.sig`
    expect(await run(whole, [push('app', own)], source, target)).toEqual([`dropped app:${own} by companion`])
    const fetched = await source.manifest('app' as never, '1' as never, { signal })
    target.addManifest('m/app', JSON.parse(Buffer.from(fetched?.bytes ?? []).toString()) as { readonly mediaType: string }, '1')
    expect(await run(whole, [push('app', own)], source, target)).toEqual([`src:1/app:${own} -> dst:1/m/app:${own}`])
    // What it is about is gone at the source: it is a tag like others.
    expect(await run(whole, [push('app', signature)], source, target)).toEqual([`src:1/app:${signature} -> dst:1/m/app:${signature}`])
  })

  test('a companion tag goes with an image that is pushed beside it', async () => {
    expect(await run(whole, [push('app', '1', subject), push('app', signature)])).toEqual(['src:1/app:1 -> dst:1/m/app:1', `src:1/app:${signature} -> dst:1/m/app:${signature}`])
  })

  test('where referrers stay behind, so does a companion tag', async () => {
    const source = new Place('src:1')
    const own = `sha256-${source.addImage('app', '1', ['there']).digest.slice(7)}.sig`
    expect(await run(yaml('images:\n  - name: app\n    tags: {}\n    referrers: false\n'), [push('app', own)], source)).toEqual([`dropped app:${own} by companion`])
  })

  test('a referrer that was pushed by its digest brings the image that it is about back to mind', async () => {
    const source = new Place('src:1')
    const target = new Place('dst:1')
    const image = target.addImage('m/app', '1', ['there'])
    const referrer = source.addImage('app', undefined, ['signature'], { subject: image })
    const child = source.addImage('app', undefined, ['child of an index'])
    const orphan = source.addImage('app', undefined, ['other'], { subject: { ...image, digest: subject } })
    expect(await run(whole, [referrer, child, orphan].map(({ digest }) => push('app', undefined, digest)), source, target)).toEqual([`src:1/app@${image.digest} -> dst:1/m/app@${image.digest}`])
  })
})

test('deletions count where the migration may have moved what is gone', async () => {
  const gone = (repository: string, tag: string): NamedChange => ({ ...push(repository, tag), action: 'delete' })
  const changes = [gone('app', 'v1'), gone('app', 'main'), gone('other', 'v1'), push('app', 'v2')]
  expect(await deletionsOf(yaml('images:\n  - name: app\n    tags: { include: ["v*"], latest: { count: 1, by: semver } }\n'), changes)).toEqual([changes[0]])
})
