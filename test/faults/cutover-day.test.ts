// A whole cutover of a registry at work: 300 images, and somebody who pushes, moves and deletes tags all the while. docker-registry's own notifications name what
// changes. In the end every tag of the source is at the destination as it stood when it was frozen, whoever died on the way.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CutoverRecord, Phase } from '@longshore/cutover'
import { PlainClient, startEmbeddedRegistry, walkImage } from '@longshore/testing'
import { expect, test } from 'vitest'
import { env, gateAt, secret, World } from './cutover.fixture.ts'
import { startStand, until } from './pool.fixture.ts'
import { type BusySource, startBusySource, startRelay } from './source-day.fixture.ts'

const size = { images: 300, repositories: 30 }
const endsWithinMs = 240_000

/** A hook that freezes the source; asked again, it says so again. */
async function startFreeze(source: BusySource): Promise<{ readonly url: string; readonly held: () => { readonly reached: Promise<void>; open(): void } } & AsyncDisposable> {
  let onCall: () => Promise<void> = async () => {}
  const server = createServer((_, response) => {
    void (async () => {
      await source.freeze()
      await onCall()
    })().then(() => response.writeHead(204).end(), () => response.writeHead(500).end())
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    /** From now on it answers when it is let go. */
    held() {
      const [reached, opened] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      onCall = async () => {
        reached.resolve()
        await opened.promise
      }
      return { reached: reached.promise, open: opened.resolve }
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise<void>((resolve) => { server.close(() => { resolve() }) })
    },
  }
}

/** Every tag of the source names the same at the destination, and all of it is there. */
async function differences(url: string, tags: ReadonlyMap<string, string>): Promise<readonly string[]> {
  using client = new PlainClient(url)
  const wrong: string[] = []
  for (const [key, digest] of tags) {
    const [repository = '', tag = ''] = key.split(':')
    const { root, problems } = await walkImage(client, repository, tag)
    if (root !== digest || problems.length > 0) wrong.push(`${key} is ${root}, not ${digest}; ${problems.join('; ')}`)
  }
  return wrong
}

const isOver = ({ phase }: CutoverRecord): boolean => phase === 'go' || phase === 'no-go'
const specOf = (source: BusySource, to: string, hook: string): object => ({
  version: 1, from: source.registry.host, to, images: [{ repositories: { include: ['team/**'] } }],
  cutover: { delta: { every: '1h', events: { coalesce: '200ms' } }, freeze: { hook: { http: { url: hook }, timeout: '1m' }, deadline: '10m' }, verify: { deep: '5%' } },
})

test('300 images, and a source at work: deltas by events, freeze, verify, go', { timeout: 600_000 }, async () => {
  await using relay = await startRelay(secret)
  await using source = await startBusySource(relay, size)
  await using freeze = await startFreeze(source)
  await using destination = await startEmbeddedRegistry()
  await using stand = await startStand({ workers: 2, coordinators: 1, env })
  const world = new World(stand)
  source.work()
  const id = await world.begin(specOf(source, destination.host, freeze.url))
  relay.target = async () => await world.notificationsUrl(id, source.registry.host)
  await world.untilRecord(id, 'the deltas', ({ phase }) => phase === 'delta', endsWithinMs)
  const before = source.done.pushed
  await until('some more was pushed, and moved by what was told', async () => {
    const { passes } = await world.record(id)
    return source.done.pushed > before + 10 && source.done.moved > 3 && source.done.deleted > 3 && passes.filter(({ kind, copied }) => kind === 'events' && copied > 0).length >= 2
  }, endsWithinMs)
  const soFar = await world.record(id)
  // It follows within seconds, and without looking at what has not changed.
  expect(soFar.passes.filter(({ kind }) => kind === 'delta').length).toBeLessThanOrEqual(1)
  await world.steer(id, 'freeze')
  const ended = await world.untilRecord(id, 'the decision', isOver, endsWithinMs)
  expect(ended).toMatchObject({ phase: 'go', decision: { verdict: 'go' }, verification: { images: source.tags.size, sound: source.tags.size, missing: 0, differing: 0, failed: 0 } })
  // What is deleted behind its listing fails in a pass over everything, and in that one alone.
  const failures = ended.passes.flatMap(({ kind, failures }) => failures.filter(({ error }) => kind !== 'bulk' || error.code !== 'IMAGE_NOT_FOUND'))
  expect([failures, ended.passes.filter(({ kind, failed }) => kind !== 'bulk' && failed > 0)]).toEqual([[], []])
  expect(ended.verification?.bytesRead).toBeGreaterThan(0)
  expect(await differences(destination.url, source.tags)).toEqual([])
  const markdown = await (await world.ask(`/cutovers/${id}/report.md`)).text()
  expect(markdown).toMatch(/^# .*\bGO\b/m)
})

test('the same, while a coordinator and a worker are killed in each phase', { timeout: 900_000 }, async () => {
  await using relay = await startRelay(secret)
  await using source = await startBusySource(relay, size)
  await using freeze = await startFreeze(source)
  await using destination = await startEmbeddedRegistry()
  await using stand = await startStand({ workers: 2, coordinators: 2, env })
  const world = new World(stand)
  const killed: Phase[] = []
  /** Both are killed while requests of the phase are held up, so that they die in its midst. */
  const killIn = async (id: string, phase: Phase, gate: ReturnType<typeof gateAt>): Promise<void> => {
    await world.untilRecord(id, `phase ${phase}`, (record) => record.phase === phase, endsWithinMs)
    await gate.reached
    killed.push((await world.record(id)).phase)
    world.killWorker()
    await world.killLeader(id)
    gate.open()
  }
  source.work()
  const puts = gateAt(destination, 'manifest-put')
  const id = await world.begin(specOf(source, destination.host, freeze.url))
  relay.target = async () => await world.notificationsUrl(id, source.registry.host)
  await killIn(id, 'bulk', puts)
  await world.untilRecord(id, 'the deltas', ({ phase }) => phase === 'delta', endsWithinMs)
  await killIn(id, 'delta', gateAt(destination, 'manifest-put'))
  await until('what was told is moved', async () => (await world.record(id)).passes.some(({ kind, copied }) => kind === 'events' && copied > 0), endsWithinMs)
  const freezing = freeze.held()
  await world.steer(id, 'freeze')
  await freezing.reached
  killed.push((await world.record(id)).phase)
  world.killWorker()
  await world.killLeader(id)
  // Nothing asks the destination while the source is made read-only. Only the verification reads its manifests.
  const last = gateAt(destination, 'tags', 'manifest-head')
  const looking = gateAt(destination, 'manifest-get')
  freezing.open()
  await killIn(id, 'final', last)
  await killIn(id, 'verifying', looking)
  const ended = await world.untilRecord(id, 'the decision', isOver, endsWithinMs)
  expect(killed).toEqual(['bulk', 'delta', 'freezing', 'final', 'verifying'])
  expect(ended).toMatchObject({ phase: 'go', verification: { images: source.tags.size, sound: source.tags.size, missing: 0, differing: 0, failed: 0 } })
  const numbers = ended.passes.map(({ number }) => number)
  expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b))
  expect(await differences(destination.url, source.tags)).toEqual([])
})

test('an image whose layer is gone at the source makes it no-go, and the report says which and why', { timeout: 600_000 }, async () => {
  const rootDirectory = await mkdtemp(join(tmpdir(), 'longshore-day-'))
  await using _folder = { [Symbol.asyncDispose]: async () => await rm(rootDirectory, { recursive: true, force: true }) }
  await using relay = await startRelay(secret)
  await using source = await startBusySource(relay, { images: 60, repositories: 6, rootDirectory })
  await using freeze = await startFreeze(source)
  await using destination = await startEmbeddedRegistry()
  const broken = 'team/app3:v4'
  using client = new PlainClient(source.registry.url)
  const manifest = JSON.parse((await client.send('GET', `/v2/team/app3/manifests/${source.tags.get(broken)}`, { headers: { accept: 'application/vnd.oci.image.manifest.v1+json' } })).body.toString()) as { readonly layers: ReadonlyArray<{ readonly digest: string }> }
  const [layer = { digest: '' }] = manifest.layers
  const hex = layer.digest.slice('sha256:'.length)
  await rm(join(rootDirectory, 'docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex), { recursive: true })
  expect(await readdir(rootDirectory)).not.toEqual([])

  await using stand = await startStand({ workers: 1, coordinators: 1, env })
  const world = new World(stand)
  const id = await world.begin(specOf(source, destination.host, freeze.url))
  await world.untilRecord(id, 'the deltas', ({ phase }) => phase === 'delta', endsWithinMs)
  await world.steer(id, 'freeze')
  const ended = await world.untilRecord(id, 'the decision', isOver, endsWithinMs)
  expect(ended).toMatchObject({ phase: 'no-go', decision: { verdict: 'no-go' }, verification: { images: 60, sound: 59 } })
  const unmet = ended.decision?.criteria.filter(({ met }) => !met) ?? []
  expect(unmet.map(({ name }) => name)).toEqual(['missing', 'failures'])
  expect(ended.passes.at(-1)?.failures.map(({ source: from }) => from)).toEqual([`${source.registry.host}/${broken}`])
  const markdown = await (await world.ask(`/cutovers/${id}/report.md`)).text()
  expect(markdown).toMatch(/NO-GO/)
  expect(markdown).toContain(broken)
  expect(markdown).toContain(layer.digest)
  // All the others are there.
  expect((await differences(destination.url, source.tags)).map((line) => line.split(' ')[0])).toEqual([broken])
})
