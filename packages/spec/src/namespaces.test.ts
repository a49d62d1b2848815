import { describe, expect, test } from 'vitest'
import { namespacesOf } from './namespaces.ts'
import { parsePattern } from './pattern.ts'

interface Case { readonly prefix?: string; readonly include?: readonly string[]; readonly projects?: readonly string[] }
const of = ({ prefix = '', include = [], projects }: Case): ReturnType<typeof namespacesOf> => namespacesOf({
  kind: 'catalog', registry: 'r', prefix, include: include.map(parsePattern), exclude: [], ...(projects && { harbor: { projects: projects.map(parsePattern) } }),
})

describe('namespaces that are known without a list', () => {
  test.each<[Case, readonly string[] | undefined]>([
    [{}, undefined], [{ prefix: 'team/sub' }, ['team']], [{ include: ['team/**', 'team/x', 'other/a*'] }, ['team', 'other']], [{ include: ['team-*/**'] }, undefined],
    [{ include: ['team/**', '**/app'] }, undefined], [{ include: ['{a,b/c}/x'] }, undefined], [{ include: ['/^team\\//'] }, undefined],
    [{ projects: ['a', 'b'] }, ['a', 'b']], [{ projects: ['a', 'b-*'] }, undefined], [{ projects: ['a', 'b'], include: ['b/**'] }, ['b']], [{ projects: ['a*'], include: ['ab/**', 'b/**'] }, ['ab']], [{ projects: [] }, undefined],
  ])('%j', (given, names) => { expect(of(given).names).toEqual(names) })
})

describe('a namespace may hold what is wanted', () => {
  test.each<[Case, string, boolean]>([
    [{}, 'any', true], [{ include: ['team-*/**'] }, 'team-a', true], [{ include: ['team-*/**'] }, 'b', false], [{ include: ['**/app'] }, 'b', true], [{ include: ['{a,b/c}/x'] }, 'b', true], [{ include: ['[ab]/x'] }, 'a', true], [{ include: ['[ab]/x'] }, 'c', false],
    [{ include: ['/^team/'] }, 'b', true], [{ projects: ['a*'] }, 'ab', true], [{ projects: ['a*'] }, 'b', false], [{ projects: ['/^a/'], include: ['*/x'] }, 'ab', true], [{ prefix: 'team' }, 'team', true], [{ prefix: 'team' }, 'b', false],
  ])('%j %s: %s', (given, namespace, isWanted) => { expect(of(given).test(namespace)).toBe(isWanted) })
})
