import type { RetentionPolicy } from '@longshore/harbor'
import { describe, expect, test } from 'vitest'
import { fatesOf, type Kept } from './retention.ts'

type Rule = RetentionPolicy['rules'][number]

const rule = (template: string, { count, tags = '**', repositories = '**', disabled = false, decoration = 'matches' }: { readonly count?: number; readonly tags?: string; readonly repositories?: string; readonly disabled?: boolean; readonly decoration?: string } = {}): Rule => ({
  disabled, template, action: 'retain', params: count === undefined ? {} : { [template]: count }, tag_selectors: [{ kind: 'doublestar', decoration, pattern: tags }],
  scope_selectors: { repository: [{ kind: 'doublestar', decoration: 'repoMatches', pattern: repositories }] },
})
const tag = (name: string, digest = name): Kept => ({ repository: 'app/web', tag: name, digest })
const fates = (rules: readonly Rule[], tags: readonly Kept[]): Record<string, string> => Object.fromEntries([...fatesOf({ rules, trigger: undefined }, tags)].map(([one, fate]) => [one.tag, fate]))

describe('retention', () => {
  test.each<[string, readonly Rule[], Record<string, string>]>([
    ['no rule at all keeps everything', [], {}],
    ['a rule that is disabled is none', [rule('latestPushedK', { count: 1, disabled: true })], {}],
    ['a repository that no rule covers is left alone', [rule('latestPushedK', { count: 1, repositories: 'other/**' })], {}],
    ['everything is kept', [rule('always')], {}],
    ['what no rule selects goes', [rule('always', { tags: 'v*' })], { latest: 'unretained' }],
    ['what a rule excludes goes', [rule('always', { tags: 'v*', decoration: 'excludes' })], { v1: 'unretained', v2: 'unretained' }],
    ['as many as are kept stay', [rule('latestPushedK', { count: 3 })], {}],
    ['more than are kept do not', [rule('latestActiveK', { count: 2 })], { v1: 'beyond', v2: 'beyond', latest: 'beyond' }],
    ['nobody has pulled yet', [rule('nDaysSinceLastPull', { count: 7 })], { v1: 'unpulled', v2: 'unpulled', latest: 'unpulled' }],
    ['the days begin with the push', [rule('nDaysSinceLastPush', { count: 7 })], { v1: 'later', v2: 'later', latest: 'later' }],
    ['the kindest rule counts', [rule('nDaysSinceLastPull', { count: 7 }), rule('always', { tags: 'v1' }), rule('lastXDays', { count: 3, tags: 'v2' })], { v2: 'later', latest: 'unpulled' }],
    ['a template that is not known is not held against it', [rule('somethingNew')], {}],
  ])('%s', (_, rules, wanted) => { expect(fates(rules, [tag('v1'), tag('v2'), tag('latest')])).toEqual(wanted) })

  test('an image is retained with all its tags, and counted once', () => {
    expect(fates([rule('always', { tags: 'v*' })], [tag('v1', 'same'), tag('latest', 'same')])).toEqual({})
    expect(fates([rule('latestPushedK', { count: 1 })], [tag('v1', 'same'), tag('latest', 'same')])).toEqual({})
  })
})
