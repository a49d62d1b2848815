// A whole pool over each kind of Redis that docs/redis.md names: coordinator, worker and a command; and whatever key there is stands in its table.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Corpus, image, layer, type RedisServer, seed, selfSignedCert, startEmbeddedRegistry, startRedis, startRedisCluster, startRedisSentinel } from '@longshore/testing'
import { expect, test } from 'vitest'
import { assertAll, listOf, startServices } from '../faults/pool.fixture.ts'
import { launch } from './cli-process.ts'

const docs = await readFile(join(import.meta.dirname, '../../docs/redis.md'), 'utf8')
const secret = 'PASSWORD'

interface KnownKey { readonly pattern: RegExp; readonly owner: string; readonly until: string }

/** The rows of the table of keys, each with a pattern for every name in it. */
const known: readonly KnownKey[] = [...docs.matchAll(/^\| (`\{?longshore\}?:.*) \|$/gm)].flatMap(([, row = '']) => {
  const [names = '', , , owner = '', until = ''] = row.split('|').map((cell) => cell.trim())
  const [first = '', ...more] = [...names.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name)
  return [first, ...more.map((name) => (name.startsWith(':') ? first.replace(/:[^:]*$/, '') + name : name))].map((name) => ({ pattern: patternOf(name), owner, until }))
})

function patternOf(name: string): RegExp {
  const places: Readonly<Record<string, string>> = { '{M}': '\\{[a-z0-9]{10}\\}', '{C}': '\\{[a-z0-9]{10}\\}', KEY: '.+', W: '.+', HASH: '[0-9a-f]{64}', SHA1: '[0-9a-f]{40}', REGISTRY: '.+', KIND: '(?:images|blobs|manifests)', ID: '[0-9a-f]{40}(?::lock)?', '…': '.+' }
  return new RegExp(`^${name.split(/(\{[MC]\}|KEY|\bW\b|HASH|SHA1|REGISTRY|KIND|\bID\b|…)/).map((part) => places[part] ?? RegExp.escape(part)).join('')}$`)
}

interface Kind { readonly url: string; readonly env: Readonly<Record<string, string>>; readonly nodes: readonly RedisServer[] }

const kinds: ReadonlyArray<readonly [name: string, start: (stack: AsyncDisposableStack, folder: string) => Promise<Kind>]> = [
  ['TLS, a client certificate and the user of the ACL', async (stack, folder) => {
    const tls = await selfSignedCert()
    const [line = ''] = /^user longshore .*$/m.exec(docs) ?? []
    const redis = stack.use(await startRedis({ tls, clientCertificates: true, acl: ['user default on nopass ~* &* +@all', line] }))
    for (const [name, text] of [['ca', tls.ca], ['cert', tls.client.cert], ['key', tls.client.key]] as const) await writeFile(join(folder, name), text)
    return {
      url: redis.url, nodes: [redis],
      env: { LONGSHORE_REDIS_USERNAME: 'longshore', LONGSHORE_REDIS_PASSWORD: secret, LONGSHORE_REDIS_CA: join(folder, 'ca'), LONGSHORE_REDIS_CERT: join(folder, 'cert'), LONGSHORE_REDIS_KEY: join(folder, 'key') },
    }
  }],
  ['Sentinel, with a password', async (stack) => {
    const { url, primary } = stack.use(await startRedisSentinel({ password: secret }))
    return { url, nodes: [primary], env: { LONGSHORE_REDIS_PASSWORD: secret } }
  }],
  ['Cluster', async (stack) => {
    const { url, nodes } = stack.use(await startRedisCluster())
    return { url, nodes, env: {} }
  }],
]

test('the table is read as it is meant', () => {
  expect(known.length).toBeGreaterThan(35)
  for (const { owner, until } of known) expect([owner, until]).toEqual([expect.stringMatching(/^(?:ledger|pool|queue \(BullMQ\))$/), expect.stringMatching(/\S/)])
  const isKnown = (key: string): boolean => known.some(({ pattern }) => pattern.test(key))
  expect(['longshore:{k7m2q9axzd}:deps:blob r/x@sha256:0+1', 'longshore:{k7m2q9axzd}:dropped', `{longshore}:blobs:${'a'.repeat(40)}:lock`, 'longshore:active'].every(isKnown)).toBe(true)
  expect(['longshore:{k7m2q9axzd}:more', 'longshore:thing', '{longshore}:blobs:thing'].some(isKnown)).toBe(false)
})

test.each(kinds)('over %s: a command moves everything with the workers that are there, and no key is without a name', { timeout: 120_000 }, async (_, start) => {
  await using stack = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'longshore-topology-'))
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  const { url, env, nodes } = await start(stack, folder)
  const services = stack.use(startServices(url))
  await Promise.all([services.start('coordinator', { env }).logged('coordinator ready'), services.start('worker', { env }).logged('worker ready'), services.start('worker', { env }).logged('worker ready')])
  const source = stack.use(await startEmbeddedRegistry())
  const destination = stack.use(await startEmbeddedRegistry())
  const base = layer({ seed: 'base', size: 9_000 })
  const corpus: Corpus = Array.from({ length: 40 }, (_, i) => ({ repository: `team/app${i % 8}`, tag: `v${i}`, content: image({ seed: `topology ${i}`, layers: [base, 3_000 + i] }) }))
  await seed(source.url, corpus)
  const [broken, ...whole] = corpus
  for (const { digest, size } of broken!.content.blobs.values()) if (size === 3_000) source.deleteBlob(broken!.repository, digest)
  source.onRequest(async ({ kind }) => { if (kind === 'blob-get') await delay(100) })
  await writeFile(join(folder, 'list'), `${listOf(corpus)}team/none:1\n`)
  const keys = async (): Promise<readonly string[]> => (await Promise.all(nodes.map((node) => node.ask('KEYS', '*')))).flatMap((text) => text.split('\n')).filter((key) => key !== '')
  const seen = new Set<string>()
  const run = launch(['migrate', join(folder, 'list'), '--from', source.host, '--to', destination.host, '--src-tls-verify=false', '--dest-tls-verify=false', '--redis', url], { env })
  const over = new AbortController()
  const looking = (async () => { while (!over.signal.aborted) for (const key of await keys()) seen.add(key) })()
  const { code, stdout, stderr } = await run.finished
  over.abort()
  await looking
  expect(stdout, stderr).toMatch(/^images {5}39 copied, 0 already there, 2 failed$/m)
  expect(code).toBe(1)
  await assertAll(destination.url, whole)

  // It was looked at in the midst of things.
  const names = new Set([...seen].map((key) => /^longshore:\{\w+\}:(\w+)/.exec(key)?.[1]))
  expect([...names]).toEqual(expect.arrayContaining(['nodes', 'bodies', 'ready', 'images', 'batches', 'states', 'done', 'blobs', 'deps', 'wait', 'leases', 'failed', 'lead']))
  expect([...seen].filter((key) => !known.some(({ pattern }) => pattern.test(key)))).toEqual([])
  // What is left of the migration is what the table says: its record.
  const left = (await keys()).filter((key) => key.startsWith('longshore:{'))
  expect(left.length).toBeGreaterThan(3)
  expect(left.filter((key) => !known.some(({ pattern, until }) => pattern.test(key) && until === 'record'))).toEqual([])
})
