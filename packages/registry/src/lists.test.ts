import { digestOf, parseRepositoryName, parseTag } from '@longshore/oci'
import { image, seed, startEmbeddedHarbor, startEmbeddedRegistry } from '@longshore/testing'
import { describe, expect, test } from 'vitest'
import { createRegistry } from './index.ts'

const { signal } = new AbortController()
const retries = { attempts: 2, baseMs: 1, capMs: 5 }
const type = 'application/vnd.oci.image.index.v1+json'
const index = Buffer.from(`{"schemaVersion":2,"mediaType":"${type}","manifests":[]}`)

describe('catalog', () => {
  test('comes in pages, each name once', async () => {
    await using embedded = await startEmbeddedRegistry({ pageSize: 3 })
    const names = Array.from({ length: 8 }, (_, i) => `team/app${i}`)
    for (const name of names) embedded.putManifest(name, index, type, 'v1')
    await using registry = createRegistry({ registry: embedded.host, tlsVerify: false, retries })
    expect(await Array.fromAsync(registry.catalog({ signal }))).toEqual(names)
    expect(embedded.count({ kind: 'catalog' })).toBe(3)
  })

  test('of a Harbor takes a password and no token; for all else there are tokens, and new ones for those that died', async () => {
    await using harbor = await startEmbeddedHarbor()
    harbor.addProject('team')
    await seed(harbor.url, [{ repository: 'team/app', tag: '1', content: image({ seed: 'app', layers: [100] }) }], { authorization: `Basic ${Buffer.from(`admin:${harbor.admin.password}`).toString('base64')}` })
    await using registry = createRegistry({ registry: harbor.host, tlsVerify: false, retries, credentials: { kind: 'basic', username: 'admin', password: harbor.admin.password } })
    const app = parseRepositoryName('team/app')
    harbor.clearRequests()
    expect(await Array.fromAsync(registry.catalog({ signal }))).toEqual(['team/app'])
    expect(await Array.fromAsync(registry.catalog({ signal }))).toEqual(['team/app'])
    expect(harbor.requests.filter(({ kind }) => kind === 'catalog').map(({ status }) => status)).toEqual([401, 200, 200])
    const before = harbor.tokens.length
    expect(await registry.tags(app, { signal })).toEqual(['1'])
    expect(harbor.tokens).toHaveLength(before + 1)
    harbor.expireTokens()
    expect(await registry.tags(app, { signal })).toEqual(['1'])
    expect(harbor.tokens).toHaveLength(before + 2)
  })

  test.each([[404, 'it has no catalog'], [401, 'does not show its catalog'], [403, 'does not show its catalog']])('%i says what to do', async (status, text) => {
    await using embedded = await startEmbeddedRegistry()
    await using registry = createRegistry({ registry: embedded.host, tlsVerify: false, retries })
    embedded.fail({ match: { kind: 'catalog' }, times: 10, how: { kind: 'status', status } })
    const failure: unknown = await Array.fromAsync(registry.catalog({ signal })).catch((error: unknown) => error)
    expect(failure).toMatchObject({ status, message: expect.stringContaining(text) })
    expect(String(failure)).toContain('name the repositories instead')
  })
})

test('a HEAD that is refused with 405 is made good by a GET', async () => {
  await using embedded = await startEmbeddedRegistry()
  const repository = parseRepositoryName('team/app')
  embedded.putManifest(repository, index, type, 'v1')
  await using registry = createRegistry({ registry: embedded.host, tlsVerify: false, retries })
  embedded.fail({ match: { kind: 'manifest-head' }, how: { kind: 'status', status: 405 } })
  expect(await registry.resolve(repository, parseTag('v1'), { signal })).toEqual({ mediaType: type, digest: digestOf(index), size: index.length })
  expect(embedded.count({ kind: 'manifest-get' })).toBe(1)
})
