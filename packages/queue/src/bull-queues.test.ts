import { setTimeout as delay } from 'node:timers/promises'
import { connectRedis, type RedisConnection } from '@longshore/redis'
import { startRedis, type RedisServer } from '@longshore/testing'
import { describeQueue } from '@longshore/testing/contracts'
import { afterAll, beforeAll } from 'vitest'
import { BullQueues } from './bull-queues.ts'

let server: RedisServer
let connection: RedisConnection
const stack = new AsyncDisposableStack()

beforeAll(async () => {
  server = stack.use(await startRedis())
  connection = stack.use(await connectRedis({ url: server.url, name: 'test', onTrouble: fail, onRecovered: () => {} }))
})
afterAll(async () => { await stack.disposeAsync() })

function fail(message: string): void { throw new Error(message) }

let count = 0

describeQueue('BullMQ, one migration of many', async () => {
  const prefix = `{contract${count++}}`
  const queues = stack.use(new BullQueues(connection, { prefix, onProblem: fail }))
  const { blobs } = queues.of('m')
  const ended = Promise.withResolvers<void>()
  let isClosed = false
  const busy = async (): Promise<number> => (await Promise.all(['wait', 'active'].map((list) => connection.client.llen(`${prefix}:blobs:${list}`)))).reduce((a, b) => a + b)
  return {
    add: async (jobs, options) => { if (!isClosed) await blobs.add(jobs, options) },
    async process(handler, options) {
      queues.process('blobs', async ({ node }) => handler({ id: node, node }), options)
      return await ended.promise
    },
    async drain() { while (await busy() > 0) await delay(5) },
    close() {
      isClosed = true
      queues[Symbol.asyncDispose]().then(ended.resolve, ended.reject)
    },
  }
})
