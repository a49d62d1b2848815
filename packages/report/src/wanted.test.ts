import { parseSpec } from '@longshore/spec'
import { expect, test } from 'vitest'
import { countNamed } from './wanted.ts'

const migration = async (content: string, to = ['b.example/x']) => (await parseSpec({ name: 'spec', content }, { to })).migration

test.each<[what: string, content: string, to: readonly string[], images: number | undefined]>([
  ['a list', 'a/a:1\na/a:2\nb/b:1\n', ['b.example'], 3],
  ['a list with a name twice', 'a/a:1\na/a:1\n', ['b.example'], 1],
  ['two destinations', 'a/a:1\n', ['b.example', 'c.example'], 2],
  ['rules, which have to be asked about', 'version: 1\nimages:\n  - name: a/a\n    tags: { semver: ">=1" }\n', ['b.example'], undefined],
])('%s', async (_, content, to, images) => { expect(countNamed(await migration(content, [...to]))).toBe(images) })
