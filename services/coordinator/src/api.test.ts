import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { z } from 'zod'
import { type Stand, startStand, token } from './coordinator.fixture.ts'
import {
  components, type imageSchema, imagesSchema, migrationSchema, migrationsSchema, nodesSchema, problemSchema, publishedReportSchema, statusEventSchema, submittedSchema, workersSchema,
} from './schemas.ts'
import { examples } from './examples.ts'
import { openApiDocumentSchema, refsOf } from './openapi.fixture.ts'

let stand: Stand
beforeAll(async () => { stand = await startStand({ images: 9 }) })
afterAll(async () => { await stand[Symbol.asyncDispose]() })

/** The body, which is exactly what its schema says: nothing is missing, and nothing is there that is not published. */
async function read<T extends z.ZodType>(answer: Response, schema: T, status = 200): Promise<z.output<T>> {
  const body: unknown = await answer.json()
  expect({ status: answer.status, body }).toEqual({ status, body: expect.anything() })
  const parsed = schema.parse(body)
  expect(parsed).toEqual(body)
  return parsed
}
const problem = async (answer: Response, status: number, code: string): Promise<z.output<typeof problemSchema>> => {
  const body = await read(answer, problemSchema, status)
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json\b/)
  expect(body).toMatchObject({ status, code, type: `urn:longshore:error:${code}` })
  return body
}
const ask = async (path: string, init?: RequestInit): Promise<Response> => stand.ask(path, init)
const post = async (path: string, body?: string, type = 'text/plain'): Promise<Response> => ask(path, { method: 'POST', ...(body === undefined ? {} : { body, headers: { 'content-type': type } }) })
const insecure = 'srcTlsVerify=false&destTlsVerify=false'
const places = (): string => `${insecure}&from=${stand.source.host}&to=${stand.destination.host}`

describe('submitting', () => {
  test('a list moves its images, and everything about it can be read', async () => {
    const answer = await post(`/migrations?${places()}&name=first`, 'team/app0:1\nteam/app1\nteam/app2:1\n')
    const submitted = await read(answer, submittedSchema, 201)
    expect(submitted).toMatchObject({ name: 'first', state: 'running', resumed: false, warnings: [{ file: 'images.txt', line: 2, column: 1 }] })
    expect(answer.headers.get('location')).toBe(`/api/v1/migrations/${submitted.id}`)
    const { id } = submitted
    await stand.untilState(id, 'complete')
    const migration = await read(await ask(`/migrations/${id}`), migrationSchema)
    // app1 is there as 1 only, and an untagged name means latest.
    expect(migration).toMatchObject({ state: 'complete', expanded: true, images: { found: 3, copied: 2, failed: 1, open: 0 }, blobs: { pushed: { count: 6 } } })
    expect(migration.nodes).toBeUndefined()

    const { images } = await read(await ask(`/migrations/${id}/images`), imagesSchema)
    expect(images.map(({ destination, state }) => [destination, state])).toEqual([
      [`${stand.destination.host}/team/app0:1`, 'copied'], [`${stand.destination.host}/team/app1:latest`, 'failed'], [`${stand.destination.host}/team/app2:1`, 'copied'],
    ])
    expect(images[1]).toMatchObject({ code: 'IMAGE_NOT_FOUND', hint: expect.stringContaining('check the name') })
    const report = await read(await ask(`/migrations/${id}/report`), publishedReportSchema)
    expect(report).toMatchObject({ outcome: 'failed', totals: { images: { found: 3, copied: 2, failed: 1, abandoned: 0 } } })
    expect(report.registries.map(({ side }) => side)).toEqual(expect.arrayContaining(['source', 'destination']))
    const failed = await ask(`/migrations/${id}/failed`)
    expect(failed.headers.get('content-type')).toMatch(/^text\/plain/)
    expect(await failed.text()).toContain(`${stand.source.host}/team/app1:latest ${stand.destination.host}/team/app1:latest # IMAGE_NOT_FOUND`)
    expect(stand.destination.tag('team/app0', '1')).toBe(stand.source.tag('team/app0', '1'))
  })

  test.each([
    ['skopeo sync', () => `${stand.source.host}:\n  images: { team/app0: ['1'] }\n`, () => `${insecure}&to=${stand.destination.host}/skopeo`, 'skopeo/team/app0'],
    ['image-syncer', () => `# rules\n${stand.source.host}/team/app0:1: ${stand.destination.host}/is/app0\n`, () => insecure, 'is/app0'],
    ['regsync', () => `version: 1\nsync:\n- { source: '${stand.source.host}/team/app0:1', target: '${stand.destination.host}/rg/app0:1', type: image, interval: 1h }\n`, () => insecure, 'rg/app0'],
    ['dregsy', () => `tasks:\n- { name: t, source: { registry: '${stand.source.host}' }, target: { registry: '${stand.destination.host}' }, mappings: [{ from: team/app0, to: dr/app0, tags: ['1'] }] }\n`, () => insecure, 'dr/app0'],
  ])('a file of %s', async (_, body, query, repository) => {
    const { id } = await read(await post(`/migrations?${query()}`, body(), 'application/yaml'), submittedSchema, 201)
    await stand.untilState(id, 'complete')
    expect(stand.destination.tag(repository, '1')).toBe(stand.source.tag('team/app0', '1'))
  })

  test('a file that switches TLS verification off has to be agreed with', async () => {
    const body = `${stand.source.host}: { tls-verify: false, images: { team/app0: ['1'] } }`
    const { detail } = await problem(await post(`/migrations?to=${stand.destination.host}`, body, 'application/yaml'), 400, 'REQUEST_INVALID')
    expect(detail).toContain(`spec.yaml:1 switches the verification of TLS off for ${stand.source.host}: say so with srcTlsVerify and destTlsVerify`)
  })

  test('JSON carries several files and its options; the same again, while it runs, is the same migration', async () => {
    using _held = stand.hold()
    const body = JSON.stringify({
      specs: [{ file: 'a.txt', content: 'team/app6:1\n' }, { file: 'b.yaml', content: 'version: 1\nimages: [team/app7:1]\n' }], from: stand.source.host, to: `${stand.destination.host}/json`,
      srcTlsVerify: false, destTlsVerify: false, platforms: ['linux/amd64'], platformPolicy: 'strip', window: 5, keepGoing: false,
    })
    const first = await read(await post('/migrations', body, 'application/json'), submittedSchema, 201)
    expect(first.options).toEqual({ srcTlsVerify: false, destTlsVerify: false, keepGoing: false, distrust: false, window: 5 })
    const second = await read(await post('/migrations', body, 'application/json'), submittedSchema, 200)
    expect(second).toMatchObject({ id: first.id, resumed: true })
    await read(await post(`/migrations/${first.id}/cancel`), migrationSchema)
  })

  test('YAML is YAML by its type', async () => {
    const answer = await post(`/migrations?${places()}&file=rules.yaml`, 'version: 1\nimages:\n  - name: team/app0\n    tgas: [1]\n', 'application/yaml')
    expect((await problem(answer, 422, 'SPEC_INVALID')).problems).toEqual([{ file: 'rules.yaml', line: 4, column: 5, message: expect.stringContaining('tgas') }])
  })

  test.each<[string, string, string, string, number, string, RegExp]>([
    ['every complaint has its place', `to=r.example.com`, 'ok/app:1\nRedis:7\n\nok/../etc:1\n', 'text/plain', 422, 'SPEC_INVALID', /images\.txt:2:1: .*\nimages\.txt:4:1: /],
    ['no destination', '', 'ok/app:1\n', 'text/plain', 422, 'SPEC_INVALID', /no destination registry/],
    ['a place that is none', 'to=http://x/', 'ok/app:1\n', 'text/plain', 422, 'SPEC_INVALID', /^to: /],
    ['nothing', 'to=x.example.com', '', 'text/plain', 422, 'SPEC_INVALID', /is empty/],
    ['UTF-16', 'to=x.example.com', '\ufffe\0', 'text/plain', 422, 'SPEC_INVALID', /binary|UTF/],
    ['a parameter that nobody knows', 'too=x', 'a:1', 'text/plain', 400, 'REQUEST_INVALID', /too/],
    ['a truth that is none', 'keepGoing=perhaps', 'a:1', 'text/plain', 400, 'REQUEST_INVALID', /keepGoing/],
    ['a platform that is none', 'to=x.example.com&platforms=amd64', 'a:1', 'text/plain', 400, 'REQUEST_INVALID', /os\/architecture/],
    ['a policy without platforms', 'to=x.example.com&platformPolicy=strip', 'a:1', 'text/plain', 400, 'REQUEST_INVALID', /give platforms/],
    ['a window of nothing', 'window=0', 'a:1', 'text/plain', 400, 'REQUEST_INVALID', /window/],
    ['a type that nobody reads', '', '<x/>', 'application/xml', 415, 'REQUEST_INVALID', /content type/],
    ['JSON that is none', '', '{"spec": "s3cr', 'application/json', 400, 'REQUEST_INVALID', /^body: is not valid JSON in UTF-8$/],
    ['JSON of another form', '', '{"spek": "a:1"}', 'application/json', 400, 'REQUEST_INVALID', /spek/],
    ['JSON and a query', 'to=x.example.com', '{"spec": "a:1"}', 'application/json', 400, 'REQUEST_INVALID', /leave them out of the query/],
    ['both spec and specs', '', '{"spec": "a:1", "specs": [{"file": "x", "content": "a:1"}]}', 'application/json', 400, 'REQUEST_INVALID', /either spec or specs/],
  ])('%s is refused', async (_, query, body, type, status, code, says) => {
    expect((await problem(await post(`/migrations?${query}`, body, type), status, code)).detail).toMatch(says)
  })

  test('a body beyond the limit is refused', async () => {
    const answer = await post(`/migrations?${places()}`, `# ${'x'.repeat(129 * 1024 * 1024)}`)
    await problem(answer, 413, 'REQUEST_INVALID')
  })
})

describe('steering', () => {
  test('pause, resume, cancel and retry do what they say, and say when they cannot', async () => {
    using held = stand.hold()
    const id = await stand.submit('team/app3:1\nteam/app4:1\n')
    expect(await read(await post(`/migrations/${id}/pause`), migrationSchema)).toMatchObject({ state: 'paused' })
    await read(await post(`/migrations/${id}/pause`), migrationSchema)
    expect(await read(await post(`/migrations/${id}/resume`), migrationSchema)).toMatchObject({ state: 'running' })
    held[Symbol.dispose]()
    await stand.untilState(id, 'complete')
    expect((await problem(await post(`/migrations/${id}/resume`), 409, 'WRONG_STATE')).detail).toContain('is complete')
    await problem(await post(`/migrations/${id}/pause`), 409, 'WRONG_STATE')
    await problem(await post(`/migrations/${id}/cancel`), 409, 'WRONG_STATE')
  })

  test('retry tries what failed once more', async () => {
    const id = await stand.submit('team/late:1\nteam/app0:1\n')
    expect(await stand.untilState(id, 'complete')).toMatchObject({ images: { found: 2, failed: 1 } })
    const bytes = stand.source.manifest('team/app1', '1')
    stand.source.putManifest('team/late', Buffer.from(bytes?.bytes ?? []), bytes?.mediaType ?? '', '1')
    for (const desc of bytes?.kind === 'image' ? [bytes.config, ...bytes.layers] : []) if (desc) stand.source.putBlob('team/late', await contentOf('team/app1', desc.digest))
    await read(await post(`/migrations/${id}/retry`), migrationSchema)
    expect(await stand.untilState(id, 'complete')).toMatchObject({ images: { found: 2, failed: 0 } })
  })

  test('cancel ends it at once', async () => {
    using _held = stand.hold()
    const id = await stand.submit('team/app8:1\n')
    expect(await read(await post(`/migrations/${id}/cancel`), migrationSchema)).toMatchObject({ state: 'cancelled' })
    expect(await read(await ask(`/migrations/${id}/report`), publishedReportSchema)).toMatchObject({ outcome: 'stopped' })
  })
})

async function contentOf(repository: string, digest: string): Promise<Uint8Array> {
  return new Uint8Array(await (await fetch(`${stand.source.url}/v2/${repository}/blobs/${digest}`)).arrayBuffer())
}

describe('looking', () => {
  test('at an image on its way shows its nodes', async () => {
    using held = stand.hold()
    const id = await stand.submit('team/app5:1 nodes/fresh:1\n')
    const image = encodeURIComponent(`${stand.destination.host}/nodes/fresh:1`)
    const nodes = await vi.waitFor(async () => {
      const found = await read(await ask(`/migrations/${id}/images/${image}/nodes`), nodesSchema)
      expect(found.nodes).not.toEqual([])
      return found
    }, { timeout: 5_000, interval: 20 })
    expect(nodes).toMatchObject({ state: 'moving', nodes: expect.arrayContaining([expect.objectContaining({ key: `tag ${stand.destination.host}/nodes/fresh:1`, state: 'waiting' })]) })
    const { images } = await read(await ask(`/migrations/${id}/images?state=open`), imagesSchema)
    expect(images).toEqual([expect.objectContaining({ state: 'moving' })])
    expect((await read(await ask(`/migrations/${id}/images?state=settled`), imagesSchema)).images).toEqual([])
    held[Symbol.dispose]()
    await stand.untilState(id, 'complete')
    expect(await read(await ask(`/migrations/${id}/images/${image}/nodes`), nodesSchema)).toEqual({ image: decodeURIComponent(image), state: 'copied', nodes: [] })
  })

  test('at images goes page by page, each of them once', async () => {
    const names = Array.from({ length: 25 }, (_, i) => `team/app${i % 3}:1 paged/app${String(i).padStart(2, '0')}:1`)
    const id = await stand.submit(`${names.join('\n')}\nteam/none:1 paged/none:1\n`)
    await stand.untilState(id, 'complete')
    const seen: Array<z.output<typeof imageSchema>> = []
    let cursor: string | undefined
    do {
      const page = await read(await ask(`/migrations/${id}/images?limit=4${cursor === undefined ? '' : `&cursor=${cursor}`}`), imagesSchema)
      expect(page.images.length).toBeLessThanOrEqual(4)
      seen.push(...page.images)
      cursor = page.next
    } while (cursor !== undefined)
    expect(seen.map(({ id }) => id)).toEqual([...Array.from({ length: 25 }, (_, i) => `${stand.destination.host}/paged/app${String(i).padStart(2, '0')}:1`), `${stand.destination.host}/paged/none:1`])
    expect((await read(await ask(`/migrations/${id}/images?state=failed`), imagesSchema)).images).toHaveLength(1)
    expect((await read(await ask(`/migrations/${id}/images?state=copied&limit=100`), imagesSchema)).images).toHaveLength(25)
  })

  test('at migrations goes page by page, the newest first', async () => {
    const all = await read(await ask('/migrations?limit=500'), migrationsSchema)
    expect(all.migrations.length).toBeGreaterThan(4)
    expect(all.next).toBeUndefined()
    const ids: string[] = []
    let query = ''
    do {
      const page = await read(await ask(`/migrations?limit=2${query}`), migrationsSchema)
      ids.push(...page.migrations.map(({ id }) => id))
      query = page.next === undefined ? '' : `&cursor=${encodeURIComponent(page.next)}`
    } while (query !== '')
    expect(ids).toEqual(all.migrations.map(({ id }) => id))
    const cancelled = await read(await ask('/migrations?state=cancelled'), migrationsSchema)
    expect(new Set(cancelled.migrations.map(({ state }) => state))).toEqual(new Set(['cancelled']))
  })

  test('at workers shows who is alive', async () => {
    const { workers } = await read(await ask('/workers'), workersSchema)
    expect(workers.map(({ role }) => role).sort()).toEqual(['coordinator', 'worker'])
  })

  test.each<[string, string, number, string]>([
    ['a migration that is not there', '/migrations/zzzzzzzzzz', 404, 'MIGRATION_NOT_FOUND'], ['its images', '/migrations/zzzzzzzzzz/images', 404, 'MIGRATION_NOT_FOUND'],
    ['its report', '/migrations/zzzzzzzzzz/report', 404, 'MIGRATION_NOT_FOUND'], ['its events', '/migrations/zzzzzzzzzz/events', 404, 'MIGRATION_NOT_FOUND'],
    ['a path that is not there', '/migration', 404, 'REQUEST_INVALID'], ['a limit that is none', '/migrations?limit=all', 400, 'REQUEST_INVALID'],
    ['a state that is none', '/migrations?state=done', 400, 'REQUEST_INVALID'], ['a token in the query', `/migrations?token=${token}`, 422, 'CREDENTIALS_REFUSED'],
  ])('at %s is a problem', async (_, path, status, code) => { await problem(await ask(path), status, code) })

  test('at an image that is not there is a problem', async () => {
    const id = await stand.submit('team/app0:1 alone/app0:1\n')
    await problem(await ask(`/migrations/${id}/images/${encodeURIComponent('r.example.com/none:1')}/nodes`), 404, 'IMAGE_UNKNOWN')
    await stand.untilState(id, 'complete')
  })
})

describe('who may ask', () => {
  test.each<[string, number, string?]>([
    ['/api/v1/migrations', 401], ['/api/v1/openapi.json', 401], ['/api/v1/workers', 401], ['/api/v1/nothing', 401], ['/metrics', 401], ['/healthz', 200], ['/readyz', 200], ['/api/v1/migrations', 401, 'another-token'],
  ])('%s without the token is %i', async (path, status, given) => {
    const answer = await fetch(`${stand.url}${path}`, given === undefined ? {} : { headers: { authorization: `Bearer ${given}` } })
    expect(answer.status).toBe(status)
    if (status !== 401) return
    expect(answer.headers.get('www-authenticate')).toContain('Bearer')
    await problem(answer, 401, 'TOKEN_REFUSED')
  })

  test('nothing is submitted without the token, whatever the body', async () => {
    const before = await read(await ask('/migrations?limit=500'), migrationsSchema)
    const answer = await fetch(`${stand.url}/api/v1/migrations?${places()}`, { method: 'POST', body: 'team/app0:1 stolen/app:1', headers: { 'content-type': 'text/plain' } })
    expect(answer.status).toBe(401)
    expect((await read(await ask('/migrations?limit=500'), migrationsSchema)).migrations).toHaveLength(before.migrations.length)
  })
})

test('metrics tell of the pool', async () => {
  const text = await (await fetch(`${stand.url}/metrics`, { headers: { authorization: `Bearer ${token}` } })).text()
  expect(text).toContain('longshore_redis_up 1')
  expect(text).toContain('longshore_workers 1')
  expect(text).toMatch(/longshore_migrations\{state="complete"\} [1-9]/)
  expect(text).toContain('longshore_queue_depth{queue="images"} 0')
  expect(text).toMatch(/longshore_ledger_operation_seconds_count\{operation="\w+"\} \d/)
})

describe('the OpenAPI document', () => {
  test('is well formed, and all that it refers to is there', async () => {
    const document = openApiDocumentSchema.parse(await (await ask('/openapi.json')).json())
    for (const ref of refsOf(document)) {
      const [, name = ''] = /^#\/components\/schemas\/([\w.-]+)$/.exec(ref) ?? []
      expect(document.components.schemas, ref).toHaveProperty([name])
    }
    const operations = Object.entries(document.paths).flatMap(([path, methods]) => Object.values(methods).map((operation) => ({ path, operation })))
    expect(operations.map(({ operation: { operationId } }) => operationId).sort()).toEqual([
      'abortCutover', 'beginCutover', 'cancelMigration', 'freezeCutover', 'getCutover', 'getCutoverPage', 'getCutoverReport', 'getFailedList', 'getMigration', 'getOpenApi', 'getReport', 'listCutovers', 'listImages', 'listMigrations', 'listNodes', 'listWorkers',
      'notifyCutover', 'pauseMigration', 'resumeMigration', 'retryCutover', 'retryMigration', 'submit', 'unfreezeCutover', 'watchMigration',
    ])
    for (const { path, operation: { parameters = [], responses } } of operations) {
      const named = parameters.filter((parameter) => parameter.in === 'path')
      expect(named.map(({ name }) => name).sort((a, b) => (a < b ? -1 : 1)), path).toEqual([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? '').sort((a, b) => (a < b ? -1 : 1)))
      expect(named.every(({ required }) => required === true)).toBe(true)
      expect(Object.keys(responses), path).toEqual(expect.arrayContaining(['400', '401', '503']))
      for (const [status, { content }] of Object.entries(responses)) if (Number(status) >= 400) expect(Object.keys(content ?? {})).toEqual(['application/problem+json'])
    }
  })

  test('shows examples that are of the form it publishes', async () => {
    const document = openApiDocumentSchema.parse(await (await ask('/openapi.json')).json())
    const schemaOf = new Map(schemasById())
    let checked = 0
    for (const methods of Object.values(document.paths)) {
      for (const { responses, requestBody } of Object.values(methods)) {
        for (const { schema, example } of [...Object.values(responses).flatMap(({ content }) => Object.values(content ?? {})), ...Object.values(requestBody?.content ?? {})]) {
          const id = (schema as { $ref?: string }).$ref?.replace('#/components/schemas/', '')
          if (id === undefined || example === undefined) continue
          expect(schemaOf.get(id)?.parse(example), id).toEqual(example)
          checked++
        }
      }
    }
    expect(checked).toBeGreaterThan(10)
    const { examples: [submit] = [] } = document.components.schemas['Submit'] as { examples?: unknown[] }
    expect(schemaOf.get('Submit')?.parse(submit)).toEqual(submit)
    expect(document.paths['/api/v1/migrations']?.post?.requestBody?.content['application/json']?.schema).toEqual({ $ref: '#/components/schemas/Submit' })
    expect(statusEventSchema.parse({ ...examples.migration, transfers: [] })).toBeTruthy()
  })
})

function* schemasById(): Generator<[string, z.ZodType]> {
  const { _idmap } = components as unknown as { _idmap: Map<string, z.ZodType> }
  yield* _idmap
}
