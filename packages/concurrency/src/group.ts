/** Runs every task; the first failure aborts the rest; returns only when all have settled. */
export async function group<T>(signal: AbortSignal, tasks: ReadonlyArray<(signal: AbortSignal) => Promise<T>>): Promise<T[]> {
  const controller = new AbortController()
  const scoped = AbortSignal.any([signal, controller.signal])
  const settled = await Promise.allSettled(tasks.map(async (task) => {
    try { return await task(scoped) } catch (error) { controller.abort(error); throw error }
  }))
  if (controller.signal.aborted) throw controller.signal.reason
  return settled.map((r) => (r as PromiseFulfilledResult<T>).value)
}

/** Runs `work` over `items`, at most `limit` at once; the first failure aborts the rest; returns only when all have settled. */
export async function forEachLimit<T>(
  signal: AbortSignal, limit: number, items: Iterable<T> | AsyncIterable<T>, work: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const controller = new AbortController()
  const scoped = AbortSignal.any([signal, controller.signal])
  const running = new Set<Promise<void>>()
  try {
    for await (const item of items) {
      scoped.throwIfAborted()
      const task = work(item, scoped).catch((error: unknown) => controller.abort(error)).finally(() => running.delete(task))
      running.add(task)
      if (running.size >= limit) await Promise.race(running)
    }
  } catch (error) {
    controller.abort(error)
  } finally {
    await Promise.all(running)
  }
  if (controller.signal.aborted) throw controller.signal.reason
  signal.throwIfAborted()
}
