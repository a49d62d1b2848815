import { once } from 'node:events'
import { connectRedis } from '@longshore/redis'
import { startRedisCluster } from '@longshore/testing'
import { expect, test } from 'vitest'
import { LeaseAudit } from './lease-audit.ts'

test('the books are compared when one node of a cluster was lost, as answers may have been with it', { timeout: 60_000 }, async () => {
  await using cluster = await startRedisCluster()
  await using connection = await connectRedis({ url: cluster.url, name: 'test', onTrouble: () => {}, onRecovered: () => {} })
  // Each node is asked once, so that there is a connection to be lost.
  await Promise.all(Array.from({ length: 50 }, (_, i) => connection.client.get(`key${i}`)))
  using audit = new LeaseAudit(connection.client, undefined as never, 'w')
  expect(audit.isDue()).toBe(false)
  const lost = once(connection.client, '-node')
  await cluster.nodes[1]?.stop('SIGKILL')
  await lost
  expect([audit.isDue(), audit.isDue(), audit.isDue(), audit.isDue()]).toEqual([true, true, true, false])
})
