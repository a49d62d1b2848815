import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { connectRedis, type RedisConnection } from '@longshore/redis'
import { type RedisServer, startRedis, startRedisCluster, startRedisSentinel, startTcpProxy } from '@longshore/testing'
import { describeQueue } from '@longshore/testing/contracts'
import type { Job, NodeKey } from '@longshore/transfer'
import { Queue as BullQueue } from 'bullmq'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { BullQueues } from './bull-queues.ts'
import type { Processing, QueuedJob } from './processing.ts'

const told: string[] = []
const problems: string[] = []
let server: RedisServer
let shared: RedisConnection
const whole = new AsyncDisposableStack()
let stack = new AsyncDisposableStack()

async function connect(url: string, to = stack): Promise<RedisConnection> {
  return to.use(await connectRedis({ url, name: 'test', onTrouble: (message) => { told.push(message) }, onRecovered: () => { told.push('recovered') } }))
}
function open(connection: RedisConnection, prefix = `{test${count++}}`): BullQueues {
  return stack.use(new BullQueues(connection, { prefix, onProblem: (message) => { problems.push(message) } }))
}
const job = (name: string): Job => ({ id: name, node: name as NodeKey })
const jobs = (length: number): readonly Job[] => Array.from({ length }, (_, i) => job(`node ${i}`))
let count = 0

beforeAll(async () => {
  server = whole.use(await startRedis())
  shared = await connect(server.url, whole)
})
afterAll(async () => { await whole.disposeAsync() })
afterEach(async () => {
  await stack.disposeAsync()
  stack = new AsyncDisposableStack()
  told.length = 0
  problems.length = 0
})

describeQueue('BullMQ, one migration of many', async () => {
  const prefix = `{contract${count++}}`
  const queues = open(shared, prefix)
  const { blobs } = queues.of('m')
  const ended = Promise.withResolvers<void>()
  let isClosed = false
  const busy = async (): Promise<number> => (await Promise.all(['wait', 'active'].map((list) => shared.client.llen(`${prefix}:blobs:${list}`)))).reduce((a, b) => a + b)
  return {
    add: async (some, options) => { if (!isClosed) await blobs.add(some, options) },
    async process(handler, options) {
      queues.process('blobs', async ({ nodes }) => { for (const node of nodes) await handler({ id: node, node }) }, options)
      return await ended.promise
    },
    async drain() { while (await busy() > 0) await delay(5) },
    close() {
      isClosed = true
      queues[Symbol.asyncDispose]().then(ended.resolve, ended.reject)
    },
  }
})

describe('BullQueues', () => {
  test('one process serves many migrations, and each kind has its own queue', async () => {
    const queues = open(shared)
    const seen: string[] = []
    const handler = (kind: string) => async ({ migration, nodes }: QueuedJob) => { seen.push(`${kind} ${migration} ${nodes.join(' ')}`) }
    await queues.of('m1').blobs.add([job('a')])
    await queues.of('m2').blobs.add([job('a')])
    await queues.of('m1').images.add([job('a')])
    await queues.of('m1').manifests.add([job('a')])
    for (const kind of ['images', 'blobs', 'manifests'] as const) queues.process(kind, handler(kind), { concurrency: 1 })
    await vi.waitFor(() => { expect(seen.toSorted()).toEqual(['blobs m1 a', 'blobs m2 a', 'images m1 a', 'manifests m1 a']) }, { timeout: 15_000 })
  })

  test('nodes that go together come together, also when they come again', async () => {
    const queues = open(shared)
    const { blobs } = queues.of('m')
    const together = ['a', 'b'] as readonly string[] as readonly NodeKey[]
    const seen: string[] = []
    const begun = Promise.withResolvers<void>()
    const end = Promise.withResolvers<void>()
    await blobs.add([{ nodes: together }, job('c')])
    await blobs.add([{ nodes: together }])
    expect(await queues.depth('blobs')).toBe(2)
    queues.process('blobs', async ({ nodes }) => {
      seen.push(nodes.join(' '))
      begun.resolve()
      if (seen.length === 1) await end.promise
    }, { concurrency: 1 })
    await begun.promise
    // The handler has them: they come once more when it returns.
    await blobs.add([{ nodes: together }])
    end.resolve()
    await vi.waitFor(() => { expect(seen.toSorted()).toEqual(['a b', 'a b', 'c']) }, { timeout: 15_000 })
    expect(await queues.depth('blobs')).toBe(0)
  })

  test('a job that this version does not understand is told and dropped', async () => {
    const prefix = `{test${count++}}`
    const queues = open(shared, prefix)
    const foreign = new BullQueue('blobs', { connection: shared.client, prefix })
    for (const data of [{ v: 2, migration: 'm', node: 'a' }, { v: 1, migration: 7, node: 'a' }, { v: 2, migration: 'm', nodes: [] }, { v: 3, migration: 'm', nodes: ['a'] }, 'x', null]) await foreign.add('node', data)
    const seen: string[] = []
    queues.process('blobs', async ({ nodes }) => { seen.push(...nodes) }, { concurrency: 1 })
    await queues.of('m').blobs.add([job('b')])
    await vi.waitFor(() => { expect(seen).toEqual(['b']) }, { timeout: 15_000 })
    expect(problems).toHaveLength(6)
    expect(problems[0]).toMatch(/does not understand.*"v":2/)
    await foreign.close()
  })

  test('a handler that throws costs its job, and is told', async () => {
    const prefix = `{test${count++}}`
    const queues = open(shared, prefix)
    queues.process('blobs', async () => { throw new Error('boom') }, { concurrency: 1 })
    await queues.of('m').blobs.add([job('a')])
    await vi.waitFor(() => { expect(problems).toEqual(['blobs: the handler of a threw']) }, { timeout: 15_000 })
    await vi.waitFor(async () => { expect(await keysOf(prefix)).toEqual([]) }, { timeout: 15_000 })
  })

  test('nothing is left of jobs that are done, and the notes of them are few', async () => {
    const prefix = `{test${count++}}`
    const queues = open(shared, prefix)
    let done = 0
    await queues.of('m').blobs.add(jobs(2000))
    queues.process('blobs', async () => { done++ }, { concurrency: 20 })
    await vi.waitFor(async () => { expect(done).toBe(2000); expect(await keysOf(prefix)).toEqual([]) }, { timeout: 20_000 })
    expect(await shared.client.xlen(`${prefix}:blobs:events`)).toBeLessThan(400)
  })

  test('concurrency changes while handlers are at work', async () => {
    const queues = open(shared)
    let active = 0
    const ends: Array<() => void> = []
    const processing = queues.process('blobs', async () => {
      active++
      await new Promise<void>((resolve) => { ends.push(resolve) })
      active--
    }, { concurrency: 1 })
    await queues.of('m').blobs.add(jobs(10))
    await vi.waitFor(() => { expect(active).toBe(1) }, { timeout: 15_000 })
    const one = async (): Promise<void> => { ends.shift()?.(); await delay(50) }
    processing.allow(4)
    await one()
    await vi.waitFor(() => { expect(active).toBe(4) }, { timeout: 15_000 })
    expect(processing.running).toBe(4)
    processing.allow(2)
    await one()
    await one()
    expect(active).toBe(2)
    await one()
    await vi.waitFor(() => { expect(active).toBe(2) }, { timeout: 15_000 })
    const over = setInterval(() => { for (const end of ends.splice(0)) end() }, 5)
    await vi.waitFor(async () => { expect(await queues.depth('blobs')).toBe(0) }, { timeout: 15_000 })
    await processing.close()
    clearInterval(over)
    expect(active).toBe(0)
  })

  test('concurrency that changes all the time stops nothing', async () => {
    const queues = open(shared)
    let done = 0
    const processing: Processing = queues.process('blobs', async () => { processing.allow([2, 1, 3][++done % 3] ?? 1) }, { concurrency: 1 })
    for (let i = 0; i < 200; i++) await queues.of('m').blobs.add([job(`node ${i}`)])
    await vi.waitFor(() => { expect(done).toBe(200) }, { timeout: 15_000 })
  })

  test('tells how many wait, and for how long', async () => {
    const queues = open(shared)
    expect(await queues.oldestMs('blobs')).toBe(0)
    await queues.of('m').blobs.add([job('a')])
    await delay(300)
    await queues.of('m').blobs.add([job('b'), job('c')], { first: true })
    expect(await queues.depth('blobs')).toBe(3)
    expect(await queues.oldestMs('blobs')).toBeGreaterThanOrEqual(300)
    expect(await queues.oldestMs('blobs')).toBeLessThan(3000)
  })

  test('closing waits for the handlers, and leaves what waits to others', async () => {
    const prefix = `{test${count++}}`
    const [mine, others] = [open(shared, prefix), open(shared, prefix)]
    const begun = Promise.withResolvers<void>()
    const end = Promise.withResolvers<void>()
    const seen: string[] = []
    const processing = mine.process('blobs', async ({ nodes }) => { begun.resolve(); await end.promise; seen.push(...nodes) }, { concurrency: 1 })
    await mine.of('m').blobs.add([job('a'), job('b')])
    await begun.promise
    const closing = processing.close()
    expect(await Promise.race([closing.then(() => 'closed'), delay(100, 'open')])).toBe('open')
    end.resolve()
    await closing
    expect(seen).toEqual(['a'])
    others.process('blobs', async ({ nodes }) => { seen.push(...nodes) }, { concurrency: 1 })
    await vi.waitFor(() => { expect(seen).toEqual(['a', 'b']) }, { timeout: 15_000 })
    // Not one that was left half done, to come again when its lock ends.
    expect(await shared.client.llen(`${prefix}:blobs:active`)).toBe(0)
  })
})

describe('when something dies', () => {
  test('what a killed process held is handed to another', { timeout: 60_000 }, async () => {
    const prefix = `{test${count++}}`
    const queues = open(shared, prefix)
    await queues.of('m').blobs.add(jobs(5))
    const holder = spawn(process.execPath, [join(import.meta.dirname, 'holder.fixture.ts'), server.url, prefix], { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    holder.stdout.setEncoding('utf8').on('data', (text: string) => { output += text })
    await vi.waitFor(() => { expect(output.trim().split('\n')).toHaveLength(3) }, { timeout: 20_000 })
    holder.kill('SIGKILL')
    await once(holder, 'exit')
    const seen = new Set<string>()
    queues.process('blobs', async ({ nodes: [node = ''] }) => { seen.add(node) }, { concurrency: 2 })
    // Its locks end after 15 seconds at most; it is looked for such every 5, and a job has to be seen twice.
    await vi.waitFor(() => { expect(seen.size).toBe(5) }, { timeout: 40_000, interval: 100 })
    expect(problems).toEqual([])
  })

  test('Redis restarts in the midst of it: all of it is handed out, and nothing is complained of', { timeout: 60_000 }, async () => {
    const mortal = stack.use(await startRedis({ aof: true }))
    const connection = await connect(mortal.url)
    const queues = open(connection)
    const seen = new Set<string>()
    queues.process('blobs', async ({ nodes: [node = ''] }) => { await delay(5); seen.add(node) }, { concurrency: 10 })
    const adding = (async () => { for (let i = 0; i < 20; i++) { await queues.of('m').blobs.add(jobs(1000).slice(i * 50, i * 50 + 50)); await delay(20) } })()
    await vi.waitFor(() => { expect(seen.size).toBeGreaterThan(100) }, { timeout: 15_000 })
    await mortal.stop('SIGKILL')
    await delay(1500)
    await mortal.start()
    await adding
    await vi.waitFor(() => { expect(seen.size).toBe(1000) }, { timeout: 40_000, interval: 100 })
    expect(problems).toEqual([])
    await vi.waitFor(() => { expect(told).toEqual([expect.stringContaining('work waits'), 'recovered']) }, { timeout: 15_000 })
  })

  test('cut connections lose nothing', { timeout: 60_000 }, async () => {
    const proxy = stack.use(await startTcpProxy(server.port))
    const connection = await connect(`redis://127.0.0.1:${proxy.port}`)
    const queues = open(connection)
    const seen = new Set<string>()
    queues.process('blobs', async ({ nodes: [node = ''] }) => { await delay(2); seen.add(node) }, { concurrency: 5 })
    const cutting = setInterval(() => { proxy.cut() }, 150)
    for (let i = 0; i < 20; i++) await queues.of('m').blobs.add(jobs(1000).slice(i * 50, i * 50 + 50), { first: i % 2 === 0 })
    clearInterval(cutting)
    await vi.waitFor(() => { expect(seen.size).toBe(1000) }, { timeout: 40_000, interval: 100 })
    expect(problems).toEqual([])
    expect(told).toEqual([])
  })

  test('closing while Redis is away ends', { timeout: 30_000 }, async () => {
    const mortal = stack.use(await startRedis())
    const connection = await connect(mortal.url)
    const queues = open(connection)
    queues.process('blobs', async () => {}, { concurrency: 1 })
    queues.process('manifests', async () => {}, { concurrency: 1 })
    await delay(300)
    await mortal.stop('SIGKILL')
    await delay(500)
    const begun = Date.now()
    await queues[Symbol.asyncDispose]()
    await connection[Symbol.asyncDispose]()
    expect(Date.now() - begun).toBeLessThan(6000)
    expect(problems).toEqual([])
  })

  test('a failover by Sentinel: all of it is handed out, and nothing is complained of', { timeout: 60_000 }, async () => {
    const { url, primary } = stack.use(await startRedisSentinel())
    const queues = open(await connect(url))
    const { blobs } = queues.of('m')
    const seen = new Set<string>()
    queues.process('blobs', async ({ nodes }) => { for (const node of nodes) seen.add(node) }, { concurrency: 4 })
    await blobs.add(jobs(20))
    await vi.waitFor(() => { expect(seen.size).toBe(20) }, { timeout: 15_000 })
    await primary.stop('SIGKILL')
    await blobs.add(Array.from({ length: 20 }, (_, i) => job(`later ${i}`)))
    await vi.waitFor(() => { expect(seen.size).toBe(40) }, { timeout: 40_000 })
    expect(problems).toEqual([])
  })

  test('in a cluster, also when it is away as a whole for a while', { timeout: 90_000 }, async () => {
    const cluster = stack.use(await startRedisCluster({ aof: true }))
    const connection = await connect(cluster.url)
    const queues = open(connection)
    const seen = new Set<string>()
    queues.process('blobs', async ({ nodes: [node = ''] }) => { await delay(5); seen.add(node) }, { concurrency: 10 })
    const adding = (async () => { for (let i = 0; i < 20; i++) { await queues.of('m').blobs.add(jobs(1000).slice(i * 50, i * 50 + 50), { first: i % 2 === 0 }); await delay(20) } })()
    await vi.waitFor(() => { expect(seen.size).toBeGreaterThan(100) }, { timeout: 15_000 })
    await Promise.all(cluster.nodes.map((node) => node.stop('SIGKILL')))
    await delay(1500)
    await Promise.all(cluster.nodes.map((node) => node.start()))
    await adding
    await vi.waitFor(() => { expect(seen.size).toBe(1000) }, { timeout: 60_000, interval: 100 })
    expect(problems).toEqual([])
  })
})

/** Of single jobs: BullMQ keeps a few keys for each queue. */
async function keysOf(prefix: string): Promise<readonly string[]> {
  return (await shared.client.keys(`${prefix.replace(/[{}]/g, '?')}:*`)).filter((key) => !/:(?:meta|events|marker|id|stalled-check|stalled)$/.test(key))
}
