// A cutover through the API, led by the coordinator, with real workers, registries and notifications.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { openPool, RedisCutoverStore } from '@longshore/pool'
import { redisSettings } from '@longshore/redis'
import { image, seed, startDockerRegistry, startEmbeddedHarbor } from '@longshore/testing'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { z } from 'zod'
import { type Stand, startStand, token } from './coordinator.fixture.ts'
import { begunSchema, cutoverSchema, cutoversSchema, heardSchema, publishedCutoverReportSchema } from './cutover-schemas.ts'
import { problemSchema } from './schemas.ts'

type Cutover = z.output<typeof cutoverSchema>
const secret = 'shared-With+the/registries=='
let stand: Stand
beforeAll(async () => { stand = await startStand({ images: 4, env: { LONGSHORE_NOTIFICATION_SECRET: secret } }) })
afterAll(async () => { await stand[Symbol.asyncDispose]() })

async function read<T extends z.ZodType>(answer: Response, schema: T, status = 200): Promise<z.output<T>> {
  const body: unknown = await answer.json()
  expect({ status: answer.status, body }).toEqual({ status, body: expect.anything() })
  const parsed = schema.parse(body)
  expect(parsed).toEqual(body)
  return parsed
}
const post = async (path: string, body?: string, type = 'application/yaml'): Promise<Response> => stand.ask(path, { method: 'POST', ...(body === undefined ? {} : { body, headers: { 'content-type': type } }) })
const problem = async (answer: Response, status: number, code: string): Promise<string> => {
  const body = await read(answer, problemSchema, status)
  expect(body.code).toBe(code)
  return body.detail
}
const spec = (repositories: readonly string[], cutover: object): string => JSON.stringify({ version: 1, from: stand.source.host, to: stand.destination.host, images: repositories.map((name) => ({ name })), cutover })
const insecure = 'srcTlsVerify=false&destTlsVerify=false'
const begin = async (text: string, query = ''): Promise<z.output<typeof begunSchema>> => await read(await post(`/cutovers?${insecure}${query}`, text), begunSchema, 201)
const get = async (id: string): Promise<Cutover> => await read(await stand.ask(`/cutovers/${id}`), cutoverSchema)
async function until(id: string, holds: (cutover: Cutover) => boolean): Promise<Cutover> {
  return await vi.waitFor(async () => {
    const cutover = await get(id)
    if (!holds(cutover)) throw new Error(JSON.stringify(cutover))
    return cutover
  }, { timeout: 60_000, interval: 50 })
}
const push = async (repository: string, tag: string, content = `${repository} ${tag} ${Math.random()}`): Promise<string> => {
  const pushed = image({ seed: content, layers: [2_000] })
  await seed(stand.source.url, [{ repository, tag, content: pushed }])
  return pushed.root.digest
}
const notify = async (id: string, body: object, headers: Readonly<Record<string, string>> = { authorization: `Bearer ${secret}` }, query = ''): Promise<Response> => await fetch(`${stand.url}/api/v1/cutovers/${id}/notifications${query}`, {
  method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/vnd.docker.distribution.events.v1+json', ...headers },
})
const event = (repository: string, tag: string, action = 'push'): object => ({ action, target: { mediaType: 'application/vnd.oci.image.manifest.v1+json', repository, tag } })

test('from the first copy to go: what a registry tells is moved without lists of tags, and a person freezes', { timeout: 120_000 }, async () => {
  const begun = await begin(spec(['team/app0', 'team/app1'], { delta: { every: '1h', events: { coalesce: '100ms' } } }), '&name=the%20day')
  expect(begun).toMatchObject({ name: 'the day', phase: 'bulk', resumed: false, waitingChanges: 0 })
  const { id } = begun
  const bulk = await until(id, ({ phase }) => phase === 'delta')
  expect(bulk.passes).toMatchObject([{ number: 1, kind: 'bulk', images: 2, copied: 2, failed: 0 }])
  expect(bulk).toMatchObject({ led: true, moved: { copied: 2 } })

  stand.source.clearRequests()
  const digest = await push('team/app0', '2')
  await push('other/app', '9')
  const lists = stand.source.requests.length
  expect(await read(await notify(id, { events: [event('team/app0', '2'), event('other/app', '9'), event('team/app0', 'gone'), { action: 'pull', target: { repository: 'team/app0', tag: '1' } }] }), heardSchema, 202)).toEqual({ changes: 3, ignored: 1 })
  const moved = await until(id, ({ passes }) => passes.some(({ kind }) => kind === 'events'))
  expect(moved.passes.at(-1)).toMatchObject({ kind: 'events', images: 2, copied: 1, failed: 0, gone: 1, failures: [] })
  expect(moved.waitingChanges).toBe(0)
  expect(stand.destination.tag('team/app0', '2')).toBe(digest)
  // Not selected: told, and not moved.
  expect(stand.destination.tag('other/app', '9')).toBeUndefined()
  expect(stand.source.requests.slice(lists).filter(({ kind }) => kind === 'tags')).toEqual([])

  const late = await push('team/app1', 'late')
  expect(await read(await post(`/cutovers/${id}/freeze`), cutoverSchema)).toMatchObject({ freeze: { by: 'person' } })
  const gone = await until(id, ({ phase, led }) => phase === 'go' && !led)
  expect(stand.destination.tag('team/app1', 'late')).toBe(late)
  expect(gone.decision?.verdict).toBe('go')
  expect(gone.verification).toMatchObject({ images: 4, sound: 4, missing: 0, extra: 0 })
  expect(gone.passes.map(({ kind }) => kind)).toEqual(['bulk', 'events', 'final'])
  expect(await problem(await post(`/cutovers/${id}/unfreeze`), 409, 'CUTOVER_PHASE')).toContain(id)
  expect(await read(await notify(id, { events: [event('team/app0', '2')] }), heardSchema, 202)).toEqual({ changes: 0, ignored: 1 })
  const same = spec(['team/app0', 'team/app1'], { delta: { every: '1h' } })
  expect(await problem(await post(`/cutovers?${insecure}`, same), 409, 'CUTOVER_OVER')).toContain(id)
  const other = await begin(same, '&again=true')
  expect(other.id).not.toBe(id)
  await read(await post(`/cutovers/${other.id}/abort`), cutoverSchema)
  const report = await read(await stand.ask(`/cutovers/${id}/report`), publishedCutoverReportSchema)
  expect(report).toMatchObject({ id, name: 'the day', verdict: 'go', moved: { copied: 4 } })
  const page = await stand.ask(`/cutovers/${id}/report.md`)
  expect([page.headers.get('content-type'), (await page.text()).slice(0, 2)]).toEqual(['text/markdown; charset=utf-8', '# '])
  const list = await read(await stand.ask('/cutovers?phase=go'), cutoversSchema)
  expect(list.cutovers.map((one) => one.id)).toContain(id)
  for (const line of ['leading a cutover', 'pass ended', 'source frozen', 'decided', 'cutover rests']) expect(stand.logged()).toContain(line)
  const metrics = await (await fetch(`${stand.url}/metrics`, { headers: { authorization: `Bearer ${token}` } })).text()
  expect(metrics).toMatch(/longshore_notifications_total\{sender="docker-registry",result="change"\} 4/)
  // Strangers, and those that are about nothing.
  expect((await notify(id, { events: [] }, {})).status).toBe(401)
  expect((await notify('no-such', { events: [] })).status).toBe(404)
  const refused = await (await fetch(`${stand.url}/metrics`, { headers: { authorization: `Bearer ${token}` } })).text()
  expect(refused).toMatch(/longshore_notifications_refused_total\{status="401"\} 1\n[^]*longshore_notifications_refused_total\{status="404"\} 1\n/)
})

test('more changes than are kept bring a pass over everything, and what comes after them is moved by its name again', { timeout: 60_000 }, async () => {
  const { id } = await begin(spec(['team/app0', 'team/app3'], { delta: { every: '24h', events: { coalesce: '100ms' } } }))
  await until(id, ({ phase }) => phase === 'delta')
  const pushed = await Promise.all(['a', 'b', 'c', 'd'].map(async (tag) => [tag, await push('team/app3', tag)] as const))
  const redis = redisSettings({}, () => '', stand.redis.url)
  if (!redis) throw new Error('no Redis')
  await using pool = await openPool(redis, { recordMs: 60_000, name: 'test-registry', onSay: () => {} })
  // As the coordinator's own, with less room.
  const small = new RedisCutoverStore(pool.redis, pool.ears, { recordMs: 60_000, mostChanges: 3 })
  await small.addChanges(id, pushed.map(([tag]) => ({ registry: stand.source.host, repository: 'team/app3', tag, action: 'push' })))
  const whole = await until(id, ({ passes }) => passes.some(({ kind, copied }) => kind === 'delta' && copied === 4))
  expect(whole.passes.map(({ kind }) => kind)).toEqual(['bulk', 'delta'])
  for (const [tag, digest] of pushed) expect(stand.destination.tag('team/app3', tag)).toBe(digest)
  expect(whole).not.toHaveProperty('due')
  await vi.waitFor(async () => {
    const metrics = await (await fetch(`${stand.url}/metrics`, { headers: { authorization: `Bearer ${token}` } })).text()
    for (const line of [`late_seconds{cutover="${id}"} 0`, `leader{cutover="${id}"} 1`, `phase{cutover="${id}",phase="delta"} 1`]) expect(metrics).toContain(`longshore_cutover_${line}\n`)
    expect(metrics).not.toContain(`longshore_cutover_deadline_seconds{cutover="${id}"`)
  }, { timeout: 10_000, interval: 200 })
  const later = await push('team/app3', 'later')
  await notify(id, { events: [event('team/app3', 'later')] })
  const named = await until(id, ({ passes }) => passes.length === 3)
  expect(named.passes.at(-1)).toMatchObject({ kind: 'events', images: 1, copied: 1 })
  expect(stand.destination.tag('team/app3', 'later')).toBe(later)
  await read(await post(`/cutovers/${id}/abort`), cutoverSchema)
  await until(id, ({ phase }) => phase === 'aborted')
})

test('a tick of the schedule brings a delta, which finds what nobody told', { timeout: 60_000 }, async () => {
  const { id } = await begin(spec(['team/app2'], { delta: { schedule: '*/2 * * * * *' } }))
  await until(id, ({ phase }) => phase === 'delta')
  expect(await stand.redis.ask('zcard', '{longshore}:schedules:repeat')).toBe('1')
  const digest = await push('team/app2', 'new')
  await until(id, ({ passes }) => passes.some(({ kind, copied }) => kind === 'delta' && copied === 1))
  expect(stand.destination.tag('team/app2', 'new')).toBe(digest)
  // What earlier deltas came to is in the record; their migrations, with a result for each image, are gone.
  await until(id, ({ passCount }) => passCount >= 4)
  const { migrations } = await (await stand.ask('/migrations?limit=500')).json() as { readonly migrations: ReadonlyArray<{ readonly name?: string }> }
  expect(migrations.filter(({ name = '' }) => name.startsWith('delta pass') && name.endsWith(id)).length).toBeLessThanOrEqual(2)
  expect(migrations.some(({ name }) => name === `bulk pass 1 of ${id}`)).toBe(true)
  await read(await post(`/cutovers/${id}/abort`), cutoverSchema)
  await until(id, ({ phase, led }) => phase === 'aborted' && !led)
  await vi.waitFor(async () => { expect(await stand.redis.ask('zcard', '{longshore}:schedules:repeat')).toBe('0') }, { timeout: 10_000 })
})

test('begun again with the same images it is the same, and goes by what the spec says now', { timeout: 60_000 }, async () => {
  const { id } = await begin(spec(['team/app3'], { delta: { every: '1h' } }))
  expect(await problem(await notify(id, { events: [] }), 422, 'NOTIFICATION_INVALID')).toContain('delta: { events: true }')
  const again = await read(await post(`/cutovers?${insecure}`, spec(['team/app3'], { delta: { events: true } })), begunSchema)
  expect(again).toMatchObject({ id, resumed: true })
  expect((await notify(id, { events: [] })).status).toBe(202)
  await read(await post(`/cutovers/${id}/abort`), cutoverSchema)
  await until(id, ({ phase }) => phase === 'aborted')
})

test('a real docker-registry tells what skopeo pushed to it', { timeout: 60_000 }, async () => {
  // Where to send it has the cutover's id, and the cutover has the registry's port: the proxy between them would be the production's load balancer.
  let url = ''
  const { createServer } = await import('node:http')
  const seen: string[] = []
  await using relay = createServer((request, response) => {
    const pieces: Buffer[] = []
    request.on('data', (piece: Buffer) => { pieces.push(piece) }).on('end', () => {
      if (url === '') return response.writeHead(503).end()
      return void (async () => {
        const answer = await fetch(url, { method: 'POST', body: Buffer.concat(pieces), headers: { 'content-type': request.headers['content-type'] ?? '', authorization: request.headers.authorization ?? '' } })
        seen.push(`${answer.status} ${await answer.text()}`)
        response.writeHead(answer.status).end()
      })()
    })
  })
  await new Promise<void>((resolve) => { relay.listen(0, '127.0.0.1', resolve) })
  const { port } = relay.address() as { readonly port: number }
  await using registry = await startDockerRegistry({ notifications: { url: `http://127.0.0.1:${port}/`, headers: { Authorization: [`Bearer ${secret}`] } } })
  const skopeo = async (from: string, to: string): Promise<unknown> => await promisify(execFile)('skopeo', ['--insecure-policy', 'copy', '--src-tls-verify=false', '--dest-tls-verify=false', `docker://${from}`, `docker://${to}`])
  await seed(registry.url, [{ repository: 'team/real', tag: '1', content: image({ seed: 'real 1', layers: [2_000] }) }])
  const { id } = await begin(JSON.stringify({ version: 1, from: registry.host, to: `${stand.destination.host}/real`, images: [{ name: 'team/real' }], cutover: { delta: { every: '1h', events: { coalesce: '100ms' } } } }))
  url = `${stand.url}/api/v1/cutovers/${id}/notifications?registry=${registry.host}`
  await until(id, ({ phase }) => phase === 'delta')
  await skopeo(`${stand.source.host}/team/app0:1`, `${registry.host}/team/real:pushed`)
  const moved = await until(id, ({ passes }) => passes.some(({ kind, copied }) => kind === 'events' && copied === 1))
  expect(moved.passes.at(-1)).toMatchObject({ failed: 0 })
  expect(stand.destination.tag('real/team/real', 'pushed')).toBe(stand.source.tag('team/app0', '1'))
  expect(seen.every((answer) => answer.startsWith('202 '))).toBe(true)
  await read(await post(`/cutovers/${id}/abort`), cutoverSchema)
})

test('a Harbor tells by its webhook what is pushed to a project', { timeout: 60_000 }, async () => {
  await using harbor = await startEmbeddedHarbor()
  harbor.addProject('apps', { public: true })
  const asAdmin = { authorization: `Basic ${btoa(`${harbor.admin.name}:${harbor.admin.password}`)}` }
  await seed(harbor.url, [{ repository: 'apps/web', tag: '1', content: image({ seed: 'web 1', layers: [2_000] }) }], asAdmin)
  const from = new URL(harbor.url).host
  const { id } = await begin(JSON.stringify({ version: 1, from, to: `${stand.destination.host}/harbor`, images: [{ name: 'apps/web' }], cutover: { delta: { every: '1h', events: { coalesce: '100ms' } } } }))
  await until(id, ({ phase }) => phase === 'delta')
  for (const [format, tag] of [['Default', '2'], ['CloudEvents', '3']] as const) {
    const made = await fetch(`${harbor.url}/api/v2.0/projects/apps/webhook/policies`, {
      method: 'POST', headers: { 'content-type': 'application/json', ...asAdmin }, body: JSON.stringify({
        name: format, enabled: true, event_types: ['PUSH_ARTIFACT', 'DELETE_ARTIFACT'],
        targets: [{ type: 'http', address: `${stand.url}/api/v1/cutovers/${id}/notifications?registry=${from}`, auth_header: `Bearer ${secret}`, payload_format: format }],
      }),
    })
    expect(made.status).toBe(201)
    const content = image({ seed: `web ${tag}`, layers: [2_000] })
    await seed(harbor.url, [{ repository: 'apps/web', tag, content }], asAdmin)
    await vi.waitFor(() => { expect(stand.destination.tag('harbor/apps/web', tag)).toBe(content.root.digest) }, { timeout: 20_000, interval: 50 })
  }
  const { passes } = await get(id)
  expect(passes.filter(({ failed, unlisted }) => failed + unlisted > 0)).toEqual([])
  await read(await post(`/cutovers/${id}/abort`), cutoverSchema)
})

describe('notifications', () => {
  let id = ''
  beforeAll(async () => { id = (await begin(spec(['team/app0'], { delta: { events: true } }))).id })

  test.each<[string, Readonly<Record<string, string>>, number]>([
    ['Bearer', { authorization: `Bearer ${secret}` }, 202], ['alone, as Harbor sends it', { authorization: secret }, 202], ['Basic, of a URL', { authorization: `Basic ${btoa(`longshore:${secret}`)}` }, 202],
    ['the token of the API', { authorization: `Bearer ${token}` }, 202], ['nothing', {}, 401], ['another', { authorization: 'Bearer other' }, 401], ['an empty one', { authorization: 'Bearer ' }, 401],
    ['a password that is another', { authorization: `Basic ${btoa('longshore:other')}` }, 401],
  ])('the secret as %s', async (_, headers, status) => { expect((await notify(id, { events: [] }, headers)).status).toBe(status) })

  test('the secret opens nothing else', async () => {
    for (const path of [`/cutovers/${id}`, '/migrations']) expect((await fetch(`${stand.url}/api/v1${path}`, { headers: { authorization: `Bearer ${secret}` } })).status).toBe(401)
  })

  test.each<[string, object, string, number, string, RegExp]>([
    ['a source that is none', { events: [] }, '?registry=other.example.com', 422, 'NOTIFICATION_INVALID', /other\.example\.com is no source of cutover/],
    ['a parameter that nobody knows', { events: [] }, '?registri=x', 400, 'REQUEST_INVALID', /registri/],
    ['content that nobody understands', { hello: 1 }, '', 422, 'NOTIFICATION_INVALID', /docker-registry's events/],
  ])('%s is refused', async (_, body, query, status, code, says) => { expect(await problem(await notify(id, body, undefined, query), status, code)).toMatch(says) })

  test('a body that is too large, or of another type', async () => {
    await problem(await notify(id, { events: [], x: 'x'.repeat(1024 * 1024) }), 413, 'REQUEST_INVALID')
    await problem(await notify(id, {}, { authorization: secret, 'content-type': 'text/plain' }), 415, 'REQUEST_INVALID')
  })

  test('of a cutover that is not known', async () => { await problem(await notify('nothing', { events: [] }), 404, 'CUTOVER_NOT_FOUND') })
  test('Harbor\'s are taken too', async () => {
    const pushed = { resources: [{ tag: '1', digest: `sha256:${'a'.repeat(64)}` }], repository: { repo_full_name: 'team/app0' } }
    expect(await read(await notify(id, { type: 'PUSH_ARTIFACT', occur_at: 1, operator: 'a', event_data: pushed }, { authorization: secret, 'content-type': 'application/json' }, `?registry=${stand.source.host}`), heardSchema, 202)).toEqual({ changes: 1, ignored: 0 })
    expect(await read(await notify(id, { specversion: '1.0', type: 'harbor.artifact.pulled', data: pushed }, { authorization: secret, 'content-type': 'application/cloudevents+json' }), heardSchema, 202)).toEqual({ changes: 0, ignored: 1 })
  })
})

describe('what is refused', () => {
  test.each<[string, string, number, string, RegExp]>([
    ['a hook, where none is allowed', JSON.stringify({ version: 1, to: 'd.example.com', images: ['a:1'], cutover: { freeze: { hook: { command: ['/bin/true'] } } } }), 403, 'HOOKS_NOT_ALLOWED', /^the spec has hooks .*--allow-hooks/],
    ['keys without their text', JSON.stringify({ version: 1, to: 'd.example.com', images: ['a:1'], cutover: { criteria: { signatures: { keys: ['cosign.pub'] } } } }), 422, 'SPEC_INVALID', /cosign\.pub: is a file where the spec was written/],
    ['a spec with something wrong', 'version: 1\nto: d.example.com\nimages: [a:1]\ncutover:\n  delta: { every: soon }\n', 422, 'SPEC_INVALID', /spec\.yaml:5:\d+: /],
  ])('%s', async (_, text, status, code, says) => { expect(await problem(await post('/cutovers', text), status, code)).toMatch(says) })

  test.each<[string, string, string, RegExp]>([
    ['a private key', '-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\ns3cret\n', 'CREDENTIALS_REFUSED', /cosign\.pub: is a private key/], ['no key', 'hello', 'SPEC_INVALID', /cutover\.criteria\.signatures: /],
  ])('%s among the keys', async (_, pem, code, says) => {
    const text = JSON.stringify({ version: 1, to: 'd.example.com', images: ['a:1'], cutover: { criteria: { signatures: { keys: ['cosign.pub'] } } } })
    const detail = await problem(await post('/cutovers', JSON.stringify({ spec: text, signingKeys: { 'cosign.pub': pem } }), 'application/json'), 422, code)
    expect(detail).toMatch(says)
    expect(detail).not.toContain('s3cret')
  })

  test('options that only a migration has', async () => {
    expect(await problem(await post('/cutovers?keepGoing=false', 'version: 1\nimages: []'), 400, 'REQUEST_INVALID')).toContain('keepGoing')
    for (const action of ['freeze', 'unfreeze', 'retry', 'abort']) await problem(await post(`/cutovers/nothing/${action}`), 404, 'CUTOVER_NOT_FOUND')
  })
})
