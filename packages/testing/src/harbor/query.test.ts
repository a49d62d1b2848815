// `q`, `sort`, `page`, `page_size`: the grammar by itself, then through lists.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { image } from '../content/image.ts'
import { seed } from '../seed.ts'
import { type EmbeddedHarbor, startEmbeddedHarbor } from './embedded-harbor.ts'
import { basic, HarborUser } from './harbor-user.fixture.ts'
import { matchesPattern, parseQuery } from './query.ts'

describe('q', () => {
  test.each([
    ['', []],
    ['name=a', [['name', { kind: 'exact', value: 'a' }]]],
    ['name=\\~a', [['name', { kind: 'exact', value: '~a' }]]],
    ['name=~a,id=3', [['name', { kind: 'fuzzy', value: 'a' }], ['id', { kind: 'exact', value: '3' }]]],
    ['name%3Da', [['name', { kind: 'exact', value: 'a' }]]],
    ['n=[1~5]', [['n', { kind: 'range', min: 1, max: 5 }]]],
    ['n=[1~]', [['n', { kind: 'range', min: 1 }]]],
    ['t=[2020-04-09T02:36:00~]', [['t', { kind: 'range', min: Date.UTC(2020, 3, 9, 2, 36) }]]],
    ['n={a "b" c}', [['n', { kind: 'or', values: ['a', 'b', 'c'] }]]],
    ['n=(1 2)', [['n', { kind: 'and', values: ['1', '2'] }]]],
  ])('%s', (text, patterns) => {
    expect([...parseQuery(text)]).toEqual(patterns)
  })

  test.each(['name', 'name=', '=a', 'n=~', 'n=[1]', 'n=[1~2', 'n=[~]', 'n={a', 'n=(a'])('%s is refused', (text) => {
    expect(() => parseQuery(text)).toThrow(expect.objectContaining({ status: 400, code: 'BAD_REQUEST' }))
  })

  test.each([
    [{ kind: 'range', min: 2, max: 4 } as const, 3, true],
    [{ kind: 'range', min: 2 } as const, 1, false],
    [{ kind: 'range', max: 'm' } as const, 'z', false],
    [{ kind: 'range', max: 4 } as const, undefined, true],
    [{ kind: 'or', values: ['a', 'b'] } as const, 'b', true],
    [{ kind: 'fuzzy', value: 'b' } as const, 'abc', true],
    [{ kind: 'exact', value: 'true' } as const, true, true],
  ])('%o of %s: %s', (pattern, field, matches) => {
    expect(matchesPattern(pattern, field)).toBe(matches)
  })
})

describe('lists', () => {
  let harbor: EmbeddedHarbor
  let admin: HarborUser
  const base = '/api/v2.0/projects/many'

  beforeAll(async () => {
    harbor = await startEmbeddedHarbor()
    admin = new HarborUser(harbor.url, harbor.admin)
    harbor.addProject('many')
    for (let i = 0; i < 12; i++) {
      const content = image({ seed: i % 6, layers: [10] })
      await seed(harbor.url, [{ repository: i < 6 ? 'many/team/app' : `many/r${i}`, tag: `t${i}`, content }], { authorization: basic(harbor.admin) })
    }
  })
  afterAll(async () => {
    admin[Symbol.dispose]()
    await harbor[Symbol.asyncDispose]()
  })

  const names = (json: unknown): readonly string[] => (json as { name: string }[]).map(({ name }) => name)

  test('pages say how many there are, and where the others are', async () => {
    const first = await admin.get(`${base}/repositories?page_size=3&sort=name`)
    expect(first.headers).toMatchObject({ 'x-total-count': '7', link: '</api/v2.0/projects/many/repositories?page=2&page_size=3&sort=name>; rel="next"' })
    expect(names(first.json)).toEqual(['many/r10', 'many/r11', 'many/r6'])
    const second = await admin.get(`${base}/repositories?page=2&page_size=3&sort=name`)
    expect(second.headers['link']).toBe('</api/v2.0/projects/many/repositories?page=1&page_size=3&sort=name>; rel="prev" , </api/v2.0/projects/many/repositories?page=3&page_size=3&sort=name>; rel="next"')
    const last = await admin.get(`${base}/repositories?page=3&page_size=3&sort=name`)
    expect(names(last.json)).toEqual(['many/team/app'])
    expect((await admin.get(`${base}/repositories?page=9`)).json).toEqual([])
    expect((await admin.get(`${base}/repositories?page_size=101`))).toMatchObject({ status: 422, code: 'UNPROCESSABLE_ENTITY' })
    expect((await admin.get(`${base}/repositories?page=x`)).status).toBe(422)
    expect((await admin.get(`${base}/repositories`)).headers).not.toHaveProperty('link')
  })

  test('repositories by name; artifacts by tag, label and push time', async () => {
    expect(names((await admin.get(`${base}/repositories?q=name%3D~r1&sort=-name`)).json)).toEqual(['many/r11', 'many/r10'])
    const artifacts = `${base}/repositories/team%252Fapp/artifacts`
    const count = async (q: string): Promise<unknown> => (await admin.get(`${artifacts}?q=${encodeURIComponent(q)}`)).headers['x-total-count']
    expect(await count('tags=*')).toBe('6')
    expect(await count('tags=nil')).toBe('0')
    expect(await count('tags=t1')).toBe('1')
    expect(await count('tags=~t')).toBe('6')
    expect((await admin.get(`${artifacts}?q=${encodeURIComponent('tags={a b}')}`)).status).toBe(400)
    expect(await count('push_time=[2001-01-01T00:00:00~]')).toBe('6')
    expect(await count('push_time=[~2001-01-01T00:00:00]')).toBe('0')
    const label = await admin.post('/api/v2.0/labels', { name: 'prod', scope: 'g' })
    const id = Number(String(label.headers['location']).split('/').at(-1))
    expect((await admin.post(`${artifacts}/t1/labels`, { id })).status).toBe(200)
    expect((await admin.post(`${artifacts}/t1/labels`, { id })).status).toBe(409)
    expect((await admin.post(`${artifacts}/t1/labels`, { id: 99 })).status).toBe(404)
    expect(await count(`labels=(${id})`)).toBe('1')
    expect((await admin.get(`${artifacts}/t1?with_label=true`)).json).toMatchObject({ labels: [{ name: 'prod', scope: 'g' }], tags: [{ name: 't1' }] })
    expect((await admin.send('DELETE', `${artifacts}/t1/labels/${id}`)).status).toBe(200)
    expect(await count(`labels=(${id})`)).toBe('0')
  })

  test('a repository with slashes is encoded twice; once is another path', async () => {
    expect((await admin.get(`${base}/repositories/team%252Fapp`)).json).toMatchObject({ name: 'many/team/app', artifact_count: 6 })
    expect((await admin.get(`${base}/repositories/team%2Fapp`)).status).toBe(404)
    expect((await admin.get(`${base}/repositories/team/app`)).status).toBe(404)
  })

  test('tags are made and deleted in the database; pulls are counted', async () => {
    const artifacts = `${base}/repositories/r7/artifacts`
    expect((await admin.post(`${artifacts}/t7/tags`, { name: 'second' })).status).toBe(201)
    expect((await admin.get('/v2/many/r7/manifests/second')).status).toBe(200)
    expect((await admin.get(`${artifacts}/t7/tags?sort=name`)).json).toMatchObject([{ name: 'second' }, { name: 't7' }])
    expect((await admin.get(`${base}/repositories/r7`)).json).toMatchObject({ pull_count: 1 })
    expect((await admin.send('DELETE', `${artifacts}/t7/tags/second`)).status).toBe(200)
    expect((await admin.send('DELETE', `${artifacts}/t7/tags/second`)).status).toBe(404)
    expect((await admin.get('/v2/many/r7/manifests/second')).status).toBe(404)
    expect((await admin.send('PUT', `${base}/repositories/r7`, { description: 'seventh' })).status).toBe(200)
    expect((await admin.get(`${base}/repositories/r7`)).json).toMatchObject({ description: 'seventh' })
  })
})
