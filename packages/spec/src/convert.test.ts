// Whatever a spec is, the native YAML that is printed for it names the same images.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { printNativeSpec } from './convert.ts'
import { expansion, fixture, read, type World } from './foreign.fixture.ts'
import type { Migration } from './migration.ts'

const tags = ['1', '1.0', '1.0.0', '1.2.3', '1.13.1-alpine-perl', '1.26.1-glibc', '1.31.2', '2.0.0-rc1', '3', '3.0', '3.9', '3.12.1', '4.0.0', 'edge', 'latest', 'v1.0', 'v2.0', 'v3.6.0', 'a', 'x']
const world: World = Object.fromEntries([
  'registry.example.com/busybox', 'registry.example.com/redis', 'registry.example.com/nginx', 'registry.example.com/alpine', 'quay.io/coreos/etcd', 'quay.io/coreos/kube-rbac-proxy',
  'docker.io/library/alpine', 'docker.io/library/busybox', 'ghcr.io/regclient/regctl', 'localreg:5000/a/b', 'localreg:5000/tmp/c', 'source-registry.acme.com/test/another-image',
  'source-registry.acme.com/test/busybox', 'ecr.example.com/myproject/webui', 'ecr.example.com/jenkins/jnlp-slave', 'r.io/a/b', 'r.io/base/a/b', 'r.io/base/team/x', 'docker.io/library/nginx',
].map((name) => [name, tags]))

/** All that counts of a migration: its images, and how each entry wants them. */
async function meaning(migration: Migration): Promise<unknown> {
  return { images: await expansion(migration, world), contents: [...new Set(migration.entries.map(({ content }) => JSON.stringify(content)))].toSorted() }
}

const digest = `sha256:${'a'.repeat(64)}`
const native = `version: 1
from: r.io/base
to: [one.io/m, two.io]
defaults: { platforms: [linux/arm64/v8], referrers: false }
rename: [{ match: '^team/(.*)$', replace: 't/$1' }]
images:
  - a/b:1
  - name: docker.io/nginx
    tags: { anyOf: [{ include: ['3*'] }, { semver: '>=1 <2', prereleases: true }], exclude: ['*-*', '/^1$/i'], latest: 2 }
    digests: ['${digest}']
  - name: a/b
    tags: ['1', '1.0']
    as: [x/y, other.io/z]
    platforms: []
    platformPolicy: strip
    foreignLayers: copy
  - repositories: { include: ['team/**'], exclude: ['tmp'] }
    tags: { include: ['1.?', 'v*'] }
    flatten: { keep: 2 }
  - name: a/b
    tags: { newerThan: 90d, olderThan: 2026-01-01, latest: { count: 5, by: created } }
`
const list = `redis:7.2\nr.io/a/b\nr.io/a/b:1 sub/dir:2\nr.io/a/b:v1.0@${digest}\nr.io/a/b@${digest} other.io/x\n`

describe('the same images', () => {
  test.each([
    ['skopeo', fixture('skopeo/sync.yaml')], ['image-syncer', fixture('image-syncer/images.json')], ['image-syncer config.json', fixture('image-syncer/config.json')],
    ['regsync', fixture('regsync/regsync.yaml')], ['regsync with anchors', fixture('regsync/anchors.yaml')], ['dregsy', fixture('dregsy/dregsy.yaml')], ['dregsy with matching', fixture('dregsy/matching.yaml')],
    ['a list', list], ['a list of many', readFileSync(new URL('../fixtures/kubesphere-images-list.txt', import.meta.url), 'utf8')], ['the native spec', native],
  ])('%s', async (name, content) => {
    const options = /^(?:skopeo|a list)/.test(name) ? { to: ['dst:1/m'] } : {}
    const { migration, warnings } = await read(content, options)
    const printed = printNativeSpec(migration, warnings)
    const back = await read(printed, { format: 'yaml' })
    expect(back.warnings).toEqual([])
    expect(await meaning(back.migration)).toEqual(await meaning(migration))
    expect(printed).not.toMatch(/hunter|eyJ/)
    // What is printed is as it stays.
    expect(printNativeSpec(back.migration, warnings)).toBe(printed)
  })

  test('of a Harbor, with all that is asked of it', async () => {
    const text = `version: 1
from: src:1
to: dst:1
images:
  - { harbor: { projects: ['team-*', '/^a/'], labels: [release, eu], pushed: { newerThan: 90d, olderThan: 2026-01-01 } }, repositories: { exclude: ['**/tmp'] }, tags: { latest: { count: 3, by: pushed } } }
  - { harbor: {}, from: 'src:1/team', tags: ['1', '2'] }
  - { name: a/b, harbor: { pushed: { olderThan: 2w } }, as: x/y }
`
    const { migration } = await read(text)
    const printed = printNativeSpec(migration, [])
    const back = await read(printed, { format: 'yaml' })
    const plain = (of: Migration): unknown => of.entries.map(({ source, selection, destinations }) => ({ source, selection, destinations }))
    expect(plain(back.migration)).toEqual(plain(migration))
    expect(printNativeSpec(back.migration, [])).toBe(printed)
  })
})

test('it reads as a person would write it', async () => {
  const { migration, warnings } = await read(fixture('skopeo/sync.yaml'), { to: ['dst:1/m'] })
  expect(printNativeSpec(migration, warnings)).toBe(`# docs/spec.md explains each key.

version: 1
images:
  - name: registry.example.com/busybox
    to:
      - dst:1/m
  - name: registry.example.com/redis
    tags:
      - "1.0"
      - "2.0"
    to:
      - dst:1/m
  - name: registry.example.com/redis
    digests:
      - sha256:0000000000000000000000000000000011111111111111111111111111111111
    to:
      - dst:1/m
  - name: registry.example.com/nginx
    tags:
      include:
        - /^1\\.13\\.[12]-alpine-perl$/u
    to:
      - dst:1/m
  - name: registry.example.com/alpine
    tags:
      semver: ">=3.12.0"
    to:
      - dst:1/m
  - name: quay.io/coreos/etcd
    tags:
      - latest
    to:
      - dst:1/m
`)
})
