// Measures what a job costs: one process adds, one takes, handlers that do nothing. `node packages/queue/src/throughput.fixture.ts [batch [first]]`
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connectRedis } from '@longshore/redis'
import { startRedis } from '@longshore/testing'
import type { Job, NodeKey } from '@longshore/transfer'
import { BullQueues } from './bull-queues.ts'

const count = 12_000
interface Cost { readonly ms: number; readonly cpuMs: number }

const [, , role = 'main', ...rest] = process.argv
if (role === 'add' || role === 'take') await measure(role, rest)
else await main(process.argv.slice(2))

/** Fills the queue, then drains it, so that each is measured alone. */
async function main(args: readonly string[]): Promise<void> {
  await using server = await startRedis()
  const redisMs = async (): Promise<number> => [...(await server.ask('info', 'cpu')).matchAll(/used_cpu_(?:sys|user):([\d.]+)/g)].reduce((sum, [, s]) => sum + Number(s) * 1000, 0)
  for (const step of ['add', 'take']) {
    const before = await redisMs()
    const child: ChildProcess = spawn(process.execPath, [import.meta.filename, step, server.url, ...args], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    const [{ ms, cpuMs }] = await once(child, 'message') as [Cost]
    const redis = await redisMs() - before
    process.stdout.write(`${step}: ${Math.round(count / ms * 1000)} jobs/s, CPU per job ${(cpuMs / count).toFixed(3)} ms Node, ${(redis / count).toFixed(3)} ms Redis\n`)
    await once(child, 'exit')
  }
}

async function measure(step: 'add' | 'take', [url = '', batch = '16', first]: readonly string[]): Promise<void> {
  await using connection = await connectRedis({ url, name: step, onTrouble: () => {}, onRecovered: () => {} })
  await using queues = new BullQueues(connection, { onProblem: (message) => { process.stderr.write(`${message}\n`) } })
  const cpu = process.cpuUsage()
  const begun = performance.now()
  if (step === 'add') {
    const { blobs } = queues.of('m')
    const jobs = Array.from({ length: count }, (_, i): Job => {
      const node = `blob registry.example.com/library/some-repository@sha256:${String(i).padStart(64, '0')}+123456` as NodeKey
      return { id: node, node }
    })
    const size = Number(batch)
    // As many callers at once as a worker has handlers, roughly.
    let next = 0
    const adder = async (): Promise<void> => { for (let from = next; from < count; from = next) { next += size; await blobs.add(jobs.slice(from, from + size), { first: first === 'first' }) } }
    await Promise.all(Array.from({ length: 8 }, adder))
  } else {
    const done = Promise.withResolvers<void>()
    let taken = 0
    queues.process('blobs', async () => { if (++taken === count) done.resolve() }, { concurrency: 32 })
    await done.promise
  }
  const { user, system } = process.cpuUsage(cpu)
  process.send?.({ ms: performance.now() - begun, cpuMs: (user + system) / 1000 } satisfies Cost)
}
