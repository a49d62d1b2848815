import { describe, expect, test } from 'vitest'
import { complaint, expansion, fixture, read, type World } from './foreign.fixture.ts'
import { formatProblem } from './spec-error.ts'

const source = 'source-registry.acme.com'
const destination = 'dest-registry.acme.com'
const world: World = {
  [`${source}/test/another-image`]: ['1', '2'], [`${source}/test/busybox`]: ['1.26.1-glibc', '1.26.1-uclibc', '1.26.11-glibc', '1.29.4', '1.30.0', '1.31', '1.31.1-musl', '1.31-musl', '1.31.8', '1.31.9'],
  'ecr.example.com/myproject/webui': ['1', '2'], 'ecr.example.com/other/myproject/x': ['1'], 'ecr.example.com/jenkins/jnlp-slave': ['latest', '1'],
}

test('the example of the README', async () => {
  const { migration, access, warnings } = await read(fixture('dregsy/dregsy.yaml'))
  expect(await expansion(migration, world)).toEqual([
    ...['1', '2'].map((tag) => `${source}/test/another-image:${tag} -> ${destination}/test/another-image:${tag}`),
    // 1.31-musl is no version of blang's, as it misses a part and has a prerelease.
    ...['1.26.1-glibc', '1.26.1-uclibc', '1.29.4', '1.31', '1.31.1-musl', '1.31.8', 'latest'].map((tag) => `${source}/test/busybox:${tag} -> ${destination}/test/busybox:${tag}`),
    ...['0.1.0', '0.1.1'].map((tag) => `${source}/test/image:${tag} -> ${destination}/archive/test/image:${tag}`),
  ].toSorted())
  expect(access).toEqual([
    { registry: source, side: 'source', origin: 'f.yaml:13', credentials: { kind: 'basic', username: 'alex', password: 'hunter2' } },
    { registry: destination, side: 'destination', origin: 'f.yaml:16', credentials: { kind: 'basic', username: 'alex', password: 'hunter3' }, tlsVerify: false },
  ])
  expect(warnings.map(formatProblem).map((line) => line.split(' ').slice(0, 5).join(' '))).toEqual([
    'f.yaml:2:1: relay is left out:', 'f.yaml:3:1: skopeo is left out:', 'f.yaml:6:1: lister is left out:', 'f.yaml:11:5: interval is left out:', 'f.yaml:12:5: verbose is left out:',
  ])
  expect(JSON.stringify(migration)).not.toContain('hunter')
})

test('repositories by expression, and what becomes of their paths', async () => {
  const { migration } = await read(fixture('dregsy/matching.yaml'))
  expect(await expansion(migration, world)).toEqual([
    'ecr.example.com/jenkins/jnlp-slave:latest -> 127.0.0.1:5000/dh/other-jenkins/jnlp-slave:latest', 'ecr.example.com/myproject/webui:1 -> 127.0.0.1:5000/ecr/myproject/webui:1',
    'ecr.example.com/myproject/webui:1 -> 127.0.0.1:5000/from-dh/yourproject/webui:1', 'ecr.example.com/myproject/webui:2 -> 127.0.0.1:5000/ecr/myproject/webui:2',
  ])
})

const task = (mapping: string): string => `tasks:\n- name: t\n  source: { registry: a.io }\n  target: { registry: b.io }\n  mappings:\n  - ${mapping}\n`

describe('tags', () => {
  const tags = ['1.0.0', '1.1.0', '1.2.0', '1.2.0-rc1', '2.0.0', 'latest']
  test.each<[string, readonly string[]]>([
    ['[]', tags],
    ["['regex: !1\\..*']", ['2.0.0', 'latest']],
    ["['semver: <2.0.0', 'keep: latest 2']", ['1.2.0', '1.2.0-rc1']],
    ["['semver: <2.0.0', 'keep: !.*-rc.*', 'keep: latest 2']", ['1.1.0', '1.2.0']],
    ["['keep: 1.*', 'keep: .*0']", ['1.0.0', '1.1.0', '1.2.0']],
    ["['1.0.0', 'gone', 'keep: 1.*']", ['1.0.0']],
    ["['1.0.0', '1.1.0', 'keep: latest 1']", ['1.1.0']],
    ["['1.0.0', 'keep: 2.*', 'keep: latest 1']", []],
    ["['gone']", ['gone']],
    ["['semver: >=2.0.0', 'gone']", ['2.0.0', 'gone']],
  ])('%s', async (list, expected) => {
    const { migration } = await read(task(`{ from: x, tags: ${list} }`))
    expect(await expansion(migration, { 'a.io/x': tags })).toEqual(expected.map((tag) => `a.io/x:${tag} -> b.io/x:${tag}`).toSorted())
  })

  test('digests alone, and besides', async () => {
    const digest = `sha256:${'a'.repeat(64)}`
    const line = `a.io/x@${digest} -> b.io/x@${digest}`
    expect(await expansion((await read(task(`{ from: x, digests: ['${digest}'] }`))).migration, {})).toEqual([line])
    expect(await expansion((await read(task(`{ from: x, tags: [v], digests: ['${digest}'] }`))).migration, {})).toEqual(['a.io/x:v -> b.io/x:v', line].toSorted())
  })
})

describe('complaints have a place', () => {
  test.each([
    ['an unknown key', task('{ from: x, tag: [a] }'), 'f.yaml:6:16: "tag" is not a key of tasks[0].mappings[0]; did you mean "tags"?'],
    ['no source', 'tasks:\n- name: t\n  target: { registry: b.io }\n  mappings: []', 'f.yaml:2:3: tasks[0].source is missing'],
    ['no from', task('{ to: x }'), 'f.yaml:6:5: tasks[0].mappings[0].from is missing'],
    ['an invalid expression', task("{ from: 'regex:v(' }"), 'f.yaml:6:13: "v(" is not a valid regular expression: Unterminated group'],
    ['no replacement', task("{ from: x, to: 'regex:v' }"), 'f.yaml:6:20: to: the replacement is missing: write regex:EXPRESSION,REPLACEMENT'],
    ['a group that is none', task("{ from: x, to: 'regex:(v),$1x' }"), 'f.yaml:6:20: $1x would be a group of the name "1x": write ${1}x'],
    ['an invalid constraint', task("{ from: x, tags: ['semver: ^1.2.3'] }"), 'f.yaml:6:23: "^1.2.3" is not a version constraint that is taken'],
    ['a bad tag', task("{ from: x, tags: ['js: return true'] }"), 'f.yaml:6:23: "js: return true" is not a valid tag, and no filter begins so'],
    ['a bad digest', task('{ from: x, digests: [abc] }'), 'f.yaml:6:26: "abc" is not a valid digest'],
    ['a bad name', task('{ from: X }'), 'f.yaml:6:13: "X" is not a valid reference'],
    ['credentials that are none', 'tasks:\n- name: t\n  source: { registry: a.io, auth: aHVudGVyMg== }\n  target: { registry: b.io }\n  mappings: []', 'f.yaml:3:35: auth is not the base64 of {"username": "…", "password": "…"}'],
    ['a lister of Docker Hub', 'tasks:\n- name: t\n  source: { registry: a.io, lister: { type: dockerhub } }\n  target: { registry: b.io }\n  mappings: []', 'f.yaml:3:37: lister "dockerhub": repositories are found'],
    ['a key twice', 'tasks:\n- name: t\n  name: u', 'f.yaml:3:3: is not valid YAML: Map keys must be unique'],
  ])('%s', async (_, content, message) => {
    const said = await complaint(content, { format: 'dregsy' })
    expect(said).toContain(message)
    expect(said).not.toContain('aHVudGVy')
  })
})
