import { expect, test } from 'vitest'
import { goJson, goTime, rawMembers } from './go-json.ts'

test.each([
  ['<a> & b', String.raw`"\u003ca\u003e \u0026 b"`],
  ['\u2028\u2029', String.raw`"\u2028\u2029"`],
  ['\b\f\n\r\t\u0001"', String.raw`"\u0008\u000c\n\r\t\u0001\""`],
  [String.raw`\b \\f`, String.raw`"\\b \\\\f"`],
  ['ü\ud800', '"ü\ufffd"'],
])('%j is written as %s', (value, text) => expect(goJson(value)).toBe(text))

test.each([
  ['2020-01-01T00:00:00.1200Z', '2020-01-01T00:00:00.12Z'], ['2020-01-01T00:00:00.000+00:00', '2020-01-01T00:00:00Z'], ['2020-01-01T01:00:00+01:00', '2020-01-01T01:00:00+01:00'],
  ['2020-01-01T00:00:00.1234567891Z', '2020-01-01T00:00:00.123456789Z'], ['2020-13-01T00:00:00Z', undefined], ['yesterday', undefined], [7, undefined],
])('the time %j is %j', (text, time) => expect(goTime(text)).toBe(time))

test.each<[string, Record<string, string>]>([
  ['{}', {}],
  [' { "a" : 1e400 , "b" : [ 1 , { "10" : "x" , "9" : "}" } ] } ', { a: '1e400', b: '[1,{"10":"x","9":"}"}]' }],
  [String.raw`{"a\"b":"\b\u0041, <","n":null,"n":true}`, { 'a"b': String.raw`"\b\u0041, \u003c"`, n: 'true' }],
  ['{"o":{"a":{}},"l":[[],{}],"s":""}', { o: '{"a":{}}', l: '[[],{}]', s: '""' }],
])('the members of %s', (text, members) => expect(Object.fromEntries([...rawMembers(text)].map(([name, value]) => [name, value.text]))).toEqual(members))
