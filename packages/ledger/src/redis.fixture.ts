// A Redis for a test file, and ledgers in it: one migration each.
import { connectRedis, type RedisConnection } from '@longshore/redis'
import { type RedisServer, startRedis } from '@longshore/testing'
import { afterAll, beforeAll } from 'vitest'
import { RedisLedger } from './redis-ledger.ts'

export interface TestRedis {
  readonly server: RedisServer
  readonly connection: RedisConnection
  /** Of a migration that has begun and that nobody else has. */
  begin(): Promise<RedisLedger>
  connect(): Promise<RedisConnection>
}

/** Started before the tests of the file, ended after them. */
export function useRedis(): TestRedis {
  let server: RedisServer | undefined
  const connections: RedisConnection[] = []
  let migrations = 0
  const redis = {
    get server(): RedisServer { return there(server) },
    get connection(): RedisConnection { return there(connections[0]) },
    async connect(): Promise<RedisConnection> {
      const connection = await connectRedis({ url: redis.server.url, name: 'ledger test', onTrouble: () => {}, onRecovered: () => {} })
      connections.push(connection)
      return connection
    },
    async begin(): Promise<RedisLedger> {
      const ledger = new RedisLedger(redis.connection.client, `m${++migrations}`)
      await ledger.begin({})
      return ledger
    },
  }
  beforeAll(async () => {
    server = await startRedis()
    await redis.connect()
  })
  afterAll(async () => {
    for (const connection of connections) await connection[Symbol.asyncDispose]()
    await server?.[Symbol.asyncDispose]()
  })
  return redis
}

function there<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the test has not begun')
  return value
}
