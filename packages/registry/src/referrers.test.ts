import { parseRepositoryName } from '@longshore/oci'
import { startEmbeddedRegistry } from '@longshore/testing'
import { describe, expect, test } from 'vitest'
import { createRegistry } from './index.ts'

const { signal } = new AbortController()
const retries = { attempts: 2, baseMs: 1, capMs: 5 }
const type = 'application/vnd.oci.image.index.v1+json'
const index = Buffer.from(`{"schemaVersion":2,"mediaType":"${type}","manifests":[]}`)
const [first, second, third, fourth] = ['team/a', 'team/b', 'team/c', 'team/d'].map(parseRepositoryName)

async function setUp() {
  const stack = new AsyncDisposableStack()
  const embedded = stack.use(await startEmbeddedRegistry())
  const digest = embedded.putManifest('team/a', index, type, 'v1')
  const registry = stack.use(createRegistry({ registry: embedded.host, tlsVerify: false, retries }))
  return { embedded, registry, ask: (repository: typeof first) => registry.referrers(repository!, digest, { signal }), [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

describe.each([401, 403, 406])('referrers refused with %i', (status) => {
  test('are unknown for this time, and asked for again', async () => {
    await using t = await setUp()
    t.embedded.fail({ match: { kind: 'referrers' }, times: 2, how: { kind: 'status', status } })
    expect(await t.ask(first)).toBeUndefined()
    expect(await t.ask(first)).toBeUndefined()
    expect(t.registry.capabilities.referrers).toBe('unknown')
    expect(await t.ask(first)).toEqual([])
    // Once the API has answered, a refusal is about its repository, however many there are.
    t.embedded.fail({ match: { kind: 'referrers' }, times: 4, how: { kind: 'status', status } })
    for (const each of [first, second, third, fourth]) expect(await t.ask(each)).toBeUndefined()
    expect(await t.ask(second)).toEqual([])
  })

  test('by three repositories, and never listed: none is asked any more', async () => {
    await using t = await setUp()
    t.embedded.fail({ match: { kind: 'referrers' }, times: 100, how: { kind: 'status', status } })
    for (const each of [first, first, second, third, fourth, first]) expect(await t.ask(each)).toBeUndefined()
    expect(t.embedded.count({ kind: 'referrers' })).toBe(4)
  })
})

test.each([400, 404, 405, 501])('%i says that there is no such API', async (status) => {
  await using t = await setUp()
  t.embedded.fail({ match: { kind: 'referrers' }, times: 100, how: { kind: 'status', status } })
  expect(await t.ask(first)).toBeUndefined()
  expect(await t.ask(second)).toBeUndefined()
  expect(t.embedded.count({ kind: 'referrers' })).toBe(1)
})
