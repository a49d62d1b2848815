import { type Change, CutoverNotFoundError, type CutoverRecord } from '@longshore/cutover'
import { parseSpecs } from '@longshore/spec'
import { startRedisCluster } from '@longshore/testing'
import { describeCutoverStore } from '@longshore/testing/contracts'
import { connectRedis } from '@longshore/redis'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { RedisCutoverStore } from './cutover-store.ts'
import { Ears } from './ears.ts'
import { openRedis } from './redis.fixture.ts'

let world: Awaited<ReturnType<typeof openRedis>>
let ears: Ears
beforeAll(async () => {
  world = await openRedis()
  ears = await Ears.open((await world.connect()).duplicate('ears'))
})
afterAll(async () => { await world[Symbol.asyncDispose]() })

let specs = 0
const options = { srcTlsVerify: true, destTlsVerify: true }
const newSpec = async (): Promise<CutoverRecord['spec']> => (await parseSpecs([{ name: 'list', content: `r.example.com/team/app${specs++}:1 d.example.com/x${specs}:1\n` }], {})).migration
const open = (more: { readonly recordMs?: number; readonly mostChanges?: number } = {}): RedisCutoverStore => new RedisCutoverStore(world.redis, ears, { recordMs: 60_000, ...more })
const change = (tag: string): Change => ({ registry: 'r.example.com', repository: 'team/app', tag, action: 'push' })
const forever = new AbortController().signal
const ttl = async (id: string, name: string): Promise<number> => world.redis.pttl(`longshore:cutover:{${id}}:${name}`)

describeCutoverStore('Redis', async () => ({
  stores: [open(), open()],
  async [Symbol.asyncDispose]() { await world.redis.flushall() },
}))

describe('the record', () => {
  test('two who begin the same at once have the same', async () => {
    const spec = await newSpec()
    const begun = await Promise.all(Array.from({ length: 8 }, () => open().begin(spec, options)))
    expect(new Set(begun.map(({ record }) => record.id)).size).toBe(1)
    expect(begun.filter(({ resumed }) => !resumed).length).toBe(1)
    const [{ record }] = begun as [typeof begun[0]]
    expect(await world.redis.keys(`longshore:cutover:*record`)).toEqual([`longshore:cutover:{${record.id}}:record`])
    expect(await open().list()).toEqual([{ id: record.id, phase: 'bulk', created: record.created, options }])
  })

  test('changes of it from everywhere are all made', async () => {
    const { record: { id } } = await open().begin(await newSpec(), options)
    await Promise.all(Array.from({ length: 20 }, () => open().update(id, (record) => ({ ...record, passCount: record.passCount + 1 }))))
    expect((await open().get(id))?.passCount).toBe(20)
  })

  test('a change whose answer was lost is sent again, and made once', async () => {
    const { record: { id } } = await open().begin(await newSpec(), options)
    const store = open()
    const { redis } = world as unknown as { readonly redis: { putCutover: (...args: readonly unknown[]) => Promise<number> } }
    const put = redis.putCutover.bind(redis)
    // As ioredis does when the connection breaks before the answer; somebody else came between.
    using spy = vi.spyOn(redis, 'putCutover').mockImplementationOnce(async (...args) => {
      await put(...args)
      await open().update(id, (record) => ({ ...record, phase: 'delta' }))
      return put(...args)
    })
    await store.update(id, (record) => ({ ...record, passCount: record.passCount + 1 }))
    expect(spy).toHaveBeenCalledTimes(2)
    expect(await store.get(id)).toMatchObject({ passCount: 1, phase: 'delta' })
  })

  test('outlives its end by its time, and goes as a whole; one that goes on lives', async () => {
    const store = open({ recordMs: 5_000 })
    const { record: { id } } = await store.begin(await newSpec(), options)
    await store.addChanges(id, [change('a')])
    expect([await ttl(id, 'record'), await ttl(id, 'changes'), await ttl(id, 'bodies')]).toEqual([-1, -1, -1])
    await store.update(id, (record) => ({ ...record, phase: 'go' }))
    for (const name of ['record', 'changes', 'bodies']) expect(await ttl(id, name)).toBeGreaterThan(0)
    expect(await store.active()).not.toContain(id)
    // What is heard of after the end leaves nothing behind.
    await store.removeChanges(id, await store.changes(id, 10))
    await store.addChanges(id, [change('b')])
    for (const name of ['changes', 'bodies']) expect(await ttl(id, name)).toBeGreaterThan(0)
    await world.redis.del(`longshore:cutover:{${id}}:record`)
    expect((await store.list()).map((entry) => entry.id)).not.toContain(id)
    await expect(store.update(id, (record) => record)).rejects.toThrow(CutoverNotFoundError)
    await expect(store.addChanges(id, [change('c')])).rejects.toThrow(CutoverNotFoundError)
    expect(await world.redis.exists(`longshore:cutover:{${id}}:record`)).toBe(0)
  })

  test('nobody has to lead a no-go, until somebody asks for something', async () => {
    const store = open()
    const { record: { id } } = await store.begin(await newSpec(), options)
    expect(await store.active()).toContain(id)
    await store.update(id, (record) => ({ ...record, phase: 'no-go' }))
    expect(await store.active()).not.toContain(id)
    expect(await ttl(id, 'record')).toBe(-1)
    await open().update(id, (record) => ({ ...record, request: { kind: 'unfreeze', requested: record.created } }))
    expect(await store.active()).toContain(id)
  })

  test('what another spec of the same images says of the day takes the place of what was said', async () => {
    const spec = await newSpec()
    const store = open()
    const { record: { id } } = await store.begin(spec, options)
    const cutover = { verify: { deepPercent: 5 } } as CutoverRecord['spec']['cutover']
    const again = await store.begin({ ...spec, ...(cutover === undefined ? {} : { cutover }) }, { ...options, name: 'the day' })
    expect(again).toMatchObject({ resumed: true, record: { id, options: { name: 'the day' }, spec: { cutover } } })
    expect(await open().get(id)).toEqual(again.record)
  })
})

describe('a leader', () => {
  /** As Redis does when nobody renews it in time. */
  const lapse = async (id: string): Promise<number> => await world.redis.del(`longshore:cutover:{${id}}:lead`)
  const bump = (record: CutoverRecord): CutoverRecord => ({ ...record, passCount: record.passCount + 1 })

  test('that stood still and was replaced writes nothing any more; others do', async () => {
    const [stalled, successor] = [open(), open()]
    const { record } = await stalled.begin(await newSpec(), options)
    const { id } = record
    await stalled.addChanges(id, [change('a')])
    await stalled.setPass(id, 1, 'its own')
    const waiting = await stalled.changes(id, 1)
    const hold = await stalled.hold(id, 'the first')
    await stalled.update(id, bump)
    await lapse(id)
    await using next = await successor.hold(id, 'the second')
    const lost = { code: 'LEADERSHIP_LOST', message: expect.stringContaining(`cutover ${id}`) as string }
    await expect(stalled.update(id, bump)).rejects.toMatchObject(lost)
    expect([hold?.signal.aborted, next?.signal.aborted]).toEqual([true, false])
    await expect(stalled.setPass(id, 1, 'another')).rejects.toMatchObject(lost)
    await expect(stalled.forgetPasses(id, [1])).rejects.toMatchObject(lost)
    await expect(stalled.removeChanges(id, waiting)).rejects.toMatchObject(lost)
    expect(await open().get(id)).toEqual({ ...record, passCount: 1 })
    expect([await open().passes(id), await open().countChanges(id)]).toEqual([new Map([[1, 'its own']]), 1])
    // A person asks by way of any store.
    await open().update(id, (now) => ({ ...now, request: { kind: 'abort', requested: now.created } }))
    await successor.update(id, bump)
    expect(await open().get(id)).toMatchObject({ passCount: 2, request: { kind: 'abort' } })
    // Its end takes nothing from the other one.
    await hold?.[Symbol.asyncDispose]()
    expect(await open().holder(id)).toBe('the second')
  })

  test('that stood still goes on where nobody has taken its place, and not where somebody has and is gone again', async () => {
    const [stalled, successor] = [open(), open()]
    const { record: { id } } = await stalled.begin(await newSpec(), options)
    await using hold = await stalled.hold(id, 'the first')
    await lapse(id)
    await stalled.update(id, bump)
    await expect.poll(async () => await stalled.holder(id), { timeout: 10_000 }).toBe('the first')
    await lapse(id)
    await (await successor.hold(id, 'the second'))?.[Symbol.asyncDispose]()
    await expect.poll(() => hold?.signal.aborted, { timeout: 10_000 }).toBe(true)
    expect(await stalled.holder(id)).toBeUndefined()
  })
})

describe('changes', () => {
  test('beyond what is kept they are forgotten, and everything is due', async () => {
    const store = open({ mostChanges: 1_000 })
    const { record: { id } } = await store.begin(await newSpec(), options)
    await store.addChanges(id, Array.from({ length: 1_000 }, (_, i) => change(`t${i}`)))
    expect(await store.countChanges(id)).toBe(1_000)
    await store.addChanges(id, [change('t5'), change('t6')])
    expect([await store.countChanges(id), (await store.get(id))?.due]).toEqual([1_000, undefined])
    await store.addChanges(id, [change('one more')])
    expect(await store.changes(id, 10)).toEqual([])
    const due = (await store.get(id))?.due ?? ''
    expect(Date.parse(due)).toBeGreaterThan(0)
    await store.addChanges(id, [change('later')])
    expect((await store.changes(id, 10)).map(({ change: { tag } }) => tag)).toEqual(['later'])
    // Who changed the record meanwhile has not seen it, and does it again.
    await store.update(id, (record) => ({ ...record, passCount: 3 }))
    expect((await store.get(id))?.due).toBe(due)
    await store.update(id, ({ due: _due, ...record }) => record)
    expect((await store.get(id))?.due).toBeUndefined()
  })

  test('what waits does not depend on who asks', async () => {
    const { record: { id } } = await open().begin(await newSpec(), options)
    await open().addChanges(id, Array.from({ length: 1_200 }, (_, i) => change(`t${i}`)))
    const first = await open().changes(id, 600)
    expect(first.map(({ change: { tag } }) => tag)).toEqual(Array.from({ length: 600 }, (_, i) => `t${i}`))
    await open().removeChanges(id, first)
    expect((await open().changes(id, 1)).map(({ change: { tag } }) => tag)).toEqual(['t600'])
  })
})

describe('waiting', () => {
  const isOver = async (wait: Promise<void>): Promise<boolean> => await Promise.race([wait.then(() => true), new Promise<boolean>((resolve) => { setTimeout(() => resolve(false), 300) })])

  test.each<[string, (store: RedisCutoverStore, id: string) => Promise<unknown>]>([
    ['a request', async (store, id) => await store.update(id, (record) => ({ ...record, request: { kind: 'abort', requested: record.created } }))],
    ['an event', async (store, id) => { await store.addChanges(id, [change('x')]) }],
    ['a tick', async (store, id) => { await store.wake(id) }],
  ])('ends with %s, also of another process, also before it began', async (_, act) => {
    const store = open()
    const { record: { id } } = await store.begin(await newSpec(), options)
    const waiting = store.wait(id, 60_000, forever)
    const too = store.wait(id, 60_000, forever)
    expect(await isOver(waiting)).toBe(false)
    await act(open(), id)
    await waiting
    await too
    await act(open(), id)
    await store.wait(id, 60_000, forever)
    expect(await isOver(store.wait(id, 60_000, AbortSignal.timeout(1_000)).catch(() => {}))).toBe(false)
    // What it does itself is nothing new to it.
    await store.update(id, (record) => ({ ...record, passCount: 7 }))
    expect(await isOver(store.wait(id, 60_000, AbortSignal.timeout(1_000)).catch(() => {}))).toBe(false)
  })

  test('ends though nobody was heard: the word of it may be lost', async () => {
    const deaf = await Ears.open((await world.connect()).duplicate('deaf'))
    using _heard = vi.spyOn(deaf, 'onWake').mockReturnValue({ [Symbol.dispose]: () => {} })
    const store = new RedisCutoverStore(world.redis, deaf, { recordMs: 60_000 })
    const { record: { id } } = await store.begin(await newSpec(), options)
    const waiting = store.wait(id, 60_000, forever)
    await open().wake(id)
    await waiting
  })

  test('has its time, and its signal', async () => {
    const store = open()
    const { record: { id } } = await store.begin(await newSpec(), options)
    await store.wait(id, 50, forever)
    const stop = new AbortController()
    const waiting = store.wait(id, 60_000, stop.signal)
    stop.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
  })
})

test('in a cluster', { timeout: 60_000 }, async () => {
  await using cluster = await startRedisCluster()
  await using connection = await connectRedis({ url: cluster.url, name: 'test', onTrouble: () => {}, onRecovered: () => {} })
  const store = new RedisCutoverStore(connection.client, await Ears.open(connection.duplicate('ears')), { recordMs: 60_000 })
  const { record: { id } } = await store.begin(await newSpec(), options)
  await store.addChanges(id, [change('a'), change('b')])
  await store.removeChanges(id, await store.changes(id, 1))
  await using hold = await store.hold(id, 'me')
  expect([hold?.signal.aborted, await store.holder(id), await store.countChanges(id)]).toEqual([false, 'me', 1])
  await store.update(id, (record) => ({ ...record, phase: 'aborted' }))
  expect(await store.list()).toMatchObject([{ id, phase: 'aborted' }])
})
