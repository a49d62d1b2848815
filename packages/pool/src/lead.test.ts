import { setTimeout as delay } from 'node:timers/promises'
import type { Wanted } from '@longshore/transfer'
import { expect, test } from 'vitest'
import { inBatches } from './lead.ts'

const named = (name: string): Wanted => ({ image: name } as unknown as Wanted)
const names = async (batches: AsyncIterable<readonly Wanted[]>): Promise<readonly string[]> => (await Array.fromAsync(batches)).map((batch) => batch.map(({ image }) => String(image)).join(''))

test('a batch is given out when it is full', async () => {
  const items = async function* (): AsyncGenerator<Wanted> { for (const name of 'abcde') yield named(name) }
  expect(await names(inBatches(items(), 2, 1_000))).toEqual(['ab', 'cd', 'e'])
})

test('what has been found does not wait for what takes long to find', async () => {
  const items = async function* (): AsyncGenerator<Wanted> {
    yield named('a')
    yield named('b')
    await delay(100)
    yield named('c')
  }
  expect(await names(inBatches(items(), 16, 5))).toEqual(['ab', 'c'])
})

test('whoever stops early ends the search, and an error of it comes through', async () => {
  let ended = false
  const items = async function* (): AsyncGenerator<Wanted> { try { for (;;) yield named('a') } finally { ended = true } }
  for await (const batch of inBatches(items(), 1, 5)) { expect(batch).toHaveLength(1); break }
  expect(ended).toBe(true)
  const failing = async function* (): AsyncGenerator<Wanted> { yield named('a'); throw new Error('no list') }
  await expect(names(inBatches(failing(), 2, 5))).rejects.toThrow('no list')
})
