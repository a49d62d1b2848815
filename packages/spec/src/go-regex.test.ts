// What Go takes is from https://pkg.go.dev/regexp/syntax.
import { describe, expect, test } from 'vitest'
import { anchoredGoRegex, goRegex, goReplacement, hasBareAlternative } from './go-regex.ts'

const matches = (expression: string, text: string): boolean => {
  const { source, flags } = goRegex(expression)
  return new RegExp(source, flags).test(text)
}

test.each<[string, readonly string[], readonly string[]]>([
  ['a+', ['ba', 'a'], ['b']],
  ['^1\\.13\\.[12]-alpine-perl$', ['1.13.1-alpine-perl'], ['1.13.3-alpine-perl', 'x1.13.1-alpine-perl']],
  ['(?i)RC', ['1-rc1'], ['1-r1']],
  ['(?is)^rc.$', ['RC1'], ['RC']],
  ['(?i:A)b', ['ab'], ['aB']],
  ['^[[:digit:]]+[[:alpha:]-]?$', ['12', '12a', '12-'], ['a', '12_']],
  ['(?P<major>\\d+)\\.x', ['1.x'], ['x']],
  ['a\\-\\_b', ['a-_b'], ['ab']],
  ['a{,3}', ['a{,3}'], ['aaa']],
  ['a{2}', ['aa'], ['a']],
  ['}]', ['}]'], ['}']],
  ['\\Qa.b+\\Ec', ['a.b+c'], ['axbbc']],
  ['\\Aa\\z', ['a'], ['ab']],
  ['[]a-]', [']', 'a', '-'], ['b']],
  ['[^]a]', ['b'], [']', 'a']],
  ['[a\\-z]', ['-'], ['b']],
  ['\\x41\\x{42}', ['AB'], ['41']],
  ['^\\pL+$', ['aB'], ['1']],
  ['\\bv1\\b', ['x-v1-y'], ['xv1']],
])('%s', (expression, taken, left) => {
  expect(taken.filter((text) => !matches(expression, text))).toEqual([])
  expect(left.filter((text) => matches(expression, text))).toEqual([])
})

test.each<[string, RegExp]>([
  ['(', /Unterminated group/], ['[a', /missing closing \]/], ['a)', /Unmatched/], ['*', /Nothing to repeat/], ['a**', /Nothing to repeat/], ['a{2,1}', /out of order/], ['a{1001}', /more than 1000/],
  ['^(?!x)', /no lookahead/], ['(?<=x)y', /no lookahead/], ['(a)\\1', /no references back/], ['\\y', /no escape of Go's/], ['a\\', /a backslash at the end/],
  ['(?U)a', /flag U/], ['a(?i)b', /flags stand at the very beginning/], ['[[:foo:]]', /no class of characters/], ['\\p{Nowhere}', /Invalid property name/],
])('%s is refused', (expression, why) => { expect(() => goRegex(expression)).toThrow(why) })

test('anchored, whatever stands beside an alternative', () => {
  const { source, flags } = anchoredGoRegex('3|edge')
  expect(['3', 'edge', '3.1', 'an-edge'].filter((text) => new RegExp(source, flags).test(text))).toEqual(['3', 'edge'])
})

test.each([['3|edge', true], ['(3|edge)', false], ['(a|b)|c', true], ['[|]', false], ['a\\|b', false], ['((a|b)c|d)e', false], ['^a', false]])('%s has an alternative outside of groups: %s', (expression, is) => {
  expect(hasBareAlternative(expression)).toBe(is)
})

test('no expression takes long to look at', () => {
  const started = performance.now()
  for (const long of ['('.repeat(50_000), '(a'.repeat(50_000), '[a]'.repeat(50_000), `${'(a)'.repeat(50_000)}|`, '\\Q'.repeat(50_000)]) {
    hasBareAlternative(long)
    try { goRegex(long) } catch { /* refused */ }
  }
  expect(performance.now() - started).toBeLessThan(5_000)
})

describe('replacements', () => {
  test.each([['your$1/', 'your$1/'], ['${1}0', '$10'], ['$name', '$<name>'], ['$$a', '$$a'], ['a$', 'a$$'], ['$0', '$&'], ["$'", "$$'"]])('%s', (go, js) => { expect(goReplacement(go)).toBe(js) })
  test('$1x', () => { expect(() => goReplacement('$1x')).toThrow('$1x would be a group of the name "1x": write ${1}x') })
})
