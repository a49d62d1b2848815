// A large blob whose worker goes in the midst of it: another goes on from where the destination is, and reads the rest alone.
import { type Corpus, type DockerRegistry, image, seed, startDockerRegistry, startProber, startTcpProxy, type TcpProxy } from '@longshore/testing'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { assertAll, listOf, repositoriesOf, type Service, type Stand, startStand, until } from './pool.fixture.ts'

const mib = 1024 * 1024
/** MiB; the whole GiB by hand. */
const size = Number(process.env['LONGSHORE_LARGE_MIB'] ?? 192) * mib
const isTold = process.env['LONGSHORE_LARGE_MIB'] !== undefined
const partBytes = 32 * mib
/** Of the link by which workers read: slower than the destination, as links are. */
const rate = Number(process.env['LONGSHORE_LARGE_RATE'] ?? 12)

const corpus: Corpus = [{ repository: 'large/app', tag: 'v1', content: image({ seed: 'large', layers: [size] }) }]
const digest = [...corpus[0]!.content.blobs.values()].find((blob) => blob.size === size)!.digest

let stand: Stand
beforeAll(async () => { stand = await startStand({ workers: 3, workerArgs: ['--max-bandwidth', `${rate}MiB/s`, '--grace', '5'] }) })
afterAll(async () => { await stand[Symbol.asyncDispose]() })

interface Scene extends AsyncDisposable {
  readonly from: TcpProxy
  readonly to: TcpProxy
  readonly destination: DockerRegistry
  readonly id: string
  /** Where the upload is known to stand. */
  offset(): Promise<number>
}

/** docker-registry at both ends, and a proxy before each that counts. The one that has the blob is to go. */
async function begin(): Promise<Scene> {
  await using stack = new AsyncDisposableStack()
  const source = stack.use(await startDockerRegistry())
  const destination = stack.use(await startDockerRegistry())
  await seed(source.url, corpus)
  const from = stack.use(await startTcpProxy(Number(new URL(source.url).port)))
  const to = stack.use(await startTcpProxy(Number(new URL(destination.url).port)))
  const id = await stand.submit(listOf(corpus), `127.0.0.1:${from.port}`, `127.0.0.1:${to.port}`)
  const all = stack.move()
  return {
    from, to, destination, id,
    async offset() {
      for (const key of await stand.client.keys('longshore:upload:*')) {
        const offset = await stand.client.hget(key, 'offset')
        if (offset !== null) return Number(offset)
      }
      return 0
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}

async function holderOf(): Promise<Service> {
  let pid: number | undefined
  await until('who has it', async () => (pid = (await stand.store.workers()).find(({ transfers }) => transfers.some((one) => one.digest === digest))?.pid) !== undefined)
  const holder = stand.workers.find((worker) => worker.pid === pid)
  if (!holder) throw new Error(`no worker has ${digest}`)
  return holder
}

async function assertWhole({ destination, id }: Scene): Promise<void> {
  const { state, counts } = await stand.ended(id, 180_000)
  expect(state).toBe('complete')
  expect(counts).toMatchObject({ found: 1, copied: 1, failed: 0 })
  await assertAll(destination.url, corpus)
}

/** How often somebody was taken for dead. */
const reclaims = (): number => stand.services.all.flatMap(({ log }) => log.filter(({ msg }) => /taken from a worker/.test(String(msg)))).length
const slack = 2 * mib

test('kill -9 at half: at least 40 % are not sent again', { timeout: 240_000 }, async () => {
  await using scene = await begin()
  const { from, to, destination } = scene
  await using prober = startProber(destination.url, repositoriesOf(corpus), { pauseMs: 50 })
  const holder = await holderOf()
  await until('half of it', async () => await scene.offset() >= size / 2, 120_000)
  // In the midst of the next part.
  await delay(partBytes / (rate * mib) / 2 * 1000)
  const before = reclaims()
  const [read, sent] = [from.bytesDown, to.bytesUp]
  holder.kill('SIGKILL')
  await holder.exited
  const offset = await scene.offset()
  await assertWhole(scene)
  const [readAgain, sentAgain] = [from.bytesDown - read, to.bytesUp - sent]
  if (isTold) console.log({ size, offset, read, sent, readAgain, sentAgain, kept: 1 - sentAgain / size })
  expect(reclaims()).toBe(before + 1)
  expect(offset).toBeGreaterThanOrEqual(size / 2)
  expect(sentAgain).toBeLessThanOrEqual(size * 0.6)
  expect(readAgain).toBeLessThanOrEqual(size * 0.6)
  expect(sentAgain).toBeLessThanOrEqual(size - offset + slack)
  expect(to.bytesUp).toBeLessThanOrEqual(size + partBytes + slack)
  expect(from.bytesDown).toBeLessThanOrEqual(size + partBytes + slack)
  const { violations } = await prober.stop()
  expect(violations).toEqual([])
})

test('SIGTERM: handed back within the grace, with its offset, and gone on with at once', { timeout: 240_000 }, async () => {
  await using scene = await begin()
  const { from, to, destination } = scene
  await using prober = startProber(destination.url, repositoriesOf(corpus), { pauseMs: 50 })
  const holder = await holderOf()
  await until('a part of it', async () => await scene.offset() >= partBytes, 60_000)
  const before = reclaims()
  const at = performance.now()
  holder.kill('SIGTERM')
  expect(await holder.exited).toBe(0)
  const graceUsed = performance.now() - at
  await assertWhole(scene)
  if (isTold) console.log({ graceUsed, read: from.bytesDown, sent: to.bytesUp, size })
  expect(graceUsed).toBeLessThan(5_000 + 2_000)
  // Nobody had to be taken for dead, and nothing was sent twice.
  expect(reclaims()).toBe(before)
  expect(to.bytesUp).toBeLessThanOrEqual(size + slack)
  expect(from.bytesDown).toBeLessThanOrEqual(size + partBytes + slack)
  const { violations } = await prober.stop()
  expect(violations).toEqual([])
})
