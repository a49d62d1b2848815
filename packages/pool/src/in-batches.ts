import type { Wanted } from '@longshore/transfer'

/** Items in groups: a group is full, or its first item has waited for long enough. */
export async function* inBatches(items: AsyncIterable<Wanted>, size: number, waitMs: number): AsyncGenerator<readonly Wanted[], void, void> {
  const iterator = items[Symbol.asyncIterator]()
  let batch: Wanted[] = []
  let next: Promise<IteratorResult<Wanted, void>> | undefined
  try {
    for (;;) {
      next ??= iterator.next() as Promise<IteratorResult<Wanted, void>>
      // While something waits, patience is short.
      const result = batch.length === 0 ? await next : await Promise.race([next, new Promise<undefined>((resolve) => { setTimeout(() => resolve(undefined), waitMs) })])
      if (result === undefined) {
        yield batch
        batch = []
        continue
      }
      next = undefined
      if (result.done === true) break
      batch.push(result.value)
      if (batch.length < size) continue
      yield batch
      batch = []
    }
    if (batch.length > 0) yield batch
  } finally {
    next?.catch(() => { /* whoever gave up does not want to know */ })
    await iterator.return?.()
  }
}
