// What a coordinator's metrics say of migrations, whoever leads them.
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Stand, startStand, token } from './coordinator.fixture.ts'

let stand: Stand
beforeAll(async () => { stand = await startStand() })
afterAll(async () => { await stand[Symbol.asyncDispose]() })

/** Looked up anew: what was looked up is kept for two seconds. */
async function gauges(id: string): Promise<Readonly<Record<string, number>>> {
  await delay(2_100)
  const text = await (await fetch(`${stand.url}/metrics`, { headers: { authorization: `Bearer ${token}` } })).text()
  return Object.fromEntries([...text.matchAll(/^longshore_(\w+)\{migration="(\w+)"(?:,outcome="(\w+)")?\} (\d+)$/gm)].flatMap(([, name, migration, outcome, value]) => (
    migration === id ? [[outcome === undefined ? name : `${name} ${outcome}`, Number(value)]] : []
  )))
}

test('one that a process elsewhere leads has a leader, and its images are what the ledger counts', async () => {
  using _held = stand.hold()
  const id = await stand.submit('team/app0:1\nteam/app1:1\nteam/none:1\n')
  await stand.untilState(id, 'running')
  for (let i = 0; i < 200 && Number(await stand.redis.ask('HGET', `longshore:{${id}}:counts`, 'failed')) === 0; i++) await delay(25)
  const lead = `longshore:{${id}}:lead`
  expect(await gauges(id)).toMatchObject({ leader: 1, open_images: 2, 'migration_images failed': 1, 'migration_images copied': 0 })
  // As `longshore migrate --redis` on another machine does.
  await stand.redis.ask('SET', lead, 'elsewhere-1-abc', 'PX', '60000')
  expect(await gauges(id)).toMatchObject({ leader: 1 })
  // A worker that died over the end of an image has counted it in the ledger, if nowhere else.
  await stand.redis.ask('HINCRBY', `longshore:{${id}}:counts`, 'copied', '1')
  expect(await gauges(id)).toMatchObject({ open_images: 1, 'migration_images copied': 1 })
}, 60_000)
