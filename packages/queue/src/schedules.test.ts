import { connectRedis, type RedisConnection } from '@longshore/redis'
import { type RedisServer, startRedis, startRedisCluster } from '@longshore/testing'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { Schedules } from './schedules.ts'

const everySecond = '* * * * * *'
const yearly = '0 0 1 1 *'
const problems: string[] = []
let server: RedisServer
let stack = new AsyncDisposableStack()
beforeAll(async () => { server = await startRedis({ aof: true }) })
afterAll(async () => { await server[Symbol.asyncDispose]() })
afterEach(async () => {
  await stack.disposeAsync()
  stack = new AsyncDisposableStack()
  await server.ask('flushall')
  expect(problems.splice(0)).toEqual([])
})

async function connect(url = server.url): Promise<RedisConnection> { return stack.use(await connectRedis({ url, name: 'test', onTrouble: () => {}, onRecovered: () => {} })) }
async function open(connection?: RedisConnection): Promise<Schedules> {
  return stack.use(new Schedules(connection ?? await connect(), { prefix: '{test}', onProblem: (message) => { problems.push(message) } }))
}
const until = async (holds: () => void | Promise<void>): Promise<void> => { await vi.waitFor(holds, { timeout: 20_000, interval: 50 }) }

test('each tick comes to one of those that hear; what is removed comes no more, and leaves nothing', { timeout: 30_000 }, async () => {
  const ticks: string[] = []
  for (const who of ['a', 'b']) (await open()).hear(async (id) => { ticks.push(`${who} ${id}`) })
  const schedules = await open()
  await schedules.set('c1', everySecond)
  await schedules.set('c2', yearly)
  await until(() => { expect(ticks.length).toBeGreaterThanOrEqual(3) })
  expect(ticks.every((tick) => tick.endsWith(' c1'))).toBe(true)
  expect((await schedules.ids()).toSorted()).toEqual(['c1', 'c2'])
  await schedules.remove('c1')
  await schedules.remove('c2')
  await schedules.remove('c2')
  expect(await schedules.ids()).toEqual([])
  await until(async () => { expect(await server.ask('zcard', '{test}:schedules:delayed')).toBe('0') })
  await until(async () => { expect((await server.ask('keys', '{test}:schedules:*')).split('\n').filter((key) => /repeat|:wait$|:active$/.test(key))).toEqual([]) })
})

test('set again it stays, and its next tick with it; another expression takes its place', async () => {
  const schedules = await open()
  await schedules.set('c1', yearly)
  const delayed = async (): Promise<string> => await server.ask('zrange', '{test}:schedules:delayed', '0', '-1')
  const first = await delayed()
  await schedules.set('c1', yearly)
  expect(await delayed()).toBe(first)
  await schedules.set('c1', '0 0 2 1 *')
  expect(await delayed()).not.toBe(first)
  expect((await delayed()).split('\n')).toHaveLength(1)
})

test('a handler that throws is told, and the next tick comes', { timeout: 30_000 }, async () => {
  let ticks = 0
  const schedules = await open()
  schedules.hear(async () => { ticks++; throw new Error('boom') })
  await schedules.set('c1', everySecond)
  await until(() => { expect(ticks).toBeGreaterThanOrEqual(2) })
  await schedules.remove('c1')
  expect(new Set(problems.splice(0))).toEqual(new Set(['schedules: the handler of c1 threw']))
})

test('goes on after Redis was restarted, and after nobody heard for a while', { timeout: 60_000 }, async () => {
  const schedules = await open()
  await schedules.set('c1', everySecond)
  await server.stop()
  await server.start()
  const ticks: string[] = []
  ;(await open()).hear(async (id) => { ticks.push(id) })
  await until(() => { expect(ticks.length).toBeGreaterThanOrEqual(2) })
  await schedules.remove('c1')
})

test('in a cluster', { timeout: 60_000 }, async () => {
  await using cluster = await startRedisCluster()
  const ticks: string[] = []
  await using connection = await connectRedis({ url: cluster.url, name: 'test', onTrouble: () => {}, onRecovered: () => {} })
  await using schedules = await open(connection)
  schedules.hear(async (id) => { ticks.push(id) })
  await schedules.set('c1', everySecond)
  await until(() => { expect(ticks.length).toBeGreaterThanOrEqual(2) })
  await schedules.remove('c1')
})
