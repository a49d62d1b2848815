import { setTimeout as delay } from 'node:timers/promises'
import { startRedisCluster, startRedisSentinel } from '@longshore/testing'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { connectRedis, type RedisConnection } from './connection.ts'
import { untilAnswered } from './interrupted.ts'

const told: string[] = []
let stack = new AsyncDisposableStack()
afterEach(async () => {
  await stack.disposeAsync()
  stack = new AsyncDisposableStack()
  told.length = 0
})
async function connect(url: string, password?: string): Promise<RedisConnection> {
  return stack.use(await connectRedis({
    url, name: 'test', onTrouble: (message) => { told.push(message) }, onRecovered: () => { told.push('recovered') }, ...(password === undefined ? {} : { password }),
  }))
}

/** Counts up one after another until told to stop; each answer in turn. */
function counter({ client }: RedisConnection, key: string): { readonly seen: number[]; stop(): Promise<void> } {
  const seen: number[] = []
  const over = new AbortController()
  const counting = (async () => { while (!over.signal.aborted) seen.push(await client.incr(key)) })()
  return { seen, async stop() { over.abort(); await counting } }
}

describe('Sentinel', () => {
  test('finds the primary, and the next one after a failover', { timeout: 60_000 }, async () => {
    const { url, primary, replica } = stack.use(await startRedisSentinel({ password: 'secret' }))
    const connection = await connect(url, 'secret')
    await connection.client.set('where', 'primary')
    expect(await primary.ask('get', 'where')).toBe('primary')
    const counting = counter(connection, 'n')
    await vi.waitFor(() => { expect(counting.seen.length).toBeGreaterThan(10) }, { timeout: 15_000 })
    await primary.stop('SIGKILL')
    const before = counting.seen.length
    await vi.waitFor(() => { expect(counting.seen.length).toBeGreaterThan(before + 10) }, { timeout: 40_000 })
    await counting.stop()
    expect(await replica.ask('get', 'n')).toBe(String(counting.seen.at(-1)))
    await vi.waitFor(() => { expect(told).toEqual([expect.stringContaining('work waits'), 'recovered']) }, { timeout: 15_000 })
  })

  test('names a master that the sentinels do not know', { timeout: 60_000 }, async () => {
    const { url } = stack.use(await startRedisSentinel())
    await expect(connectRedis({ url: url.replace('/main', '/other'), name: 'test', connectMs: 1000, onTrouble: () => {}, onRecovered: () => {} }))
      .rejects.toMatchObject({ code: 'REDIS_UNREACHABLE', message: expect.stringContaining('know no master of this name') as string })
  })
})

describe('Cluster', () => {
  test('every key finds its node, and a wrong password is told', { timeout: 60_000 }, async () => {
    const { url, nodes } = stack.use(await startRedisCluster())
    const { client } = await connect(url)
    await Promise.all(Array.from({ length: 100 }, async (_, i) => client.set(`key${i}`, i)))
    const sizes = await Promise.all(nodes.map(async (node) => Number(await node.ask('dbsize'))))
    expect(sizes.reduce((a, b) => a + b)).toBe(100)
    expect(Math.min(...sizes)).toBeGreaterThan(0)
    for (const node of nodes) await node.ask('config', 'set', 'requirepass', 'secret')
    await expect(connect(url, 'wrong')).rejects.toMatchObject({ code: 'REDIS_AUTH_FAILED' })
    await expect(connect(url)).rejects.toMatchObject({ code: 'REDIS_AUTH_FAILED' })
    expect(await (await connect(url, 'secret')).client.get('key7')).toBe('7')
  })

  test('as a whole away and back: commands wait', { timeout: 60_000 }, async () => {
    const { url, nodes } = stack.use(await startRedisCluster({ aof: true }))
    const connection = await connect(url)
    const blocking = connection.duplicate('blocking')
    await blocking.ping()
    const counting = counter(connection, 'n')
    await vi.waitFor(() => { expect(counting.seen.length).toBeGreaterThan(10) }, { timeout: 15_000 })
    await Promise.all(nodes.map((node) => node.stop('SIGKILL')))
    await vi.waitFor(() => { expect(told).toHaveLength(1) }, { timeout: 10_000 })
    const waiting = [connection.client.get('a'), untilAnswered(async () => blocking.rpush('b', '1'), () => false)]
    await delay(3000)
    await Promise.all(nodes.map((node) => node.start()))
    expect(await Promise.all(waiting)).toEqual([null, 1])
    const before = counting.seen.length
    await vi.waitFor(() => { expect(counting.seen.length).toBeGreaterThan(before + 10) }, { timeout: 20_000 })
    await counting.stop()
    await vi.waitFor(() => { expect(told).toEqual([expect.stringContaining('work waits'), 'recovered']) }, { timeout: 10_000 })
  })

  test('a failover', { timeout: 60_000 }, async () => {
    const { url, nodes } = stack.use(await startRedisCluster({ replicas: 1 }))
    const connection = await connect(url)
    const owner = (await Promise.all(nodes.map(async (node) => ({ node, at: (await node.ask('set', 'n', '0').catch(String)) })))).find(({ at }) => at === 'OK')
    const counting = counter(connection, 'n')
    await vi.waitFor(() => { expect(counting.seen.length).toBeGreaterThan(10) }, { timeout: 15_000 })
    await owner?.node.stop('SIGKILL')
    const before = counting.seen.length
    await vi.waitFor(() => { expect(counting.seen.length).toBeGreaterThan(before + 10) }, { timeout: 30_000 })
    await counting.stop()
  })
})
