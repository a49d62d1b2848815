import { describe, expect, test } from 'vitest'
import { complaint, expansion, fixture, read, type World } from './foreign.fixture.ts'
import { formatProblem } from './spec-error.ts'

const world: World = {
  'docker.io/library/alpine': ['latest', 'edge', '3', '3.0', '3.9', '3.18', '2.7', '13.9'], 'ghcr.io/regclient/regctl': ['latest', 'v3.5.0', 'v3.5.1', '3.6.0', 'v3.7.0', 'v4.0.0'],
  'localreg:5000/a/b': ['1', '2'], 'localreg:5000/tmp/x': ['1'],
}

test('the example of the documentation', async () => {
  const { migration, access, warnings } = await read(fixture('regsync/regsync.yaml'))
  expect(await expansion(migration, world)).toEqual([
    ...['3', '3.18', '3.9', 'edge', 'latest'].map((tag) => `docker.io/library/alpine:${tag} -> localhost:5000/library/alpine:${tag}`),
    'docker.io/library/busybox:latest -> localhost:5000/library/busybox:latest',
    ...['latest', 'v3.5.1', 'v3.7.0'].map((tag) => `ghcr.io/regclient/regctl:${tag} -> localhost:5000/regclient/regctl:${tag}`),
    ...[1, 2].map((tag) => `localreg:5000/a/b:${tag} -> localcopy:5000/a/b:${tag}`),
  ])
  expect(access).toEqual([
    { registry: 'localhost:5000', tlsVerify: false, origin: 'f.yaml:5' }, { registry: 'docker.io', credentials: { kind: 'basic', username: 'dave', password: 'hunter2-token' }, origin: 'f.yaml:7' },
    { registry: 'ghcr.io', credentials: { kind: 'helper', suffix: 'ghcr' }, origin: 'f.yaml:10' },
  ])
  expect(warnings.map(formatProblem)).toEqual([
    'f.yaml:13:3: ratelimit is left out: Longshore waits where a registry tells it to',
    'f.yaml:16:3: parallel is left out: Longshore finds by itself how much each registry takes (--concurrency limits it)',
    'f.yaml:21:5: interval is left out: a run is once', 'f.yaml:33:5: schedule is left out: a run is once',
    'f.yaml:43:5: fastCheck is left out: what is there already is known from one request anyway',
  ])
  expect(JSON.stringify(migration)).not.toContain('hunter2')
})

test('merge keys and templates', async () => {
  const { migration } = await read(fixture('regsync/anchors.yaml'))
  expect(await expansion(migration, world)).toEqual([
    ...['3', '3.9', 'latest'].map((tag) => `docker.io/library/alpine:${tag} -> registry:5000/hub/alpine:${tag}`), 'docker.io/library/busybox:latest -> registry:5000/library/busybox:latest',
  ])
  expect(migration.entries[1]?.content).toMatchObject({ platforms: [{ os: 'linux', architecture: 'amd64' }, { os: 'linux', architecture: 'arm64' }], platformPolicy: 'sparse' })
})

const step = (more: string, type = 'repository'): string => `version: 1\nsync:\n- source: a.io/x\n  target: b.io/x\n  type: ${type}\n${more}`

test('signatures, foreign layers, one platform', async () => {
  const content = async (more: string): Promise<unknown> => (await read(step(more))).migration.entries[0]?.content
  expect(await content('')).toMatchObject({ referrers: true, foreignLayers: 'keep' })
  expect(await content('  referrers: false\n')).toMatchObject({ referrers: false })
  expect(await content('  digestTags: yes\n  includeExternal: true\n  platform: linux/arm64\n')).toMatchObject({ referrers: true, foreignLayers: 'copy', platformPolicy: 'strip' })
})

test('an alternative outside of a group is pointed out', async () => {
  const { migration, warnings } = await read(step('  tags: { allow: ["3|edge"] }'))
  expect(await expansion(migration, { 'a.io/x': ['3', '3.1', 'edge', 'an-edge'] })).toEqual(['a.io/x:3 -> b.io/x:3', 'a.io/x:edge -> b.io/x:edge'])
  expect(warnings.map(formatProblem)).toEqual(['f.yaml:6:19: "3|edge" has to match the whole text here; regsync would take ^3|edge$, where ^ and $ belong to the first and the last alternative only'])
})

describe('complaints have a place', () => {
  test.each([
    ['another version', 'version: 2\nsync: []', 'f.yaml:1:10: version has to be 1'],
    ['a key twice', step('  type: image'), 'f.yaml:6:3: is not valid YAML: Map keys must be unique'],
    ['an unknown key', step('  tagset: []'), 'f.yaml:6:3: "tagset" is not a key of sync[0]; did you mean "tagSets"?'],
    ['no target', 'sync:\n- source: a.io/x\n  type: image', 'f.yaml:2:3: sync[0].target is missing'],
    ['another type', step('', 'folder'), 'f.yaml:5:9: type has to be image, repository or registry'],
    ['a backup', step('  backup: "old-{{.Ref.Tag}}"'), 'f.yaml:6:3: backup: tags that are overwritten are not kept under another name'],
    ['filters of referrers', step('  referrerFilters: [{ artifactType: x }]'), 'f.yaml:6:3: referrerFilters:'],
    ['media types', step('  mediaTypes: [application/x]'), 'f.yaml:6:16: "application/x": images are not chosen by media type'],
    ['an invalid expression', step('  tags: { deny: ["v("] }'), 'f.yaml:6:18: "v(" is not a valid regular expression: Unterminated group'],
    ['an invalid range', step('  tags: { semverRange: [">=x"] }'), 'f.yaml:6:25: ">=x" is not a version constraint that is taken'],
    ['a bad platform', step('  platforms: [linux]'), 'f.yaml:6:15: "linux" is not a valid reference: a platform is'],
    ['a template that is not known', 'sync:\n- { source: a.io/x, target: "b.io/{{ index (split .Sync.Source) 1 }}", type: image }', 'f.yaml:2:29: the template {{index (split .Sync.Source) 1}} is not taken'],
    ['a variable that is not there', 'sync:\n- { source: \'{{env "NOWHERE"}}/x\', target: b.io/x, type: image }', 'f.yaml:2:13: there is no NOWHERE in the environment'],
    ['a file that is not there', 'creds:\n- { registry: a.io, user: u, pass: \'{{file "/nowhere"}}\' }\nsync: []', 'f.yaml:2:36: the file /nowhere, for which a template asks, cannot be read'],
    ['a folder', 'sync:\n- { source: ocidir://x, target: b.io/x, type: image }', 'f.yaml:2:13: "ocidir://x": folders are not taken'],
    ['a mirror', 'creds:\n- registry: a.io\n  mirrors: [m.io]\nsync: []', 'f.yaml:3:3: mirrors is not taken: write the registry that is meant, or give --from'],
    ['TLS of another kind', 'creds:\n- registry: a.io\n  tls: off\nsync: []', 'f.yaml:3:8: tls has to be enabled, insecure or disabled'],
    ['a password alone', 'creds:\n- registry: a.io\n  pass: hunter2\nsync: []', 'f.yaml:3:9: there is a password without a user name'],
    ['a tag for a repository', 'sync:\n- { source: "a.io/x:1", target: b.io/x, type: repository }', 'f.yaml:2:13: "a.io/x:1" has a tag or a digest, and the type is repository'],
    ['a bad name', 'sync:\n- { source: "a.io/X:1", target: b.io/x, type: image }', 'f.yaml:2:13: "X" is not a valid reference'],
    ['a user name that is not there, which is one problem', 'creds:\n- { registry: a.io, user: \'{{env "NOWHERE"}}\', pass: hunter2 }\nsync: []', /^[^\n]*there is no NOWHERE in the environment[^\n]*$/],
    ['a registry that is not there, which is one problem', 'creds:\n- { registry: \'{{env "NOWHERE"}}\', user: u, pass: hunter2 }\nsync: []', /^[^\n]*there is no NOWHERE in the environment[^\n]*$/],
  ] as readonly (readonly [string, string, string | RegExp])[])('%s', async (_, content, message) => {
    const said = await complaint(content, { format: 'regsync' })
    if (typeof message === 'string') expect(said).toContain(message)
    else expect(said).toMatch(message)
    expect(said).not.toContain('hunter2')
  })
})
