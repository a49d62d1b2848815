import type { ImmutableRule, Selector } from '@longshore/harbor'
import { describe, expect, test } from 'vitest'
import { describeRule, ruleHolding } from './immutable.ts'

const select = (decoration: string, pattern: string): Selector => ({ kind: 'doublestar', decoration, pattern })
const rule = (repository: Selector | undefined, tag: Selector | undefined, disabled = false): ImmutableRule => ({
  id: 1, disabled, scope_selectors: repository ? { repository: [repository] } : {}, tag_selectors: tag ? [tag] : [],
})

describe('a rule holds', () => {
  test.each([
    ['everything', select('repoMatches', '**'), select('matches', '**'), 'a/b', 'v1', true],
    ['by a star, not across a slash', select('repoMatches', '*'), select('matches', '**'), 'a/b', 'v1', false],
    ['by two stars, across it', select('repoMatches', 'a/**'), select('matches', '**'), 'a/b/c', 'v1', true],
    ['tags by alternatives', select('repoMatches', '**'), select('matches', '{v1,v2}'), 'a', 'v2', true],
    ['and no others', select('repoMatches', '**'), select('matches', '{v1,v2}'), 'a', 'v3', false],
    ['tags by a question mark and a class', select('repoMatches', '**'), select('matches', 'v[0-9].?'), 'a', 'v1.2', true],
    ['tags that are not excluded', select('repoMatches', '**'), select('excludes', 'latest'), 'a', 'v1', true],
    ['and not the excluded ones', select('repoMatches', '**'), select('excludes', 'latest'), 'a', 'latest', false],
    ['repositories that are not excluded', select('repoExcludes', 'tmp/**'), select('matches', '**'), 'a', 'v1', true],
    ['and not the excluded ones', select('repoExcludes', 'tmp/**'), select('matches', '**'), 'tmp/a', 'v1', false],
    ['by an empty pattern, which is all', select('repoMatches', ''), select('matches', ''), 'a/b', 'v1', true],
    ['nothing without a selector of repositories', undefined, select('matches', '**'), 'a', 'v1', false],
    ['nothing without a selector of tags', select('repoMatches', '**'), undefined, 'a', 'v1', false],
    ['a dotted tag by a star', select('repoMatches', '**'), select('matches', '*'), 'a', '.hidden', true],
  ])('%s', (_, repository, tag, name, reference, expected) => {
    expect(ruleHolding([rule(repository, tag)], name, reference) !== undefined).toBe(expected)
  })

  test('not while it is disabled', () => {
    expect(ruleHolding([rule(select('repoMatches', '**'), select('matches', '**'), true)], 'a', 'v1')).toBeUndefined()
  })

  test('and is named in Harbor\'s words', () => {
    expect(describeRule(rule(select('repoExcludes', 'x'), select('matches', 'v*')))).toBe('repositories excluding x, tags matching v*')
  })
})
