// The phases, with a mover that does as it is told: what a pass really moves is in test/e2e/cutover.test.ts. The store is the one in files.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MigrationError } from '@longshore/oci'
import type { CutoverPlan } from '@longshore/spec'
import { specOf } from '@longshore/testing/contracts'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { CutoverEvent } from './cutover-event.ts'
import { FileStore } from './file-store.ts'
import type { PassOrder, PassOutcome, VerifyOrder } from './mover.ts'
import type { Change, CutoverRecord, Phase } from './record.ts'
import { request, requestFreeze } from './requests.ts'
import { runCutover, type RunOptions } from './run-cutover.ts'
import type { VerifyOutcome } from './verification-summary.ts'

const options = { srcTlsVerify: true, destTlsVerify: true }
const clean: PassOutcome = { images: 2, copied: 0, present: 2, failed: 0, bytes: 0, failures: [], unlisted: 0, passing: 0 }
const sound: VerifyOutcome = { images: 2, sound: 2, missing: 0, differing: 0, corrupt: 0, failed: 0, unlisted: 0, passing: 0, manifests: 2, blobs: 2, bytesRead: 0, deepPercent: 0, findings: [], extra: 0 }
const hook = { kind: 'command', command: ['freeze'], timeoutMs: 1000 } as const
const thaw = { kind: 'command', command: ['thaw'], timeoutMs: 1000 } as const

class Away extends MigrationError {
  override readonly name = 'Away'
  override readonly code = 'CONNECTION_FAILED'
}
class Collision extends MigrationError {
  override readonly name = 'Collision'
  override readonly code = 'DESTINATION_COLLISION'
}

/** A world in which the mover, the hooks and the clock are the test's. */
class World implements AsyncDisposable {
  readonly store: FileStore
  readonly id: string
  readonly events: CutoverEvent[] = []
  readonly orders: PassOrder[] = []
  readonly hooks: string[] = []
  dropped = 0
  readonly #stop = new AbortController()
  readonly #folder: string
  offsetMs = 0
  pass: (order: PassOrder, signal: AbortSignal) => Promise<PassOutcome> = async () => clean
  verify: (order: VerifyOrder, signal: AbortSignal) => Promise<VerifyOutcome> = async () => sound
  hook: (name: string, signal: AbortSignal) => Promise<void> = async () => {}
  readonly seen: Array<{ readonly pattern: (event: CutoverEvent) => boolean; readonly resolve: () => void }> = []

  private constructor(folder: string, store: FileStore, id: string) {
    this.#folder = folder
    this.store = store
    this.id = id
  }

  static async begin(plan: { readonly [K in keyof CutoverPlan]?: Partial<CutoverPlan[K]> } = {}): Promise<World> {
    const folder = await mkdtemp(join(tmpdir(), 'longshore-run-'))
    const store = new FileStore(folder)
    const base = specOf('v1').cutover as CutoverPlan
    const cutover = {
      delta: plan.delta ?? { everyMs: 20 }, freeze: { ...base.freeze, hook, thaw, ...plan.freeze }, verify: { ...base.verify, ...plan.verify }, criteria: { ...base.criteria, ...plan.criteria },
    } as CutoverPlan
    const { record } = await store.begin({ ...specOf('v1'), cutover }, options)
    return new World(folder, store, record.id)
  }

  /** As another process would. */
  run(runOptions?: RunOptions, store = new FileStore(this.#folder)): Promise<CutoverRecord> {
    return runCutover(this.id, {
      store, env: {}, clock: { now: () => new Date(Date.now() + this.offsetMs) },
      runHook: async ({ ...called }, { signal }) => {
        const name = called.kind === 'command' ? called.command[0] : called.url
        this.hooks.push(name)
        await this.hook(name, signal)
      },
      mover: {
        pass: async (order, signal) => {
          this.orders.push(order)
          return await this.pass(order, signal)
        },
        verify: (order, signal) => this.verify(order, signal),
        drop: async () => { this.dropped++ },
      },
      onEvent: (event) => {
        this.events.push(event)
        for (const one of this.seen) if (one.pattern(event)) one.resolve()
      },
    }, this.#stop.signal, runOptions)
  }

  /** Resolves when it happens. */
  saw(pattern: (event: CutoverEvent) => boolean): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.seen.push({ pattern, resolve })
    return promise
  }

  stop(): void { this.#stop.abort(new Error('stopped')) }
  async record(): Promise<CutoverRecord> { return (await this.store.get(this.id))! }
  get phases(): readonly Phase[] { return this.events.flatMap((event) => (event.type === 'phase' ? [event.phase] : [])) }
  get kinds(): readonly string[] { return this.orders.map(({ kind, number }) => `${number} ${kind}`) }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop()
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** Until the signal, as a pass that takes long. */
function untilStopped(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => { signal.addEventListener('abort', () => { reject(signal.reason as Error) }, { once: true }) })
}

let world: World
afterEach(async () => { await world?.[Symbol.asyncDispose]() })

describe('from bulk to go', () => {
  beforeEach(async () => { world = await World.begin() })

  test('the freeze of a person leads to the last pass, the verification and the decision', async () => {
    const running = world.run()
    await world.saw((event) => event.type === 'pass' && event.pass.kind === 'delta')
    await requestFreeze(new FileStore(world.store.folder), world.id)
    const record = await running
    expect(world.phases).toEqual(['delta', 'freezing', 'final', 'verifying', 'deciding', 'go'])
    expect(record).toMatchObject({ phase: 'go', freeze: { by: 'person' }, decision: { verdict: 'go' } })
    expect(world.hooks).toEqual(['freeze'])
    expect(world.kinds[0]).toBe('1 bulk')
    expect(world.kinds.at(-1)).toMatch(/final$/)
    expect(new Set(world.orders.map(({ number }) => number)).size).toBe(world.orders.length)
  })

  test('ages in rules are reckoned from the beginning of a pass, and in the verification from that of the last one', async () => {
    const verified: Array<string | undefined> = []
    world.verify = async ({ agesAt }) => { verified.push(agesAt); return sound }
    world.pass = async ({ kind }) => {
      if (kind === 'final') world.offsetMs += 60_000
      return clean
    }
    await requestFreeze(world.store, world.id)
    const { passes } = await world.run()
    expect(world.orders.map(({ agesAt }) => agesAt)).toEqual(passes.map(({ started }) => started))
    expect(verified).toEqual([passes.at(-1)?.started])
  })

  test('a freeze that is asked for in bulk comes when bulk has ended, without a delta', async () => {
    const release = Promise.withResolvers<void>()
    world.pass = async ({ kind }) => { if (kind === 'bulk') await release.promise; return clean }
    const running = world.run()
    await world.saw(({ type }) => type === 'pass-begins')
    await requestFreeze(world.store, world.id)
    expect(world.hooks).toEqual([])
    release.resolve()
    await running
    expect(world.kinds).toEqual(['1 bulk', '2 final'])
  })

  test('a freeze cuts a delta off, as the last pass covers everything', async () => {
    world.pass = async ({ kind }, signal) => (kind === 'delta' ? await untilStopped(signal) : clean)
    const running = world.run()
    await world.saw((event) => event.type === 'pass-begins' && event.kind === 'delta')
    await requestFreeze(world.store, world.id)
    expect((await running).phase).toBe('go')
    expect(world.kinds).toEqual(['1 bulk', '2 delta', '3 final'])
    expect(world.events).toContainEqual({ type: 'cut', number: 2, kind: 'delta', why: 'freeze' })
  })
})

describe('the freeze by the spec', () => {
  test('when a pass has found nothing to do', async () => {
    world = await World.begin({ freeze: { when: { kind: 'caught-up' } } })
    let passes = 0
    world.pass = async () => (++passes <= 3 ? { ...clean, copied: 1, present: 1 } : clean)
    expect(await world.run()).toMatchObject({ phase: 'go', freeze: { by: 'spec' }, moved: { copied: 3 } })
    expect(world.kinds).toEqual(['1 bulk', '2 delta', '3 delta', '4 delta', '5 final'])
  })

  test('not after a person went back to deltas while the pass was under way', async () => {
    world = await World.begin({ freeze: { when: { kind: 'caught-up' } } })
    world.pass = async ({ kind, number }) => {
      if (kind === 'delta' && number === 2) await world.store.update(world.id, (record) => ({ ...record, unfrozen: new Date().toISOString() }))
      return clean
    }
    const record = await world.run({ until: () => world.orders.length >= 4 })
    expect([record.phase, record.freeze, world.hooks]).toEqual(['delta', undefined, []])
  })

  test('at its time', async () => {
    world = await World.begin({ delta: { everyMs: 3_600_000 }, freeze: { when: { kind: 'at', at: new Date(Date.now() + 1000).toISOString() } } })
    expect(await world.run()).toMatchObject({ phase: 'go', freeze: { by: 'spec' } })
    expect(world.kinds).toEqual(['1 bulk', '2 final'])
  })
})

describe('a no-go', () => {
  beforeEach(async () => {
    world = await World.begin({ delta: { everyMs: 10 } })
    world.verify = async () => ({ ...sound, sound: 1, missing: 1 })
    await requestFreeze(world.store, world.id)
    expect(await world.run()).toMatchObject({ phase: 'no-go', decision: { verdict: 'no-go' } })
  })

  test('leaves the source frozen, and rests', async () => {
    expect(world.hooks).toEqual(['freeze'])
    expect((await world.run()).phase).toBe('no-go')
    expect(world.kinds).toEqual(['1 bulk', '2 final'])
  })

  test('is tried again: without another freeze, with a deadline of its own', async () => {
    const before = await world.record()
    world.offsetMs = 3_600_000
    world.verify = async () => sound
    await request(world.store, world.id, 'retry')
    const after = await world.run()
    expect(after.phase).toBe('go')
    expect(world.hooks).toEqual(['freeze'])
    expect(after.freeze?.frozen).toBe(before.freeze?.frozen)
    expect(Date.parse(after.freeze!.deadline!) - Date.parse(before.freeze!.deadline!)).toBeGreaterThan(3_000_000)
  })

  test('is left by unfreeze: deltas go on, and only a person freezes again', async () => {
    await request(world.store, world.id, 'unfreeze')
    const record = await world.run({ until: () => world.orders.some(({ kind }) => kind === 'delta') })
    expect(record).toMatchObject({ phase: 'delta' })
    expect(record.unfrozen).toBeDefined()
    expect(Object.keys(record)).not.toEqual(expect.arrayContaining(['freeze']))
    expect(Object.keys(record)).not.toEqual(expect.arrayContaining(['decision']))
    expect(world.hooks).toEqual(['freeze', 'thaw'])
  })

  test('is ended by abort, which thaws', async () => {
    await request(world.store, world.id, 'abort')
    expect((await world.run()).phase).toBe('aborted')
    expect(world.hooks).toEqual(['freeze', 'thaw'])
    await expect(request(world.store, world.id, 'unfreeze')).rejects.toMatchObject({ code: 'CUTOVER_PHASE' })
  })
})

describe('what a person asks while another wish of theirs is being done', () => {
  test('an abort while the thaw hook of an unfreeze runs ends it', async () => {
    world = await World.begin({ delta: { everyMs: 3_600_000 } })
    world.verify = async () => ({ ...sound, sound: 1, missing: 1 })
    await requestFreeze(world.store, world.id)
    await world.run()
    await request(world.store, world.id, 'unfreeze')
    let asked = false
    world.hook = async (name) => {
      if (name !== 'thaw' || asked) return
      asked = true
      await request(new FileStore(world.store.folder), world.id, 'abort')
    }
    expect((await world.run({ until: ({ phase }) => phase === 'delta' })).phase).toBe('aborted')
  })

  test('what a process that was killed had begun elsewhere does not go on', async () => {
    world = await World.begin()
    await world.store.update(world.id, (record) => ({ ...record, passCount: 1, current: { number: 1, kind: 'bulk', started: record.created } }))
    await request(world.store, world.id, 'abort')
    expect((await world.run()).phase).toBe('aborted')
    expect([world.dropped, world.kinds]).toEqual([1, []])
  })

  test('an unfreeze right before the freeze begins leaves the source alone', async () => {
    world = await World.begin({ delta: { everyMs: 3_600_000 } })
    await requestFreeze(world.store, world.id)
    // It is asked for between the reading of the record and the step into the next phase.
    class Late extends FileStore {
      override async update(...[id, change]: Parameters<FileStore['update']>): Promise<CutoverRecord> {
        const record = await super.get(id)
        if (record?.phase === 'delta' && record.freeze) await request(new FileStore(this.folder), id, 'unfreeze')
        return await super.update(id, change)
      }
    }
    const record = await world.run({ until: ({ phase, unfrozen }) => phase === 'delta' && unfrozen !== undefined }, new Late(world.store.folder))
    expect([record.phase, world.hooks]).toEqual(['delta', []])
  })

  test('is heard, also after the store was away for a moment', async () => {
    world = await World.begin()
    let reads = 0
    class Shaky extends FileStore {
      override async get(id: string): Promise<CutoverRecord | undefined> {
        // The first is of the run itself; the second of whoever watches over the pass.
        if (++reads === 2) throw new Away('for a moment')
        return await super.get(id)
      }
    }
    world.pass = async (_, signal) => await untilStopped(signal)
    const running = world.run({}, new Shaky(world.store.folder))
    await expect.poll(() => reads, { timeout: 10_000 }).toBeGreaterThanOrEqual(2)
    await request(world.store, world.id, 'abort')
    expect((await running).phase).toBe('aborted')
  })
})

describe('the deadline', () => {
  test('cuts the last pass off, and is a criterion that is not met', async () => {
    world = await World.begin({ freeze: { deadlineMs: 300 } })
    world.pass = async ({ kind }, signal) => (kind === 'final' ? await untilStopped(signal) : clean)
    await requestFreeze(world.store, world.id)
    const record = await world.run()
    expect(record.phase).toBe('no-go')
    expect(record.decision?.criteria.filter(({ met }) => !met).map(({ name }) => name)).toEqual(['deadline'])
    expect(world.events).toContainEqual({ type: 'cut', number: 2, kind: 'final', why: 'deadline' })
    // It was verified all the same: the report says what is missing.
    expect(record.verification?.sound).toBe(2)
  })

  test('that passed while nobody ran it is missed', async () => {
    world = await World.begin({ freeze: { deadlineMs: 60_000 } })
    await requestFreeze(world.store, world.id)
    await world.run({ until: ({ phase }) => phase === 'final' })
    world.offsetMs = 120_000
    expect((await world.run()).decision?.criteria.find(({ name }) => name === 'deadline')?.met).toBe(false)
    expect(world.kinds).toEqual(['1 bulk'])
  })

  test('leaves time to try once more what failed for a reason that may pass', async () => {
    world = await World.begin()
    let finals = 0
    world.pass = async ({ kind }) => (kind === 'final' && ++finals === 1 ? { ...clean, present: 1, failed: 1, passing: 1 } : clean)
    await requestFreeze(world.store, world.id)
    expect((await world.run()).phase).toBe('go')
    expect(world.kinds).toEqual(['1 bulk', '2 final', '3 final'])
  })

  test('is not waited for where trying again would not help', async () => {
    world = await World.begin()
    world.pass = async ({ kind }) => (kind === 'final' ? { ...clean, present: 1, failed: 1 } : clean)
    await requestFreeze(world.store, world.id)
    expect((await world.run()).phase).toBe('no-go')
    expect(world.kinds).toEqual(['1 bulk', '2 final'])
  })
})

describe('trouble', () => {
  beforeEach(async () => { world = await World.begin() })

  test('of a pass is remembered, told, and tried again under the same number', async () => {
    let passes = 0
    world.pass = async () => { if (++passes === 1) throw new Away('the registry is away'); return clean }
    const running = world.run({ until: ({ phase }) => phase === 'delta' })
    await world.saw(({ type }) => type === 'trouble')
    expect((await world.record()).trouble?.error.code).toBe('CONNECTION_FAILED')
    const record = await running
    expect(world.kinds).toEqual(['1 bulk', '1 bulk'])
    expect(Object.keys(record)).not.toContain('trouble')
  })

  test('of a hook as well; a person need not wait for the next try', async () => {
    await requestFreeze(world.store, world.id)
    world.hook = async (name) => { if (name === 'freeze') throw new Away('no') }
    const running = world.run()
    await world.saw(({ type }) => type === 'trouble')
    await request(world.store, world.id, 'abort')
    expect((await running).phase).toBe('aborted')
    // It may have frozen something before it failed.
    expect(world.hooks.at(-1)).toBe('thaw')
  })

  test('that no further try mends ends the run with it, and is remembered', async () => {
    world.pass = async () => { throw new Collision('two images would land on one') }
    await expect(world.run()).rejects.toThrow('two images would land on one')
    expect(await world.record()).toMatchObject({ phase: 'bulk', trouble: { error: { code: 'DESTINATION_COLLISION' } } })
  })

  test('of a verification that could not look everywhere is looked at again before it counts', async () => {
    await requestFreeze(world.store, world.id)
    let looks = 0
    world.verify = async () => (++looks === 1 ? { ...sound, sound: 1, failed: 1, passing: 1 } : sound)
    expect((await world.run()).phase).toBe('go')
  }, 60_000)
})

/** The store of a process that is killed at its nth write: before it came to be, or right after. Nothing works from then on. */
class DyingStore extends FileStore {
  #left: number
  readonly #when: 'before' | 'after'
  isDead = false
  constructor(folder: string, left: number, when: 'before' | 'after') {
    super(folder)
    this.#left = left
    this.#when = when
  }
  override async update(...args: Parameters<FileStore['update']>): Promise<CutoverRecord> {
    if (this.isDead) throw new TypeError('dead')
    this.isDead = --this.#left <= 0
    if (this.isDead && this.#when === 'before') throw new TypeError('dead')
    const record = await super.update(...args)
    if (this.isDead) throw new TypeError('dead')
    return record
  }
}

describe('after a kill at any instant', () => {
  test.each(['before', 'after'] as const)('%s any of its writes it goes on to its end, with every pass under one number', async (when) => {
    let deaths = 0
    for (let n = 1; ; n++) {
      world = await World.begin()
      await requestFreeze(world.store, world.id)
      const store = new DyingStore(world.store.folder, n, when)
      const died = await world.run({}, store).then(() => false, () => true)
      if (!died) break
      deaths++
      expect(await world.run()).toMatchObject({ phase: 'go', decision: { verdict: 'go' } })
      const record = await world.record()
      expect(record.passes.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['bulk', 'final']))
      expect(record.passes.map(({ number }) => number)).toEqual([...new Set(record.passes.map(({ number }) => number))].toSorted((a, b) => a - b))
      expect(Object.keys(record)).not.toContain('current')
      expect(world.hooks.length).toBeGreaterThan(0)
      await world[Symbol.asyncDispose]()
    }
    // Bulk and the last pass at both their ends, and six changes of the phase.
    expect(deaths).toBeGreaterThanOrEqual(10)
  })

  test('a pass that was cut off by the kill is the same one', async () => {
    world = await World.begin()
    await world.store.update(world.id, (record) => ({ ...record, passCount: 1, current: { number: 1, kind: 'bulk', started: record.created } }))
    await world.run({ until: ({ phase }) => phase === 'delta' })
    expect(world.kinds).toEqual(['1 bulk'])
    expect(world.events[0]).toMatchObject({ type: 'pass-begins', again: true })
  })

  test('what was verified too long ago is verified anew before the decision', async () => {
    world = await World.begin()
    await requestFreeze(world.store, world.id)
    await world.run({ until: ({ phase }) => phase === 'deciding' })
    world.offsetMs = 24 * 3_600_000
    const record = await world.run()
    expect(record.phase).toBe('go')
    expect(world.phases.filter((phase) => phase === 'verifying')).toHaveLength(2)
  })
})

describe('deltas', () => {
  const push = (tag: string): Change => ({ registry: 'old:5000', repository: 'team/app', tag, action: 'push' })

  test('that are slower than their interval do not pile up', async () => {
    world = await World.begin({ delta: { everyMs: 1 } })
    let running = 0
    let most = 0
    world.pass = async () => {
      most = Math.max(most, ++running)
      await new Promise((resolve) => { setTimeout(resolve, 60) })
      running--
      return clean
    }
    await world.run({ until: () => world.orders.length >= 4 })
    expect(most).toBe(1)
    const record = await world.record()
    for (const [i, pass] of record.passes.slice(1).entries()) expect(Date.parse(pass.started)).toBeGreaterThanOrEqual(Date.parse(record.passes[i]!.ended))
  })

  test('by events: what came together is one pass, by name; what is done waits no longer', async () => {
    world = await World.begin({ delta: { events: { coalesceMs: 50 } } })
    const running = world.run({ until: () => world.orders.length >= 2 })
    await world.saw((event) => event.type === 'waiting')
    await world.store.addChanges(world.id, [push('a'), push('b')])
    await world.store.addChanges(world.id, [push('c')])
    const record = await running
    expect(world.orders[1]).toMatchObject({ kind: 'events', changes: [push('a'), push('b'), push('c')] })
    expect(record.passes.at(-1)?.kind).toBe('events')
    expect(await world.store.changes(world.id, 10)).toEqual([])
  })

  test('by events, while the registry is away, keep what they name', async () => {
    world = await World.begin({ delta: { events: { coalesceMs: 5 } } })
    await world.store.addChanges(world.id, [push('a')])
    let events = 0
    world.pass = async ({ kind }) => { if (kind === 'events' && ++events === 1) throw new Away('away'); return clean }
    await world.run({ until: ({ passes }) => passes.length >= 2 })
    expect(world.orders.filter(({ kind }) => kind === 'events').map(({ number, changes }) => [number, changes?.length])).toEqual([[2, 1], [2, 1]])
  })

  test('by events, that were cut off, are gone on with as they were: what came since is the next pass', async () => {
    world = await World.begin({ delta: { events: { coalesceMs: 5 } } })
    await world.store.addChanges(world.id, [push('a')])
    let events = 0
    world.pass = async ({ kind }) => {
      if (kind !== 'events' || ++events > 1) return clean
      await world.store.addChanges(world.id, [push('b')])
      throw new Away('away')
    }
    await world.run({ until: ({ passes }) => passes.length >= 3 })
    expect(world.orders.filter(({ kind }) => kind === 'events').map(({ number, changes }) => [number, changes?.map(({ tag }) => tag)])).toEqual([[2, ['a']], [2, ['a']], [3, ['b']]])
  })
})

test('what is asked for where it cannot be done is refused, with why', async () => {
  world = await World.begin()
  await expect(request(world.store, world.id, 'retry')).rejects.toThrow('only a no-go is tried again')
  await expect(request(world.store, world.id, 'unfreeze')).rejects.toThrow('it is not frozen')
  await requestFreeze(world.store, world.id)
  await request(world.store, world.id, 'unfreeze')
  expect(await world.record()).toMatchObject({ phase: 'bulk', unfrozen: expect.any(String) })
  await world.run({ until: ({ phase }) => phase === 'delta' })
  await requestFreeze(world.store, world.id)
  await world.run()
  await expect(request(world.store, world.id, 'abort')).rejects.toThrow('it has ended')
  await expect(requestFreeze(world.store, 'nothing')).rejects.toMatchObject({ code: 'CUTOVER_NOT_FOUND' })
})
