import type { Tag } from '@longshore/oci'
import { describe, expect, test } from 'vitest'
import type { TagRule } from './migration.ts'
import { parsePattern } from './pattern.ts'
import { selectTags, versionOf } from './select-tags.ts'

const tags = (text: string): Tag[] => text.split(' ').filter(Boolean) as Tag[]
const patterns = (...texts: string[]): ReturnType<typeof parsePattern>[] => texts.map(parsePattern)
const now = new Date('2024-06-01T00:00:00Z')
const signature = `sha256-${'a'.repeat(64)}.sig`

describe('selectTags', () => {
  test.each<readonly [string, TagRule, string, string]>([
    ['nothing given: all but companions', {}, `1 2 ${signature}`, '1 2'],
    ['a glob is for the whole tag', { include: patterns('1.*') }, '1.0 1.1-x 2.1.0 v1.0', '1.0 1.1-x'],
    ['a regex may match anywhere', { include: patterns('/1/') }, '1.0 2.1 v3', '1.0 2.1'],
    ['a regex with anchors and a flag', { include: patterns('/^V\\d$/i') }, 'v1 V2 v10', 'v1 V2'],
    ['exclude after include', { include: patterns('1*'), exclude: patterns('*-rc*') }, '1.0 1.1-rc1 2.0', '1.0'],
    ['braces', { include: patterns('{a,b}-*') }, 'a-1 b-1 c-1', 'a-1 b-1'],
    ['semver takes v and short versions', { semver: '>=1.20 <2' }, 'v1.20 1.20.3 1 2 latest 1.21-alpine', 'v1.20 1.20.3'],
    ['semver numbers are not text', { latest: { count: 2, by: 'semver' } }, '1.9.0 1.10.0 1.2.0', '1.9.0 1.10.0'],
    ['a release is newer than its prerelease', { latest: { count: 1, by: 'semver' } }, '2.0.0-rc1 2.0.0 1.0.0', '2.0.0'],
    ['of equal versions the more exact name', { latest: { count: 1, by: 'semver' } }, '1.20 1.20.0 1', '1.20.0'],
    ['latest sees only what is left', { exclude: patterns('3.*'), latest: { count: 1, by: 'semver' } }, '1.0 2.0 3.0', '2.0'],
  ])('%s', async (_, rule, given, expected) => {
    expect((await selectTags(tags(given), rule)).selected).toEqual(tags(expected))
  })

  test('every tag left out has its rule and reason', async () => {
    const rule: TagRule = { include: patterns('1*', '/^x/'), exclude: patterns('1-rc'), semver: '^1', latest: { count: 1, by: 'semver' } }
    expect((await selectTags(tags('a x 1-rc 1.0 1.1'), rule)).dropped).toEqual([
      { tag: 'a', rule: 'include', reason: 'matches none of 1*, /^x/' },
      { tag: '1-rc', rule: 'exclude', reason: 'excluded by 1-rc' },
      { tag: 'x', rule: 'semver', reason: 'is not a version' },
      { tag: '1.0', rule: 'latest', reason: 'is not among the latest 1 by version' },
    ])
  })

  describe('by an inventory', () => {
    const at = (tag: string, labels: readonly string[], pushedAt?: string) => [tag as Tag, { tag: tag as Tag, labels, ...(pushedAt === undefined ? {} : { pushedAt: new Date(pushedAt) }) }] as const
    const inventory = new Map([at('1', ['release', 'eu'], '2024-01-01'), at('2', ['release'], '2024-05-20'), at('3', [], '2024-05-30'), at('4', ['eu', 'release'])])
    test.each<readonly [string, TagRule, string, Readonly<Record<string, string>>]>([
      ['one label', { labels: ['release'] }, '1 2 4', { 3: 'labels: lacks the label release' }],
      ['all labels', { labels: ['release', 'eu'] }, '1 4', { 2: 'labels: lacks the label eu', 3: 'labels: lacks the labels release, eu' }],
      ['pushed within', { pushed: { newerThan: { kind: 'ago', ms: 30 * 86_400_000 } } }, '2 3', {
        1: 'pushed.newerThan: was pushed 2024-01-01T00:00:00.000Z, not after 2024-05-02T00:00:00.000Z', 4: 'pushed.newerThan: says no push time',
      }],
      ['pushed before and after', { pushed: { newerThan: { kind: 'at', at: '2024-05-01' }, olderThan: { kind: 'at', at: '2024-05-25' } } }, '2', {
        1: 'pushed.newerThan: was pushed 2024-01-01T00:00:00.000Z, not after 2024-05-01T00:00:00.000Z', 3: 'pushed.olderThan: was pushed 2024-05-30T00:00:00.000Z, not before 2024-05-25T00:00:00.000Z', 4: 'pushed.newerThan: says no push time',
      }],
      ['the latest pushed, of those with a label', { labels: ['release'], latest: { count: 1, by: 'pushed' } }, '2', {
        1: 'latest: is not among the latest 1 by push time', 3: 'labels: lacks the label release', 4: 'latest: says no push time',
      }],
      ['after the names', { exclude: patterns('2'), labels: ['release'] }, '1 4', { 2: 'exclude: excluded by 2', 3: 'labels: lacks the label release' }],
    ])('%s', async (_, rule, expected, reasons) => {
      const { selected, dropped } = await selectTags([...inventory.keys()], rule, { inventory, now })
      expect(selected).toEqual(tags(expected))
      expect(Object.fromEntries(dropped.map(({ tag, rule: name, reason }) => [tag, `${name}: ${reason}`]))).toEqual(reasons)
    })
  })

  test('companions are told of only where referrers stay behind', async () => {
    expect((await selectTags(tags(signature), {})).dropped).toEqual([])
    expect((await selectTags(tags(signature), {}, { dropCompanions: true })).dropped).toMatchObject([{ rule: 'companion' }])
  })

  test('ages are asked only of what the other rules left', async () => {
    const dates: Record<string, string> = { old: '2020-01-01', mid: '2024-01-01', new: '2024-05-30' }
    const asked: string[] = []
    const createdOf = async (wanted: readonly Tag[]): Promise<Map<Tag, Date>> => {
      asked.push(...wanted)
      return new Map(wanted.map((tag) => [tag, new Date(dates[tag] ?? '')]))
    }
    const all = tags('old mid new no')
    const context = { createdOf, now }
    expect((await selectTags(all, { exclude: patterns('no'), newerThan: { kind: 'ago', ms: 300 * 86_400_000 } }, context)).selected).toEqual(['mid', 'new'])
    expect(asked).toEqual(['old', 'mid', 'new'])
    expect((await selectTags(all, { exclude: patterns('no'), olderThan: { kind: 'at', at: '2024-02-01T00:00:00Z' } }, context)).selected).toEqual(['old', 'mid'])
    expect((await selectTags(all, { exclude: patterns('no'), latest: { count: 1, by: 'created' } }, context)).selected).toEqual(['new'])
  })
})

test.each([
  ['1', '1.0.0'], ['v1.2', '1.2.0'], ['1.2.3-rc.1', '1.2.3-rc.1'], ['2024.01.05', '2024.1.5'], ['1.2_3', undefined], ['latest', undefined], ['1.2.3.4', undefined],
])('%s is the version %s', (tag, version) => { expect(versionOf(tag)?.version).toBe(version) })
