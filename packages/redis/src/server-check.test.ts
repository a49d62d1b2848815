import { describe, expect, test } from 'vitest'
import { checkServer } from './server-check.ts'
import { parseRedisUrl } from './url.ts'

const url = parseRedisUrl('redis://h')
const check = (...lines: readonly string[]): readonly string[] => checkServer(['# Server', ...lines, ''].join('\r\n'), url, 'here')

describe('checkServer', () => {
  test.each([['redis_version:6.2.0'], ['redis_version:8.0.1'], ['redis_version:7.2.4', 'server_name:valkey', 'valkey_version:8.1.0'], ['hidden:1']])('%s will do', (...lines) => {
    expect(check(...lines)).toEqual([])
  })
  test.each(['5.0.14', '6.0.16'])('Redis %s is too old', (version) => {
    expect(() => check(`redis_version:${version}`)).toThrow(expect.objectContaining({ code: 'REDIS_TOO_OLD', message: `here: this is Redis ${version}; Longshore needs 6.2 or newer, or Valkey` }) as Error)
  })
  test('a sentinel, a node of a cluster', () => {
    expect(() => check('redis_mode:sentinel')).toThrow(/redis\+sentinel:/)
    expect(() => check('redis_mode:cluster')).toThrow(/redis\+cluster:/)
    expect(() => check('cluster_enabled:1')).toThrow(/redis\+cluster:/)
  })
  test('a server that would throw away what it should keep', () => {
    expect(check('maxmemory_policy:allkeys-lru')).toEqual([expect.stringContaining('noeviction')])
    expect(check('maxmemory_policy:noeviction')).toEqual([])
  })
})
