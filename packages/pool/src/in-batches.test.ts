import { setTimeout as delay } from 'node:timers/promises'
import type { Wanted } from '@longshore/transfer'
import { expect, test } from 'vitest'
import { inBatches } from './in-batches.ts'

const named = (line: number): Wanted => ({ origin: { file: 'list', line } } as Wanted)
const linesOf = async (batches: AsyncIterable<readonly Wanted[]>): Promise<unknown> => (await Array.fromAsync(batches)).map((batch) => batch.map(({ origin }) => origin?.line))

test('a batch is given out when it is full', async () => {
  const items = async function* (): AsyncGenerator<Wanted> { for (const line of [1, 2, 3, 4, 5]) yield named(line) }
  expect(await linesOf(inBatches(items(), 2, 1_000))).toEqual([[1, 2], [3, 4], [5]])
})

test('what has been found does not wait for what takes long to find', async () => {
  const items = async function* (): AsyncGenerator<Wanted> {
    yield named(1)
    yield named(2)
    await delay(100)
    yield named(3)
  }
  expect(await linesOf(inBatches(items(), 16, 5))).toEqual([[1, 2], [3]])
})

test('whoever stops early ends the search, and an error of it comes through', async () => {
  let ended = false
  const items = async function* (): AsyncGenerator<Wanted> { try { for (;;) yield named(1) } finally { ended = true } }
  for await (const batch of inBatches(items(), 1, 5)) { expect(batch).toHaveLength(1); break }
  expect(ended).toBe(true)
  const failing = async function* (): AsyncGenerator<Wanted> { yield named(1); throw new Error('no list') }
  await expect(linesOf(inBatches(failing(), 2, 5))).rejects.toThrow('no list')
})
