import { describe, expect, test } from 'vitest'
import { InvalidRedisUrlError } from './errors.ts'
import { parseRedisUrl, printRedisUrl } from './url.ts'

describe('parseRedisUrl', () => {
  test.each([
    ['redis://localhost', { kind: 'single', tls: false, db: 0, at: { host: 'localhost', port: 6379 } }, 'redis://localhost:6379'],
    ['rediss://r.example.com:7000/3', { kind: 'single', tls: true, db: 3, at: { host: 'r.example.com', port: 7000 } }, 'rediss://r.example.com:7000/3'],
    ['redis://[::1]:7000/', { kind: 'single', tls: false, db: 0, at: { host: '::1', port: 7000 } }, 'redis://[::1]:7000'],
    ['redis://[fd00::7]', { kind: 'single', tls: false, db: 0, at: { host: 'fd00::7', port: 6379 } }, 'redis://[fd00::7]:6379'],
    ['redis://app:s%2Fe%40c%3A@h', { kind: 'single', tls: false, db: 0, username: 'app', password: 's/e@c:', at: { host: 'h', port: 6379 } }, 'redis://app:***@h:6379'],
    ['redis://:p@ss/w?rd#@h', { kind: 'single', tls: false, db: 0, password: 'p@ss/w?rd#', at: { host: 'h', port: 6379 } }, 'redis://:***@h:6379'],
    ['redis://app@h', { kind: 'single', tls: false, db: 0, username: 'app', at: { host: 'h', port: 6379 } }, 'redis://app@h:6379'],
    ['redis+sentinel://a,b:7,[::1]:8/main/2', {
      kind: 'sentinel', tls: false, db: 2, master: 'main', sentinels: [{ host: 'a', port: 26379 }, { host: 'b', port: 7 }, { host: '::1', port: 8 }],
    }, 'redis+sentinel://a:26379,b:7,[::1]:8/main/2'],
    ['rediss+sentinel://u:p@a/main', {
      kind: 'sentinel', tls: true, db: 0, username: 'u', password: 'p', master: 'main', sentinels: [{ host: 'a', port: 26379 }],
    }, 'rediss+sentinel://u:***@a:26379/main'],
    ['redis+cluster://a,b:7000', { kind: 'cluster', tls: false, db: 0, nodes: [{ host: 'a', port: 6379 }, { host: 'b', port: 7000 }] }, 'redis+cluster://a:6379,b:7000'],
    ['RedisS+Cluster://u:p@a/0', { kind: 'cluster', tls: true, db: 0, username: 'u', password: 'p', nodes: [{ host: 'a', port: 6379 }] }, 'rediss+cluster://u:***@a:6379'],
    ['unix:///run/redis/redis.sock', { kind: 'unix', tls: false, db: 0, path: '/run/redis/redis.sock' }, 'unix:///run/redis/redis.sock'],
    ['unix:///tmp/a@b.sock', { kind: 'unix', tls: false, db: 0, path: '/tmp/a@b.sock' }, 'unix:///tmp/a@b.sock'],
    ['unix://u:p@/tmp/r.sock', { kind: 'unix', tls: false, db: 0, username: 'u', password: 'p', path: '/tmp/r.sock' }, 'unix://u:***@/tmp/r.sock'],
  ])('%s', (text, url, printed) => {
    expect(parseRedisUrl(text)).toEqual(url)
    expect(printRedisUrl(parseRedisUrl(text))).toBe(printed)
  })

  test.each([
    ['SECRET', /schemes/], ['http://SECRET', /schemes/], ['SECRET:6379', /schemes/], ['', /schemes/],
    ['redis://', /host is missing/], ['redis://:SECRET', /host is missing/], ['redis://user:SECRET', /port/], ['redis://h:0', /port/], ['redis://h:65536', /port/],
    ['redis://u:SECRET@h:x', /port/], ['redis://SECRET%zz@h', /%25/], ['redis://h/SECRET', /database/], ['redis://h/1/2', /more behind/],
    ['redis://::1', /brackets/], ['redis://[SECRET]', /neither/], ['redis://[::1', /missing|brackets/], ['redis://a,b', /several hosts/], ['redis://h?SECRET=1', /does not know/], ['redis://h SECRET', /does not know/],
    ['redis+sentinel://a', /name of the master/], ['redis+sentinel://a/m/0/SECRET', /name of the master/], ['redis+sentinel://a,/m', /host is missing/],
    ['redis+cluster://a/1', /no databases/], ['unix://tmp/r.sock', /socket/], ['unix:///', /socket/], ['redis://h_\u001b[31m', /missing|neither/],
  ])('%s is refused, and not repeated', (text, why) => {
    const error = (() => { try { return parseRedisUrl(text) } catch (caught) { return caught } })()
    expect(error).toBeInstanceOf(InvalidRedisUrlError)
    expect((error as Error).message).toMatch(why)
    expect((error as Error).message).not.toContain('SECRET')
  })
})
