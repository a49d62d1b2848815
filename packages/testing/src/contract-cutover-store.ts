// What every store of cutovers does, wherever it keeps them. Two of them over one place are two processes.
import type { Change, CutoverStore } from '@longshore/cutover'
import type { Migration } from '@longshore/spec'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

export interface StorePair extends AsyncDisposable {
  /** Over the same place. */
  readonly stores: readonly [CutoverStore, CutoverStore]
}

const options = { srcTlsVerify: true, destTlsVerify: false, name: 'the big day' }

/** A spec of one image; `line` says nothing about what is moved. */
export function specOf(tag: string, { line = 1, deadlineMs = 60_000 }: { readonly line?: number; readonly deadlineMs?: number } = {}): Migration {
  return {
    entries: [{
      source: { kind: 'repository', registry: 'old:5000', repository: 'team/app' as never, path: 'team/app' },
      selection: { kind: 'references', references: [{ reference: tag as never }] },
      destinations: [{ kind: 'under', registry: 'new:5000', prefix: '', rename: [] }],
      content: { platforms: [], platformPolicy: 'sparse', referrers: true, foreignLayers: 'keep' },
      origin: { file: 'images.txt', line },
    }],
    cutover: {
      delta: { everyMs: 300_000 }, freeze: { when: { kind: 'manual' }, deadlineMs }, verify: { deepPercent: 0 },
      criteria: { missing: 0, differing: 0, failures: 0, verifyAgeMs: 3_600_000 },
    },
  }
}

const push = (tag: string, repository = 'team/app'): Change => ({ registry: 'old:5000', repository, tag, action: 'push' })

export function describeCutoverStore(name: string, make: () => Promise<StorePair>): void {
  describe(`${name}, as a store of cutovers`, () => {
    let pair: StorePair
    let ours: CutoverStore
    let theirs: CutoverStore
    beforeEach(async () => {
      pair = await make();
      [ours, theirs] = pair.stores
    })
    afterEach(async () => { await pair[Symbol.asyncDispose]() })
    const { signal } = new AbortController()

    test('what is begun is there for every process', async () => {
      const { record, resumed } = await ours.begin(specOf('v1'), options)
      expect(resumed).toBe(false)
      expect(record).toMatchObject({ phase: 'bulk', passes: [], passCount: 0, options, spec: specOf('v1') })
      expect(await theirs.get(record.id)).toEqual(record)
      expect(await theirs.list()).toEqual([{ id: record.id, phase: 'bulk', created: record.created, options }])
      expect(await theirs.get('nothing')).toBeUndefined()
    })

    test('begun again it is the same one, with what the spec says of the day now', async () => {
      const { record } = await ours.begin(specOf('v1'), options)
      await ours.update(record.id, (now) => ({ ...now, phase: 'no-go' }))
      const again = await theirs.begin(specOf('v1', { line: 7, deadlineMs: 5 }), { srcTlsVerify: false, destTlsVerify: false })
      expect(again).toMatchObject({ resumed: true, record: { id: record.id, phase: 'no-go', options: { srcTlsVerify: false, name: options.name } } })
      expect((await ours.get(record.id))?.spec.cutover?.freeze.deadlineMs).toBe(5)
    })

    test('one that has ended is over', async () => {
      const { record } = await ours.begin(specOf('v1'), options)
      await ours.update(record.id, (now) => ({ ...now, phase: 'go' }))
      const next = await ours.begin(specOf('v1'), options)
      expect(next.resumed).toBe(false)
      expect(next.record.id).not.toBe(record.id)
      expect((await ours.list()).map(({ id, phase }) => [id, phase])).toEqual(expect.arrayContaining([[record.id, 'go'], [next.record.id, 'bulk']]))
    })

    test('no change is lost when several are made at once', async () => {
      const { record: { id } } = await ours.begin(specOf('v1'), options)
      await Promise.all(Array.from({ length: 20 }, (_, i) => [ours, theirs][i % 2]!.update(id, (now) => ({ ...now, passCount: now.passCount + 1 }))))
      expect(await ours.get(id)).toMatchObject({ passCount: 20 })
    })

    test('a change that is none leaves it, one that throws as well', async () => {
      const { record } = await ours.begin(specOf('v1'), options)
      expect(await ours.update(record.id, () => undefined)).toEqual(record)
      await expect(ours.update(record.id, () => { throw new Error('not so') })).rejects.toThrow('not so')
      expect(await ours.get(record.id)).toEqual(record)
      await expect(ours.update('nothing', (now) => now)).rejects.toMatchObject({ code: 'CUTOVER_NOT_FOUND' })
    })

    test('fields that go are gone', async () => {
      const { record } = await ours.begin(specOf('v1'), options)
      await ours.update(record.id, (now) => ({ ...now, freeze: { requested: record.created, by: 'person' } }))
      await theirs.update(record.id, ({ freeze: _freeze, ...rest }) => rest)
      expect(await ours.get(record.id)).toEqual(record)
    })

    test('one holds it at a time', async () => {
      const { record: { id } } = await ours.begin(specOf('v1'), options)
      expect(await theirs.holder(id)).toBeUndefined()
      const hold = await ours.hold(id, 'the first')
      expect(hold?.signal.aborted).toBe(false)
      expect(await theirs.hold(id, 'the second')).toBeUndefined()
      expect(await theirs.holder(id)).toBe('the first')
      await hold?.[Symbol.asyncDispose]()
      expect(await theirs.holder(id)).toBeUndefined()
      const holds = await Promise.all(Array.from({ length: 8 }, (_, i) => [ours, theirs][i % 2]!.hold(id, String(i))))
      expect(holds.filter((one) => one !== undefined)).toHaveLength(1)
      for (const one of holds) await one?.[Symbol.asyncDispose]()
    })

    test('changes wait, each name once, in the order in which they last came', async () => {
      const { record: { id } } = await ours.begin(specOf('v1'), options)
      expect(await ours.changes(id, 10)).toEqual([])
      await ours.addChanges(id, [push('a'), push('b'), push('a', 'team/other')])
      await theirs.addChanges(id, [{ ...push('a'), action: 'delete' }])
      const waiting = await ours.changes(id, 10)
      expect(waiting.map(({ change }) => [change.repository, change.tag, change.action])).toEqual([['team/app', 'b', 'push'], ['team/other', 'a', 'push'], ['team/app', 'a', 'delete']])
      expect((await ours.changes(id, 2)).map(({ position }) => position)).toEqual(waiting.slice(0, 2).map(({ position }) => position))
    })

    test('what came again while it was moved stays', async () => {
      const { record: { id } } = await ours.begin(specOf('v1'), options)
      await ours.addChanges(id, [push('a'), push('b')])
      const taken = await ours.changes(id, 10)
      await theirs.addChanges(id, [push('a')])
      await ours.removeChanges(id, taken)
      expect((await ours.changes(id, 10)).map(({ change }) => change.tag)).toEqual(['a'])
    })

    test('a wait ends when another process asks for something, and when its time is over', async () => {
      const { record: { id } } = await ours.begin(specOf('v1'), options)
      await ours.get(id)
      const waited = ours.wait(id, 600_000, signal)
      await theirs.update(id, (now) => ({ ...now, freeze: { requested: now.created, by: 'person' } }))
      await waited
      expect(await ours.get(id)).toMatchObject({ freeze: { by: 'person' } })
      const forChanges = ours.wait(id, 600_000, signal)
      await theirs.addChanges(id, [push('a')])
      await forChanges
      await ours.get(id)
      await ours.wait(id, 5, signal)
    })

    test('what came before the wait, and was not read, ends it too', async () => {
      const { record: { id } } = await ours.begin(specOf('v1'), options)
      await ours.get(id)
      await theirs.update(id, (now) => ({ ...now, request: { kind: 'abort', requested: now.created } }))
      await ours.wait(id, 600_000, signal)
    })

    test('a wait is left by its signal', async () => {
      const { record: { id } } = await ours.begin(specOf('v1'), options)
      await ours.get(id)
      const left = new AbortController()
      const waited = ours.wait(id, 600_000, left.signal)
      left.abort(new Error('enough'))
      await expect(waited).rejects.toThrow('enough')
    })
  })
}
