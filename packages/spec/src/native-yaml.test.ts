import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parseNativeYaml } from './native-yaml.ts'
import { jsonSchema } from './schema.ts'
import type { SpecError } from './spec-error.ts'

const parse = (content: string, options = {}): ReturnType<typeof parseNativeYaml> => parseNativeYaml({ name: 's.yaml', content }, options)
function complaint(content: string): string {
  try { parse(content) } catch (error) { return (error as SpecError).message }
  throw new Error('it was taken')
}
const spec = (images: string): string => `version: 1\nto: dst:1\nimages:\n${images}`

describe('complaints have a place', () => {
  test.each([
    ['not YAML', 'version: 1\nto: "a\n', 's.yaml:3:1: is not valid YAML: Missing closing "quote'],
    ['a key twice', 'version: 1\nversion: 1\n', 's.yaml:2:1: is not valid YAML: Map keys must be unique'],
    ['an unknown key', 'version: 1\nimges: []\nimages: [a:1]\nto: d:1', 's.yaml:2:1: "imges" is not a key of the spec; did you mean "images"?'],
    ['an unknown key in an item', spec('  - name: a\n    tags: { includes: [b] }'), 's.yaml:5:13: "includes" is not a key of images[0].tags; did you mean "include"?'],
    ['credentials', spec('  - name: a\n    password: hunter2'), 's.yaml:5:5: "password" in images[0]: credentials are not part of a spec; use "podman login" or "docker login", --authfile, --src-creds or --dest-creds'],
    ['a missing version', 'to: d:1\nimages: [a:1]', 's.yaml:1:1: version is missing'],
    ['another version', 'version: 2\nimages: [a:1]', 's.yaml:1:10: version has to be 1'],
    ['a number as a tag', spec('  - name: a\n    tags: ["1", 1.10]'), "s.yaml:5:17: images[0].tags[1] has to be text (YAML reads 1.10 as a number: quote it, '1.10')"],
    ['a bad regular expression', spec("  - name: a\n    tags:\n      include: ['/v(/']"), 's.yaml:6:17: images[0].tags.include[0]: "/v(/" is not a valid pattern: Invalid regular expression: /v(/: Unterminated group'],
    ['a bad semver range', spec("  - name: a\n    tags: { semver: 'not one' }"), 's.yaml:5:21: images[0].tags.semver: "not one" is not a valid semver range; write one such as ">=1.20 <2" or "^3.1"'],
    ['a bad age', spec('  - name: a\n    tags: { newerThan: 3 moons }'), 's.yaml:5:24: images[0].tags.newerThan: "3 moons" is neither an age such as 90d, 12h or 2w, nor a date such as 2024-01-31'],
    ['a day that is none', spec('  - name: a\n    tags: { newerThan: 2024-02-30 }'), 's.yaml:5:24: images[0].tags.newerThan: "2024-02-30" is neither an age such as 90d, 12h or 2w, nor a date such as 2024-01-31'],
    ['a bad reference', spec('  - Redis:7'), 's.yaml:4:5: images[0]: "Redis" is not a valid reference: a repository name is in lower case'],
    ['a path that climbs', spec('  - ../etc:1'), 's.yaml:4:5: images[0]: "../etc:1" is not a valid reference: "." and ".." are not path components of a repository'],
    ['a tag in a name', spec('  - name: a:1'), 's.yaml:4:11: images[0].name: "a:1" has a tag or digest; write those under tags: or digests:'],
    ['neither name nor repositories', spec('  - tags: [a]'), 's.yaml:4:5: images[0]: an item has either name, or repositories or harbor'],
    ['a harbor that is nothing', spec('  - harbor:'), 's.yaml:4:12: images[0].harbor has to be a map'],
    ['a misspelt filter', spec('  - harbor: { label: [a] }'), 's.yaml:4:15: "label" is not a key of images[0].harbor; did you mean "labels"?'],
    ['a label that is no list', spec('  - harbor: { labels: release }'), 's.yaml:4:23: images[0].harbor.labels has to be a list'],
    ['a bad push time', spec('  - harbor: { pushed: { newerThan: 3 moons } }'), 's.yaml:4:36: images[0].harbor.pushed.newerThan: "3 moons" is neither an age such as 90d, 12h or 2w, nor a date such as 2024-01-31'],
    ['a bad project', spec("  - harbor: { projects: ['/(/'] }"), 's.yaml:4:26: images[0].harbor.projects[0]: "/(/" is not a valid pattern: Invalid regular expression: /(/: Unterminated group'],
    ['projects of a name', spec('  - { name: a/b, harbor: { projects: [a] } }'), 's.yaml:4:5: images[0]: harbor.projects choose among repositories, so they do not go with name'],
    ['digests of a harbor', spec(`  - { name: a/b, harbor: { labels: [x] }, digests: ['sha256:${'a'.repeat(64)}'] }`), 's.yaml:4:5: images[0]: "digests" go with name alone, not with repositories or harbor'],
    ['one name for a harbor', spec('  - { harbor: {}, as: x }'), 's.yaml:4:5: images[0]: "as" names one destination, so it goes with name alone; use rename'],
    ['a project twice', spec('  - { harbor: { projects: [a] }, from: h.io/b }'), 's.yaml:4:5: harbor.projects and a prefix under "from" both say the project: write "from: h.io", or leave projects out'],
    ['no images', 'version: 1\nto: d:1\n', 's.yaml:1:1: images is missing'],
    ['images of the wrong kind', 'version: 1\nimages: redis', 's.yaml:2:9: images has to be a list'],
    ['a bad rename rule', 'version: 1\nto: d:1\nrename: [{match: "(", replace: b}]\nimages: [a:1]', 's.yaml:3:18: rename[0].match: Invalid regular expression: /(/u: Unterminated group'],
    ['a bad policy', 'version: 1\nto: d:1\ndefaults: { platformPolicy: thin }\nimages: [a:1]', 's.yaml:3:29: defaults.platformPolicy has to be sparse or strip'],
    ['no destination', 'version: 1\nimages:\n  - a:1', 's.yaml:3:5: "a:1" has no destination registry: write "to: HOST[/PREFIX]", or give --to'],
    ['nothing', '# only a comment', 's.yaml: is empty; see docs/spec.md for what a spec holds'],
  ])('%s', (_, content, message) => { expect(complaint(content)).toBe(message) })

  test('all of them at once', () => {
    expect(complaint(spec('  - A:1\n  - name: b\n    tagz: 1')).split('\n')).toHaveLength(2)
  })

  test('a password is never shown', () => { expect(complaint(spec('  - name: a\n    password: hunter2'))).not.toContain('hunter2') })
})

describe('normalised', () => {
  test('everything composes', () => {
    const { migration } = parse(`version: 1
from: src:1/base
to: [one:1/m, two:1]
defaults: { platforms: [linux/amd64], referrers: false }
rename: [{ match: '^library/(.*)$', replace: 'base/$1' }]
flatten: { keep: 2 }
images:
  - name: library/nginx
    tags: { include: ['1.*', '/^v\\d/i'], latest: { count: 5, by: created }, newerThan: 90d, olderThan: 2024-01-01 }
    digests: [sha256:${'a'.repeat(64)}]
    platformPolicy: strip
`)
    expect(migration.entries).toEqual([{
      source: { kind: 'repository', registry: 'src:1', repository: 'base/library/nginx', path: 'library/nginx' },
      selection: {
        kind: 'rule',
        rule: {
          include: [{ kind: 'glob', glob: '1.*' }, { kind: 'regex', source: '^v\\d', flags: 'i' }],
          newerThan: { kind: 'ago', ms: 90 * 86_400_000 }, olderThan: { kind: 'at', at: '2024-01-01T00:00:00.000Z' }, latest: { count: 5, by: 'created' },
        },
        references: [{ reference: `sha256:${'a'.repeat(64)}` }],
      },
      destinations: [
        { kind: 'under', registry: 'one:1', prefix: 'm', rename: [{ match: '^library/(.*)$', replace: 'base/$1' }], keepComponents: 2 },
        { kind: 'under', registry: 'two:1', prefix: '', rename: [{ match: '^library/(.*)$', replace: 'base/$1' }], keepComponents: 2 },
      ],
      content: { platforms: [{ os: 'linux', architecture: 'amd64' }], platformPolicy: 'strip', referrers: false, foreignLayers: 'keep' },
      origin: { file: 's.yaml', line: 8 },
    }])
    expect(JSON.parse(JSON.stringify(migration))).toEqual(migration)
  })

  test('what a Harbor is asked', () => {
    const [first, second, third, fourth] = parse(`version: 1
from: src:1
to: dst:1
images:
  - harbor: { projects: ['team-*'], labels: [release], pushed: { newerThan: 90d, olderThan: 2026-01-01 } }
    repositories: { exclude: ['**/tmp'] }
    tags: ['1']
  - { name: a/b, harbor: { labels: [release] }, tags: ['1'] }
  - { name: a/b, harbor: {}, tags: ['1'] }
  - { harbor: {}, tags: { latest: { count: 3, by: pushed } } }
`).migration.entries
    const pushed = { newerThan: { kind: 'ago', ms: 90 * 86_400_000 }, olderThan: { kind: 'at', at: '2026-01-01T00:00:00.000Z' } }
    expect(first).toMatchObject({
      source: { kind: 'catalog', registry: 'src:1', prefix: '', include: [], exclude: [{ glob: '**/tmp' }], harbor: { projects: [{ kind: 'glob', glob: 'team-*' }] } },
      selection: { kind: 'rule', rule: { include: [{ kind: 'regex' }], labels: ['release'], pushed } },
    })
    expect(second).toMatchObject({ source: { kind: 'repository' }, selection: { kind: 'rule', rule: { labels: ['release'] } } })
    expect(third?.selection).toEqual({ kind: 'references', references: [{ reference: '1' }] })
    expect(fourth).toMatchObject({ source: { harbor: { projects: [] } }, selection: { rule: { latest: { count: 3, by: 'pushed' } } } })
  })

  test('flags override the file', () => {
    const { migration } = parse('version: 1\nfrom: a:1\nto: b:1\nimages: [x:1]', { from: 'c:1', to: ['d:1'], content: { referrers: false } })
    expect(migration.entries[0]).toMatchObject({ source: { registry: 'c:1' }, destinations: [{ registry: 'd:1' }], content: { referrers: false } })
  })
})

test('the published JSON Schema is current (else run node packages/spec/src/write-schema.ts)', () => {
  expect(readFileSync(new URL('../schema/longshore.schema.json', import.meta.url), 'utf8')).toBe(jsonSchema())
})

test("the reference's example is taken", () => {
  const docs = readFileSync(new URL('../../../docs/spec.md', import.meta.url), 'utf8')
  const example = /```yaml\n([\s\S]*?)```/.exec(docs)?.[1]?.replace('sha256:…', `sha256:${'a'.repeat(64)}`) ?? ''
  expect(parse(example).migration.entries.map((e) => e.origin.line)).toEqual([10, 11, 20, 24])
})

test('anchors and aliases keep their places', () => {
  expect(parse('version: 1\nto: d:1\nimages:\n  - { name: a, tags: &t { include: ["1*"] } }\n  - { name: b, tags: *t }').migration.entries).toHaveLength(2)
  expect(complaint('version: 1\nto: d:1\nimages:\n  - { name: a, tags: &t { include: [B] } }\n  - { name: b, tags: *t, x: 1 }')).toMatch(/^s.yaml:5:26: "x" is not a key/)
})

test('numbers that are too small are told in words, and all problems in the order of their lines', () => {
  expect(complaint('version: 1\nto: d:1\nfrmo: x\nimages:\n  - { name: a, tags: { latest: -1 } }\n  - { nmae: b }').split('\n').map((line) => line.slice(0, 9))).toEqual(['s.yaml:3:', 's.yaml:5:', 's.yaml:6:', 's.yaml:6:'])
  expect(complaint('version: 1\nto: d:1\nimages:\n  - { name: a, tags: { latest: -1 } }')).toMatch(/latest must be 1 or more$/)
})
