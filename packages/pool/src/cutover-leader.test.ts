// Two leaders over one Redis: one stands still with a pass in its hands, the other takes its place.
import type { Mover, PassOutcome } from '@longshore/cutover'
import { Schedules } from '@longshore/queue'
import { specOf } from '@longshore/testing/contracts'
import { expect, test } from 'vitest'
import { CutoverLeader } from './cutover-leader.ts'
import { RedisCutoverStore } from './cutover-store.ts'
import { Ears } from './ears.ts'
import { openRedis } from './redis.fixture.ts'

const outcome = (copied: number): PassOutcome => ({ images: 9, copied, present: 9 - copied, failed: 0, bytes: copied, failures: [], unlisted: 0, passing: 0 })

test('the end of a pass of a leader that was replaced does not count', async () => {
  await using world = await openRedis()
  await using stack = new AsyncDisposableStack()
  const stop = new AbortController()
  const start = async (id: string, pass: Mover['pass']): Promise<{ readonly leader: CutoverLeader; readonly running: Promise<void>; readonly cutovers: RedisCutoverStore }> => {
    const connection = await world.connect()
    const cutovers = new RedisCutoverStore(connection.client, await Ears.open(connection.duplicate('ears')), { recordMs: 60_000 })
    const mover: Mover = { pass, verify: async () => { throw new Error('it does not come to that') } }
    const schedules = stack.use(new Schedules(connection, { onProblem: () => {} }))
    const leader = new CutoverLeader({ id, cutovers, schedules, mover, env: {}, runHook: async () => {}, onNews: () => {} })
    return { leader, cutovers, running: leader.run(stop.signal) }
  }
  const begun = Promise.withResolvers<void>()
  const woken = Promise.withResolvers<void>()
  // It hears nothing meanwhile, not even that it was replaced.
  const stalled = await start('stalled', async () => { begun.resolve(); await woken.promise; return outcome(9) })
  const { record: { id } } = await stalled.cutovers.begin(specOf('v1'), { srcTlsVerify: true, destTlsVerify: true })
  await begun.promise
  await world.redis.del(`longshore:cutover:{${id}}:lead`)
  const successor = await start('successor', async () => outcome(4))
  const passes = async (): Promise<readonly unknown[] | undefined> => (await successor.cutovers.head(id))?.passes.map(({ number, kind, copied }) => [number, kind, copied])
  await expect.poll(passes, { timeout: 20_000 }).toEqual([[1, 'bulk', 4]])
  expect(stalled.leader.leading).toEqual([id])
  woken.resolve()
  await expect.poll(() => stalled.leader.leading, { timeout: 20_000 }).toEqual([])
  expect(await successor.cutovers.head(id)).toMatchObject({ phase: 'delta', passCount: 1, moved: { copied: 4 } })
  expect(await passes()).toEqual([[1, 'bulk', 4]])
  expect(successor.leader.leading).toEqual([id])
  stop.abort()
  await Promise.all([stalled.running, successor.running])
})
