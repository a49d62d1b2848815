// What a pass or a verification leaves in the pool when whoever led it was killed. Nobody works here: what is begun stays begun.
import type { CutoverRecord, PassOrder } from '@longshore/cutover'
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
  mover = new PoolMover({ store, cutovers, ears, openAccess: async () => { throw new Error('nothing is looked at') } });
  ({ record } = await cutovers.begin(specOf('v1'), { srcTlsVerify: true, destTlsVerify: true }))
})
afterAll(async () => { await world[Symbol.asyncDispose]() })

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
  const order: PassOrder = { cutover, number: 1, kind: 'bulk', spec, options }
  const verification = { cutover, spec, options, deepPercent: 0 }
  const pass = await leave(1, (signal) => mover.pass(order, signal))
  expect(await leave(1, (signal) => mover.pass(order, signal))).toBe(pass)
  const check = await leave(0, (signal) => mover.verify(verification, signal))
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
