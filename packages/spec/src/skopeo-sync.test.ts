import { parseTag, type RepositoryName } from '@longshore/oci'
import { describe, expect, test } from 'vitest'
import { complaint, expansion, fixture, read, type World } from './foreign.fixture.ts'
import { parseSkopeoSync, skopeoDestination } from './parse-skopeo-sync.ts'

const world: World = {
  'registry.example.com/busybox': ['1-glibc', 'latest'], 'registry.example.com/redis': ['1.0', '2.0', '3.0'],
  'registry.example.com/nginx': ['1.13.1-alpine-perl', '1.13.2-alpine-perl', '1.13.3-alpine-perl', 'x1.13.1-alpine-perl'],
  'registry.example.com/alpine': ['3.11.9', '3.12.0', '3.12.1', '4.0.0', '4.1.0-rc1', 'edge'], 'quay.io/coreos/etcd': ['latest', 'v3'],
}
const to = { to: ['dst:1/m'] }

test('the example of skopeo-sync(1)', async () => {
  const { migration, access, warnings } = await read(fixture('skopeo/sync.yaml'), to)
  expect(warnings).toEqual([])
  expect(await expansion(migration, world)).toEqual([
    'quay.io/coreos/etcd:latest -> dst:1/m/coreos/etcd:latest',
    ...['3.12.0', '3.12.1', '4.0.0'].map((tag) => `registry.example.com/alpine:${tag} -> dst:1/m/alpine:${tag}`),
    ...['1-glibc', 'latest'].map((tag) => `registry.example.com/busybox:${tag} -> dst:1/m/busybox:${tag}`),
    ...[1, 2].map((n) => `registry.example.com/nginx:1.13.${n}-alpine-perl -> dst:1/m/nginx:1.13.${n}-alpine-perl`),
    ...['1.0', '2.0'].map((tag) => `registry.example.com/redis:${tag} -> dst:1/m/redis:${tag}`),
    `registry.example.com/redis@sha256:${'0'.repeat(32)}${'1'.repeat(32)} -> dst:1/m/redis@sha256:${'0'.repeat(32)}${'1'.repeat(32)}`,
  ])
  expect(access).toEqual([
    { registry: 'registry.example.com', side: 'source', origin: 'f.yaml:2', credentials: { kind: 'basic', username: 'john', password: 'hunter2 is a secret' }, tlsVerify: true, certDir: '/home/john/certs' },
    { registry: 'quay.io', side: 'source', origin: 'f.yaml:18', tlsVerify: false },
  ])
  expect(JSON.stringify(migration)).not.toContain('hunter2')
})

test('one repository in several ways, which are united', async () => {
  const { migration } = await read(`r.io:
  images: { a/b: [1.10, edge] }
  images-by-tag-regex: { a/b: 'rc' }
  images-by-semver: { a/b: '>=2.0.0-0 || 1.5' }
`, to)
  expect(await expansion(migration, { 'r.io/a/b': ['1.10', '1.5.3', '1.9.0', '2.0.0-beta', '0.1-rc1', 'edge'] })).toEqual(
    ['0.1-rc1', '1.10', '1.5.3', '2.0.0-beta', 'edge'].map((tag) => `r.io/a/b:${tag} -> dst:1/m/a/b:${tag}`))
})

test('a registry with a path, and Docker Hub', async () => {
  const { migration } = await read('r.io/team: { images: { app: [1] } }\ndocker.io: { images: { busybox: [1], grafana/loki: [2] } }\n', to)
  expect(await expansion(migration, {})).toEqual([
    'docker.io/grafana/loki:2 -> dst:1/m/grafana/loki:2', 'docker.io/library/busybox:1 -> dst:1/m/busybox:1', 'r.io/team/app:1 -> dst:1/m/team/app:1',
  ])
})

describe('complaints have a place', () => {
  test.each([
    ['nothing but comments', '# none\n', 'f.yaml: is empty'],
    ['no destination', 'r.io: { images: { a: [1] } }', 'f.yaml:1:1: says what is read and not where it goes: give --to HOST[/PREFIX]'],
    ['a key twice', 'r.io: { images: { a: [1] } }\nr.io: {}', 'f.yaml:2:1: is not valid YAML: Map keys must be unique'],
    ['an unknown key', 'r.io:\n  images: { a: [1] }\n  image-by-semver: { a: ">=1" }', 'f.yaml:3:3: "image-by-semver" is not a key of r.io; did you mean "images-by-semver"?'],
    ['an invalid regular expression', 'r.io:\n  images-by-tag-regex:\n    a: v(', 'f.yaml:3:8: "v(" is not a valid regular expression: Unterminated group'],
    ['lookahead, which Go has not', 'r.io:\n  images-by-tag-regex:\n    a: ^(?!rc)', 'f.yaml:3:8: "^(?!rc)" is not a valid regular expression: Go\'s regular expressions have no lookahead or lookbehind'],
    ['an invalid constraint', 'r.io:\n  images-by-semver:\n    a: newest', 'f.yaml:3:8: "newest" is not a version constraint that is taken: "newest" does not begin with a version'],
    ['a bad tag', 'r.io:\n  images:\n    a:\n    - ok\n    - "not ok"', 'f.yaml:5:7: "not ok" is neither a tag nor a digest (sha256: and 64 lower-case hex digits)'],
    ['a bad name', 'r.io:\n  images:\n    Redis: []', 'f.yaml:3:5: "Redis" is not a valid reference: a repository name is in lower case'],
    ['a bad registry', 'r io: { images: { a: [1] } }', 'f.yaml:1:1: "r io" is not a valid reference'],
    ['a tag in a name', 'r.io:\n  images:\n    redis:7: []', 'f.yaml:3:5: "redis:7" has a tag or a digest: a repository is named here, and its tags behind it'],
    ['text for a list', 'r.io:\n  images:\n    a: latest', 'f.yaml:3:8: r.io.images.a has to be a list'],
    ['a flag that is none', 'r.io:\n  images: { a: [1] }\n  tls-verify: maybe', 'f.yaml:3:15: r.io.tls-verify: has to be true or false'],
    ['a password alone', 'r.io:\n  images: { a: [1] }\n  credentials: { password: hunter2 }', 'f.yaml:3:16: there is a password without a user name'],
  ])('%s', async (_, content, message) => {
    const options = message.includes('--to') ? {} : to
    const said = await complaint(content, { format: 'skopeo', ...options })
    expect(said).toContain(message)
    expect(said).not.toContain('hunter2')
  })

  test('all of them at once', async () => {
    expect((await complaint('r.io:\n  images: { A: [1], b: ["!"] }\n  images-by-tag-regex: { c: "(" }', to)).split('\n')).toHaveLength(3)
  })
})

describe('for skopeo sync', () => {
  test('repositories, what is wanted of them, and access', async () => {
    const { registries, warnings } = await parseSkopeoSync({ name: 's.yaml', content: fixture('skopeo/sync.yaml') })
    expect(warnings).toEqual([])
    expect(registries.map(({ name, repositories, access }) => [name, repositories.map((r) => [r.repository, r.selections.length]), access?.tlsVerify])).toEqual([
      ['registry.example.com', [['busybox', 1], ['redis', 1], ['nginx', 1], ['alpine', 1]], true], ['quay.io', [['coreos/etcd', 1]], false],
    ])
  })

  test.each([
    ['r.io/repo/busybox:1', {}, 'my.io/repo/busybox:1'],
    ['r.io/repo/busybox:1', { scoped: true }, 'my.io/repo/r.io/repo/busybox:1'],
    ['r.io/repo/busybox:1', { appendSuffix: '-mirror' }, 'my.io/repo/busybox:1-mirror'],
  ])('%s with %j goes to %s', (source, options, destination) => {
    const [registry = '', ...rest] = source.split(/[/:]/)
    const reference = parseTag(rest.pop() ?? '')
    expect(skopeoDestination('my.io/repo/', { registry, repository: rest.join('/') as RepositoryName, reference }, options)).toBe(destination)
  })
})
