import { connectRedis, type RedisClient, type RedisConnection } from '@longshore/redis'
import { type RedisServer, startRedis } from '@longshore/testing'

/** A Redis for the tests of one file, and connections to it. */
export async function openRedis(): Promise<{ readonly server: RedisServer; readonly redis: RedisClient; connect(): Promise<RedisConnection> } & AsyncDisposable> {
  const server = await startRedis()
  const connections: RedisConnection[] = []
  const connect = async (): Promise<RedisConnection> => {
    const connection = await connectRedis({ url: server.url, name: 'pool-test', onTrouble: () => {}, onRecovered: () => {} })
    connections.push(connection)
    return connection
  }
  const { client: redis } = await connect()
  return {
    server, redis, connect,
    async [Symbol.asyncDispose]() {
      await Promise.all(connections.map((connection) => connection[Symbol.asyncDispose]()))
      await server[Symbol.asyncDispose]()
    },
  }
}
