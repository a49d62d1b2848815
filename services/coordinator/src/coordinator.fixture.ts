// A coordinator as it runs in production but for its process, with a real Redis, a worker and two registries.
import { openMigrationAccess, openPool, PoolWorker } from '@longshore/pool'
import { createLogger } from '@longshore/telemetry'
import { type EmbeddedRegistry, image, type RedisServer, seed, startEmbeddedRegistry, startRedis } from '@longshore/testing'
import { type CoordinatorFlags, readCoordinatorConfig } from './config.ts'
import { startCoordinator } from './wire.ts'

export const token = 'a-token-For+Tests/0123456789='

export interface Stand extends AsyncDisposable {
  readonly redis: RedisServer
  readonly source: EmbeddedRegistry
  readonly destination: EmbeddedRegistry
  readonly url: string
  /** What the coordinator has logged. */
  readonly logged: () => string
  /** With the token, below /api/v1. */
  ask(path: string, init?: RequestInit): Promise<Response>
  /** As text: an images list. Answers the migration's id. */
  submit(list: string, query?: string): Promise<string>
  untilState(id: string, state: string): Promise<Record<string, unknown>>
  /** Blobs of the source are held back until this is disposed of. */
  hold(): Disposable
}

export interface StandOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly flags?: CoordinatorFlags
  readonly images?: number
  readonly withWorker?: boolean
}

export async function startStand({ env = {}, flags = {}, images = 3, withWorker = true }: StandOptions = {}): Promise<Stand> {
  await using stack = new AsyncDisposableStack()
  const redis = stack.use(await startRedis())
  const source = stack.use(await startEmbeddedRegistry())
  const destination = stack.use(await startEmbeddedRegistry())
  await seed(source.url, Array.from({ length: images }, (_, i) => ({ repository: `team/app${i}`, tag: '1', content: image({ seed: `app${i}`, layers: [2_000, 3_000 + i] }) })))
  const lines: string[] = []
  const config = readCoordinatorConfig({ LONGSHORE_TOKEN: token, LONGSHORE_LISTEN: '127.0.0.1:0', LONGSHORE_LOG_LEVEL: 'debug', REGISTRY_AUTH_FILE: '/nonexistent/auth.json', HOME: '/nonexistent', ...env }, { redis: redis.url, access: { srcNoCreds: true, destNoCreds: true }, ...flags })
  const stop = new AbortController()
  const service = stack.use(await startCoordinator(config, createLogger({ level: config.logLevel, destination: { write: (line: string) => { lines.push(line) } }, secrets: config.secrets }), '0.1.0'))
  const running: Promise<void>[] = [service.run(stop.signal)]
  if (withWorker) {
    const pool = stack.use(await openPool(config.redis, { recordMs: 60_000, name: 'test-worker', onSay: () => {} }))
    const worker = new PoolWorker({ ...pool, version: '0.1.0', onEvent: () => {}, openAccess: async (record, onPause) => openMigrationAccess(record, config.access.options, config.access.config, onPause) })
    running.push(worker.run(stop.signal, 1_000))
  }
  stack.defer(async () => {
    stop.abort()
    await Promise.all(running)
  })
  const all = stack.move()
  const ask = async (path: string, init: RequestInit = {}): Promise<Response> => fetch(`${service.url}/api/v1${path}`, { ...init, headers: new Headers([['authorization', `Bearer ${token}`], ...new Headers(init.headers)]) })
  for (let i = 0; (await fetch(`${service.url}/readyz`)).status !== 200; i++) {
    if (i > 200) throw new Error('the coordinator did not become ready')
    await new Promise((resolve) => { setTimeout(resolve, 25) })
  }
  return {
    redis, source, destination, url: service.url, logged: () => lines.join(''), ask,
    async submit(list, query = '') {
      const answer = await ask(`/migrations?srcTlsVerify=false&destTlsVerify=false&from=${source.host}&to=${destination.host}${query}`, { method: 'POST', body: list, headers: { 'content-type': 'text/plain' } })
      const body = await answer.json() as { id?: string }
      if (body.id === undefined) throw new Error(JSON.stringify(body))
      return body.id
    },
    async untilState(id, state) {
      for (let i = 0; ; i++) {
        const body = await (await ask(`/migrations/${id}`)).json() as Record<string, unknown>
        if (body['state'] === state) return body
        if (i > 400) throw new Error(`${id} is not ${state}: ${JSON.stringify(body)}`)
        await new Promise((resolve) => { setTimeout(resolve, 25) })
      }
    },
    hold() {
      const held = Promise.withResolvers<void>()
      const letGo = source.onRequest(async ({ kind }) => { if (kind === 'blob-get') await held.promise })
      return { [Symbol.dispose]: () => { letGo(); held.resolve() } }
    },
    async [Symbol.asyncDispose]() { await all.disposeAsync() },
  }
}
