import { expect, test } from 'vitest'
import { findJsonError } from './json-position.ts'

test.each([
  '{}', '[]', ' {"a": [1, -2.5e+3, true, false, null, "x\\u00e9\\n"], "b": {}} ', '"text"', '0', '[[[{"a":{}}]]]',
])('%s is JSON', (text) => {
  expect(findJsonError(text)).toBeUndefined()
  JSON.parse(text)
})

test.each<[string, number, number]>([
  ['', 1, 1], ['{', 1, 2], ['{"a":1,}', 1, 8], ['{"a" 1}', 1, 6], ['{a:1}', 1, 2], ['[1,]', 1, 4], ['[1 2]', 1, 4], ['{} {}', 1, 4],
  ['{\n  "a": 01\n}', 2, 8], ['{"a": "x\n"}', 1, 7], ['{"a": \'x\'}', 1, 7], ['[1}', 1, 3], ['{]', 1, 2], ['{"a":1,,}', 1, 8],
  ['{"a":"\\x"}', 1, 6], ['truex', 1, 1], ['// no', 1, 1], ['{:1}', 1, 2], ['[,1]', 1, 2],
])('%j stops being JSON at %i:%i', (text, line, column) => {
  expect(findJsonError(text)).toEqual({ line, column })
  expect(() => JSON.parse(text)).toThrow()
})
