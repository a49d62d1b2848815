// What Longshore needs of a server, looked up once after connecting.
import { RedisModeError, RedisTooOldError } from './errors.ts'
import type { RedisUrl } from './url.ts'

/** LPOS, `GETDEL`, `ZADD … GT` and the like: what BullMQ recommends and Debian 12's predecessor has. */
const least = [6, 2] as const

/**
 * @param info the answer to INFO
 * @returns warnings: what works, and should be otherwise
 * @throws RedisTooOldError REDIS_TOO_OLD; RedisModeError REDIS_WRONG_MODE
 */
export function checkServer(info: string, url: RedisUrl, where: string): readonly string[] {
  const fields = new Map([...info.matchAll(/^([a-z_]+):(.*?)\r?$/gm)].map(([, name = '', value = '']) => [name, value]))
  const mode = fields.get('redis_mode')
  if (mode === 'sentinel') throw new RedisModeError(where, 'this is a Sentinel: write redis+sentinel://HOST:PORT/MASTER')
  const isCluster = mode === 'cluster' || fields.get('cluster_enabled') === '1'
  if (isCluster && url.kind !== 'cluster') throw new RedisModeError(where, 'this is a node of a cluster: write redis+cluster:// (rediss+cluster:// for TLS), and name several nodes')
  // Valkey tells the Redis version that it is compatible with.
  const version = fields.get('redis_version') ?? ''
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (version !== '' && (major < least[0] || (major === least[0] && minor < least[1]))) throw new RedisTooOldError(where, version, least.join('.'))
  const warnings: string[] = []
  const policy = fields.get('maxmemory_policy')
  if (policy !== undefined && policy !== 'noeviction') {
    warnings.push(`${where}: its maxmemory-policy is ${policy}: when its memory is full, it throws away the records of migrations; set it to noeviction`)
  }
  return warnings
}
