// P6: what somebody sends, or a process has, as a secret is in no answer, in no log and not in Redis.
import { execFileSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Stand, startStand, token } from './coordinator.fixture.ts'

const secret = 'hunter2-S3CRET'
const metricsToken = 'scraper-S3CRET'
let stand: Stand
beforeAll(async () => { stand = await startStand({ env: { LONGSHORE_METRICS_TOKEN: metricsToken, LONGSHORE_ALLOWED_REGISTRIES: '127.0.0.1:*, *.example.com' }, images: 1 }) })
afterAll(async () => { await stand[Symbol.asyncDispose]() })

const answers: string[] = []
async function send(path: string, init: RequestInit, status: number, code: string): Promise<string> {
  const answer = await stand.ask(path, init)
  const text = await answer.text()
  answers.push(text, JSON.stringify([...answer.headers]))
  expect([answer.status, (JSON.parse(text) as { code: string }).code]).toEqual([status, code])
  return text
}
const text = (body: string, type = 'text/plain'): RequestInit => ({ method: 'POST', body, headers: { 'content-type': type } })

describe('credentials are refused, and not repeated', () => {
  test.each<[string, string, RequestInit, number, string]>([
    ['in a list', '/migrations?to=r.example.com', text(`app:1\nuser:${secret}@r.example.com/app:1\n`), 422, 'CREDENTIALS_REFUSED'],
    ['in a URL of a list', '/migrations?to=r.example.com', text(`https://user:${secret}@r.example.com/app:1\n`), 422, 'CREDENTIALS_REFUSED'],
    ['in a YAML value', '/migrations', text(`version: 1\nto: user:${secret}@r.example.com\nimages: [a:1]\n`, 'application/yaml'), 422, 'CREDENTIALS_REFUSED'],
    ['in a YAML key', '/migrations?to=r.example.com', text(`version: 1\npassword: ${secret}\nimages: [a:1]\n`, 'application/yaml'), 422, 'CREDENTIALS_REFUSED'],
    ['in a place of the query', `/migrations?to=user:${secret}@r.example.com`, text('a:1'), 422, 'CREDENTIALS_REFUSED'],
    ['in a parameter', `/migrations?destPassword=${secret}`, text('a:1'), 422, 'CREDENTIALS_REFUSED'],
    ['in an option', '/migrations', text(JSON.stringify({ spec: 'a:1', srcCreds: `user:${secret}` }), 'application/json'), 422, 'CREDENTIALS_REFUSED'],
    ['in a place of JSON', '/migrations', text(JSON.stringify({ spec: 'a:1', to: [`user:${secret}@r.example.com`] }), 'application/json'), 422, 'CREDENTIALS_REFUSED'],
    ['in an inner document', '/migrations', text(JSON.stringify({ specs: [{ file: 'x', content: `user:${secret}@h/a:1` }] }), 'application/json'), 422, 'CREDENTIALS_REFUSED'],
    ['in a YAML of skopeo sync', '/migrations?to=r.example.com', text(`r.example.com:\n  images: { a: ['1'] }\n  credentials:\n    username: user\n    password: ${secret}\n`, 'application/yaml'), 422, 'CREDENTIALS_REFUSED'],
    ['in the auth file of image-syncer', '/migrations', text(JSON.stringify({ specs: [{ file: 'auth.json', content: `{ "r.example.com": { "username": "user", "password": "${secret}" } }` }, { file: 'images.json', content: '{ "r.example.com/a:1": "s.example.com/a" }' }] }), 'application/json'), 422, 'CREDENTIALS_REFUSED'],
    ['in a regsync file', '/migrations', text(`creds:\n- registry: r.example.com\n  user: u\n  pass: ${secret}\nsync: []\n`, 'application/yaml'), 422, 'CREDENTIALS_REFUSED'],
    ['in a dregsy file', '/migrations', text(`tasks:\n- name: t\n  source: { registry: r.example.com, auth: ${secret} }\n  target: { registry: s.example.com }\n  mappings: [{ from: a }]\n`, 'application/yaml'), 422, 'CREDENTIALS_REFUSED'],
    ['behind a key that YAML spells otherwise', '/migrations?to=r.example.com', text(`r.example.com: { images: { a: ['1'] }, "cred\\x65ntials": { "usern\\x61me": user, "passw\\x6frd": ${secret} } }\n`, 'application/yaml'), 422, 'CREDENTIALS_REFUSED'],
    ['named by a helper', '/migrations', text('creds:\n- { registry: r.example.com, credHelper: mine }\nsync: [{ source: r.example.com/a, target: s.example.com/a, type: image }]\n', 'application/yaml'), 422, 'CREDENTIALS_REFUSED'],
    ['in the environment of the coordinator', '/migrations', text('r.example.com/a:1: $LONGSHORE_METRICS_TOKEN\n', 'application/yaml'), 422, 'SPEC_INVALID'],
    ['in JSON that is cut off', '/migrations', text(`{"spec": "user:${secret}`, 'application/json'), 400, 'REQUEST_INVALID'],
    ['in a value of the wrong form', '/migrations', text(JSON.stringify({ spec: 'a:1', window: secret, format: secret }), 'application/json'), 400, 'REQUEST_INVALID'],
  ])('%s', async (_, path, init, status, code) => { expect(await send(path, init, status, code)).not.toContain(secret) })

  test('the place is told', async () => {
    expect(JSON.parse(await send('/migrations?to=r.example.com&file=mine.txt', text(`app:1\n\n  user:${secret}@r.example.com/app:1\n`), 422, 'CREDENTIALS_REFUSED'))).toMatchObject({ problems: [{ file: 'mine.txt', line: 3, column: 3 }] })
  })
})

test('registries beyond those that are allowed are refused, at either end', async () => {
  const body = text('169.254.169.254/latest/meta-data:1\n')
  expect(JSON.parse(await send('/migrations?to=r.example.com', body, 403, 'REGISTRY_NOT_ALLOWED'))).toMatchObject({ registries: ['169.254.169.254'] })
  expect(JSON.parse(await send('/migrations?from=r.example.com&to=evil.example.org', text('a:1\n'), 403, 'REGISTRY_NOT_ALLOWED'))).toMatchObject({ registries: ['evil.example.org'] })
  // Names without a registry are Docker Hub's.
  await send('/migrations?to=r.example.com', text('redis:7\n'), 403, 'REGISTRY_NOT_ALLOWED')
})

test('hooks are refused, and what a spec says of projects is not', async () => {
  const spec = (settings: string): RequestInit => text(`version: 1\nto: r.example.com/team\nimages: [r.example.com/a/b:1]\n${settings}\n`, 'application/yaml')
  const told = await send('/migrations', spec('onMissingRepository: { command: [touch, /tmp/owned] }'), 403, 'HOOKS_NOT_ALLOWED')
  expect(told).toContain('--allow-hooks')
  await send('/migrations', spec('harbor: { r.example.com: { createProjects: true, nope: 1 } }'), 422, 'SPEC_INVALID')
})

test('and nowhere is anything of it to be found', async () => {
  const id = await stand.submit('team/app0:1\n')
  await stand.untilState(id, 'complete')
  for (const headers of [{ authorization: `Basic ${Buffer.from(`user:${secret}`).toString('base64')}` }, { authorization: `Bearer ${secret}` }, { cookie: `session=${secret}` }]) {
    answers.push(await (await fetch(`${stand.url}/api/v1/migrations?token=${secret}`, { headers })).text())
  }
  for (const path of ['/migrations', `/migrations/${id}`, `/migrations/${id}/images`, `/migrations/${id}/report`, `/migrations/${id}/events`, '/workers', '/openapi.json']) answers.push(await (await stand.ask(path)).text())
  answers.push(await (await fetch(`${stand.url}/metrics`, { headers: { authorization: `Bearer ${metricsToken}` } })).text())
  const cli = (...args: readonly string[]): string => execFileSync('redis-cli', ['-p', String(stand.redis.port), ...args], { encoding: 'utf8' })
  const kept = cli('KEYS', '*').trim().split('\n').map((key) => {
    const type = cli('TYPE', key).trim()
    const commands: Readonly<Record<string, readonly string[]>> = { string: ['GET', key], hash: ['HGETALL', key], set: ['SMEMBERS', key], zset: ['ZRANGE', key, '0', '-1'], list: ['LRANGE', key, '0', '-1'], stream: ['XRANGE', key, '-', '+'] }
    return `${key} ${cli(...commands[type] ?? ['EXISTS', key])}`
  }).join('\n')
  expect(kept).toContain(id)
  expect(stand.logged()).toContain('migration submitted')
  for (const [where, all] of [['answers', answers.join('\n')], ['log', stand.logged()], ['redis', kept]] as const) {
    for (const word of [secret, token, metricsToken]) expect(`${where}: ${all}`).not.toContain(word)
    expect(`${where}: ${all}`).not.toContain(Buffer.from(`user:${secret}`).toString('base64'))
  }
})
