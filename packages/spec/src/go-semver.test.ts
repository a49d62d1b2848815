// What Masterminds, blang and regclient answer was read from their sources (constraints.go of v3.2; range.go of v4; internal/semver) and tests.
import { describe, expect, test } from 'vitest'
import { blangRange, mastermindsRange, regclientRange, type VersionRange } from './go-semver.ts'
import { selectTags } from './select-tags.ts'
import type { Tag } from '@longshore/oci'

async function taken(ranges: readonly VersionRange[], tags: readonly string[]): Promise<readonly string[]> {
  const all = new Set<string>()
  for (const range of ranges) for (const tag of (await selectTags(tags as readonly Tag[], range)).selected) all.add(tag)
  return tags.filter((tag) => all.has(tag))
}

describe('Masterminds', () => {
  test.each<[string, readonly string[], readonly string[]]>([
    ['>= 3.12.0', ['3.11.9', '3.12.0', 'v3.12.1', '4', '4.0.0-rc1', 'edge'], ['3.12.0', 'v3.12.1', '4']],
    ['>=1.2, <2', ['1.1.9', '1.2', '1.9.9', '2.0.0', '1.5.0-alpha'], ['1.2', '1.9.9']],
    ['>=1.2 <2 || 3.x', ['1.2.0', '2.5.0', '3.0.0', '3.9.1', '4.0.0'], ['1.2.0', '3.0.0', '3.9.1']],
    ['1.2 - 1.4.5', ['1.1.0', '1.2.0', '1.4.5', '1.4.6'], ['1.2.0', '1.4.5']],
    ['2.3.4 - 4.5', ['2.3.4', '4.5.9', '4.6.0'], ['2.3.4', '4.5.9']],
    ['~1.2.3', ['1.2.2', '1.2.3', '1.2.9', '1.3.0'], ['1.2.3', '1.2.9']],
    ['~>2', ['1.9.0', '2.0.0', '2.7.1', '3.0.0'], ['2.0.0', '2.7.1']],
    ['^1.2.3', ['1.2.2', '1.2.3', '1.9.0', '2.0.0'], ['1.2.3', '1.9.0']],
    ['^0.2.3', ['0.2.3', '0.2.9', '0.3.0'], ['0.2.3', '0.2.9']],
    ['^0.0.3', ['0.0.3', '0.0.4'], ['0.0.3']],
    ['^0.0', ['0.0.3', '0.1.0'], ['0.0.3']],
    ['^0', ['0.0.3', '0.9.0', '1.0.0'], ['0.0.3', '0.9.0']],
    ['!=4.1, >=4', ['4.0.0', '4.1.0', '4.1.7', '4.2.0', '4.2.0-rc1'], ['4.0.0', '4.2.0']],
    ['!=1.2.3', ['1.2.3', '1.2.4', '2.0.0-rc1'], ['1.2.4', '2.0.0-rc1']],
    ['>11', ['11.1.0', '12.0.0'], ['12.0.0']],
    ['>11.1', ['11.1.5', '11.2.0'], ['11.2.0']],
    ['<=11', ['11.9.0', '12.0.0'], ['11.9.0']],
    ['<=11.1', ['11.1.9', '11.2.0'], ['11.1.9']],
    ['*', ['1.0.0', '9.9', '1.0.0-rc1', 'latest'], ['1.0.0', '9.9']],
    ['1.2.*', ['1.2.0', '1.2.9', '1.3.0'], ['1.2.0', '1.2.9']],
    ['=1.2.3', ['1.2.3', '1.2.4', '1.2.3-a'], ['1.2.3']],
    ['>=1.0.0-0', ['0.9.0', '1.0.0-alpha', '1.0.0', '2.0.0-rc1', '2.0.0'], ['1.0.0-alpha', '1.0.0', '2.0.0-rc1', '2.0.0']],
    ['>=1.0.0-rc1, <2', ['1.0.0-rc1', '1.0.0', '1.5.0-a', '2.0.0'], ['1.0.0']],
    ['~1.2.3-beta.1', ['1.2.3-alpha', '1.2.3-beta.2', '1.2.4', '1.3.0-a', '1.3.0'], ['1.2.3-beta.2', '1.2.4']],
    ['^1.2.3-beta', ['1.2.3-beta', '1.9.0-a', '2.0.0-a'], ['1.2.3-beta', '1.9.0-a']],
    ['>=2.0.0-0 || >=1 <2', ['1.5.0-a', '1.5.0', '2.0.0-a', '2.0.0'], ['1.5.0', '2.0.0-a', '2.0.0']],
    ['v1.2.x', ['v1.2.3', '1.3.0'], ['v1.2.3']],
  ])('%s', async (constraint, tags, expected) => { expect(await taken(mastermindsRange(constraint), tags)).toEqual(expected) })

  test.each(['', 'latest', '>=', '>=1.2 ||', '1.2,', '!=*', '^*', '1.x.3', '>> 1', '1.x-a', '>=1.2.3.4', '>= 99999999999999999999'])('%j is refused', (text) => {
    expect(() => mastermindsRange(text)).toThrow(/is not a version constraint that is taken/)
  })
})

describe('blang', () => {
  test.each<[string, readonly string[], readonly string[]]>([
    ['>=1.31.0 <1.31.9', ['1.30.9', '1.31.0', '1.31.1-glibc', '1.31.8', '1.31.9', '1.31.9-rc'], ['1.31.0', '1.31.1-glibc', '1.31.8', '1.31.9-rc']],
    ['>1.x || <0.2.0', ['0.1.0', '0.2.0', '1.9.0', '2.0.0'], ['0.1.0', '2.0.0']],
    ['!=1.2.3 >=1.2.0', ['1.1.0', '1.2.2', '1.2.3', '1.2.4'], ['1.2.2', '1.2.4']],
    ['==1.2.3-a', ['1.2.3', '1.2.3-a'], ['1.2.3-a']],
  ])('%s', async (constraint, tags, expected) => { expect(await taken([blangRange(constraint)], tags)).toEqual(expected) })
  test.each(['^1.2.3', '~1.2', '>=1', '', 'v'])('%j is refused', (text) => { expect(() => blangRange(text)).toThrow(/is not a version constraint/) })
})

describe('regclient', () => {
  test.each<[string, readonly string[], readonly string[]]>([
    ['>=3.5.1 <4.0', ['3.5.0', '3.5.1', 'v3.9.9', '4.0.0-rc1', '4.0.0'], ['3.5.1', 'v3.9.9', '4.0.0-rc1']],
    ['^0.2.3', ['0.2.3', '0.3.0'], ['0.2.3']],
    ['~1.2', ['1.2.0', '1.2.9', '1.3.0'], ['1.2.0', '1.2.9']],
    ['1.2.3', ['1.2.3', '1.2.4'], ['1.2.3']],
  ])('%s', async (constraint, tags, expected) => { expect(await taken([regclientRange(constraint)], tags)).toEqual(expected) })
  test.each(['1.x', '>=1 || <2', ''])('%j is refused', (text) => { expect(() => regclientRange(text)).toThrow(/is not a version constraint/) })
})
