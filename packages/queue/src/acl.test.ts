// docs/redis.md promises that its ACL is enough. Whatever else is asked of Redis has to be in it.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { connectRedis, type RedisConnection } from '@longshore/redis'
import { type RedisServer, startRedis } from '@longshore/testing'
import type { Job, NodeKey } from '@longshore/transfer'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { BullQueues } from './bull-queues.ts'
import { Schedules } from './schedules.ts'

const root = join(import.meta.dirname, '../../..')
const [line = ''] = /^user longshore .*$/m.exec(readFileSync(join(root, 'docs/redis.md'), 'utf8')) ?? []
const stack = new AsyncDisposableStack()
let server: RedisServer
let connection: RedisConnection
beforeAll(async () => {
  server = stack.use(await startRedis({ acl: ['user default on nopass ~* &* +@all', line] }))
  connection = stack.use(await connectRedis({ url: server.url, username: 'longshore', password: 'PASSWORD', name: 'test', onTrouble: () => {}, onRecovered: () => {} }))
})
afterAll(async () => { await stack.disposeAsync() })

test('is enough for the queues', { timeout: 20_000 }, async () => {
  const problems: string[] = []
  await using queues = new BullQueues(connection, { onProblem: (message) => { problems.push(message) } })
  const job = (name: string): Job => ({ id: name, node: name as NodeKey })
  const { blobs } = queues.of('m')
  const seen: string[] = []
  await blobs.add([job('a'), job('b')])
  await blobs.add([job('b')], { first: true })
  expect([await queues.depth('blobs'), await queues.oldestMs('blobs') >= 0]).toEqual([2, true])
  queues.process('blobs', async ({ nodes: [node = ''] }) => {
    seen.push(node)
    if (seen.length === 1) await blobs.add([job('b')])
    // Longer than until locks are renewed, and stalled jobs looked for.
    if (node === 'a') await delay(9_000)
  }, { concurrency: 2 })
  await vi.waitFor(async () => { expect(seen.toSorted()).toEqual(['a', 'b', 'b']); expect(await server.ask('llen', '{longshore}:blobs:active')).toBe('0') }, { timeout: 15_000 })
  const heard: string[] = []
  const subscriber = connection.duplicate('ears')
  subscriber.on('message', (_, message: string) => { heard.push(message) })
  await subscriber.subscribe('longshore:control')
  await connection.client.publish('longshore:control', 'x')
  await vi.waitFor(() => { expect(heard).toEqual(['x']) }, { timeout: 15_000 })
  expect(problems).toEqual([])
  expect(await server.ask('acl', 'log')).toBe('')
})

test('is enough for schedules', { timeout: 20_000 }, async () => {
  const problems: string[] = []
  await using schedules = new Schedules(connection, { onProblem: (message) => { problems.push(message) } })
  const ticks: string[] = []
  schedules.hear(async (id) => { ticks.push(id) })
  await schedules.set('c1', '* * * * * *')
  await vi.waitFor(() => { expect(ticks.slice(0, 2)).toEqual(['c1', 'c1']) }, { timeout: 15_000 })
  expect(await schedules.ids()).toEqual(['c1'])
  await schedules.remove('c1')
  expect(problems).toEqual([])
  expect(await server.ask('acl', 'log')).toBe('')
})

test('is enough for the commands of the scripts, and of the pool', async () => {
  const commands = new Set<string>()
  await using admin = await connectRedis({ url: server.url, name: 'admin', onTrouble: () => {}, onRecovered: () => {} })
  const ask = async (...command: readonly [string, ...string[]]): Promise<unknown> => admin.client.call(...command)
  const known = new Set(await ask('COMMAND', 'LIST') as readonly string[])
  for (const name of ['ledger', 'pool', 'queue', 'redis']) {
    for (const entry of readdirSync(join(root, 'packages', name, 'src'), { withFileTypes: true, recursive: true })) {
      if (!/\.(?:ts|lua)$/.test(entry.name) || /\.(?:test|fixture)\.ts$/.test(entry.name)) continue
      const text = readFileSync(join(entry.parentPath, entry.name), 'utf8')
      for (const [, command = ''] of text.matchAll(/\bcall\(['"](\w+)['"]/g)) commands.add(command.toLowerCase())
      for (const [, command = ''] of text.matchAll(/\b(?:redis|client)\.(\w+)\(/g)) if (known.has(command) && command !== 'client') commands.add(command)
    }
  }
  expect(commands.size).toBeGreaterThan(30)
  const refused: string[] = []
  for (const command of commands) {
    const [[, arity]] = await ask('COMMAND', 'INFO', command) as readonly [readonly [string, number]]
    const answer = await ask('ACL', 'DRYRUN', 'longshore', command, ...Array.from({ length: Math.abs(arity) - 1 }, () => 'longshore:x'))
    if (answer !== 'OK') refused.push(`${command}: ${String(answer)}`)
  }
  expect(refused).toEqual([])
})

test('keeps to its keys', async () => {
  await expect(connection.client.get('other')).rejects.toThrow(/NOPERM/)
  await expect(connection.client.publish('other', 'x')).rejects.toThrow(/NOPERM/)
  await expect(connection.client.call('KEYS', '*')).rejects.toThrow(/NOPERM/)
})
