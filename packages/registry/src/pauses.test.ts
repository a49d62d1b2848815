// "Too many requests" is said to every process that shares an address: one is told, all wait (docs/adr/0008).
import { setTimeout as delay } from 'node:timers/promises'
import { parseRepositoryName, parseTag } from '@longshore/oci'
import { startEmbeddedRegistry } from '@longshore/testing'
import { expect, test } from 'vitest'
import { createRegistry, type Pause, snapshot, statsSince } from './index.ts'

const { signal } = new AbortController()
const repository = parseRepositoryName('team/app')
const retries = { attempts: 3, baseMs: 1, capMs: 5 }

test('429 with Retry-After: 5 at one client, and another that hears of it: neither asks for so long, other hosts go on', { timeout: 30_000 }, async () => {
  await using busy = await startEmbeddedRegistry()
  await using free = await startEmbeddedRegistry()
  const [told, heard]: [Pause[], Pause[]] = [[], []]
  await using first = createRegistry({ registry: busy.host, tlsVerify: false, retries, onPause: (pause) => { told.push(pause) } })
  await using second = createRegistry({ registry: busy.host, tlsVerify: false, retries, concurrency: 3, onPause: (pause) => { heard.push(pause) } })
  await using elsewhere = createRegistry({ registry: free.host, tlsVerify: false, retries })
  await Promise.all([first, second, elsewhere].map((registry) => registry.ping({ signal })))

  // More than the second client has slots: most wait for one while the pause begins.
  busy.onRequest(async ({ kind }) => { if (kind === 'manifest-head') await delay(100) })
  const asking = Array.from({ length: 12 }, (_, i) => second.resolve(repository, parseTag(`v${i}`), { signal }))
  await delay(50)
  busy.fail({ match: { kind: 'tags' }, how: { kind: 'status', status: 429, headers: { 'retry-after': '5' } } })
  const waiting = first.tags(repository, { signal })
  while (told.length === 0) await delay(1)
  const began = Date.now()
  second.pauseFor(told[0]?.ms ?? 0)
  expect(told).toEqual([{ registry: busy.host, ms: 5000, status: 429 }])

  for (let i = 0; i < 20; i++) await elsewhere.resolve(repository, parseTag(`v${i}`), { signal })
  expect(Date.now() - began).toBeLessThan(2500)
  await Promise.all([waiting, ...asking])
  const during = busy.requests.filter(({ atMs }) => atMs > began + 5 && atMs < began + 4950)
  expect(during.map(({ kind }) => kind)).toEqual([])
  expect(busy.count({ kind: 'manifest-head', status: 404 })).toBe(12)
  expect(Date.now() - began).toBeGreaterThan(4950)
  // No echo, or two clients would go on telling each other for ever.
  expect(heard).toEqual([])
  expect([first.stats.pauses, second.stats.pauses]).toEqual([1, 0])
})

test('whoever waits sees a pause grow, and each that the host asks for is told as it was asked for', async () => {
  await using busy = await startEmbeddedRegistry()
  const told: number[] = []
  await using registry = createRegistry({ registry: busy.host, tlsVerify: false, retries, onPause: ({ ms }) => { told.push(ms) } })
  // Before the host was ever spoken to, too.
  registry.pauseFor(200)
  const began = performance.now()
  const waiting = registry.resolve(repository, parseTag('v1'), { signal })
  await delay(100)
  expect(busy.count()).toBe(0)
  registry.pauseFor(500)
  await waiting
  expect(performance.now() - began).toBeGreaterThan(590)

  busy.onRequest(async ({ kind }) => { if (kind === 'tags') await delay(100) })
  busy.fail({ match: { kind: 'tags' }, how: { kind: 'status', status: 429, headers: { 'retry-after': '0.2' } } })
  const asking = registry.tags(repository, { signal })
  // Longer than what the host will say meanwhile: that is no longer wait of its own.
  await delay(50)
  registry.pauseFor(600)
  await asking
  expect(told).toEqual([200])
})

test('a wait at the gate ends with the signal', async () => {
  await using busy = await startEmbeddedRegistry()
  await using registry = createRegistry({ registry: busy.host, tlsVerify: false, retries })
  registry.pauseFor(60_000)
  await expect(registry.tags(repository, { signal: AbortSignal.timeout(50) })).rejects.toThrow(/timeout/)
})

test('what came since a snapshot', async () => {
  await using embedded = await startEmbeddedRegistry()
  await using registry = createRegistry({ registry: embedded.host, tlsVerify: false, retries })
  await registry.resolve(repository, parseTag('v1'), { signal })
  const before = snapshot(registry.stats)
  expect(statsSince(registry.stats, before)).toEqual({ requests: 0, byStatus: {}, bytesIn: 0, bytesOut: 0, retries: 0, pauses: 0 })
  embedded.fail({ match: { kind: 'tags' }, how: { kind: 'drop' } })
  await registry.tags(repository, { signal })
  expect(statsSince(registry.stats, before)).toMatchObject({ requests: 2, byStatus: { 'GET -': 1, 'GET 404': 1 }, retries: 1 })
})
