import { execFile } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { startRedis, type RedisOptions, type RedisServer } from './redis.ts'

export interface RedisCluster extends AsyncDisposable {
  /** `redis+cluster://…`. */
  readonly url: string
  readonly nodes: readonly RedisServer[]
}

/** Three primaries, or with `replicas` six nodes: the slots in equal parts. */
export async function startRedisCluster({ replicas = 0, ...options }: RedisOptions & { readonly replicas?: 0 | 1 } = {}): Promise<RedisCluster> {
  await using stack = new AsyncDisposableStack()
  const nodes: RedisServer[] = []
  for (let i = 0; i < 3 + 3 * replicas; i++) nodes.push(stack.use(await startRedis({ ...options, cluster: true, args: ['--repl-diskless-sync-delay', '0'] })))
  const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`)
  await promisify(execFile)('redis-cli', ['--cluster', 'create', ...addresses, '--cluster-replicas', String(replicas), '--cluster-yes'])
  for (const node of nodes) {
    while (!(await node.ask('cluster', 'info')).includes('cluster_state:ok')) await delay(50)
    while ((await node.ask('info', 'replication')).includes('master_link_status:down')) await delay(50)
  }
  const all = stack.move()
  return { url: `redis+cluster://${addresses.join(',')}`, nodes, async [Symbol.asyncDispose]() { await all.disposeAsync() } }
}
