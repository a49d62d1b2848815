// What the ledger costs Redis: `node packages/ledger/src/measure.fixture.ts [images] [blobs per image]`. Each image has a repository that it shares with
// nine others, two blobs of its own and the rest shared; its manifest has 1,500 bytes. Results are in docs/adr/0006.
import { connectRedis } from '@longshore/redis'
import { startRedis } from '@longshore/testing'
import type { Lease, NodeKey } from '@longshore/transfer'
import { blob, desc, fits, manifest, tag, wanted } from './graph.fixture.ts'
import type { BatchLease } from './pool-ledger.ts'
import { RedisLedger } from './redis-ledger.ts'

const images = Number(process.argv[2] ?? 2000)
const blobs = Number(process.argv[3] ?? 2)
const flights = 64

await using server = await startRedis()
await using connection = await connectRedis({ url: server.url, name: 'measure', onTrouble: console.error, onRecovered: () => {} })
const { client } = connection
const ledger = new RedisLedger(client, 'measure')
await ledger.begin({})

/** Processor time: that others use the machine as well matters little to it. Parsing and answering are in it. */
async function cost(): Promise<{ readonly calls: number; readonly usec: number }> {
  const stats = await client.info('commandstats')
  const calls = ['evalsha', 'eval'].map((name) => Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0))
  const cpu = await client.info('cpu')
  const seconds = ['user', 'sys'].map((name) => Number(new RegExp(`used_cpu_${name}_main_thread:([\\d.]+)`).exec(cpu)?.[1] ?? 0))
  return { calls: calls.reduce((a, b) => a + b), usec: seconds.reduce((a, b) => a + b) * 1e6 }
}
async function memory(): Promise<number> { return Number(/used_memory:(\d+)/.exec(await client.info('memory'))?.[1]) }

async function phase<T>(name: string, items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  const before = await cost()
  const started = performance.now()
  const todo = items.values()
  await Promise.all(Array.from({ length: flights }, async () => { for (const item of todo) await act(item) }))
  const ms = performance.now() - started
  const after = await cost()
  const calls = after.calls - before.calls
  console.log(`${name.padEnd(34)} ${String(calls).padStart(7)} calls  ${((after.usec - before.usec) / calls).toFixed(1).padStart(7)} µs of Redis each  ${Math.round(calls / ms * 1000).toString().padStart(6)} a second`)
}

const empty = await memory()
const numbers = Array.from({ length: images }, (_, i) => i)
const batches: BatchLease[] = []
const leases: Lease[] = []
const tops: Lease[] = []
const ready: NodeKey[] = []

await phase('open (16 images)', numbers.filter((i) => i % 16 === 0), async (first) => {
  const { batch } = await ledger.open(numbers.slice(first, first + 16).map((i) => wanted(`library/repository-${Math.floor(i / 10)}`, `v${i}`))) ?? {}
  ready.push(batch!)
})
await phase('claim batch', ready.splice(0), async (key) => { batches.push((await ledger.claimBatch(key, 'w1'))!) })
await phase(`register (${blobs + 1} nodes)`, batches.flatMap((lease) => lease.images.map(({ id }) => ({ lease, id }))), async ({ lease, id }) => {
  const [, repository = '', name = ''] = /^dst\.test\/(.*):(.*)$/.exec(id) ?? []
  const layers = Array.from({ length: blobs }, (_, i) => blob(repository, i < 2 ? `${name} ${i}` : `shared ${i} ${Number(name.slice(1)) % 50}`))
  const top = { ...tag(repository, name, layers), manifest: { ...manifest(repository, name.padEnd(1300)).manifest } }
  ready.push(...fits(await ledger.registerIn(lease, id, { digest: desc(name).digest, referrers: 0 }, [top.key], [...layers, top])).ready)
})
const open = await memory()
await phase('claim (blob)', ready.splice(0), async (key) => { leases.push((await ledger.claim(key, 'w1'))!) })
const take = { worker: 'w1', nodes: 100, bytes: 1e9 }
while (leases.length > 0) {
  await phase('complete (blob), taking along', leases.splice(0), async (lease) => {
    const { taken } = await ledger.complete(lease, 'pushed', take)
    for (const next of taken) (next.node.kind === 'blob' ? leases : tops).push(next)
  })
}
await phase('complete (tag)', tops, async (lease) => { await ledger.complete(lease, 'pushed', take) })
const end = await memory()
console.log(await ledger.counts(), JSON.stringify(await ledger.tally()))
const { done } = await ledger.counts()
const of = async (name: string): Promise<number> => await client.memory('USAGE', `longshore:{measure}:${name}`, 'SAMPLES', '0') ?? 0
console.log(`memory: ${Math.round((open - empty) / images)} bytes per open image of ${blobs + 1} nodes; at the end per finished node: done ${Math.round(await of('done') / done)}, blobs ${
  Math.round(await of('blobs') / done)} (${Math.round(await of('blobs') / await client.hlen('longshore:{measure}:blobs'))} per distinct blob); per image: results ${Math.round(await of('results') / images)}; all in all ${
  Math.round((end - empty - await of('results')) / done)} per finished node, without results`)
await ledger.close(1000)
