import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { startRedis, type RedisOptions, type RedisServer } from './redis.ts'

export interface RedisSentinel extends AsyncDisposable {
  /** `redis+sentinel://…/main`. */
  readonly url: string
  readonly primary: RedisServer
  readonly replica: RedisServer
  readonly sentinel: RedisServer
}

/** A primary, its replica, and one sentinel that takes a primary for dead after a second. */
export async function startRedisSentinel(options: RedisOptions = {}): Promise<RedisSentinel> {
  await using stack = new AsyncDisposableStack()
  const primary = stack.use(await startRedis(options))
  const replica = stack.use(await startRedis({ ...options, args: ['--replicaof', '127.0.0.1', String(primary.port), '--repl-diskless-sync-delay', '0'] }))
  while (!(await replica.ask('info', 'replication')).includes('master_link_status:up')) await delay(50)
  const folder = await mkdtemp(join(tmpdir(), 'longshore-sentinel-'))
  stack.defer(async () => rm(folder, { recursive: true, force: true }))
  const file = join(folder, 'sentinel.conf')
  const lines = [`monitor main 127.0.0.1 ${primary.port} 1`, 'down-after-milliseconds main 1000', 'failover-timeout main 3000', ...(options.password === undefined ? [] : [`auth-pass main ${options.password}`])]
  await writeFile(file, lines.map((line) => `sentinel ${line}\n`).join(''))
  const sentinel = stack.use(await startRedis({ sentinelFile: file }))
  while (!/slaves=1,/.test(await sentinel.ask('info', 'sentinel'))) await delay(50)
  const all = stack.move()
  return { url: `redis+sentinel://127.0.0.1:${sentinel.port}/main`, primary, replica, sentinel, async [Symbol.asyncDispose]() { await all.disposeAsync() } }
}
