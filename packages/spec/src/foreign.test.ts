// What every reader of another tool's file has to withstand.
import { describe, expect, test } from 'vitest'
import { complaint, expansion, fixture, read } from './foreign.fixture.ts'
import { type ForeignFormat, foreignFormats, parseSpec, parseSpecs } from './parse-spec.ts'
import type { SpecError } from './spec-error.ts'

const examples: Readonly<Record<ForeignFormat, readonly string[]>> = {
  skopeo: ['skopeo/sync.yaml'], 'image-syncer': ['image-syncer/auth.json', 'image-syncer/auth.yaml', 'image-syncer/images.json', 'image-syncer/images.yaml', 'image-syncer/config.json'],
  regsync: ['regsync/regsync.yaml', 'regsync/anchors.yaml'], dregsy: ['dregsy/dregsy.yaml', 'dregsy/matching.yaml'],
}
const to = { to: ['dst:1/m'] }

describe.each(foreignFormats)('%s', (format) => {
  test.each([
    ['nothing', '', 'f.yaml: is empty'], ['comments', '# nothing\n', 'f.yaml: is empty'], ['a list', '- a\n- b\n', 'f.yaml:1:1: the spec has to be a map'], ['text', 'just text\n', 'f.yaml:1:1: the spec has to be a map'],
    ['two documents', 'a: {}\n---\nb: {}\n', 'f.yaml:2:1: is not valid YAML: a spec is one YAML document'], ['broken YAML', 'a: "b\n', 'f.yaml:2:1: is not valid YAML: Missing closing "quote'],
    ['a tab', 'a:\n\tb: c\n', 'is not valid YAML'], ['half a JSON', '{ "a": ', 'f.yaml:1:8: is not valid JSON: value expected'],
    ['a bomb of aliases', `a: &a [x]\nb: &b [${'*a, '.repeat(20)}]\nc: &c [${'*b, '.repeat(20)}]\nd: [${'*c, '.repeat(20)}]\n`, 'is not usable YAML: Excessive alias count'],
  ])('%s', async (_, content, message) => { expect(await complaint(content, { format, ...to })).toContain(message) })

  test('binary', async () => {
    await expect(parseSpec({ name: 'f', content: Uint8Array.of(0x7b, 0, 0xff) }, { format })).rejects.toThrow('f: is a binary file (NUL byte at offset 1)')
  })

  test.each(examples[format])('%s is recognised, and cut anywhere it is refused or read, never more', async (path) => {
    const content = fixture(path)
    expect((await parseSpecs([{ name: path, content }], { surroundings: { env: { ALIYUN_USER: 'u', ALIYUN_PASS: 'p', HUB_USER: 'u' }, readFile: () => 'x' }, ...to })).migration).toEqual((await read(content, { format, ...to }, path)).migration)
    for (let end = 0; end < content.length; end += 7) {
      const error = await parseSpec({ name: path, content: content.slice(0, end) }, { format, ...to }).then(() => undefined, (e: unknown) => e as SpecError)
      if (error) expect([error.name, error.message.includes('hunter2')]).toEqual(['SpecError', false])
    }
  })
})

test('what one entry leaves out and another takes is not told as left out', async () => {
  const { migration } = await read("r.io:\n  images: { a: ['1'] }\n  images-by-semver: { a: '>=2' }\n", to)
  const { expand } = await import('./expand.ts')
  const { sourceIn } = await import('./foreign.fixture.ts')
  const told: string[] = []
  for await (const event of expand(migration, (registry) => sourceIn({ 'r.io/a': ['1', '2', '0'] }, registry), { signal: new AbortController().signal, concurrency: 1 })) {
    if (event.kind === 'dropped') told.push(event.tag)
  }
  expect(told).toEqual(['0'])
  expect(await expansion(migration, { 'r.io/a': ['1', '2', '0'] })).toHaveLength(2)
})
