import type { RepositoryName, Tag } from '@longshore/oci'
import { expect, test, vi } from 'vitest'
import { surroundings } from './foreign.fixture.ts'
import type { Destination } from './migration.ts'
import { nameRepository } from './naming.ts'
import { parseSpecs } from './parse-spec.ts'
import { isTame, PatternTooSlowError } from './pattern-watch.ts'
import { matcherOf, parsePattern } from './pattern.ts'
import { selectTags } from './select-tags.ts'

const long = `${'a'.repeat(120)}.` as Tag
const slow = ['/(a+)+$/', '/^(a|a)*$/', '/(?=a)(a?){40}b/', '*a*a*a*a*a*a*a*a*b']

test.each(slow)('%s comes to an end, and is not tried again', async (text) => {
  const pattern = parsePattern(text)
  await expect(selectTags([long], { include: [pattern] })).rejects.toThrow(PatternTooSlowError)
  await expect(selectTags(['1' as Tag], { exclude: [pattern] })).rejects.toMatchObject({ code: 'PATTERN_TOO_SLOW', message: expect.stringContaining(text) as string })
})

test('the name that a rule of renaming makes is waited for no longer', () => {
  const destination: Destination = { kind: 'under', registry: 'r.example.com', prefix: '', rename: [{ match: '^(a+)+$', replace: 'b' }] }
  expect(() => nameRepository(destination, `${'a'.repeat(120)}-`, undefined)).toThrow('the pattern ^(a+)+$ takes too long')
})

test('a pattern that is tried while a file is read is told with its place', async () => {
  const dregsy = `tasks:\n- name: one\n  source: { registry: a.example.com }\n  target: { registry: b.example.com }\n  mappings:\n  - { from: x, tags: ['${long.replace('.', '-')}', 'keep: (a+)+'] }\n`
  await expect(parseSpecs([{ name: 'dregsy.yaml', content: dregsy }], { surroundings })).rejects.toThrow(/^dregsy\.yaml:6:\d+: .*takes too long/m)
})

test('a slow rule of renaming is told with its place when the spec is read, and of more of them the first', async () => {
  const item = (name: string): string => `  - { name: a.example.com/${'a'.repeat(120)}-${name}, rename: [{ match: '(${name}|a+)+$', replace: b }] }\n`
  const content = `version: 1\nto: [b.example.com]\nimages:\n${['x', 'y'].map(item).join('')}`
  await expect(parseSpecs([{ name: 'spec.yaml', content }], {})).rejects.toThrow(/^spec\.yaml:4: the pattern \(x\|a\+\)\+\$ takes too long.*$/)
})

test('a glob of many thousand letters is refused before it is compiled', () => {
  expect(() => parsePattern('!('.repeat(1001))).toThrow('a glob has at most 2000 characters: write several')
})

test('a name that only a registry could make up is watched, too', () => {
  expect(matcherOf(parsePattern('/a.*a.*$x/')).test('a'.repeat(250))).toBe(false)
  expect(() => matcherOf(parsePattern('/a.*a.*$x/')).test('a'.repeat(1e5) as RepositoryName)).toThrow(PatternTooSlowError)
})

test('it comes to an end also where a machine never gives a process more than a share of its time', () => {
  const begunMs = performance.now()
  let asked = 0
  using _share = vi.spyOn(process, 'threadCpuUsage').mockImplementation(() => {
    if (++asked > 12) throw new Error('it is tried for ever')
    return { user: (performance.now() - begunMs) * 1000 * 0.3, system: 0 }
  })
  expect(() => matcherOf(parsePattern('/^(a+)+$/')).test(long)).toThrow(PatternTooSlowError)
})

test.each([
  ['team/**', true], ['**/app-*', true], ['{a,b}/*', true], ['*a*b*', false], ['+(a)', false],
  ['/^library\\/(.*)$/', true], ['/^v\\d+\\.\\d+$/', true], ['/^(a|b)$/', true], ['/[*+?|]+$/', true], ['/^(?!x)(?:a)(?<n>b).*/', true],
  ['/^(a)+$/', false], ['/(a+)\\1/', false], ['/a?b?c?/', false], ['/(a|b)*/', false],
])('names are matched with %s without a watch: %s', (text, expected) => {
  expect(isTame(parsePattern(text))).toBe(expected)
})
