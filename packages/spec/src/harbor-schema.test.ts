import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { settingsOf } from './destination-settings.ts'
import { expand } from './expand.ts'
import type { Migration } from './migration.ts'
import { parseSpecs } from './parse-spec.ts'
import { printNativeSpec } from './print-native-spec.ts'

const parse = async (...contents: readonly string[]): Promise<Migration> => (await parseSpecs(contents.map((content, i) => ({ name: i === 0 ? 's.yaml' : `s${i}.yaml`, content })), {})).migration
async function complaint(...contents: readonly string[]): Promise<string> { return await parse(...contents).then(() => { throw new Error('it was taken') }, (error: unknown) => (error as Error).message) }
const spec = (harbor: string, images = '[team/app:1]', to = 'h.example'): string => `version: 1\nfrom: src.example\nto: ${to}\nimages: ${images}\nharbor:\n  h.example: ${harbor}\n`

async function places(content: string): Promise<readonly string[]> {
  const found: string[] = []
  const none = (): never => { throw new Error('nothing is asked') }
  for await (const event of expand(await parse(content), none, { concurrency: 1, signal: new AbortController().signal })) {
    found.push(event.kind === 'image' ? event.image.destination.repository : event.kind === 'failed' ? String(event.error) : event.kind)
  }
  return found
}

describe('what is read', () => {
  test('everything', async () => {
    const { destinations } = await parse(`version: 1
from: src.example
to: h.example
harbor:
  h.example:
    createProjects: true
    project: { public: true, quota: 50GiB, autoScan: true }
    projects: { team: { quota: unlimited, preventVulnerable: high, autoSbom: true } }
    namespaces: { library: base/hub }
    defaultProject: library
    nesting: join
onMissingRepository:
  - { registry: [e.example, h.example], command: [./make, it], timeout: 2m }
  - { http: { url: 'https://x.example/make', headers: { Authorization: 'Bearer \${TOKEN}' } } }
images: [team/app:1]
`)
    expect(destinations).toEqual({
      'h.example': {
        harbor: {
          createProjects: true, project: { public: true, quota: 50 * 1024 ** 3, autoScan: true }, projects: { team: { quota: -1, preventVulnerable: 'high', autoSbom: true } },
          namespaces: { library: 'base/hub' }, defaultProject: 'library', nesting: 'join',
        },
        onMissingRepository: { kind: 'command', command: ['./make', 'it'], timeoutMs: 120_000 },
      },
      'e.example': { onMissingRepository: { kind: 'command', command: ['./make', 'it'], timeoutMs: 120_000 } },
      '*': { onMissingRepository: { kind: 'http', url: 'https://x.example/make', headers: { Authorization: 'Bearer ${TOKEN}' }, timeoutMs: 60_000 } },
    })
    expect(settingsOf(destinations, 'elsewhere').onMissingRepository?.kind).toBe('http')
    expect(settingsOf(destinations, 'h.example').onMissingRepository?.kind).toBe('command')
  })

  test('and printed, it means the same', async () => {
    const migration = await parse(spec('{ createProjects: true, project: { quota: 1500MB }, projects: { a: { public: true } }, namespaces: { x/y: z }, defaultProject: d, nesting: last }') + 'onMissingRepository: { command: [a, b], timeout: 90s }\n')
    expect(await parse(await printNativeSpec(migration, []))).toEqual({ ...migration, entries: expect.anything() as unknown })
  })

  test("the documentation's examples", async () => {
    const docs = readFileSync(new URL('../../../docs/harbor.md', import.meta.url), 'utf8')
    const [whole = '', source = '', ...hooks] = [...docs.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text]) => text ?? '')
    expect((await parse(whole)).entries).toHaveLength(2)
    expect((await parse(source)).entries.map((entry) => (entry.source.kind === 'catalog' ? entry.source.harbor?.projects.length : entry.source.path))).toEqual([undefined, 2, 'team-a/web'])
    expect(hooks.length).toBeGreaterThan(1)
    for (const hook of hooks) expect(Object.keys((await parse(`version: 1\n${hook}`)).destinations ?? {})).toHaveLength(1)
  })

  test('a file may say nothing but how destinations are made ready', async () => {
    const migration = await parse('version: 1\nharbor: { h.example: { createProjects: true } }', 'version: 1\nto: h.example\nimages: [src.example/team/app:1]')
    expect(settingsOf(migration.destinations, 'h.example').harbor?.createProjects).toBe(true)
    expect(migration.entries).toHaveLength(1)
  })

  test('a registry that nothing goes to is a warning', async () => {
    const { warnings } = await parseSpecs([{ name: 's.yaml', content: spec('{}').replace('h.example:', 'h.exmaple:') }], {})
    expect(warnings.map(({ message }) => message)).toEqual(['nothing goes to h.exmaple, which it has settings for; is that the name under "to"?'])
  })
})

describe('complaints', () => {
  test.each([
    ['an unknown key', '{ createProject: true }', 's.yaml:6:16: "createProject" is not a key of harbor.h.example; did you mean "createProjects"?'],
    ['a size', '{ project: { quota: lots } }', 's.yaml:6:34: harbor.h.example.project.quota: "lots" is no size; write one such as 50GiB or 500MB'],
    ['a project', '{ projects: { a__b: { public: true } } }', 's.yaml:6:34: harbor.h.example.projects.a__b: "a__b" is no name of a Harbor project: small letters and digits, with single ".", "_" or "-" between them'],
    ['a target', '{ namespaces: { library: Base } }', 's.yaml:6:39: harbor.h.example.namespaces.library: "Base" is no name of a Harbor project: small letters and digits, with single ".", "_" or "-" between them'],
    ['a namespace', '{ namespaces: { /x: base } }', 's.yaml:6:34: harbor.h.example.namespaces./x: "/x" is no namespace: write the components in front of the last one, such as library or team/backend'],
    ['a severity', '{ project: { preventVulnerable: huge } }', 's.yaml:6:46: harbor.h.example.project.preventVulnerable has to be none or low or medium or high or critical'],
  ])('%s', async (_, harbor, message) => { expect(await complaint(spec(harbor))).toBe(message) })

  test('a hook of both kinds', async () => {
    expect(await complaint(`${spec('{}')}onMissingRepository: { command: [a], http: { url: 'http://x' } }\n`)).toContain('a hook is either a command or http')
  })

  test('a secret in a hook', async () => {
    const told = await complaint(`${spec('{}')}onMissingRepository: { http: { url: 'http://x', headers: { Authorization: 'Bearer hunter2' } } }\n`)
    expect(told).toContain('a secret is not part of a spec')
    expect(told).not.toContain('hunter2')
  })

  test('two files that say different things', async () => {
    expect(await complaint(spec('{ createProjects: true }'), spec('{ createProjects: false }'))).toBe('s1.yaml: says another thing than s.yaml about harbor for h.example; say it in one of them')
  })
})

describe('names', () => {
  test.each([
    ['the first component is the project', '{}', 'h.example', 'team/app/web:1', 'team/app/web'],
    ['a namespace has another project', '{ namespaces: { team: t } }', 'h.example', 'team/app/web:1', 't/app/web'],
    ['the longest namespace counts', '{ namespaces: { team: t, team/app: u/v } }', 'h.example', 'team/app/web:1', 'u/v/web'],
    ['of whole components', '{ namespaces: { tea: t } }', 'h.example', 'team/app:1', 'team/app'],
    ['no namespace', '{ defaultProject: library }', 'h.example', 'app:1', 'library/app'],
    ['below a prefix, that is the project', '{ namespaces: { team: t } }', 'h.example/all', 'team/app:1', 'all/team/app'],
    ['joined', '{ nesting: join }', 'h.example', 'team/app/web:1', 'team/app-web'],
    ['joined below a prefix', '{ nesting: join }', 'h.example/all', 'team/app/web:1', 'all/team-app-web'],
    ['the last', '{ nesting: last }', 'h.example', 'team/app/web:1', 'team/web'],
  ])('%s', async (_, harbor, to, image, repository) => { expect(await places(spec(harbor, `[${image}]`, to))).toEqual([repository]) })

  test('a project that is none is told with its line and a rule', async () => {
    expect(await complaint(spec('{}', '[a__b/app:1]'))).toBe('s.yaml:4: h.example/a__b/app: "a__b" is no name of a Harbor project: small letters and digits, with single ".", "_" or "-" between them; give it another: harbor: { h.example: { namespaces: { "a__b": a-b } } }')
  })

  test('no project at all, also where it is written out', async () => {
    expect(await complaint(spec('{}', '[app:1]'))).toContain('s.yaml:4: h.example/app: it has no project, and every repository of a Harbor is in one: write "to: h.example/PROJECT", or harbor: { h.example: { defaultProject: library } }')
    expect(await complaint(spec('{}', '[{ name: team/app, tags: ["1"], as: app:1 }]'))).toContain('h.example/app: it has no project')
  })

  test('a name that is too long', async () => {
    expect(await complaint(spec('{}', `[{ name: ${'x'.repeat(200)}/${'y'.repeat(50)}, tags: ["1"] }]`, 'h.example/project'))).toContain('it has 259 characters, and Harbor takes 255')
  })

  test('names that the nesting brings together collide', async () => {
    await expect(places(spec('{ nesting: join }', '[team/a/b:1, team/a-b:1]'))).rejects.toThrow(/both src.example\/team\/a\/b:1 .* and src.example\/team\/a-b:1/)
  })
})
