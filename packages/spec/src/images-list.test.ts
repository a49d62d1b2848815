import { readFileSync } from 'node:fs'
import { formatEnd } from '@longshore/transfer'
import { describe, expect, test } from 'vitest'
import { readDocument } from './document.ts'
import { foreignFormat } from './foreign-format.ts'
import { expand } from './expand.ts'
import { parseImagesList } from './images-list.ts'
import { detectFormat, parseSpec, parseSpecs } from './parse-spec.ts'
import type { SpecError } from './spec-error.ts'

const flags = { from: 'src:1', to: ['dst:1/m'] }
async function pairs(content: string | Uint8Array, options: Parameters<typeof parseImagesList>[1] = flags): Promise<string[]> {
  const { migration } = parseImagesList({ name: 'l', content }, options)
  const events = await Array.fromAsync(expand(migration, () => { throw new Error('no request is needed') }, { signal: new AbortController().signal, concurrency: 2 }))
  return events.map((e) => (e.kind === 'image' ? `${formatEnd(e.image.source)} ${formatEnd(e.image.destination)}` : e.kind))
}
async function complaint(content: string | Uint8Array, options: Parameters<typeof parseSpec>[1] = flags): Promise<string> {
  try { await parseSpec({ name: 'l', content }, options) } catch (error) { return (error as SpecError).message }
  throw new Error('it was taken')
}
const digest = `sha256:${'a'.repeat(64)}`

describe('a line', () => {
  test.each([
    ['name:tag', 'a/b:1', 'src:1/a/b:1 dst:1/m/a/b:1'],
    ['no tag', 'a', 'src:1/a:latest dst:1/m/a:latest'],
    ['a trailing comment', 'a:1 # why', 'src:1/a:1 dst:1/m/a:1'],
    ['CRLF', '##heading\r\n\r\na:1\r\n', 'src:1/a:1 dst:1/m/a:1'],
    ['a byte order mark', '\ufeffa:1', 'src:1/a:1 dst:1/m/a:1'],
    ['another registry', 'quay.io/a/b:1', 'quay.io/a/b:1 dst:1/m/a/b:1'],
    ['localhost', 'localhost/a:1', 'localhost/a:1 dst:1/m/a:1'],
    ['a digest', `a@${digest}`, `src:1/a@${digest} dst:1/m/a@${digest}`],
    ['a pair', 'a:1\tx/y:2', 'src:1/a:1 dst:1/m/x/y:2'],
    ['a pair that keeps the tag', 'a:1 x', 'src:1/a:1 dst:1/m/x:1'],
    ['a pair by =', 'a:1=other:5/x:2', 'src:1/a:1 other:5/x:2'],
    ['a pair by = with spaces', 'a:1 = x:2', 'src:1/a:1 dst:1/m/x:2'],
    ['a pair by -> as it is printed', 'src:1/a:1 -> other:5/x:2 # why', 'src:1/a:1 other:5/x:2'],
    ['images of storage trees as they are printed', 'registry-storage:/s:a/b:1 -> registry-storage:/t:x:2', 'registry-storage:/s:a/b:1 registry-storage:/t:x:2'],
    ['docker://', 'docker://a:1', 'src:1/a:1 dst:1/m/a:1'],
  ])('%s', async (_, line, expected) => { expect(await pairs(line)).toEqual([expected]) })

  test('Docker Hub is the default, and its library', async () => {
    expect(await pairs('alpine:3\nindex.docker.io/a/b:1', { to: ['d:1'] })).toEqual(['docker.io/library/alpine:3 d:1/alpine:3', 'docker.io/a/b:1 d:1/a/b:1'])
  })
  test('a digest of a storage tree', async () => {
    const name = `registry-storage:/s:a/b@${digest}`
    expect(await pairs(`${name} registry-storage:/t:a/b@${digest}`)).toEqual([`${name} registry-storage:/t:a/b@${digest}`])
    expect(await complaint('registry-storage:/s a:1')).toContain('the repository is missing: registry-storage:PATH:REPOSITORY[:TAG]')
  })
  test('prefixes on both sides', async () => {
    expect(await pairs('a:1', { from: 's:1/p', to: ['d:1/q/r', 'e:1'] })).toEqual(['s:1/p/a:1 d:1/q/r/a:1', 's:1/p/a:1 e:1/a:1'])
  })
  test('a mirror stands in for every registry where the user says so', async () => {
    expect(await pairs('quay.io/a:1', { ...flags, fromForAll: true })).toEqual(['src:1/a:1 dst:1/m/a:1'])
    expect(await pairs('src:1/p/a:1', { ...flags, from: 'src:1/p', fromForAll: true })).toEqual(['src:1/p/a:1 dst:1/m/p/a:1'])
  })
  test('comments alone are nothing to do', async () => {
    expect(await parseSpec({ name: 'l', content: '# Nothing failed.\n' }, flags)).toEqual({ migration: { entries: [] }, warnings: [{ file: 'l', message: 'names no images' }] })
  })
  test('an untagged name is warned about', () => {
    expect(parseImagesList({ name: 'l', content: '\n  a' }, flags).warnings).toEqual([{ file: 'l', line: 2, column: 3, message: '"a" has no tag: taken as a:latest' }])
  })
})

describe('what is not a list', () => {
  test.each<readonly [string, string | Uint8Array, string]>([
    ['empty', '', 'l: is empty; write an image a line, or a YAML spec (docs/spec.md)'],
    ['binary', Uint8Array.of(0x41, 0, 0xff), 'l: is a binary file (NUL byte at offset 1); give a text file: an images list, a YAML spec or a file of another tool'],
    ['UTF-16', Uint8Array.of(0xff, 0xfe, 0x41, 0), 'l: is in UTF-16; save it as UTF-8'],
    ['Latin-1', Uint8Array.of(0x61, 0x0a, 0xe9), 'l:2: is not valid UTF-8; save the file as UTF-8'],
    ['upper case', 'Foo:1', 'l:1:1: "Foo:1" is not a valid reference: a repository name is in lower case'],
    ['climbing', 'a:1\n a/../b:1', 'l:2:2: "a/../b:1" is not a valid reference: "." and ".." are not path components of a repository'],
    ['control characters', 'a\u001b[31m:1', 'l:1:1: "a\\x1b[31m:1" is not a valid reference: a repository name is path components of a-z and 0-9, joined inside by ".", "_", "__" or "-"'],
    ['a scheme', 'https://a.io/b:1', 'l:1:1: "https://a.io/b:1" is not a valid reference: leave out http:// and https://; --src-tls-verify=false and --dest-tls-verify=false allow plain HTTP'],
    ['three names', 'a:1 b:1 c:1', 'l:1:9: a line holds one name, or a source and a destination; "c:1" is one too many (comments start with #)'],
    ['half an arrow', 'a:1 ->', 'l:1:5: "->" is not a valid reference: a repository name is path components of a-z and 0-9, joined inside by ".", "_", "__" or "-"'],
    ['a bad destination of an arrow', 'a:1 -> B:2', 'l:1:8: "B:2" is not a valid reference: a repository name is in lower case'],
    ['half a pair', 'a:1=', 'l:1:1: "a:1=" is not a valid reference: a tag is up to 128 letters, digits, "_", "." and "-", and starts with a letter, a digit or "_"'],
    ['a bad digest', 'a@sha256:12', 'l:1:1: "a@sha256:12" is not a valid reference: a digest is sha256: and 64, or sha512: and 128, lower-case hex digits'],
    ['a bad destination', 'a:1 B:2', 'l:1:5: "B:2" is not a valid reference: a repository name is in lower case'],
    ['a tag put at a digest', `a:1 b@${digest}`, `l:1:5: "b@${digest}" is not a valid reference: a destination by digest takes only the source of that same digest; name a tag`],
  ])('%s', async (_, content, message) => { expect(await complaint(content)).toBe(message) })

  test('no --to', async () => { expect(await complaint('a:1', {})).toBe('l:1:1: "a:1" has no destination registry: give --to HOST[/PREFIX], or write a full reference behind it') })
  test('a bad flag', async () => { expect(await complaint('a:1', { to: ['a b'] })).toBe('--to: "a b" is not a valid reference: a registry is a host name or address, with a port where needed') })
  test('a password in a flag is not shown', async () => {
    expect(await complaint('a:1', { to: ['me:hunter2@d.io/x'] })).toBe('--to: "…@d.io/x" is not a valid reference: credentials are not part of a place; use --authfile, --src-creds or --dest-creds')
  })
  test('nor one in a line', async () => { expect(await complaint('https://me:hunter2@d.io/x:1')).not.toContain('hunter2') })
  test('twenty problems are shown, the others counted', async () => {
    const lines = (await complaint('A:1\n'.repeat(25))).split('\n')
    expect(lines).toHaveLength(21)
    expect(lines.at(-1)).toBe('and 5 more')
  })
  test('several specs are complained about together', async () => {
    await expect(parseSpecs([{ name: 'x', content: 'A' }, { name: 'y', content: '' }], flags)).rejects.toThrow(/^x:1:1.*\ny: is empty/)
  })
})

describe('the format is told by content', () => {
  test.each([
    ['a:1', 'list'], ['a:1=b:2', 'list'], ['# c\n\nlocalhost:5000/a', 'list'],
    ['version: 1', 'yaml'], ['# c\nimages:\n  - a', 'yaml'], ['---\na', 'yaml'], ['{"version": 1}', 'yaml'], ['"quay.io/a": b', 'yaml'],
  ] as const)('%j is %s', (text, format) => { expect(detectFormat(text)).toBe(format) })

  test.each([
    ['docker.io:\n  images:\n    redis: ["7"]', 'skopeo'],
    ['sync:\n  - source: a:1\n    target: b.io/a:1\n    type: image', 'regsync'],
    ['tasks:\n  - name: t', 'dregsy'],
    ['quay.io/a/b: dst:1/b', 'image-syncer'],
    ['{ "quay.io/a/b": ["dst:1/b"] }', 'image-syncer'],
    ['r.io: { username: u, password: p }', 'image-syncer'],
    ['auth: {}\nimages: { a: b }', 'image-syncer'],
    ['version: 1\nimages: [a]', undefined],
    ['images: [a]', undefined],
  ])('%j is a file of %s', (text, format) => { expect(foreignFormat(readDocument('f', text).value)).toBe(format) })
})

test('the KubeSphere list', async () => {
  const moved = await pairs(readFileSync(new URL('../fixtures/kubesphere-images-list.txt', import.meta.url)))
  expect(moved).toHaveLength(143)
  expect(moved[0]).toBe('src:1/kubesphere/kube-apiserver:v1.20.6 dst:1/m/kubesphere/kube-apiserver:v1.20.6')
})
