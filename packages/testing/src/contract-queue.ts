import { setTimeout as delay } from 'node:timers/promises'
import type { Job, NodeKey, Queue } from '@longshore/transfer'
import { beforeEach, describe, expect, test } from 'vitest'

const job = (name: string): Job => ({ id: name, node: name as NodeKey })

/** What every queue promises: run it against each implementation. */
export function describeQueue(name: string, make: () => Promise<Queue>): void {
  describe(`queue: ${name}`, () => {
    let queue: Queue
    beforeEach(async () => { queue = await make() })

    test('hands out every job, no more than `concurrency` at once, and ends when it is closed', async () => {
      const seen: string[] = []
      let active = 0
      let peak = 0
      const done = Promise.withResolvers<void>()
      const processing = queue.process(async ({ id }) => {
        peak = Math.max(peak, ++active)
        // Long enough for a queue that is elsewhere to hand out another one meanwhile.
        await delay(20)
        active--
        if (seen.push(id) === 5) done.resolve()
      }, { concurrency: 2 })
      await queue.add(['a', 'b', 'c', 'd', 'e'].map(job))
      await done.promise
      queue.close()
      await processing
      expect(seen.sort()).toEqual(['a', 'b', 'c', 'd', 'e'])
      expect(peak).toBe(2)
    })

    test('adding what is already waiting is harmless', async () => {
      const seen: string[] = []
      await queue.add([job('a'), job('b')])
      await queue.add([job('a'), job('end')])
      const done = Promise.withResolvers<void>()
      const processing = queue.process(async ({ id }) => { seen.push(id); if (id === 'end') done.resolve() }, { concurrency: 1 })
      await done.promise
      queue.close()
      await processing
      expect(seen).toEqual(['a', 'b', 'end'])
    })

    test('hands out first what is to go first', async () => {
      const seen: string[] = []
      await queue.add(['a', 'b', 'c'].map(job))
      await queue.add([job('c'), job('d')], { first: true })
      const processing = queue.process(async ({ id }) => { seen.push(id) }, { concurrency: 1 })
      await queue.drain()
      queue.close()
      await processing
      expect(seen).toEqual(['c', 'd', 'a', 'b'])
    })

    test('closed, it hands out nothing more and lets what runs finish', async () => {
      const started = Promise.withResolvers<void>()
      const finish = Promise.withResolvers<void>()
      const seen: string[] = []
      const processing = queue.process(async ({ id }) => { started.resolve(); await finish.promise; seen.push(id) }, { concurrency: 1 })
      await queue.add([job('a'), job('b')])
      await started.promise
      queue.close()
      finish.resolve()
      await processing
      await queue.add([job('c')])
      expect(seen).toEqual(['a'])
    })

    test('drains when what waits, and what that adds, is done', async () => {
      const seen: string[] = []
      const processing = queue.process(async ({ id }) => {
        await new Promise(setImmediate)
        seen.push(id)
        if (id === 'a') await queue.add([job('after a')])
      }, { concurrency: 1 })
      await queue.add([job('a'), job('b')])
      await queue.drain()
      expect(seen).toEqual(['a', 'b', 'after a'])
      await queue.drain()
      queue.close()
      await processing
    })

    test('a job may come again after it was handled', async () => {
      let count = 0
      const processing = queue.process(async () => { if (++count === 1) await queue.add([job('a')]); else queue.close() }, { concurrency: 1 })
      await queue.add([job('a')])
      await processing
      expect(count).toBe(2)
    })
  })
}
