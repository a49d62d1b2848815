// A worker as a child process of `longshore migrate --redis URL --workers N`. Its settings, secrets among them, come over the
// channel to its parent: neither arguments nor environment would keep them to themselves. When the parent goes, it goes.
import type { AccessOptions } from '@longshore/access'
import { toRecord, describeRecord } from '@longshore/oci'
import { openMigrationAccess, openPool, PoolWorker } from '@longshore/pool'
import type { RedisSettings } from '@longshore/redis'
import { readConfig } from './config.ts'
import { readVersion } from './version.ts'

export interface WorkerOrder {
  readonly redis: RedisSettings
  readonly access: AccessOptions
  readonly recordMs: number
  readonly graceMs: number
}
export type WorkerWord = { readonly type: 'ready' } | { readonly type: 'say'; readonly line: string }

process.title = 'longshore worker'
const stop = new AbortController()
// Ctrl-C reaches the whole process group: it is the parent's to decide what that means.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => stop.abort())
process.on('disconnect', () => stop.abort())
const tell = (word: WorkerWord): void => { if (process.connected) process.send?.(word) }
const order = await new Promise<WorkerOrder>((resolve) => { process.once('message', (message) => resolve(message as WorkerOrder)) })

try {
  await using pool = await openPool(order.redis, { recordMs: order.recordMs, name: 'longshore-worker', onSay: (line) => tell({ type: 'say', line }) })
  const config = readConfig()
  const worker = new PoolWorker({
    ...pool, version: readVersion(),
    openAccess: (record, onPause) => openMigrationAccess(record, order.access, config, onPause),
    onEvent: (event) => { if (event.type === 'trouble') tell({ type: 'say', line: `a worker met what it did not foresee: ${describeRecord(toRecord(event.error))}` }) },
  })
  tell({ type: 'ready' })
  await worker.run(stop.signal, order.graceMs)
} catch (error) {
  tell({ type: 'say', line: `a worker ended: ${describeRecord(toRecord(error))}` })
  process.exitCode = 1
}
if (process.connected) process.disconnect()
