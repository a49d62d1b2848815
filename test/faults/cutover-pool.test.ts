// Whoever leads a cutover is killed in each of its phases, with the workers; another one takes over, and nothing is lost, counted twice or decided early.
import { assertIntact, type Corpus, image, seed, startEmbeddedRegistry } from '@longshore/testing'
import type { Phase } from '@longshore/cutover'
import { expect, test } from 'vitest'
import { env, gateAt, startFreezer, World } from './cutover.fixture.ts'
import { assertAll, startStand, until } from './pool.fixture.ts'

const names = Array.from({ length: 6 }, (_, i) => `team/app${i}`)
const corpus: Corpus = names.flatMap((repository) => ['1', '2'].map((tag) => ({ repository, tag, content: image({ seed: `${repository} ${tag}`, layers: [3_000, 4_000] }) })))

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
  expect(ended).toMatchObject({ phase: 'go', decision: { verdict: 'go' }, verification: { images: corpus.length + 2, sound: corpus.length + 2, missing: 0, extra: 0 } })
  // Passes are numbered on, and none is told twice.
  const numbers = ended.passes.map(({ number }) => number)
  expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b))
  expect(ended.passes[0]).toMatchObject({ number: 1, kind: 'bulk', images: corpus.length, failed: 0 })
  expect(ended.passes.at(-1)).toMatchObject({ kind: 'final', failed: 0 })
  expect(ended.passes.reduce((sum, { copied }) => sum + copied, 0)).toBe(corpus.length + 2)
  await assertAll(destination.url, corpus)
  await assertIntact(destination.url, 'team/app2', 'late', { expectDigest: late.root.digest, deep: true })
})

test('a leader that stands still for longer than it is believed is replaced; awake again, it changes nothing', { timeout: 180_000 }, async () => {
  await using source = await startEmbeddedRegistry()
  await using destination = await startEmbeddedRegistry()
  await seed(source.url, corpus)
  await using stand = await startStand({ workers: 1, coordinators: 2, env })
  const world = new World(stand)
  const blobs = gateAt(source, 'blob-get')
  const id = await world.begin({ version: 1, from: source.host, to: destination.host, images: names.map((name) => ({ name })), cutover: { delta: { every: '1h' } } })
  await blobs.reached
  const stalled = await world.leader(id)
  stalled?.kill('SIGSTOP')
  const isReplaced = async (): Promise<boolean> => {
    const leader = await world.leader(id)
    return leader !== undefined && leader !== stalled
  }
  await until('another leader', isReplaced, 60_000)
  blobs.open()
  await world.untilRecord(id, 'the deltas', ({ phase }) => phase === 'delta')
  stalled?.kill('SIGCONT')
  const answers = async (): Promise<boolean> => await fetch(`${String((await stalled?.logged('listening'))?.['url'])}/readyz`).then(({ ok }) => ok, () => false)
  await until('the one that stood still is back', answers, 60_000)
  await world.steer(id, 'freeze')
  const ended = await world.untilRecord(id, 'the decision', ({ phase }) => phase === 'go' || phase === 'no-go')
  expect(ended.phase).toBe('go')
  expect(ended.passes.map(({ number, kind, images }) => [number, kind, images])).toEqual([[1, 'bulk', corpus.length], [2, 'final', corpus.length]])
  expect(ended.moved.copied).toBe(corpus.length)
  await assertAll(destination.url, corpus)
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
