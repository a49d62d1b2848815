// A pool for the fault tests: a real Redis, real processes of workers and coordinators, which may be killed.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import type { RedisClient, RedisConnection } from '@longshore/redis'
import { connectRedis } from '@longshore/redis'
import { endStates, type MigrationStatus, PoolStore } from '@longshore/pool'
import { assertIntact, type Corpus, type EmbeddedRegistry, type LoggedRequest, type RedisOptions, type RedisServer, startRedis } from '@longshore/testing'
import { bin } from '../e2e/cli-process.ts'

export interface Service {
  readonly pid: number
  /** What it logged, a JSON object a line. */
  readonly log: ReadonlyArray<Readonly<Record<string, unknown>>>
  /** Everything that it printed. */
  readonly output: () => string
  readonly exited: Promise<number | null>
  kill(signal: NodeJS.Signals): void
  /** Resolves when it logs a line with this message. @throws Error when it ends before */
  logged(message: string | RegExp): Promise<Readonly<Record<string, unknown>>>
}

export interface Services extends AsyncDisposable {
  start(role: 'worker' | 'coordinator', options?: { readonly args?: readonly string[]; readonly env?: Readonly<Record<string, string>> }): Service
  /** All that were started, living or dead. */
  readonly all: readonly Service[]
}

/** No credentials or proxies of the machine. */
const clean = { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', LONGSHORE_LISTEN: '127.0.0.1:0', LONGSHORE_METRICS_OPEN: 'true' }
export const apiToken = 'a-token-of-the-fault-tests'

/** Starts `bin/longshore worker` and `coordinator` processes; the end of it kills those that still live. */
export function startServices(redisUrl: string): Services {
  const all: Service[] = []
  return {
    all,
    start(role, { args = [], env = {} } = {}) {
      const child = spawn(bin, [role, '--redis', redisUrl, ...args], {
        env: { ...clean, ...(role === 'coordinator' ? { LONGSHORE_TOKEN: apiToken } : {}), ...env }, stdio: ['ignore', 'pipe', 'pipe'],
      })
      const log: Array<Readonly<Record<string, unknown>>> = []
      let text = ''
      const waiting = new Set<() => void>()
      for (const stream of [child.stdout, child.stderr]) {
        createInterface({ input: stream }).on('line', (line) => {
          text += `${line}\n`
          try { log.push(JSON.parse(line) as Readonly<Record<string, unknown>>) } catch { /* not a line of the log */ }
          for (const look of waiting) look()
        })
      }
      const exited = new Promise<number | null>((resolve) => { child.on('close', (code) => resolve(code)) })
      const service: Service = {
        pid: child.pid ?? 0, log, output: () => text, exited,
        kill: (signal) => { child.kill(signal) },
        async logged(message) {
          const find = (): Readonly<Record<string, unknown>> | undefined => log.find(({ msg }) => (typeof message === 'string' ? msg === message : message.test(String(msg))))
          const found = new Promise<void>((resolve) => {
            const look = (): void => { if (find()) resolve() }
            waiting.add(look)
            look()
          })
          await Promise.race([found, exited])
          const line = find()
          if (!line) throw new Error(`the ${role} ended before it logged ${message}: ${text}`)
          return line
        },
      }
      all.push(service)
      return service
    },
    async [Symbol.asyncDispose]() {
      for (const service of all) service.kill('SIGKILL')
      await Promise.all(all.map(({ exited }) => exited))
    },
  }
}

/** Redis and the migrations in it, as a test looks at them. */
export async function openStore(url: string): Promise<{ readonly store: PoolStore; readonly redis: RedisClient } & AsyncDisposable> {
  const connection: RedisConnection = await connectRedis({ url, name: 'fault-test', onTrouble: () => {}, onRecovered: () => {} })
  return { store: new PoolStore(connection.client, { recordMs: 3_600_000 }), redis: connection.client, [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose]() }
}

/** Waits for something that is looked at now and then. @throws Error with what was waited for */
export async function until(what: string, holds: () => boolean | Promise<boolean>, withinMs = 150_000): Promise<void> {
  const end = performance.now() + withinMs
  while (!await holds()) {
    if (performance.now() > end) throw new Error(`it did not come to be within ${withinMs} ms: ${what}`)
    await delay(25)
  }
}

/** An images list of a corpus. Companion tags travel with what they are about. */
export function listOf(corpus: Corpus): string {
  return corpus.flatMap(({ repository, tag }) => (tag === undefined || tag.startsWith('sha256-') ? [] : [`${repository}:${tag}\n`])).join('')
}

export function repositoriesOf(corpus: Corpus): readonly string[] { return [...new Set(corpus.map(({ repository }) => repository))] }

/** P1: every tag of the corpus names what it named at the source, and all of it is there. */
export async function assertAll(url: string, corpus: Corpus): Promise<void> {
  for (const { repository, tag, content } of corpus) if (tag !== undefined) await assertIntact(url, repository, tag, { expectDigest: content.root.digest, deep: true })
}

/** How each blob was read at its source, by digest. */
export function readingsOf({ requests }: EmbeddedRegistry): ReadonlyMap<string, readonly LoggedRequest[]> {
  return Map.groupBy(requests.filter(({ kind }) => kind === 'blob-get'), ({ reference = '' }) => reference)
}

/** Bytes of blobs that are on their way at the moment, by what the workers tell. */
export async function bytesInFlight(store: PoolStore): Promise<number> {
  return (await store.workers()).flatMap(({ transfers }) => transfers).reduce((sum, { size }) => sum + Math.max(0, size), 0)
}

export interface Stand extends AsyncDisposable {
  readonly redis: RedisServer
  readonly client: RedisClient
  readonly store: PoolStore
  readonly services: Services
  readonly workers: readonly Service[]
  readonly coordinator: Service
  readonly coordinators: readonly Service[]
  /** Of the coordinator's API, with the token; below /api/v1. */
  ask(path: string, init?: RequestInit): Promise<Response>
  /** Submits an images list through the API; answers the migration's id. `more` goes to the query. */
  submit(list: string, from: string, to: string, more?: Readonly<Record<string, string>>): Promise<string>
  /** Waits for its end; answers how it stands then. */
  ended(id: string, withinMs?: number): Promise<MigrationStatus>
}

export interface StandOptions {
  readonly workers?: number
  readonly redis?: RedisOptions
  /** Of every process; of one worker by its number. */
  readonly env?: Readonly<Record<string, string>>
  readonly envOf?: (worker: number) => Readonly<Record<string, string>>
  /** More arguments of every worker. */
  readonly workerArgs?: readonly string[]
  /** Default 1. Any of them leads; `Stand.coordinator` is the first. */
  readonly coordinators?: number
  /** Where the processes find Redis, when it is not at its own port: behind a proxy. */
  readonly through?: (redis: RedisServer) => Promise<{ readonly port: number } & AsyncDisposable>
}

/** A whole pool: Redis, a coordinator and workers, all of them processes, and all of them ready. */
export async function startStand({ workers: count = 2, redis: redisOptions = {}, env = {}, envOf = () => ({}), workerArgs = [], coordinators: leaders = 1, through }: StandOptions = {}): Promise<Stand> {
  await using stack = new AsyncDisposableStack()
  const redis = stack.use(await startRedis(redisOptions))
  const way = through && stack.use(await through(redis))
  const services = stack.use(startServices(way ? `redis://127.0.0.1:${way.port}` : redis.url))
  const { password } = redisOptions
  const secret: Readonly<Record<string, string>> = password === undefined ? {} : { LONGSHORE_REDIS_PASSWORD: password }
  const coordinators = Array.from({ length: leaders }, () => services.start('coordinator', { env: { ...secret, ...env } }))
  const [coordinator = services.start('coordinator')] = coordinators
  const workers = Array.from({ length: count }, (_, i) => services.start('worker', { args: workerArgs, env: { ...secret, ...env, ...envOf(i) } }))
  const [listening] = await Promise.all([coordinator.logged('listening'), ...coordinators.map((one) => one.logged('coordinator ready')), ...workers.map((one) => one.logged('worker ready'))])
  const { store, redis: client } = stack.use(await openStore(password === undefined ? redis.url : redis.url.replace('://', `://:${encodeURIComponent(password)}@`)))
  const ask = async (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(`${String(listening?.['url'])}/api/v1${path}`, { ...init, headers: new Headers([['authorization', `Bearer ${apiToken}`], ...new Headers(init.headers)]) })
  const all = stack.move()
  return {
    redis, client, store, services, workers, coordinator, coordinators, ask,
    async submit(list, from, to, more = {}) {
      const query = new URLSearchParams({ from, to, srcTlsVerify: 'false', destTlsVerify: 'false', ...more })
      const answer = await ask(`/migrations?${query.toString()}`, { method: 'POST', body: list, headers: { 'content-type': 'text/plain' } })
      const body = await answer.json() as { readonly id?: string }
      if (body.id === undefined) throw new Error(`not submitted: ${JSON.stringify(body)}`)
      return body.id
    },
    async ended(id, withinMs = 150_000) {
      let status: MigrationStatus | undefined
      await until(`the end of ${id}`, async () => {
        status = await store.status(id)
        return status !== undefined && endStates.has(status.state)
      }, withinMs).catch((error: unknown) => { throw new Error(`${String(error)}: ${JSON.stringify(status)}`, { cause: error }) })
      if (!status) throw new Error(`nothing is known of ${id}`)
      return status
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}
