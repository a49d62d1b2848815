// What a pass or a verification leaves in the pool when whoever led it was killed. Nobody works here: what is begun stays begun.
import type { Access } from '@longshore/access'
import type { CutoverRecord, PassOrder } from '@longshore/cutover'
import type { RepositoryName, Tag } from '@longshore/oci'
import { specOf } from '@longshore/testing/contracts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { RedisCutoverStore } from './cutover-store.ts'
import { Ears } from './ears.ts'
import { PoolMover } from './pool-mover.ts'
import { PoolStore } from './pool-store.ts'
import { openRedis } from './redis.fixture.ts'

let world: Awaited<ReturnType<typeof openRedis>>
let store: PoolStore
let cutovers: RedisCutoverStore
let mover: PoolMover
let record: CutoverRecord
beforeAll(async () => {
  world = await openRedis()
  const ears = await Ears.open((await world.connect()).duplicate('ears'))
  store = new PoolStore(world.redis, { recordMs: 60_000 })
  cutovers = new RedisCutoverStore(world.redis, ears, { recordMs: 60_000 })
  mover = new PoolMover({ store, cutovers, ears, openAccess: async () => access });
  ({ record } = await cutovers.begin(specOf('v1'), { srcTlsVerify: true, destTlsVerify: true }))
})
afterAll(async () => { await world[Symbol.asyncDispose]() })

/** A destination without a tag. */
const access = { transports: { target: (registry: string) => ({ registry, tags: async () => [] }) }, async [Symbol.asyncDispose]() { /* nothing is open */ } } as unknown as Access

/** Begins it and is killed: the migration that it left. */
async function leave(number: number, begin: (signal: AbortSignal) => Promise<unknown>): Promise<string> {
  const killed = new AbortController()
  const running = begin(killed.signal)
  await expect.poll(async () => (await cutovers.passes(record.id)).get(number), { timeout: 10_000 }).toBeDefined()
  killed.abort(new Error('killed'))
  await expect(running).rejects.toThrow('killed')
  return (await cutovers.passes(record.id)).get(number) ?? ''
}

test('whoever takes over goes on with it, or drops it: nothing of it is moved, or counts as proof, any more', async () => {
  const { id: cutover, spec, options } = record
  const order: PassOrder = { cutover, number: 1, kind: 'bulk', spec, options, agesAt: record.created }
  const verification = { cutover, spec, options, agesAt: '2026-11-26T10:00:00.000Z', deepPercent: 0 }
  const pass = await leave(1, (signal) => mover.pass(order, signal))
  expect(await leave(1, (signal) => mover.pass(order, signal))).toBe(pass)
  const check = await leave(0, (signal) => mover.verify(verification, signal))
  expect([(await store.head(pass))?.options.agesAt, (await store.head(check))?.options.agesAt]).toEqual([record.created, verification.agesAt])
  expect(await leave(0, (signal) => mover.verify(verification, signal))).toBe(check)
  // Somebody who clears away what was cancelled, as coordinators do.
  const clearing = (async () => {
    for (const until = Date.now() + 15_000; (await store.active()).length > 0 && Date.now() < until;) {
      for (const id of await store.active()) if ((await store.head(id))?.state === 'cancelled') await store.close(id)
    }
  })()
  await mover.drop(cutover)
  await clearing
  expect((await store.head(pass))?.state).toBe('cancelled')
  expect(await leave(0, (signal) => mover.verify(verification, signal))).not.toBe(check)
})

test('a pass that a leader begins which has been replaced meanwhile is not left to run, unless it is the one at hand', async () => {
  const { id: cutover, spec, options } = record
  const stalled = await cutovers.hold(cutover, 'stalled')
  await world.redis.del(`longshore:cutover:{${cutover}}:lead`)
  const ears = await Ears.open((await world.connect()).duplicate('ears'))
  const successor = new RedisCutoverStore(world.redis, ears, { recordMs: 60_000 })
  await using _hold = await successor.hold(cutover, 'successor')
  await successor.update(cutover, (now) => ({ ...now, current: { number: 8, kind: 'delta', started: now.created } }))
  const states: Array<string | undefined> = []
  for (const number of [7, 8]) {
    const before = new Set((await store.list()).map(({ id }) => id))
    await expect(mover.pass({ cutover, number, kind: 'delta', spec, options, agesAt: record.created }, new AbortController().signal)).rejects.toMatchObject({ code: 'LEADERSHIP_LOST' })
    states.push(...(await store.list()).filter(({ id }) => !before.has(id)).map(({ state }) => state))
  }
  expect(states).toEqual(['cancelled', 'running'])
  await stalled?.[Symbol.asyncDispose]()
})

test('an image that no worker could look at counts as failed, and the others as they were found', async () => {
  const { id: cutover, spec, options } = record
  const verifying = mover.verify({ cutover, spec, options, deepPercent: 3 }, new AbortController().signal)
  await expect.poll(async () => (await store.head((await cutovers.passes(cutover)).get(0) ?? ''))?.options.task, { timeout: 10_000 }).toMatchObject({ deep: { percent: 3 } })
  const id = (await cutovers.passes(cutover)).get(0) ?? ''
  const ledger = store.ledger(id)
  const at = { registry: 'new:5000', repository: 'team/app' as RepositoryName }
  const wanted = ['v1', 'v2'].map((reference) => ({ image: { source: { ...at, registry: 'old:5000', reference: reference as Tag }, destination: { ...at, reference: reference as Tag } }, options: spec.entries[0]!.content }))
  const lease = (await ledger.claimBatch((await ledger.open(wanted))!.batch, 'w'))!
  const sound = { findings: [], manifests: 1, blobs: ['b'], contents: 1, contentBytes: 1, contentsRead: 0, bytesRead: 0, tags: ['v1'] }
  await ledger.registerIn(lease, lease.images[0]!.id, { referrers: 0, details: sound }, [], [])
  await ledger.failImage(lease, lease.images[1]!.id, { name: 'Error', code: 'OOM', message: 'Redis is full' })
  await store.end(id, ['running'], 'complete')
  expect(await verifying).toMatchObject({ images: 2, sound: 1, failed: 1, missing: 0, findings: [{ destination: 'new:5000/team/app:v2', problem: 'failed', what: expect.stringContaining('Redis is full') as unknown }] })
})
