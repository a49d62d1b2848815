import { describe, expect, test } from 'vitest'
import { complaint, expansion, fixture, read, surroundings, type World } from './foreign.fixture.ts'
import { parseSpecs } from './parse-spec.ts'

const world: World = { 'quay.io/coreos/kube-rbac-proxy': ['v1.0', 'v1.1', 'v2.0', 'v3.0-beta', 'b'] }
const digest = `sha256:14b267eb38aa85fd12d0e168fffa2d8a6187ac53a14a0212b0d4fce8d729598c`

const expectedAccess = (file: string, lines: readonly number[]): unknown => [
  { registry: 'quay.io', credentials: { kind: 'basic', username: 'alice', password: 'hunter2-quay' }, tlsVerify: false, origin: `${file}:${lines[0]}` },
  { registry: 'registry.cn-beijing.aliyuncs.com', credentials: { kind: 'basic', username: 'carol', password: 'hunter2-aliyun' }, origin: `${file}:${lines[1]}` },
  { registry: 'docker.io', credentials: { kind: 'basic', username: 'bob', password: 'hun$ter2' }, origin: `${file}:${lines[2]}` },
  { registry: 'quay.io', prefix: 'coreos', credentials: { kind: 'basic', username: 'abc', password: 'hunter2-coreos' }, tlsVerify: false, origin: `${file}:${lines[3]}` },
]

describe('the examples of the README', () => {
  test.each([['images.yaml', 'auth.yaml', [1, 5, 8, 9]], ['images.json', 'auth.json', [3, 8, 9, 10]]] as const)('%s and %s', async (images, auth, lines) => {
    const { migration, access, warnings } = await parseSpecs([{ name: auth, content: fixture(`image-syncer/${auth}`) }, { name: images, content: fixture(`image-syncer/${images}`) }], { surroundings })
    expect(warnings).toEqual([])
    expect(await expansion(migration, world)).toEqual([
      ...['b', 'v1.0', 'v1.1', 'v2.0', 'v3.0-beta'].map((tag) => `quay.io/coreos/kube-rbac-proxy:${tag} -> quay.io/ruohe/kube-rbac-proxy:${tag}`),
      'quay.io/coreos/kube-rbac-proxy:v1.1 -> quay.io/ruohe/kube-rbac-proxy1:v1.1', 'quay.io/coreos/kube-rbac-proxy:v1.1 -> quay.io/ruohe/kube-rbac-proxy2:v1.1',
      `quay.io/coreos/kube-rbac-proxy@${digest} -> quay.io/ruohe/kube-rbac-proxy@${digest}`,
    ].toSorted())
    expect(access).toEqual(expectedAccess(auth, lines))
    expect(JSON.stringify(migration)).not.toContain('hunter2')
  })

  test('config.json', async () => {
    const { migration, access } = await read(fixture('image-syncer/config.json'))
    expect(await expansion(migration, world)).toEqual(expect.arrayContaining([
      'docker.io/library/nginx:1 -> registry.example.com/mirror/nginx:stable', 'docker.io/library/nginx:2 -> registry.example.com/mirror/nginx:next',
    ]))
    expect(access?.map(({ registry, prefix }) => [registry, prefix])).toEqual([['quay.io', undefined], ['docker.io', undefined], ['quay.io', 'coreos']])
  })
})

test('tags, expressions and destinations', async () => {
  const { migration } = await read(`nginx: user/repo
127.0.0.1:300/a/nginx:v1: nginx:v2
r.io/x:/^v\\d$/: [r2.io/x, "\${DEST}", r2.io/x]
`, { surroundings: { ...surroundings, env: { DEST: 'r3.io/y' } } })
  expect(await expansion(migration, { 'docker.io/library/nginx': ['1'], 'r.io/x': ['v1', 'v12', 'av1'] })).toEqual([
    '127.0.0.1:300/a/nginx:v1 -> docker.io/library/nginx:v2', 'docker.io/library/nginx:1 -> docker.io/user/repo:1', 'r.io/x:v1 -> r2.io/x:v1', 'r.io/x:v1 -> r3.io/y:v1',
  ])
})

test('only a whole value names a variable, and two dollars are one', async () => {
  const { access } = await read('r.io/a: { username: "$$ALIYUN_USER", password: "pre$ALIYUN_PASS" }\n')
  expect(access?.[0]?.credentials).toEqual({ kind: 'basic', username: '$ALIYUN_USER', password: 'pre$ALIYUN_PASS' })
  const dollars = await read('r.io/a: { username: "$$${ALIYUN_USER}", password: "$$pass-word" }\n')
  expect(dollars.access?.[0]?.credentials).toEqual({ kind: 'basic', username: '$${ALIYUN_USER}', password: '$$pass-word' })
})

describe('complaints have a place', () => {
  const to = 'r.io/b'
  test.each([
    ['a key twice', '{\n  "r.io/a": "r.io/b",\n  "r.io/a": "r.io/c"\n}', 'f.yaml:3:3: is not valid JSON: the key "r.io/a" is there twice'],
    ['broken JSON', '{\n  "r.io/a": "r.io/b"\n  "r.io/c": "r.io/d" }', 'f.yaml:3:3: is not valid JSON: comma expected'],
    ['a number', '{\n  "r.io/a": 7, "r.io/c": "r.io/d" }', 'f.yaml:2:13: r.io/a is of the wrong kind: it has to be text or a list'],
    ['an unknown key', 'auth: {}\nimages: { r.io/a: r.io/b }\nproc: 5', 'f.yaml:3:1: "proc" is not a key of the spec; known are auth, images'],
    ['an unknown key of auth', 'r.io:\n  username: u\n  passwort: hunter2', 'f.yaml:3:3: "passwort" is not a key of r.io; did you mean "password"?'],
    ['an invalid regular expression', `r.io/a:/v(/: ${to}`, 'f.yaml:1:1: "v(" is not a valid regular expression: Unterminated group'],
    ['an expression without an end', `r.io/a:/v: ${to}`, 'f.yaml:1:1: "r.io/a:/v": a regular expression ends with / too'],
    ['a bad source', `r.io/A: ${to}`, 'f.yaml:1:1: "A" is not a valid reference: a repository name is in lower case'],
    ['a bad tag in a list', `r.io/a:1,!: ${to}`, 'f.yaml:1:1: "r.io/a:1,!": "!" is not a valid tag'],
    ['a bad destination', 'r.io/a:1: r.io/B', 'f.yaml:1:11: "B" is not a valid reference'],
    ['an empty destination', 'r.io/a:1: ""', 'f.yaml:1:11: "r.io/a:1" has an empty destination'],
    ['no destination', 'r.io/a:1: []', 'f.yaml:1:11: "r.io/a:1" has no destination'],
    ['other counts of tags', 'r.io/a:1,2: r.io/b:1', 'f.yaml:1:13: "r.io/a:1,2" names 2 and "r.io/b:1" 1: they are matched from left to right, so there have to be as many'],
    ['a tag for many', 'r.io/a: r.io/b:1', 'f.yaml:1:9: "r.io/b:1" has a tag, and "r.io/a" may be many images'],
    ['another digest', `r.io/a@${digest}: r.io/b@sha256:${'0'.repeat(64)}`, 'a destination by digest takes only the source of that same digest'],
    ['a variable that is not there', 'r.io/a: $NOWHERE', 'f.yaml:1:9: there is no NOWHERE in the environment'],
    ['a password alone', 'r.io:\n  password: hunter2', 'f.yaml:2:3: there is a password without a user name'],
    ['Google\'s exchange', 'eu.gcr.io:\n  username: _oauth2_\n  password: hunter2', 'f.yaml:2:13: the key of a Google service account is not exchanged here'],
  ])('%s', async (_, content, message) => {
    const said = await complaint(content, { format: 'image-syncer' })
    expect(said).toContain(message)
    expect(said).not.toContain('hunter2')
  })

  test('a variable that is not there is one problem, and not also a missing user name', async () => {
    expect(await complaint('r.io:\n  username: $NOWHERE\n  password: hunter2', { format: 'image-syncer' })).toMatch(/^f\.yaml:2:13: there is no NOWHERE in the environment[^\n]*$/)
    expect(await complaint('r.io:\n  username: $NOWHERE\n  password: $NOR_HERE', { format: 'image-syncer' })).toMatch(/^[^\n]*NOWHERE[^\n]*\n[^\n]*NOR_HERE[^\n]*$/)
  })

  test('without an environment, as at a coordinator', async () => {
    await expect(parseSpecs([{ name: 'f.yaml', content: 'r.io/a: $DEST' }], {})).rejects.toThrow('f.yaml:1:9: $DEST names a variable of the environment, which is not known here')
  })

  test('credentials that contradict each other', async () => {
    const error = await parseSpecs([{ name: 'a.yaml', content: 'r.io: { username: a, password: hunter2 }' }, { name: 'b.yaml', content: 'r.io: { username: b, password: hunter3 }' }], {}).catch((e: Error) => e.message)
    expect(error).toBe('b.yaml:1: other credentials for r.io are at a.yaml:1: leave one of them out')
  })

  test('TLS is checked in one way', async () => {
    await expect(read('quay.io: { insecure: true }\nquay.io/a: { username: u, password: p, insecure: true }')).resolves.toBeDefined()
    await expect(parseSpecs([{ name: 'a.yaml', content: 'r.io: { images: { a: [1] }, tls-verify: true }' }, { name: 'b.yaml', content: 'r.io: { insecure: true }' }], { to: ['d:1'] }))
      .rejects.toThrow('b.yaml:1: r.io is reached in another way than at a.yaml:1')
  })
})
