import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { backoffMs, Bandwidth, forEachLimit, group, Limiter, pause, SingleFlight } from './index.ts'

const never = new AbortController().signal

describe('Limiter', () => {
  test('hands a slot to the next waiter, in order, and gives it back once', async () => {
    const limiter = new Limiter(1)
    const held = await limiter.acquire(never)
    const order: number[] = []
    const waiting = [1, 2].map(async (n) => { using _slot = await limiter.acquire(never); order.push(n) })
    held[Symbol.dispose]()
    held[Symbol.dispose]()
    await Promise.all(waiting)
    expect(order).toEqual([1, 2])
    expect(limiter.used).toBe(0)
  })

  test('who is to go first waits for nobody who is not', async () => {
    const limiter = new Limiter(1)
    const held = await limiter.acquire(never)
    const order: string[] = []
    const waiting = (['last', 'first', 'second'] as const).map(async (name) => {
      using _slot = await limiter.acquire(never, { first: name !== 'last' })
      order.push(name)
    })
    expect(limiter.waiting).toBe(3)
    held[Symbol.dispose]()
    await Promise.all(waiting)
    expect(order).toEqual(['first', 'second', 'last'])
  })

  test('an aborted waiter gives its place back', async () => {
    const limiter = new Limiter(1)
    const leaving = new AbortController()
    const held = await limiter.acquire(never)
    const waiting = limiter.acquire(leaving.signal), behind = limiter.acquire(never)
    leaving.abort(new Error('left'))
    await expect(waiting).rejects.toThrow('left')
    held[Symbol.dispose]()
    using _slot = await behind
    expect(limiter.waiting).toBe(0)
  })

  test('an abort after the slot was handed over evicts nobody', async () => {
    const limiter = new Limiter(1)
    const leaving = new AbortController()
    const held = await limiter.acquire(never)
    const waiting = limiter.acquire(leaving.signal), behind = limiter.acquire(never)
    held[Symbol.dispose]()
    leaving.abort(new Error('late'))
    ;(await waiting)[Symbol.dispose]()
    using _slot = await behind
    expect(limiter.used).toBe(1)
  })

  test('grows at once and shrinks as slots come back', async () => {
    const limiter = new Limiter(1)
    const first = await limiter.acquire(never)
    const second = limiter.acquire(never)
    limiter.resize(2)
    const held = await second
    limiter.resize(1)
    first[Symbol.dispose]()
    expect(limiter.tryAcquire()).toBeUndefined()
    held[Symbol.dispose]()
    expect(limiter.tryAcquire()).toBeDefined()
  })
})

describe('group and forEachLimit', () => {
  test('the first failure aborts the rest, and nothing is left running', async () => {
    let running = 0
    const task = (ms: number, fails = false) => async (signal: AbortSignal): Promise<void> => {
      running++
      try { await sleep(ms, undefined, { signal }); if (fails) throw new Error('boom') } finally { running-- }
    }
    await expect(group(never, [task(10_000), task(1, true), task(10_000)])).rejects.toThrow('boom')
    expect(running).toBe(0)
  })

  test('never more at once than the limit, and every item', async () => {
    let active = 0
    let peak = 0
    const seen: number[] = []
    await forEachLimit(never, 3, Array.from({ length: 10 }, (_, i) => i), async (item) => {
      peak = Math.max(peak, ++active)
      await sleep(1)
      active--
      seen.push(item)
    })
    expect(peak).toBe(3)
    expect(seen.length).toBe(10)
  })

  test('a failing item stops the feeding', async () => {
    const seen: number[] = []
    await expect(forEachLimit(never, 1, [1, 2, 3, 4, 5], async (item) => { seen.push(item); if (item === 2) throw new Error('boom') })).rejects.toThrow('boom')
    expect(seen).toEqual([1, 2])
  })
})

describe('SingleFlight', () => {
  test('one execution for all who ask', async () => {
    const flights = new SingleFlight<string, number>()
    let runs = 0
    const work = async (): Promise<number> => { await sleep(1); return ++runs }
    expect(await Promise.all([flights.do('k', never, work), flights.do('k', never, work)])).toEqual([1, 1])
    expect(await flights.do('k', never, work)).toBe(2)
  })

  test('one waiter leaving does not abort another; the last one leaving does, and waits for the end', async () => {
    const flights = new SingleFlight<string, string>()
    const a = new AbortController(), b = new AbortController()
    let aborted = false
    const work = async (signal: AbortSignal): Promise<string> => {
      try { return await sleep(10_000, 'x', { signal }) } catch (error) { aborted = true; throw error }
    }
    const first = flights.do('k', a.signal, work), second = flights.do('k', b.signal, work)
    a.abort(new Error('left'))
    await expect(first).rejects.toThrow('left')
    expect(aborted).toBe(false)
    b.abort(new Error('left too'))
    await expect(second).rejects.toThrow('left too')
    expect(aborted).toBe(true)
  })

  test('a flight that failed can be tried again', async () => {
    const flights = new SingleFlight<string, number>()
    let n = 0
    const work = async (): Promise<number> => { if (n++ === 0) throw new Error('first'); return n }
    await expect(flights.do('k', never, work)).rejects.toThrow('first')
    expect(await flights.do('k', never, work)).toBe(2)
  })
})

test('backoff doubles, is capped, and is spread over its upper half', () => {
  expect([0, 1, 2, 10].map((attempt) => backoffMs({ baseMs: 100, capMs: 1000 }, attempt, () => 1))).toEqual([100, 200, 400, 1000])
  expect(backoffMs({ baseMs: 100, capMs: 1000 }, 1, () => 0)).toBe(100)
})

test('a pause ends with its signal', async () => {
  await expect(pause(60_000, AbortSignal.abort(new Error('stop')))).rejects.toThrow('stop')
})

test('bandwidth makes its takers pay before they send', async () => {
  const bandwidth = new Bandwidth(1_000_000)
  const started = performance.now()
  for (let i = 0; i < 5; i++) await bandwidth.take(20_000, never)
  // 100,000 bytes at 1 MB/s are paid for in 100 ms; timers may be late, never early by more than their tick.
  expect(performance.now() - started).toBeGreaterThan(85)
})
