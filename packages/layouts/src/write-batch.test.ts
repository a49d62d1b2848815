import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { scratch } from './place.fixture.ts'
import { WriteBatch, WriteBudget } from './write-batch.ts'

test('crumbs and lumps arrive in their order, and every byte is told once', async () => {
  await using place = await scratch()
  const path = join(place.path, 'file')
  const chunks = Array.from({ length: 1000 }, (_, i) => Buffer.alloc(i % 97 === 0 ? 300_000 : i % 5, i))
  const budget = new WriteBudget()
  {
    await using handle = await open(path, 'wx')
    using _writing = budget.enter()
    const batch = new WriteBatch(handle, budget)
    let told = 0
    for (const chunk of chunks) told += await batch.add(chunk)
    // It did not keep all of it for the end.
    expect(told).toBeGreaterThan(1024 * 1024)
    told += await batch.flush()
    expect([told, await batch.flush()]).toEqual([chunks.reduce((sum, { length }) => sum + length, 0), 0])
  }
  expect((await readFile(path)).equals(Buffer.concat(chunks))).toBe(true)
})

test('a file system that is full says so, whatever had room', async () => {
  await using handle = await open('/dev/full', 'w')
  const budget = new WriteBudget()
  using _writing = budget.enter()
  const batch = new WriteBatch(handle, budget)
  await batch.add(Buffer.alloc(1000))
  await expect(batch.flush()).rejects.toMatchObject({ code: 'ENOSPC' })
})

test('many writers hold less each: 32 MiB in all', () => {
  const budget = new WriteBudget()
  const writers = Array.from({ length: 256 }, () => budget.enter())
  expect(budget.batchBytes).toBe(128 * 1024)
  for (const writer of writers.slice(1)) writer[Symbol.dispose]()
  expect(budget.batchBytes).toBe(1024 * 1024)
})
