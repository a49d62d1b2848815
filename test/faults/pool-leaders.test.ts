// Whoever leads a migration dies while it still finds out what there is to move; another leads on.
import { type Corpus, type EmbeddedRegistry, image, measure, seed, startEmbeddedRegistry, startProber } from '@longshore/testing'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { launch } from '../e2e/cli-process.ts'
import { assertAll, readingsOf, repositoriesOf, type Service, type Stand, startStand, until } from './pool.fixture.ts'

const repositories = 16
const tags = 6
const corpus: Corpus = Array.from({ length: repositories * tags }, (_, i) => ({
  repository: `team/app-${i % repositories}`, tag: `v${Math.floor(i / repositories)}`, content: image({ seed: `leader ${i}`, layers: [3000] }),
}))
/** Tags are listed, one repository after the other. */
const spec = JSON.stringify({ version: 1, images: repositoriesOf(corpus).map((name) => ({ name })) })

let stand: Stand
/** One after the other of the coordinators dies. */
let coordinators: Service[]
beforeAll(async () => {
  stand = await startStand({ workers: 1, coordinators: 3 })
  coordinators = [...stand.coordinators]
})
afterAll(async () => { await stand[Symbol.asyncDispose]() })

async function startSource(): Promise<EmbeddedRegistry> {
  const source = await startEmbeddedRegistry()
  await seed(source.url, corpus)
  source.clearRequests()
  // Many repositories are listed at once: here their answers come one after the other.
  let turn = Promise.resolve()
  source.onRequest(async ({ kind }) => {
    if (kind !== 'tags') return
    turn = turn.then(() => delay(250))
    await turn
  })
  return source
}

/** The process that leads it, by the lock that it holds. */
async function leaderOf(id: string): Promise<number | undefined> {
  const holder = await stand.client.get(`longshore:{${id}}:lead`)
  return holder === null ? undefined : Number(holder.split('-').at(-2))
}

async function untilExpanded(id: string, share: number): Promise<void> {
  await until('some images found', async () => ((await stand.store.status(id))?.counts.found ?? 0) >= corpus.length * share)
  expect(await stand.store.get(id)).toMatchObject({ state: 'running', expanded: false })
}

/** Every image was found, and had effect, once. */
async function assertOnce(id: string, source: EmbeddedRegistry, destination: EmbeddedRegistry): Promise<void> {
  const { counts } = await stand.ended(id)
  expect(counts).toMatchObject({ found: corpus.length, resolved: corpus.length, copied: corpus.length, present: 0, failed: 0, manifests: corpus.length })
  const { blobs, bytes } = measure(corpus)
  expect(counts).toMatchObject({ expectedBytes: bytes, blobs: { pushed: blobs, pushedBytes: bytes } })
  const puts = destination.requests.filter(({ kind }) => kind === 'manifest-put')
  expect(puts.length).toBe(corpus.length)
  expect(new Set(puts.map(({ path }) => path)).size).toBe(corpus.length)
  expect([...readingsOf(source).values()].filter(({ length }) => length > 1)).toEqual([])
  const results: string[] = []
  for await (const { id: image } of stand.store.ledger(id).results()) results.push(image)
  expect(new Set(results).size).toBe(corpus.length)
  await assertAll(destination.url, corpus)
}

test('kill -9 of the coordinator in mid-expansion, and of the next one; a third ends it', { timeout: 240_000 }, async () => {
  await using source = await startSource()
  await using destination = await startEmbeddedRegistry({ requireManifestReferences: false })
  await using prober = startProber(destination.url, repositoriesOf(corpus), { pauseMs: 50 })
  const id = await stand.submit(spec, source.host, destination.host, { format: 'yaml' })
  const killed: number[] = []
  for (const share of [0.1, 0.4]) {
    let pid: number | undefined
    await until('another leader', async () => {
      pid = await leaderOf(id)
      return pid !== undefined && !killed.includes(pid)
    })
    await untilExpanded(id, share)
    const leader = coordinators.find((one) => one.pid === pid)
    expect(leader?.log.some(({ migration, msg }) => migration === id && msg === 'leading a migration')).toBe(true)
    leader?.kill('SIGKILL')
    await leader?.exited
    killed.push(pid ?? 0)
    coordinators = coordinators.filter((one) => one !== leader)
  }
  await assertOnce(id, source, destination)
  const { violations } = await prober.stop()
  expect(violations).toEqual([])
  expect(new Set(killed).size).toBe(2)
  expect(await stand.store.get(id)).toMatchObject({ state: 'complete', expanded: true })
})


async function withSpec(act: (file: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'longshore-leader-'))
  try {
    const file = join(folder, 'spec.yaml')
    await writeFile(file, spec)
    await act(file)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test.each(['a coordinator leads on', 'given again at once, it leads on itself'])('kill -9 of `longshore migrate --redis --workers` in mid-expansion: its workers go, and %s', { timeout: 240_000 }, async (how) => {
  await using source = await startSource()
  await using destination = await startEmbeddedRegistry({ requireManifestReferences: false })
  await using prober = startProber(destination.url, repositoriesOf(corpus), { pauseMs: 50 })
  await withSpec(async (file) => {
    const args = ['migrate', file, '--from', source.host, '--to', destination.host, '--src-tls-verify=false', '--dest-tls-verify=false', '--redis', stand.redis.url, '--workers', '1']
    // It would lead at once: the command is to be the first.
    for (const one of coordinators) one.kill('SIGSTOP')
    const command = launch(args)
    let id = ''
    await until('the migration to be led by the command', async () => {
      id = (await stand.store.active())[0] ?? ''
      return id !== '' && await leaderOf(id) === command.pid
    })
    await untilExpanded(id, 0.1)
    const own = (await stand.store.workers()).filter(({ role, pid }) => role === 'worker' && pid !== stand.workers[0]?.pid)
    expect(own.length).toBe(1)
    for (const one of coordinators) one.kill(how === 'a coordinator leads on' ? 'SIGCONT' : 'SIGKILL')
    await untilExpanded(id, 0.3)
    command.kill('SIGKILL')
    await command.finished
    if (how !== 'a coordinator leads on') {
      const { code, stdout, stderr } = await launch(args).finished
      expect(stderr).toContain(`under way already, as ${id}`)
      expect(stdout).toMatch(/ 0 failed/)
      expect(code).toBe(0)
    }
    await assertOnce(id, source, destination)
    await until('its worker to go', () => own.every(({ pid }) => !isAlive(pid)), 60_000)
  })
  const { violations } = await prober.stop()
  expect(violations).toEqual([])
})
