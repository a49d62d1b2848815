import { describe, expect, test } from 'vitest'
import { namespacesOf } from './namespaces.ts'
import { parsePattern } from './pattern.ts'

interface Case { readonly prefix?: string; readonly include?: readonly string[]; readonly projects?: readonly string[] }
const of = ({ prefix = '', include = [], projects }: Case): ReturnType<typeof namespacesOf> => namespacesOf({
  kind: 'catalog', registry: 'r', prefix, include: include.map(parsePattern), exclude: [], ...(projects && { harbor: { projects: projects.map(parsePattern) } }),
})

describe('namespaces that are named, and no others unless it is open', () => {
  test.each<[Case, readonly string[], 'open'?]>([
    [{}, [], 'open'], [{ prefix: 'team/sub' }, ['team']], [{ include: ['team/**', 'team/x', 'other/a*'] }, ['team', 'other']], [{ include: ['team-*/**'] }, [], 'open'],
    [{ include: ['team/**', '**/app'] }, [], 'open'], [{ include: ['{a,b/c}/x'] }, [], 'open'], [{ include: ['/^team\\//'] }, [], 'open'],
    [{ projects: ['a', 'b'] }, ['a', 'b']], [{ projects: ['a', 'b-*'] }, ['a'], 'open'], [{ projects: ['a', 'b-*'], include: ['b-x/**'] }, ['b-x']], [{ projects: ['a', 'b'], include: ['b/**'] }, ['b']], [{ projects: ['a*'], include: ['ab/**', 'b/**'] }, ['ab']], [{ projects: [] }, [], 'open'],
  ])('%j', (given, names, open) => { expect(of(given)).toMatchObject({ names, isOpen: open === 'open' }) })
})

describe('a namespace may hold what is wanted', () => {
  test.each<[Case, string, boolean]>([
    [{}, 'any', true], [{ include: ['team-*/**'] }, 'team-a', true], [{ include: ['team-*/**'] }, 'b', false], [{ include: ['**/app'] }, 'b', true], [{ include: ['{a,b/c}/x'] }, 'b', true], [{ include: ['[ab]/x'] }, 'a', true], [{ include: ['[ab]/x'] }, 'c', false],
    [{ include: ['/^team/'] }, 'b', true], [{ projects: ['a*'] }, 'ab', true], [{ projects: ['a*'] }, 'b', false], [{ projects: ['/^a/'], include: ['*/x'] }, 'ab', true], [{ prefix: 'team' }, 'team', true], [{ prefix: 'team' }, 'b', false],
  ])('%j %s: %s', (given, namespace, isWanted) => { expect(of(given).test(namespace)).toBe(isWanted) })
})
