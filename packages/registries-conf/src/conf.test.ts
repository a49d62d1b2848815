import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseRepositoryName } from '@longshore/oci'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { mergeFiles } from './conf.ts'
import { RegistriesConfError } from './errors.ts'
import type { RegistriesConfOptions } from './files.ts'
import { parseRegistriesConf } from './parse.ts'
import { readRegistriesConf } from './read.ts'

const digest = `sha256:${'a'.repeat(64)}`
const conf = (...texts: readonly string[]) => mergeFiles(texts.map((text, i) => parseRegistriesConf(`${i}.conf`, text)))
const place = (name: string) => ({ registry: name.slice(0, name.indexOf('/')), repository: parseRepositoryName(name.slice(name.indexOf('/') + 1)) })
function sources(text: string, name: string, reference = 'latest'): readonly string[] {
  return conf(text).sourcesOf({ ...place(name), reference }).map((s) => `${s.registry}/${s.repository}${s.insecure ? ' insecure' : ''}${s.isMirror ? ' mirror' : ''}${s.blocked ? ' blocked' : ''}`)
}

describe('prefixes', () => {
  const map = (prefix: string, location = 'there.example/x') => `[[registry]]\nprefix = "${prefix}"\nlocation = "${location}"`
  test.each([
    ['example.com', 'example.com/app', 'there.example/x/app'],
    ['example.com/ns', 'example.com/ns/app', 'there.example/x/app'],
    ['example.com/ns', 'example.com/nsx/app', 'example.com/nsx/app'],
    ['example.com/ns', 'example.com/other', 'example.com/other'],
    ['example.com/ns/app', 'example.com/ns/app', 'there.example/x'],
    ['example.com:5000', 'example.com/app', 'example.com/app'],
    ['*.example.com', 'a.example.com/app', 'there.example/x/app'],
    ['*.example.com', 'a.b.example.com/app', 'there.example/x/app'],
    ['*.example.com', 'example.com/app', 'example.com/app'],
    ['*.example.com', 'other.net/a.example.com', 'other.net/a.example.com'],
    ['docker.io/library', 'docker.io/library/alpine', 'there.example/x/alpine'],
  ])('%s makes of %s: %s', (prefix, name, real) => {
    expect(sources(map(prefix), name)).toEqual([real])
  })

  test('the longest prefix is taken, and no other', () => {
    const text = ['example.com', 'example.com/a/b', 'example.com/a'].map((prefix, i) => map(prefix, `l${i}.example`)).join('\n')
    expect(sources(text, 'example.com/a/b/app')).toEqual(['l1.example/app'])
    expect(sources(text, 'example.com/a/app')).toEqual(['l2.example/app'])
    expect(sources(text, 'example.com/app')).toEqual(['l0.example/app'])
  })

  test('a wildcard without location keeps the name, and carries its settings', () => {
    expect(sources('[[registry]]\nprefix = "*.example.com"\ninsecure = true', 'a.example.com/app')).toEqual(['a.example.com/app insecure'])
  })

  test('a location that makes no registry of a name is told with the file', () => {
    expect(() => sources(map('example.com', 'there'), 'example.com/app')).toThrow('0.conf:1: example.com/app becomes there/app')
  })
})

describe('mirrors', () => {
  const text = `[[registry]]
location = "example.com"
[[registry.mirror]]
location = "all.example/m"
[[registry.mirror]]
location = "digest.example"
insecure = true
pull-from-mirror = "digest-only"
[[registry.mirror]]
location = "tag.example"
pull-from-mirror = "tag-only"`
  test('by tag', () => expect(sources(text, 'example.com/app')).toEqual(['all.example/m/app mirror', 'tag.example/app mirror', 'example.com/app']))
  test('by digest', () => expect(sources(text, 'example.com/app', digest)).toEqual(['all.example/m/app mirror', 'digest.example/app insecure mirror', 'example.com/app']))
  test('mirror-by-digest-only leaves tags to the primary', () => {
    const strict = '[[registry]]\nlocation = "example.com"\nmirror-by-digest-only = true\n[[registry.mirror]]\nlocation = "m.example"'
    expect(sources(strict, 'example.com/app')).toEqual(['example.com/app'])
    expect(sources(strict, 'example.com/app', digest)).toEqual(['m.example/app mirror', 'example.com/app'])
  })
  test('a blocked registry is read through its mirrors; a mirror may be blocked itself', () => {
    const blocked = '[[registry]]\nlocation = "example.com"\nblocked = true\n[[registry.mirror]]\nlocation = "m.example"\n[[registry]]\nlocation = "m.example"'
    expect(sources(blocked, 'example.com/app')).toEqual(['m.example/app mirror', 'example.com/app blocked'])
    expect(sources(`${blocked}\nblocked = true`, 'example.com/app')).toEqual(['m.example/app mirror blocked', 'example.com/app blocked'])
    expect(conf(blocked).isBlocked(place('example.com/app'))?.message).toBe('registry example.com is blocked in 0.conf:1')
    expect(conf(blocked).isBlocked(place('m.example/app'))).toBeUndefined()
  })
  test('every host that one registry leads to', () => {
    const both = `${text}\n[[registry]]\nprefix = "example.com/ns"\nlocation = "ns.example/a"\n[[registry]]\nlocation = "stranger.example"`
    expect([...conf(both).hostsOf('example.com')].toSorted()).toEqual(['all.example', 'digest.example', 'example.com', 'ns.example', 'tag.example'])
    expect(conf(both).concerns('example.com')).toBe(true)
    expect(conf(both).concerns('example.org')).toBe(false)
  })
})

describe('files over files', () => {
  test('an entry takes the place of the one with its prefix; lists and modes are replaced as wholes, empty ones too', () => {
    const merged = conf(
      'unqualified-search-registries = ["a.example"]\ncredential-helpers = ["pass"]\nshort-name-mode = "enforcing"\n[[registry]]\nlocation = "x.example"\ninsecure = true\n[[registry.mirror]]\nlocation = "m.example"\n[aliases]\none = "a.example/one"\ntwo = "a.example/two"',
      'credential-helpers = []\n[[registry]]\nlocation = "x.example"\n[aliases]\ntwo = ""\nthree = "a.example/three"',
    )
    expect(merged.sourcesOf({ ...place('x.example/app'), reference: 'latest' })).toEqual([{ ...place('x.example/app'), insecure: false, isMirror: false }])
    expect(merged.searchRegistries).toEqual(['a.example'])
    expect(merged.credentialHelpers).toEqual(['containers-auth.json'])
    expect(merged.shortNameMode).toBe('enforcing')
    expect(['one', 'two', 'three', 'four'].map((name) => merged.alias(name))).toEqual(['a.example/one', undefined, 'a.example/three', undefined])
  })

  test('of two entries with one prefix in one file, the first counts', () => {
    expect(sources('[[registry]]\nprefix = "a.example"\nlocation = "b.example"\n[[registry]]\nprefix = "a.example"\nlocation = "c.example"', 'a.example/x')).toEqual(['b.example/x'])
  })
})

describe('faults, with file and line', () => {
  test.each([
    ['no TOML', '[[registry]\n', /^0\.conf:1:\d+: this is no TOML: /],
    ['a type', '[[registry]]\nlocation = "a.example"\ninsecure = "yes"', /^0\.conf:3: registry\.0\.insecure: .*boolean/],
    ['neither', '\n[[registry]]\ninsecure = true', /^0\.conf:2: \[\[registry\]\] has neither prefix nor location/],
    ['no location', '[[registry]]\nprefix = "a.example"', /^0\.conf:1: location is missing/],
    ['a scheme', '[[registry]]\nlocation = "https://a.example"', /^0\.conf:2: "https:\/\/a\.example" has a scheme/],
    ['a mirror without a place', '[[registry]]\nlocation = "a.example"\n[[registry.mirror]]\ninsecure = true', /^0\.conf:3: \[\[registry\.mirror\]\] has no location/],
    ['a mirror setting at the registry', '[[registry]]\nlocation = "a.example"\npull-from-mirror = "all"', /^0\.conf:3: pull-from-mirror is for/],
    ['an unknown one', '[[registry]]\nlocation = "a.example"\n[[registry.mirror]]\nlocation = "m.example"\npull-from-mirror = "never"', /^0\.conf:5: registry\.0\.mirror\.0\.pull-from-mirror/],
    ['both kinds of restriction', '[[registry]]\nlocation = "a.example"\nmirror-by-digest-only = true\n[[registry.mirror]]\nlocation = "m.example"\npull-from-mirror = "all"', /^0\.conf:6: mirror-by-digest-only/],
    ['a wildcard with a path', '[[registry]]\nprefix = "*.a.example/ns"', /^0\.conf:2: a prefix with a wildcard is/],
    ['a conflict', '[[registry]]\nprefix = "a.example"\nlocation = "c.example"\n[[registry]]\nprefix = "b.example"\nlocation = "c.example"\nblocked = true', /^0\.conf:4: registry "c\.example" is defined multiple times with conflicting 'blocked' setting: 0\.conf:1/],
    ['a SOCKS proxy', '[[registry]]\nlocation = "a.example"\nproxy = "socks5://p"', /^0\.conf:3: proxy is not http/],
    ['a search registry with a path', '\nunqualified-search-registries = ["a.example/ns"]', /^0\.conf:2: "a\.example\/ns" is no host/],
    ['a mode', 'short-name-mode = "maybe"', /^0\.conf:1: short-name-mode: /],
    ['an alias of a full name', '[aliases]\n\n"a.example/b" = "a.example/c"', /^0\.conf:3: the alias "a\.example\/b" is no short name/],
    ['an alias for a short name', '[aliases]\nb = "c"', /^0\.conf:2: the alias "b" stands for "c"/],
    ['version 1', '[registries.search]\nregistries = ["a.example"]\n[registries.block]\nregistries = ["b.example"]', /^0\.conf:1: \[registries\.search\] is the format's version 1.*\n0\.conf:3: \[registries\.block\]/],
  ])('%s', (_, text, message) => {
    expect(() => conf(text)).toThrow(RegistriesConfError)
    expect(() => conf(text)).toThrow(message)
  })

  test('version 1 that says nothing is no fault, nor is a key that a newer podman knows', () => {
    expect(conf('[registries.search]\nregistries = []\n[novelty]\nx = 1').entries).toEqual([])
  })
})

describe('which files', () => {
  let root = ''
  beforeEach(async () => { root = await mkdtemp(join(tmpdir(), 'longshore-conf-')) })
  afterEach(async () => { await rm(root, { recursive: true }) })
  const write = async (name: string, text = `[[registry]]\nlocation = "${name.replaceAll(/[^a-z0-9]+/gi, '-')}.example"`): Promise<string> => {
    await mkdir(dirname(join(root, name)), { recursive: true })
    await writeFile(join(root, name), text)
    return join(root, name)
  }
  const read = async (more: Partial<RegistriesConfOptions> = {}): Promise<readonly string[] | undefined> => {
    const found = await readRegistriesConf({ env: {}, home: join(root, 'home'), uid: 1000, systemDir: join(root, 'etc'), ...more })
    return found?.files.map((file) => file.slice(root.length + 1))
  }
  const user = 'home/.config/containers/registries.conf'

  test('none, and comments only, are nothing', async () => {
    expect(await read()).toBeUndefined()
    await write('etc/registries.conf', '# unqualified-search-registries = ["x"]\n\n  # more\n')
    expect(await read()).toBeUndefined()
  })

  test('the system\'s, its drop-ins, the user\'s drop-ins, by name; what is no .conf is left out', async () => {
    for (const name of ['etc/registries.conf', 'etc/registries.conf.d/b.conf', 'etc/registries.conf.d/B.conf', 'etc/registries.conf.d/c.ignore', 'etc/registries.conf.d/sub/x.conf', `${user}.d/a.conf`]) await write(name)
    expect(await read()).toEqual(['etc/registries.conf', 'etc/registries.conf.d/B.conf', 'etc/registries.conf.d/b.conf', `${user}.d/a.conf`])
  })

  test('with a file of the user, nothing of the system', async () => {
    for (const name of ['etc/registries.conf', 'etc/registries.conf.d/b.conf', user, `${user}.d/a.conf`]) await write(name)
    expect(await read()).toEqual([user, `${user}.d/a.conf`])
  })

  test('--registries-conf takes the place of the main file only', async () => {
    for (const name of ['etc/registries.conf', 'etc/registries.conf.d/b.conf', user]) await write(name)
    const path = await write('own.conf')
    expect(await read({ path })).toEqual(['own.conf', 'etc/registries.conf.d/b.conf'])
    await expect(read({ path: join(root, 'nowhere.conf') })).rejects.toThrow(/there is no registries.conf .*nowhere.conf: correct --registries-conf/)
  })

  test('CONTAINERS_REGISTRIES_CONF takes the place of all; _OVERRIDE comes last', async () => {
    for (const name of ['etc/registries.conf', 'etc/registries.conf.d/b.conf', user]) await write(name)
    const [one, two] = [await write('one.conf'), await write('two.conf')]
    expect(await read({ env: { CONTAINERS_REGISTRIES_CONF: one } })).toEqual(['one.conf'])
    expect(await read({ env: { CONTAINERS_REGISTRIES_CONF: one, CONTAINERS_REGISTRIES_CONF_OVERRIDE: two } })).toEqual(['one.conf', 'two.conf'])
    expect(await read({ env: { CONTAINERS_REGISTRIES_CONF_OVERRIDE: two } })).toEqual([user, 'two.conf'])
    expect(await read({ path: two, env: { CONTAINERS_REGISTRIES_CONF: one } })).toEqual(['two.conf', 'etc/registries.conf.d/b.conf'])
  })

  test('aliases that podman recorded overrule the others, where they are asked for', async () => {
    await write('etc/registries.conf', '[aliases]\none = "a.example/one"')
    const alone = { env: {}, home: root, uid: 1000, systemDir: join(root, 'etc') }
    // Aliases alone say nothing of how registries are reached.
    expect(await readRegistriesConf(alone)).toBeUndefined()
    expect((await readRegistriesConf({ ...alone, shortNames: true }))?.alias('one')).toBe('a.example/one')
    await write('etc/registries.conf', 'unqualified-search-registries = ["x.example"]\n[aliases]\none = "a.example/one"')
    await write('home/.cache/containers/short-name-aliases.conf', '[aliases]\none = "b.example/one"')
    const options = { env: {}, home: join(root, 'home'), uid: 1000, systemDir: join(root, 'etc') }
    expect((await readRegistriesConf(options))?.alias('one')).toBe('a.example/one')
    expect((await readRegistriesConf({ ...options, shortNames: true }))?.alias('one')).toBe('b.example/one')
  })
})
