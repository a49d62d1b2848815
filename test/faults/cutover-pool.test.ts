// Whoever leads a cutover is killed in each of its phases, with the workers; another one takes over, and nothing is lost, counted twice or decided early.
import { createServer } from 'node:http'
import { assertIntact, type Corpus, type EmbeddedRegistry, image, seed, startEmbeddedRegistry } from '@longshore/testing'
import type { CutoverRecord, Phase } from '@longshore/cutover'
import { expect, test } from 'vitest'
import { apiToken, assertAll, type Service, type Stand, startStand, until } from './pool.fixture.ts'

const secret = 'of-the-registries'
const env = { LONGSHORE_ALLOW_HOOKS: 'true', LONGSHORE_NOTIFICATION_SECRET: secret }
const names = Array.from({ length: 6 }, (_, i) => `team/app${i}`)
const corpus: Corpus = names.flatMap((repository) => ['1', '2'].map((tag) => ({ repository, tag, content: image({ seed: `${repository} ${tag}`, layers: [3_000, 4_000] }) })))

/** Something that is waited for, and let go. */
interface Gate { readonly reached: Promise<void>; open(): void }

/** The next requests of this kind wait. */
function gateAt(registry: EmbeddedRegistry, ...kinds: readonly string[]): Gate {
  const reached = Promise.withResolvers<void>()
  const opened = Promise.withResolvers<void>()
  const letGo = registry.onRequest(async ({ kind }) => {
    if (!kinds.includes(kind)) return
    reached.resolve()
    await opened.promise
  })
  return { reached: reached.promise, open() { letGo(); opened.resolve() } }
}

/** What makes the source read-only; asked again, it says so again. */
async function startFreezer(): Promise<{ readonly url: string; readonly calls: () => number; readonly gate: Gate } & AsyncDisposable> {
  const reached = Promise.withResolvers<void>()
  const opened = Promise.withResolvers<void>()
  let calls = 0
  const server = createServer((_, response) => {
    calls++
    reached.resolve()
    void opened.promise.then(() => response.writeHead(204).end())
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  const { port } = server.address() as { readonly port: number }
  return {
    url: `http://127.0.0.1:${port}/freeze`, calls: () => calls, gate: { reached: reached.promise, open: opened.resolve },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise<void>((resolve) => { server.close(() => resolve()) })
    },
  }
}

/** A pool with its cutovers; coordinators come and go. */
class World {
  readonly stand: Stand
  readonly #coordinators: Service[]
  constructor(stand: Stand) {
    this.stand = stand
    this.#coordinators = [...stand.coordinators]
  }

  async ask(path: string, init: RequestInit = {}): Promise<Response> {
    const [first] = this.#coordinators
    const listening = await first?.logged('listening')
    const headers = new Headers(init.headers)
    if (!headers.has('authorization')) headers.set('authorization', `Bearer ${apiToken}`)
    return await fetch(`${String(listening?.['url'])}/api/v1${path}`, { ...init, headers })
  }

  async begin(spec: object): Promise<string> {
    const answer = await this.ask('/cutovers?srcTlsVerify=false&destTlsVerify=false', { method: 'POST', body: JSON.stringify(spec), headers: { 'content-type': 'application/yaml' } })
    const body = await answer.json() as { readonly id?: string }
    if (body.id === undefined) throw new Error(JSON.stringify(body))
    return body.id
  }

  async notify(id: string, repository: string, tag: string): Promise<void> {
    const event = { action: 'push', target: { repository, tag, mediaType: 'application/vnd.oci.image.manifest.v1+json' } }
    const answer = await this.ask(`/cutovers/${id}/notifications`, { method: 'POST', body: JSON.stringify({ events: [event] }), headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' } })
    expect(answer.status).toBe(202)
  }

  async record(id: string): Promise<CutoverRecord> {
    const fields = await this.stand.client.hmget(`longshore:cutover:{${id}}:record`, 'body', 'spec')
    return { ...JSON.parse(fields[0] ?? '{}') as CutoverRecord, spec: JSON.parse(fields[1] ?? '{}') as CutoverRecord['spec'] }
  }

  async untilRecord(id: string, what: string, holds: (record: CutoverRecord) => boolean): Promise<CutoverRecord> {
    let last: CutoverRecord | undefined
    await until(what, async () => holds(last = await this.record(id)), 60_000).catch((error: unknown) => { throw new Error(`${String(error)}: ${JSON.stringify({ ...last, spec: {} })}`, { cause: error }) })
    return last ?? await this.record(id)
  }

  /** The process that holds it, by its lock. */
  async leader(id: string): Promise<Service | undefined> {
    const holder = await this.stand.client.get(`longshore:cutover:{${id}}:lead`)
    return holder === null ? undefined : this.#coordinators.find(({ pid }) => pid === Number(holder.split('-').at(-2)))
  }

  /** kill -9 of the leader; another coordinator is started. Returns when another leads. */
  async killLeader(id: string): Promise<void> {
    const victim = await this.leader(id)
    if (!victim) throw new Error('nobody leads')
    victim.kill('SIGKILL')
    await victim.exited
    this.#coordinators.splice(this.#coordinators.indexOf(victim), 1)
    this.#coordinators.push(this.stand.services.start('coordinator', { env }))
    await until('another leader', async () => await this.leader(id) !== undefined, 60_000)
  }
}

test('kill -9 of the leader in each phase, and of a worker: another one goes on, to go', { timeout: 300_000 }, async () => {
  await using source = await startEmbeddedRegistry()
  await using destination = await startEmbeddedRegistry()
  await using freezer = await startFreezer()
  await seed(source.url, corpus)
  await using stand = await startStand({ workers: 2, coordinators: 2, env })
  const world = new World(stand)
  const phases: Phase[] = []

  // bulk
  const blobs = gateAt(source, 'blob-get')
  const id = await world.begin({
    version: 1, from: source.host, to: destination.host, images: names.map((name) => ({ name })),
    cutover: { delta: { every: '1h', events: { coalesce: '50ms' } }, freeze: { hook: { http: { url: freezer.url }, timeout: '2m' }, deadline: '10m' } },
  })
  await blobs.reached
  phases.push((await world.record(id)).phase)
  stand.workers[0]?.kill('SIGKILL')
  await world.killLeader(id)
  stand.services.start('worker', { env })
  blobs.open()
  await world.untilRecord(id, 'the deltas', ({ phase }) => phase === 'delta')

  // delta, by events: what was told survives as well
  const pushed = image({ seed: 'pushed', layers: [5_000] })
  await seed(source.url, [{ repository: 'team/app0', tag: 'event', content: pushed }])
  const moving = gateAt(source, 'blob-get')
  await world.notify(id, 'team/app0', 'event')
  await moving.reached
  phases.push((await world.record(id)).phase)
  await world.killLeader(id)
  await world.notify(id, 'team/app1', 'gone')
  moving.open()
  await world.untilRecord(id, 'the pass by events', ({ passes }) => passes.some(({ kind, copied }) => kind === 'events' && copied === 1))
  await assertIntact(destination.url, 'team/app0', 'event', { expectDigest: pushed.root.digest })

  // freezing
  const late = image({ seed: 'late', layers: [6_000] })
  await seed(source.url, [{ repository: 'team/app2', tag: 'late', content: late }])
  expect((await world.ask(`/cutovers/${id}/freeze`, { method: 'POST' })).status).toBe(200)
  await freezer.gate.reached
  phases.push((await world.record(id)).phase)
  const last = gateAt(source, 'blob-get')
  await world.killLeader(id)
  await until('the hook called again', () => freezer.calls() >= 2, 60_000)
  freezer.gate.open()

  // the last pass
  await last.reached
  phases.push((await world.record(id)).phase)
  await world.killLeader(id)
  const looking = gateAt(destination, 'manifest-head', 'manifest-get')
  last.open()

  // verifying
  await world.untilRecord(id, 'the verification', ({ phase }) => phase === 'verifying')
  await looking.reached
  phases.push((await world.record(id)).phase)
  await world.killLeader(id)
  looking.open()

  const ended = await world.untilRecord(id, 'the decision', ({ phase }) => phase === 'go' || phase === 'no-go')
  expect(phases).toEqual(['bulk', 'delta', 'freezing', 'final', 'verifying'])
  expect(ended).toMatchObject({ phase: 'go', decision: { verdict: 'go' }, verification: { images: corpus.length + 2, sound: corpus.length + 2, missing: 0, orphans: 0 } })
  // Passes are numbered on, and none is told twice.
  const numbers = ended.passes.map(({ number }) => number)
  expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b))
  expect(ended.passes[0]).toMatchObject({ number: 1, kind: 'bulk', images: corpus.length, failed: 0 })
  expect(ended.passes.at(-1)).toMatchObject({ kind: 'final', failed: 0 })
  expect(ended.passes.reduce((sum, { copied }) => sum + copied, 0)).toBe(corpus.length + 2)
  await assertAll(destination.url, corpus)
  await assertIntact(destination.url, 'team/app2', 'late', { expectDigest: late.root.digest, deep: true })
})

test('Redis restarts while a cutover waits: what is told then is moved, and the schedule goes on', { timeout: 180_000 }, async () => {
  await using source = await startEmbeddedRegistry()
  await using destination = await startEmbeddedRegistry()
  await seed(source.url, corpus.slice(0, 2))
  await using stand = await startStand({ workers: 1, coordinators: 2, redis: { aof: true }, env })
  const world = new World(stand)
  const id = await world.begin({ version: 1, from: source.host, to: destination.host, images: [{ name: 'team/app0' }], cutover: { delta: { schedule: '*/3 * * * * *', events: { coalesce: '50ms' } } } })
  await world.untilRecord(id, 'the deltas', ({ phase }) => phase === 'delta')
  await stand.redis.stop('SIGKILL')
  await stand.redis.start()
  const first = image({ seed: 'after the restart', layers: [2_000] })
  await seed(source.url, [{ repository: 'team/app0', tag: 'told', content: first }])
  await until('Redis is back', async () => (await world.ask(`/cutovers/${id}`)).status === 200, 60_000)
  await world.notify(id, 'team/app0', 'told')
  await until('the tag', () => destination.tag('team/app0', 'told') === first.root.digest, 60_000)
  const second = image({ seed: 'untold', layers: [2_000] })
  await seed(source.url, [{ repository: 'team/app0', tag: 'untold', content: second }])
  await until('the tag that nobody told of', () => destination.tag('team/app0', 'untold') === second.root.digest, 60_000)
  const { passes } = await world.record(id)
  expect(passes.filter(({ failed }) => failed > 0)).toEqual([])
})
