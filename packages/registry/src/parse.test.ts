import { expect, test } from 'vitest'
import { parseChallenge } from './challenge.ts'
import { connectionError, parseRetryAfter, registryError } from './failure.ts'
import { Gate } from './gate.ts'
import { Lanes } from './lanes.ts'
import { nextLink, resolveLocation, wirePath } from './paths.ts'
import { redact } from './redact.ts'

test.each([
  ['Basic realm="x"', { scheme: 'basic' }],
  ['Bearer realm="https://t/token",service="r",scope="repository:a:pull,push"',
    { scheme: 'bearer', realm: 'https://t/token', service: 'r', scope: 'repository:a:pull,push' }],
  ['Basic realm="x", Bearer realm="https://t/token"', { scheme: 'bearer', realm: 'https://t/token' }],
  ['Negotiate', undefined], [undefined, undefined],
])('challenge %s', (header, expected) => { expect(parseChallenge(header)).toEqual(expected) })

test.each([
  ['/v2/a?n=3&_state=secret&X-Amz-Signature=s', '/v2/a?n=3'], ['https://u:p@h/x?token=t', 'https://h/x'], ['/v2/a', '/v2/a'],
])('redacts %s', (url, expected) => { expect(redact(url)).toBe(expected) })

test.each([
  ['/v2/x', { origin: 'https://h', path: '/v2/x' }], ['x?y=1', { origin: 'https://h', path: '/v2/a/x?y=1' }],
  ['https://s3/x?sig=1', { origin: 'https://s3', path: '/x?sig=1' }], ['//other/x', { origin: 'https://other', path: '/x' }],
  ['http://h/v2/x', { origin: 'https://h', path: '/v2/x' }], ['file:///etc/passwd', undefined], ['', undefined],
])('location %s', (location, expected) => { expect(resolveLocation(location, 'https://h', '/v2/a/b')).toEqual(expected) })

test('links, seconds, dates, Docker Hub', () => {
  expect(nextLink('</v2/x?last=b>; rel="next"')).toBe('/v2/x?last=b')
  expect(nextLink('</v2/x>; rel="prev"')).toBeUndefined()
  expect(parseRetryAfter({ 'retry-after': '2' })).toBe(2000)
  // By the clock of the registry, not by ours: they may be minutes apart.
  expect(parseRetryAfter({ 'retry-after': 'Thu, 01 Jan 1970 00:00:10 GMT', date: 'Thu, 01 Jan 1970 00:00:04 GMT' })).toBe(6000)
  expect(parseRetryAfter({ 'retry-after': new Date(Date.now() + 60_000).toUTCString() })).toBeGreaterThan(50_000)
  expect(parseRetryAfter({ 'retry-after': 'soon' })).toBeUndefined()
  expect(parseRetryAfter({})).toBeUndefined()
  expect(wirePath('docker.io', 'redis')).toBe('library/redis')
  expect(wirePath('quay.io', 'redis')).toBe('redis')
})

test.each([
  ['ENOTFOUND', 'HOST_UNREACHABLE'], ['ECONNREFUSED', 'HOST_UNREACHABLE'], ['DEPTH_ZERO_SELF_SIGNED_CERT', 'TLS_FAILED'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'TLS_FAILED'], ['UND_ERR_BODY_TIMEOUT', 'STALLED'], ['ECONNRESET', 'CONNECTION_FAILED'],
])('%s is %s', (code, expected) => {
  expect(connectionError('r', 'GET /v2/', Object.assign(new Error('x'), { code })).code).toBe(expected)
})

test.each([
  ['application/json', '{"errors":[{"code":"DENIED","message":"no"}]}', 'DENIED: no'], ['text/plain', 'quota  reached\n', 'quota reached'],
  ['text/html', '<html><title>Bad Gateway</title>', 'Bad Gateway'], ['application/json', '{"errors":[null]}', 'errors'],
])('an error in %s', (type, body, expected) => {
  expect(registryError('r', 'GET', '/v2/', { status: 403, headers: { 'content-type': type }, body: Buffer.from(body) }).message).toContain(expected)
})

test('lanes grow where the way is long, hold where requests queue, and halve when refused', () => {
  const far = new Lanes(256)
  const near = new Lanes(256)
  for (const lanes of [far, near]) for (let i = 0; i < 200; i++) void lanes.small.acquire(AbortSignal.timeout(60_000)).catch(() => {})
  for (let i = 0; i < 8; i++) far.answered(40)
  expect(far.slots).toBe(128)
  for (let i = 0; i < 128; i++) {
    far.answered(40)
    near.answered(1)
  }
  expect(far.slots).toBe(256)
  expect(near.slots).toBe(32)
  const before = far.slots
  far.refused()
  far.refused()
  expect(far.slots).toBe(before / 2)
  expect(new Lanes(3).slots).toBe(3)
})

test('a gate keeps its longest pause, tells of each as it was asked for, and who waits sees it grow', async () => {
  const gate = new Gate({ baseMs: 1, capMs: 10 })
  expect(gate.close(150)).toBe(150)
  expect(gate.close(10)).toBe(10)
  expect(gate.closed).toBe(true)
  const began = performance.now()
  const passed = gate.pass(new AbortController().signal)
  gate.closeFor(300)
  await passed
  expect(performance.now() - began).toBeGreaterThan(295)
  expect(gate.closed).toBe(false)
})
