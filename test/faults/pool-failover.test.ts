// A primary dies, and its replica takes over: what Redis had not passed on by then is done again, and nobody has to do anything.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Corpus, image, layer, seed, startEmbeddedRegistry, startProber, startRedisCluster, startRedisSentinel } from '@longshore/testing'
import { expect, test } from 'vitest'
import { launch } from '../e2e/cli-process.ts'
import { assertAll, listOf, repositoriesOf, type Service, startServices, until } from './pool.fixture.ts'

interface Pair { readonly url: string; readonly env: Readonly<Record<string, string>>; /** Kills the primary that has the migration. */ readonly kill: () => Promise<void> }

const kinds: ReadonlyArray<readonly [name: string, start: (stack: AsyncDisposableStack) => Promise<Pair>]> = [
  ['by Sentinel', async (stack) => {
    const { url, primary } = stack.use(await startRedisSentinel({ password: 'a-password' }))
    return { url, env: { LONGSHORE_REDIS_PASSWORD: 'a-password' }, kill: async () => primary.stop('SIGKILL') }
  }],
  ['in a cluster', async (stack) => {
    const { url, nodes } = stack.use(await startRedisCluster({ replicas: 1 }))
    return {
      url, env: {},
      async kill() {
        for (const node of nodes) {
          if ((await node.ask('ROLE')).startsWith('master') && (await node.ask('KEYS', 'longshore:{*}:meta')) !== '') return await node.stop('SIGKILL')
        }
        throw new Error('no node has a migration')
      },
    }
  }],
]

test.each(kinds)('a failover %s: everybody waits, says so once at most, and all of it arrives', { timeout: 150_000 }, async (_, start) => {
  await using stack = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'longshore-failover-'))
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  const { url, env, kill } = await start(stack)
  const services = stack.use(startServices(url))
  await Promise.all([services.start('coordinator', { env }).logged('coordinator ready'), services.start('worker', { env }).logged('worker ready'), services.start('worker', { env }).logged('worker ready')])
  const source = stack.use(await startEmbeddedRegistry())
  const destination = stack.use(await startEmbeddedRegistry({ requireManifestReferences: false }))
  const base = layer({ seed: 'base', size: 9_000 })
  const corpus: Corpus = Array.from({ length: 150 }, (_, i) => ({ repository: `team/app${i % 8}`, tag: `v${i}`, content: image({ seed: `failover ${i}`, layers: [base, 3_000 + i] }) }))
  await seed(source.url, corpus)
  source.onRequest(async ({ kind }) => { if (kind === 'blob-get') await delay(300) })
  await using prober = startProber(destination.url, repositoriesOf(corpus), { pauseMs: 100 })
  await writeFile(join(folder, 'list'), listOf(corpus))
  const run = launch(['migrate', join(folder, 'list'), '--from', source.host, '--to', destination.host, '--src-tls-verify=false', '--dest-tls-verify=false', '--redis', url], { env })
  await run.saw(/^2\d\/150 /m)
  await kill()
  const { code, stdout, stderr } = await run.finished
  // What had arrived, and was forgotten with the primary, is found there.
  expect(stdout, stderr).toMatch(/^images {5}\d+ copied, \d+ already there, 0 failed$/m)
  expect(code).toBe(0)
  expect((await prober.stop()).violations).toEqual([])
  await assertAll(destination.url, corpus)
  const about = ({ log }: Service): readonly string[] => log.flatMap(({ msg, redis, queue }) => (msg === 'about redis' || queue === 'schedules' ? [String(redis ?? msg)] : []))
  const isOver = (service: Service): boolean => about(service).length === 0 || about(service).at(-1) === 'Redis is back'
  await until('everybody to know that Redis is back', () => services.all.every(isOver), 20_000)
  for (const service of services.all) {
    expect([[], [expect.stringMatching(/work waits until it is back$/), 'Redis is back']], service.output()).toContainEqual(about(service))
    expect(service.log.filter(({ level }) => level === 'error')).toEqual([])
  }
})
